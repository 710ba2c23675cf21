import { isStatic, product } from '../../compiler/ir/dim.ts';
import type { DType } from '../../compiler/ir/dtype.ts';
import type { Graph, Node, Value } from '../../compiler/ir/graph.ts';
import type { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { constantOf } from '../canonicalize/fold-constants.ts';
import { builderAt, definePass, type PassContext } from '../pass.ts';

const CODES: ReadonlySet<DType> = new Set(['i8', 'u8']);

/**
 * A convolution or matrix product of dequantized tensors is a product of their codes in 32-bit integers, times both scales: exact where
 * the float one rounds. A bias quantized with the product of the scales is added to the integers, and the scales meet that of the
 * quantization that follows in one factor, as onnxruntime's QLinearConv has it.
 */
export const recognizeQuantizedProducts = definePass({
  name: 'recognize-quantized-products',
  phase: 'recognize',
  does: 'turns convolutions and matmuls between dequantize_linear into products of 8-bit codes',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      if ((node.op !== 'conv' && node.op !== 'matmul') || !y) continue;
      const made = integerProduct(graph, node, context);
      if (!made) continue;
      graph.replaceUses(made.replaces, made.value);
      context.changed(node, 'multiplies 8-bit codes');
    }
    for (const node of [...graph.nodes]) if (node.op === 'quantize_linear') joinScales(graph, node, context);
  },
});

/** A tensor as codes: (codes - zero) * scale, one scale and zero point for all or one for each position of `axis`. */
export interface Dequantized {
  readonly codes: Value;
  readonly scale: Value;
  readonly zero: Value | undefined;
  readonly axis: number | undefined;
}

const isSingle = (v: Value | undefined): boolean => v === undefined || product(v.type.shape) === 1;

/** What a value is dequantized from, when that is 8-bit codes with f32 scales. */
export function dequantized(v: Value | null | undefined): Dequantized | undefined {
  const node = v?.producer;
  const [codes, scale, zero] = node?.inputs ?? [];
  if (!v || node?.op !== 'dequantize_linear' || !codes || !scale || Number(node.attrs.block ?? 0) > 0) return undefined;
  if (!CODES.has(codes.type.dtype) || scale.type.dtype !== 'f32' || v.type.dtype !== 'f32') return undefined;
  const single = isSingle(scale) && isSingle(zero ?? undefined);
  return { codes, scale, zero: zero ?? undefined, axis: single ? undefined : Number(node.attrs.axis ?? 0) };
}

/** A vector or a single number with its axes made to broadcast over a result with `after` axes behind the channel. */
function perChannel(b: GraphBuilder, v: Value, after: number): Value {
  if (isSingle(v)) return b.node('reshape', [v], { shape: [] });
  return b.node('reshape', [v], { shape: [...v.type.shape, ...new Array<number>(after).fill(1)] });
}

function integerProduct(graph: Graph, node: Node, context: PassContext): { replaces: Value; value: Value } | undefined {
  const [a, w] = [dequantized(node.inputs[0]), dequantized(node.inputs[1])];
  const y = node.outputs[0];
  if (!a || !w || !y || y.type.dtype !== 'f32' || a.axis !== undefined || node.attrs.transposeA === true)
    return undefined;
  const isConv = node.op === 'conv';
  const rank = w.codes.type.shape.length;
  const channelAxis = isConv ? 0 : node.attrs.transposeB === true ? rank - 2 : rank - 1;
  if (w.axis !== undefined && (w.axis !== channelAxis || (!isConv && rank !== 2))) return undefined;
  // Without constant weights a convolution has no integer kernel.
  if (isConv && !w.codes.constant) return undefined;
  const after = isConv ? rank - 2 : 0;
  const bias = integerBias(graph, y, a, w, after, context);
  const b = builderAt(graph, bias?.add ?? node, context);
  b.source = node.source;
  const zero = (v: Value | undefined): Value | null =>
    v === undefined ? null : isSingle(v) ? b.node('reshape', [v], { shape: [] }) : v;
  const inputs = [a.codes, w.codes, zero(a.zero), zero(w.zero)];
  let sums = b.node(isConv ? 'conv_integer' : 'matmul_integer', inputs, node.attrs);
  if (bias) sums = b.node('add', [sums, perChannel(b, bias.codes, after)]);
  const scale = b.node('mul', [perChannel(b, a.scale, 0), perChannel(b, w.scale, after)]);
  const replaces = bias?.sum ?? y;
  return { replaces, value: b.node('mul', [b.node('cast', [sums], { to: 'f32' }), scale], {}, replaces.name) };
}

