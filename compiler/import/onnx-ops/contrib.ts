import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { dynamicQuantize } from '../../ops/dynamic-quantize.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, cast, rankOf, reshape, scalar, scaleIn, transpose } from './common.ts';
import { integerMatmul } from './quantize.ts';

/** The domain of onnxruntime's own operators. */
export const MICROSOFT = { domain: 'com.microsoft' };

const wanted = (node: OnnxNode, output: number): boolean => (node.outputs[output] ?? '') !== '';

/** Weights of 2, 4 or 8 bits in blocks along k, times activations (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). */
function buildMatMulNBits(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [a, packed, scales] = [node.input(0), node.input(1), scaleIn(node, 2)];
  const bits = node.int('bits', 4);
  if (![2, 4, 8].includes(bits)) return node.fail(`${bits} bits are not supported`, 'Use 2, 4 or 8');
  if (node.inputs[4]) return node.fail('a group index is not supported', 'Quantize without act-order');
  const block = node.int('block_size');
  const n = node.int('N');
  const shaped =
    rankOf(packed) === 3 ? packed : reshape(b, packed, [n, Math.ceil(node.int('K') / block), (block * bits) / 8]);
  const attrs = { bits, block, k: node.int('K') };
  const zeros = node.inputs[3];
  const w = b.node('dequantize_bits', zeros ? [shaped, scales, zeros] : [shaped, scales], attrs);
  const y = b.node('matmul', [a, cast(b, w, a.type.dtype)], { transposeB: true });
  const bias = node.inputs[5];
  return [bias ? b.node('add', [y, bias]) : y];
}

function buildSkipNorm(node: OnnxNode, b: GraphBuilder): readonly (Value | null)[] {
  const simplified = node.op === 'SkipSimplifiedLayerNormalization';
  const x = node.input(0);
  const bias = node.inputs[simplified ? 3 : 4];
  const joined = b.node('add', [x, node.input(1)]);
  const sum = bias ? b.node('add', [joined, bias]) : joined;
  const attrs = { axis: rankOf(x) - 1, eps: node.float('epsilon', 1e-5) };
  const gamma = node.input(2);
  const beta = simplified ? undefined : node.inputs[3];
  if (wanted(node, 1) || wanted(node, 2))
    return node.fail('its mean and deviation outputs are not supported', 'Remove them');
  const y = simplified
    ? b.node('rms_norm', [sum, gamma], attrs)
    : b.node('layer_norm', beta ? [sum, gamma, beta] : [sum, gamma], { ...attrs, moments: false });
  return [y, null, null, sum];
}

function buildSimplifiedNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  if (wanted(node, 1)) return node.fail('its second output is not supported', 'Remove it');
  const axis = axisIn(node, node.int('axis', -1), rankOf(x));
  return [b.node('rms_norm', [x, node.input(1)], { axis, eps: node.float('epsilon', 1e-5) })];
}

const buildGelu =
  (approximate: 'none' | 'tanh') =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const bias = node.inputs[1];
    const x = bias ? b.node('add', [node.input(0), bias]) : node.input(0);
    return [b.node('gelu', [x], { approximate })];
  };

function buildFusedMatMul(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  if (node.int('transBatchA', 0) !== 0 || node.int('transBatchB', 0) !== 0)
    return node.fail('batch transposition is not supported');
  const attrs = { transposeA: node.int('transA', 0) !== 0, transposeB: node.int('transB', 0) !== 0 };
  const y = b.node('matmul', [node.input(0), node.input(1)], attrs);
  const alpha = node.float('alpha', 1);
  return [alpha === 1 ? y : b.node('mul', [y, scalar(b, y.type.dtype, alpha)])];
}

const single = (b: GraphBuilder, v: Value): Value => (rankOf(v) === 1 && v.type.shape[0] === 1 ? reshape(b, v, []) : v);

