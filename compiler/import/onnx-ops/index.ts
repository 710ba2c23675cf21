import type { OnnxOp } from '../onnx-op.ts';
import { attentionOnnxOps } from './attention.ts';
import { contribOnnxOps } from './contrib.ts';
import { contribAttentionOnnxOps } from './contrib-attention.ts';
import { elementwiseOnnxOps } from './elementwise.ts';
import { imageOnnxOps } from './image.ts';
import { linearOnnxOps } from './linear.ts';
import { mlOnnxOps } from './ml.ts';
import { mapOnnxOps } from './ml-maps.ts';
import { linearModelOnnxOps } from './ml-scores.ts';
import { svmOnnxOps } from './ml-svm.ts';
import { treeOnnxOps } from './ml-trees.ts';
import { movementOnnxOps } from './movement.ts';
import { normOnnxOps } from './norm.ts';
import { quantizeOnnxOps } from './quantize.ts';
import { reduceOnnxOps } from './reduce.ts';
import { selectOnnxOps } from './select.ts';
import { shapeOnnxOps } from './shape.ts';
import { signalOnnxOps } from './signal.ts';
import { stringOnnxOps } from './strings.ts';

/** Adapters of the tensor operators, by family. */
export const tensorOnnxOps: readonly OnnxOp[] = [
  ...elementwiseOnnxOps,
  ...reduceOnnxOps,
  ...movementOnnxOps,
  ...shapeOnnxOps,
  ...linearOnnxOps,
  ...normOnnxOps,
  ...attentionOnnxOps,
  ...imageOnnxOps,
  ...contribOnnxOps,
  ...contribAttentionOnnxOps,
  ...stringOnnxOps,
  ...mlOnnxOps,
  ...linearModelOnnxOps,
  ...treeOnnxOps,
  ...svmOnnxOps,
  ...mapOnnxOps,
  ...signalOnnxOps,
  ...selectOnnxOps,
  ...quantizeOnnxOps,
];
