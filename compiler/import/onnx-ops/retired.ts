import { type Dim, sub } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import { type OnnxOp, onnxOp } from '../onnx-op.ts';
import { numbers } from './common.ts';

/** Experimental operators of ONNX before 1.5 that real files still contain; no opset has them. */
export const retiredOnnxOps: readonly OnnxOp[] = [
  /** scale * x + bias[channel] */
  onnxOp('ImageScaler', (node, b) => {
    const x = node.input(0);
    const bias = node.floats('bias', []);
    const scaled = b.node('mul', [x, numbers(b, x.type.dtype, [], [node.float('scale', 1)])]);
    if (bias.length === 0) return [scaled];
    const shape = [bias.length, ...x.type.shape.slice(2).map(() => 1)];
    return [b.node('add', [scaled, numbers(b, x.type.dtype, shape, bias)])];
  }),
  /** alpha * x + beta */
  onnxOp('Affine', (node, b) => {
    const x = node.input(0);
    const term = (name: string, fallback: number): Value => numbers(b, x.type.dtype, [], [node.float(name, fallback)]);
    return [b.node('add', [b.node('mul', [x, term('alpha', 1)]), term('beta', 0)])];
  }),
  /** Cuts `border` (left, top, right, bottom) off [n, c, h, w], or a window of `scale` (h, w) from its left top corner. */
  onnxOp('Crop', (node, b) => {
    const x = node.input(0);
    const [left = 0, top = 0, right = 0, bottom = 0] = node.ints('border', []);
    const size = node.ints('scale', []);
    const [n = 1, c = 1, h = 1, w = 1] = x.type.shape;
    if (x.type.shape.length !== 4) node.fail('the input needs four axes');
    const rest = (d: Dim, first: number, last: number, given: number | undefined): Dim =>
      given ?? sub(sub(d, first), last);
    return [
      b.node('slice', [x], {
        starts: [0, 0, top, left],
        steps: [1, 1, 1, 1],
        shape: [n, c, rest(h, top, bottom, size[0]), rest(w, left, right, size[1])],
      }),
    ];
  }),
];