/** Product of integers as floats: a and w less their zero points, times both scales, plus a bias. */
export function integerProduct(
  b: GraphBuilder,
  a: { codes: Value; scale: Value; zero: Value | null | undefined },
  w: { codes: Value; scale: Value; zero: Value | null | undefined },
  bias: Value | null | undefined,
): Value {
  const product = integerMatmul(b, a, w);
  const scaled = b.node('mul', [cast(b, product, 'f32'), b.node('mul', [single(b, a.scale), single(b, w.scale)])]);
  return bias ? b.node('add', [scaled, bias]) : scaled;
}

function buildDynamicQuantizeMatMul(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const a = dynamicQuantize(b, node.input(0));
  const w = { codes: node.input(1), scale: scaleIn(node, 2), zero: node.inputs[3] };
  return [integerProduct(b, a, w, node.inputs[4])];
}

function buildMatMulIntegerToFloat(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const a = { codes: node.input(0), scale: scaleIn(node, 2), zero: node.inputs[4] };
  const w = { codes: node.input(1), scale: scaleIn(node, 3), zero: node.inputs[5] };
  return [integerProduct(b, a, w, node.inputs[6])];
}

/** Codes of a few bits out of bytes, low end first: the last axis grows. */
const unpack = (b: GraphBuilder, v: Value, bits: number): Value =>
  bits === 8 ? v : b.node('unpack_bits', [v], { bits });

function buildGatherBlockQuantized(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [data, indices, scales] = [node.input(0), node.input(1), scaleIn(node, 2)];
  const rank = rankOf(data);
  const gatherAxis = axisIn(node, node.int('gather_axis', 0), rank);
  const axis = axisIn(node, node.int('quantize_axis', 1), rank);
  const block = node.int('block_size', 128);
  const bits = node.int('bits', 4);
  const bytes = data.type.dtype === 'u8';
  if (gatherAxis === axis) return node.fail('gathering along the quantized axis is not supported');
  const pick = (v: Value): Value => b.node('gather', [v, indices], { axis: gatherAxis });
  const open = (v: Value): Value => (bytes ? unpack(b, v, bits) : v);
  // Gather first: only the rows that are asked for are decoded.
  const codes = open(pick(data));
  const zeros = node.inputs[3];
  const middle = bytes ? scalar(b, 'u8', 2 ** (bits - 1)) : undefined;
  const zero = zeros
    ? open(pick(zeros))
    : middle
      ? b.node('expand', [middle], { shape: pick(scales).type.shape })
      : undefined;
  const moved = axis > gatherAxis ? axis + rankOf(indices) - 1 : axis;
  const inputs = zero ? [codes, pick(scales), zero] : [codes, pick(scales)];
  return [b.node('dequantize_linear', inputs, { axis: moved, block, dtype: scales.type.dtype })];
}

function activation(node: OnnxNode, b: GraphBuilder, x: Value): Value {
  const kind = node.choice('activation_type', ['relu', 'gelu', 'silu', 'identity'], 'relu');
  if (kind === 'identity') return x;
  return b.node(kind, [x], kind === 'gelu' ? { approximate: 'none' } : {});
}

/** Share of each expert in each token [tokens, experts]: softmax, all but the k largest zeroed, made to sum to 1 if asked. */
function routing(node: OnnxNode, b: GraphBuilder, router: Value): Value {
  const experts = router.type.shape[1] ?? 1;
  const probabilities = b.node('softmax', [router], { axis: 1 });
  const k = node.int('k', 1);
  const [, places] = b.nodes('top_k', [probabilities, b.constant('i64', [1], [k])], { axis: 1, largest: true });
  if (!places) return node.fail('its experts cannot be chosen');
  const { dtype } = router.type;
  const marks = b.node('one_hot', [places, b.constant('i64', [2], [0, 1])], { axis: 2, depth: experts });
  const chosen = cast(b, b.node('reduce_max', [marks], { axes: [1], keepDims: false }), dtype);
  const kept = b.node('mul', [probabilities, chosen]);
  if (node.int('normalize_routing_weights', 0) === 0) return kept;
  return b.node('div', [kept, b.node('reduce_sum', [kept], { axes: [1], keepDims: true })]);
}

