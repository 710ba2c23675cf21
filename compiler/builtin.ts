import { cudaBackend } from '../backends/cuda/backend.ts';
import { wasmBackend } from '../backends/wasm/backend.ts';
import { wgslBackend } from '../backends/wgsl/backend.ts';
import { pipeline } from '../passes/pipeline.ts';
import { allocators, calibrators, equalizers, pruners, quantizers } from '../passes/precision/index.ts';
import { formats } from './formats/index.ts';
import { constantOnnxOps } from './import/onnx-ops/constant.ts';
import { controlOnnxOps } from './import/onnx-ops/control.ts';
import { tensorOnnxOps } from './import/onnx-ops/index.ts';
import { recurrentOnnxOps } from './import/onnx-ops/recurrent.ts';
import { retiredOnnxOps } from './import/onnx-ops/retired.ts';
import { sequenceOnnxOps } from './import/onnx-ops/sequence.ts';
import { trainingOnnxOps } from './import/onnx-ops/training.ts';
import { controlOps } from './ops/control.ts';
import { tensorOps } from './ops/index.ts';
import { recurrentOps } from './ops/recurrent.ts';
import { sequenceOps } from './ops/sequence.ts';
import { definePlugin } from './plugin.ts';

/** Everything infc ships, as one plugin: the same interface that third parties use. One line a family. */
export const builtin = definePlugin({
  name: 'builtin',
  api: 1,
  ops: [...tensorOps, ...controlOps, ...recurrentOps, ...sequenceOps],
  backends: [wasmBackend, wgslBackend, cudaBackend],
  formats,
  quantizers,
  equalizers,
  pruners,
  allocators,
  calibrators,
  passes: pipeline,
  onnxOps: [
    ...constantOnnxOps,
    ...tensorOnnxOps,
    ...controlOnnxOps,
    ...recurrentOnnxOps,
    ...retiredOnnxOps,
    ...sequenceOnnxOps,
    ...trainingOnnxOps,
  ],
});
