import { type DType, isFloat } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { dynamicQuantize } from '../../ops/dynamic-quantize.ts';
import { integerRange } from '../../ops/shapes.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, cast, dtypeOf, rankOf, reshape, scalar, scaleIn } from './common.ts';
import { geometry, groupOf, matmulOf } from './linear.ts';

function groups(node: OnnxNode, x: Value): { axis: number; block: number } {
  const rank = rankOf(x);
  const scale = node.input(1);
  const block = node.int('block_size', 0);
  // The axis means nothing for a single scale; old exporters leave the default of 1 on vectors.
  const axis = rankOf(scale) === 0 || rank === 0 ? 0 : node.int('axis', 1);
  return { axis: axisIn(node, rank > 0 && axis >= rank && scale.type.shape[0] === 1 ? 0 : axis, rank), block };
}

function buildDequantize(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, scale] = [node.input(0), scaleIn(node, 1)];
  const dtype = node.int('output_dtype', 0) === 0 ? scale.type.dtype : dtypeOf(node, node.int('output_dtype'));
  const zero = node.inputs[2];
  const inputs = zero && !isFloat(x.type.dtype) ? [x, scale, zero] : [x, scale];
  return [b.node('dequantize_linear', inputs, { ...groups(node, x), dtype })];
}

function buildQuantize(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, scale] = [node.input(0), scaleIn(node, 1)];
  const zero = node.inputs[2];
  const wanted = node.int('output_dtype', 0);
  const dtype: DType = zero ? zero.type.dtype : wanted === 0 ? 'u8' : dtypeOf(node, wanted);
  const common = x.type.dtype === scale.type.dtype && isFloat(x.type.dtype) ? x.type.dtype : 'f32';
  const precision = node.int('precision', 0) === 0 ? common : dtypeOf(node, node.int('precision'));
  const attrs = { ...groups(node, x), dtype, precision, noSaturate: node.int('saturate', 1) === 0 };
  return [b.node('quantize_linear', zero ? [x, scale, zero] : [x, scale], attrs)];
}

/** One zero point (or scale) a row: a column that broadcasts over the product's columns. */
const asColumn = (b: GraphBuilder, v: Value): Value => (rankOf(v) === 1 ? reshape(b, v, [...v.type.shape, 1]) : v);

const single = (b: GraphBuilder, v: Value): Value => (v.type.shape[0] === 1 && rankOf(v) === 1 ? reshape(b, v, []) : v);

/** An operand of 8-bit codes; null is a zero point of 0. */
export interface Codes {
  readonly codes: Value;
  readonly zero: Value | null | undefined;
}

/** numpy.matmul of codes less their zero points, in i32. */
export function integerMatmul(b: GraphBuilder, a: Codes, w: Codes): Value {
  const zeros = [a.zero ? asColumn(b, single(b, a.zero)) : null, w.zero ? single(b, w.zero) : null];
  return matmulOf(b, a.codes, w.codes, { op: 'matmul_integer', more: zeros });
}

/** Convolution of codes less their zero points, in i32; `node` gives the geometry. */
function integerConv(node: OnnxNode, b: GraphBuilder, x: Codes, w: Codes): Value {
  const attrs = { ...geometry(node, x.codes, w.codes.type.shape.slice(2)), group: groupOf(node) };
  const zeros = [x.zero ? single(b, x.zero) : null, w.zero ? single(b, w.zero) : null];
  return b.node('conv_integer', [x.codes, w.codes, ...zeros], attrs);
}

const buildMatMulInteger = (node: OnnxNode, b: GraphBuilder): readonly Value[] => [
  integerMatmul(b, { codes: node.input(0), zero: node.inputs[2] }, { codes: node.input(1), zero: node.inputs[3] }),
];

const buildConvInteger = (node: OnnxNode, b: GraphBuilder): readonly Value[] => [
  integerConv(node, b, { codes: node.input(0), zero: node.inputs[2] }, { codes: node.input(1), zero: node.inputs[3] }),
];

/** Rounds a product of integers times a factor, adds the zero point and keeps within the range. */
function requantize(b: GraphBuilder, product: Value, factor: Value, zero: Value): Value {
  const { dtype } = zero.type;
  const scaled = b.node('round', [b.node('mul', [cast(b, product, 'f32'), factor])]);
  const moved = b.node('add', [
    scaled,
    cast(b, rankOf(zero) === 1 && zero.type.shape[0] === 1 ? reshape(b, zero, []) : zero, 'f32'),
  ]);
  if (isFloat(dtype)) return cast(b, moved, dtype);
  const { min, max } = integerRange(dtype);
  return cast(b, b.node('clip', [moved, scalar(b, 'f32', Number(min)), scalar(b, 'f32', Number(max))]), dtype);
}

function buildQLinearMatMul(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, xScale, xZero, w, wScale, wZero, yScale, yZero] = Array.from({ length: 8 }, (_, i) =>
    [1, 4, 6].includes(i) ? scaleIn(node, i) : node.input(i),
  ) as [Value, Value, Value, Value, Value, Value, Value, Value];
  const product = isFloat(x.type.dtype)
    ? matmulOf(b, cast(b, x, 'f32'), cast(b, w, 'f32'))
    : integerMatmul(b, { codes: x, zero: xZero }, { codes: w, zero: wZero });
  const [a, c, y] = [xScale, wScale, yScale].map((v) => cast(b, single(b, v), 'f32'));
  if (!a || !c || !y) return node.fail('its scales are missing');
  const rows = rankOf(a) === 1 ? asColumn(b, a) : a;
  return [requantize(b, product, b.node('div', [b.node('mul', [rows, c]), y]), yZero)];
}

function buildQLinearConv(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, w] = [node.input(0), node.input(3)];
  const channels = (v: Value, rank: number): Value =>
    rankOf(v) === 1 && v.type.shape[0] !== 1
      ? reshape(b, v, [v.type.shape[0] ?? 1, ...new Array<number>(rank).fill(1)])
      : single(b, v);
  const rank = rankOf(x);
  let y = integerConv(node, b, { codes: x, zero: node.input(2) }, { codes: w, zero: node.input(5) });
  const bias = node.inputs[8];
  if (bias) y = b.node('add', [y, channels(cast(b, bias, 'i32'), rank - 2)]);
  const scale = b.node('mul', [single(b, scaleIn(node, 1)), channels(scaleIn(node, 4), rank - 2)]);
  return [requantize(b, y, b.node('div', [scale, single(b, scaleIn(node, 6))]), node.input(7))];
}

/** Quantization operators of ai.onnx. */
export const quantizeOnnxOps: readonly OnnxOp[] = [
  onnxOp('DequantizeLinear', buildDequantize),
  onnxOp('QuantizeLinear', buildQuantize),
  onnxOp('DynamicQuantizeLinear', (node, b) => {
    const { codes, scale, zero } = dynamicQuantize(b, node.input(0));
    return [codes, scale, zero];
  }),
  onnxOp('MatMulInteger', buildMatMulInteger),
  onnxOp('ConvInteger', buildConvInteger),
  onnxOp('QLinearMatMul', buildQLinearMatMul),
  onnxOp('QLinearConv', buildQLinearConv),
];