/** x [1, tokens, in] by each expert's weights, which are [experts, out, in] or [experts, in, out]. */
function expertProduct(b: GraphBuilder, x: Value, w: Value, bias: Value | null | undefined): Value {
  const width = x.type.shape[2] ?? 1;
  const transposeB = D.equals(w.type.shape[2] ?? 1, width) === true;
  const y = b.node('matmul', [x, cast(b, w, x.type.dtype)], { transposeB });
  return bias ? b.node('add', [y, reshape(b, bias, [bias.type.shape[0] ?? 1, 1, bias.type.shape[1] ?? 1])]) : y;
}

interface Experts {
  readonly router: Value;
  readonly weights: readonly [Value, Value, Value | undefined];
  readonly biases: readonly [Value | null | undefined, Value | null | undefined, Value | null | undefined];
}

/** Every expert on every token, weighted by the routing: right, and as costly as having no experts. */
function mixExperts(node: OnnxNode, b: GraphBuilder, e: Experts): Value {
  const x = node.input(0);
  const hidden = x.type.shape[rankOf(x) - 1] ?? 1;
  const tokens: Dim = D.product(x.type.shape.slice(0, -1));
  const rows = reshape(b, x, [1, tokens, hidden]);
  const [fc1, fc2, fc3] = e.weights;
  let inner = activation(node, b, expertProduct(b, rows, fc1, e.biases[0]));
  if (fc3) inner = b.node('mul', [inner, expertProduct(b, rows, fc3, e.biases[2])]);
  const outputs = expertProduct(b, inner, fc2, e.biases[1]);
  const share = transpose(b, routing(node, b, e.router), [1, 0]);
  const weighted = b.node('mul', [outputs, reshape(b, share, [share.type.shape[0] ?? 1, tokens, 1])]);
  return reshape(b, b.node('reduce_sum', [weighted], { axes: [0], keepDims: false }), x.type.shape);
}

function buildMoe(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const biases = [node.inputs[3], node.inputs[5], node.inputs[7]] as const;
  return [
    mixExperts(node, b, {
      router: node.input(1),
      weights: [node.input(2), node.input(4), node.inputs[6] ?? undefined],
      biases,
    }),
  ];
}

/** Experts whose weights are codes of 4 or 8 bits with one scale a row. */
function buildQMoe(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const bits = node.int('expert_weight_bits', 4);
  const decode = (codes: Value | null | undefined, scales: Value | null | undefined): Value | undefined => {
    if (!codes || !scales) return undefined;
    const open = cast(b, unpack(b, codes, bits), 'f32');
    const moved = b.node('sub', [open, scalar(b, 'f32', 2 ** (bits - 1))]);
    const shaped = rankOf(scales) === 2 ? reshape(b, scales, [...scales.type.shape, 1]) : scales;
    return b.node('mul', [moved, cast(b, shaped, 'f32')]);
  };
  const first = decode(node.input(2), node.input(3)) ?? node.fail('its first weights are missing');
  const second = decode(node.input(5), node.input(6)) ?? node.fail('its second weights are missing');
  const third = decode(node.inputs[8], node.inputs[9]);
  const biases = [node.inputs[4], node.inputs[7], node.inputs[10]] as const;
  return [mixExperts(node, b, { router: node.input(1), weights: [first, second, third], biases })];
}

/** Elementwise ops between quantized tensors, computed in floats. */
const buildQLinearBinary =
  (op: 'add' | 'mul') =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const operand = (at: number): Value => dequantized(b, node.input(at), scaleIn(node, at + 1), node.inputs[at + 2]);
    return [requantized(b, b.node(op, [operand(0), operand(3)]), scaleIn(node, 6), node.inputs[7], node.input(0))];
  };

function dequantized(b: GraphBuilder, x: Value, scale: Value, zero: Value | null | undefined): Value {
  return b.node('dequantize_linear', zero ? [x, single(b, scale), single(b, zero)] : [x, single(b, scale)], {
    axis: 0,
    block: 0,
  });
}