/** The bias codes added to `y`, when their scale is the product of the operands' scales; `sum` is the biased value. */
function integerBias(
  graph: Graph,
  y: Value,
  a: Dequantized,
  w: Dequantized,
  after: number,
  context: PassContext,
): { codes: Value; sum: Value; add: Node } | undefined {
  const [add] = y.uses;
  const sum = add?.outputs[0];
  if (add?.op !== 'add' || y.uses.length !== 1 || graph.outputs.includes(y) || !sum) return undefined;
  let bias = add.inputs[0] === y ? add.inputs[1] : add.inputs[0];
  if (bias?.producer?.op === 'reshape') bias = bias.producer.inputs[0];
  const node = bias?.producer;
  const [codes, scale, zero] = node?.inputs ?? [];
  if (node?.op !== 'dequantize_linear' || !codes?.constant || !scale || codes.type.dtype !== 'i32') return undefined;
  // One code a channel, lined up with the channels of y.
  const channels = codes.type.shape[0];
  const added = add.inputs[0] === y ? add.inputs[1] : add.inputs[0];
  if (codes.type.shape.length !== 1 || added?.type.shape.length !== after + 1 || added.type.shape[0] !== channels)
    return undefined;
  const numbers = (v: Value): Float64Array | undefined => {
    const t = context.evaluate(v);
    return t && numbersOf(t);
  };
  const [own, left, right, zeros] = [
    numbers(scale),
    numbers(a.scale),
    numbers(w.scale),
    zero ? numbers(zero) : new Float64Array(1),
  ];
  if (!own || !left || !right || !zeros || zeros.some((z) => z !== 0)) return undefined;
  const at = (list: Float64Array, i: number): number => list[list.length === 1 ? 0 : i] ?? Number.NaN;
  for (let i = 0; i < Number(channels); i++) {
    const expected = at(left, 0) * at(right, i);
    if (!(Math.abs(at(own, i) - expected) <= 1e-6 * Math.abs(expected))) return undefined;
  }
  return { codes, sum, add };
}

/** quantize(sums * factor, scale) is quantize(sums * (factor / scale), 1); a rectifier between changes nothing where 0 is the least code. */
function joinScales(graph: Graph, node: Node, context: PassContext): void {
  const [x, scale, zero] = node.inputs;
  const y = node.outputs[0];
  if (!x || !scale || !y || !isSingle(scale) || node.attrs.precision !== 'f32' || !isSingle(zero ?? undefined)) return;
  if (scale.type.dtype !== 'f32' || Number(node.attrs.block ?? 0) > 0) return;
  const only = (v: Value): boolean => v.uses.length === 1 && !graph.outputs.includes(v);
  const relu = x.producer?.op === 'relu' && only(x) ? x.producer : undefined;
  const scaled = relu ? relu.inputs[0] : x;
  const mul = scaled?.producer;
  if (!scaled || mul?.op !== 'mul' || !only(scaled)) return;
  const [sums, factor] = mul.inputs;
  if (sums?.producer?.op !== 'cast' || sums.producer.inputs[0]?.type.dtype !== 'i32' || !factor) return;
  const s = context.evaluate(scale);
  const f = context.evaluate(factor);
  if (
    !s ||
    !f ||
    ![...numbersOf(s), ...numbersOf(f)].every((v) => v > 0 && Number.isFinite(v)) ||
    numbersOf(s)[0] === 1
  )
    return;
  const b = builderAt(graph, node, context);
  let value = b.node('mul', [sums, b.node('div', [factor, b.node('reshape', [scale], { shape: [] })])]);
  if (relu && !isLeast(zero ?? undefined, y.type.dtype, context)) value = b.node('relu', [value]);
  const one = b.scalar('f32', 1);
  const made = b.node('quantize_linear', zero ? [value, one, zero] : [value, one], { ...node.attrs, axis: 0 }, y.name);
  graph.replaceUses(y, made);
  context.changed(node, 'scales joined');
}

/** Whether a zero point is the least code of its dtype. */
function isLeast(zero: Value | undefined, dtype: DType, context: PassContext): boolean {
  const t = zero && context.evaluate(zero);
  const z = t ? numbersOf(t)[0] : zero ? undefined : 0;
  return z === (dtype === 'u8' ? 0 : dtype === 'i8' ? -128 : Number.NaN);
}

/**
 * Constants that are still dequantized after recognition become floats. Before, folding leaves them alone: their codes would be lost.
 */
export const foldDequantized = definePass({
  name: 'fold-dequantized',
  phase: 'recognize',
  does: 'computes constants whose codes no integer kernel reads',
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      if (node.op !== 'dequantize_linear' || !y || !node.inputs.every((v) => !v || v.constant)) continue;
      if (!y.type.shape.every(isStatic) || (y.uses.length === 0 && !graph.outputs.includes(y))) continue;
      const result = context.evaluate(y);
      if (!result) continue;
      graph.replaceUses(y, constantOf(graph, y, result));
      context.changed(node, 'computed at compile time');
    }
  },
});
