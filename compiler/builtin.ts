import { constantOnnxOps } from './import/onnx-ops/constant.ts';
import { tensorOps } from './ops/index.ts';
import { definePlugin } from './plugin.ts';

/** Everything infc ships, as one plugin: the same interface that third parties use. One line a family. */
export const builtin = definePlugin({
  name: 'builtin',
  api: 1,
  ops: [...tensorOps],
  onnxOps: [...constantOnnxOps],
});