function requantized(b: GraphBuilder, y: Value, scale: Value, zero: Value | null | undefined, like: Value): Value {
  const attrs = { axis: 0, block: 0, dtype: zero?.type.dtype ?? like.type.dtype, precision: 'f32' };
  return b.node('quantize_linear', zero ? [y, single(b, scale), single(b, zero)] : [y, single(b, scale)], attrs);
}

const buildQLinearUnary =
  (apply: (node: OnnxNode, b: GraphBuilder, x: Value) => Value) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const y = apply(node, b, dequantized(b, node.input(0), scaleIn(node, 1), node.inputs[2]));
    return [requantized(b, y, scaleIn(node, 3), node.inputs[4], node.input(0))];
  };

function buildQLinearConcat(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const parts: Value[] = [];
  for (let i = 2; i + 2 < node.inputs.length; i += 3)
    parts.push(dequantized(b, node.input(i), scaleIn(node, i + 1), node.inputs[i + 2]));
  const axis = axisIn(node, node.int('axis'), rankOf(node.input(2)));
  return [requantized(b, b.node('concat', parts, { axis }), scaleIn(node, 0), node.inputs[1], node.input(2))];
}

function globalAverage(node: OnnxNode, b: GraphBuilder, x: Value): Value {
  if (node.int('channels_last', 0) !== 0) return node.fail('channels_last is not supported');
  return b.node('reduce_mean', [x], { axes: x.type.shape.map((_, i) => i).slice(2), keepDims: true });
}

/** Operators of com.microsoft that real exports contain, attention apart. */
export const contribOnnxOps: readonly OnnxOp[] = [
  onnxOp('MatMulNBits', buildMatMulNBits, MICROSOFT),
  onnxOp('SkipLayerNormalization', buildSkipNorm, MICROSOFT),
  onnxOp('SkipSimplifiedLayerNormalization', buildSkipNorm, MICROSOFT),
  onnxOp('SimplifiedLayerNormalization', buildSimplifiedNorm, MICROSOFT),
  // onnxruntime writes this one into the default domain.
  onnxOp('SimplifiedLayerNormalization', buildSimplifiedNorm),
  onnxOp('FastGelu', buildGelu('tanh'), MICROSOFT),
  onnxOp('BiasGelu', buildGelu('none'), MICROSOFT),
  onnxOp('Gelu', buildGelu('none'), MICROSOFT),
  onnxOp('QuickGelu', (node, b) => [b.node('silu', [node.input(0)], { alpha: node.float('alpha', 1.702) })], MICROSOFT),
  onnxOp('FusedMatMul', buildFusedMatMul, MICROSOFT),
  onnxOp('DynamicQuantizeMatMul', buildDynamicQuantizeMatMul, MICROSOFT),
  onnxOp('MatMulIntegerToFloat', buildMatMulIntegerToFloat, MICROSOFT),
  onnxOp('GatherBlockQuantized', buildGatherBlockQuantized, MICROSOFT),
  onnxOp('MoE', buildMoe, MICROSOFT),
  onnxOp('QMoE', buildQMoe, MICROSOFT),
  onnxOp('QLinearAdd', buildQLinearBinary('add'), MICROSOFT),
  onnxOp('QLinearMul', buildQLinearBinary('mul'), MICROSOFT),
  onnxOp(
    'QLinearSigmoid',
    buildQLinearUnary((_, b, x) => b.node('sigmoid', [x])),
    MICROSOFT,
  ),
  onnxOp(
    'QLinearLeakyRelu',
    buildQLinearUnary((node, b, x) => b.node('leaky_relu', [x], { alpha: node.float('alpha', 0.01) })),
    MICROSOFT,
  ),
  onnxOp('QLinearGlobalAveragePool', buildQLinearUnary(globalAverage), MICROSOFT),
  onnxOp('QLinearConcat', buildQLinearConcat, MICROSOFT),
];
