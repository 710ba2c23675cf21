import { encodeFloat } from '../../../runtime/minifloat.ts';
import { type Dim, isStatic } from '../../ir/dim.ts';
import { bitsOf, type DType, isFloat } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import { contentsOf, type GraphBuilder } from '../../ir/graph-builder.ts';
import type { OnnxNode } from '../onnx-op.ts';
import { dtypeOfOnnx } from '../onnx-type.ts';

/** The dtype a numeric attribute names. */
export function dtypeOf(node: OnnxNode, number: number): DType {
  return dtypeOfOnnx(number) ?? node.fail(`data type ${number} is unknown`, 'Use a data type of the ONNX standard');
}

/** A non-negative axis. */
export function axisIn(node: OnnxNode, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= Math.max(rank, 1))
    return node.fail(`axis ${axis} is outside a tensor of rank ${rank}`, `Use an axis from ${-rank} to ${rank - 1}`);
  return a;
}

/** An input that scales codes. Refuses constants that are infinite or NaN: whatever they scale is lost. */
export function scaleIn(node: OnnxNode, index: number): Value {
  const scale = node.input(index);
  const bad = scale.constant && node.constantFloats(index)?.find((s) => !Number.isFinite(s));
  return bad === undefined
    ? scale
    : node.fail(
        `scale '${scale.name}' is ${bad}`,
        'Repair the file or quantize the model again: scales are finite numbers',
      );
}

export const rankOf = (v: Value): number => v.type.shape.length;

/** Contents of an integer input when they are known as dims. */
export const knownDims = (v: Value | null | undefined): readonly Dim[] | undefined => (v ? contentsOf(v) : undefined);

/** Contents of a known integer input as plain numbers. */
export function knownNumbers(v: Value | null | undefined): readonly number[] | undefined {
  const dims = knownDims(v);
  return dims?.every(isStatic) ? dims.filter(isStatic) : undefined;
}

/** Contents of an integer tensor as dims: known ones, or symbols that the run decides (at least 0, at most `max`). */
export function dimsOf(b: GraphBuilder, v: Value, role: string, max = 2147483647): readonly Dim[] {
  const known = knownDims(v);
  if (known) return known;
  // A shape put together from parts: only the parts that are not known are left to the run.
  const { producer } = v;
  if (producer?.op === 'concat' && producer.inputs.some((x) => knownDims(x)) && v.type.shape.length === 1)
    return producer.inputs.flatMap((x) => (x ? dimsOf(b, x, role, max) : []));
  // One ONNX node may read several tensors: the number of nodes so far keeps their symbols apart.
  const attrs = { role: `${role}${b.graph.nodes.length}_`, max };
  const [copy] = b.nodes('read_dims', [cast(b, v, 'i64')], attrs);
  return copy?.known ?? [];
}

export const cast = (b: GraphBuilder, v: Value, to: DType): Value =>
  v.type.dtype === to ? v : b.node('cast', [v], { to });

/** The same elements under another shape. */
/** Ops on strings have host steps of their own: `string_<op>`. */
export const variant = (op: string, v: Value): string => (v.type.dtype === 'string' ? `string_${op}` : op);

export const reshape = (b: GraphBuilder, v: Value, shape: readonly Dim[]): Value =>
  v.type.shape.length === shape.length && v.type.shape.every((d, i) => d === shape[i])
    ? v
    : b.node(variant('reshape', v), [v], { shape });

/** Constant numbers in any numeric dtype. */
export function numbers(b: GraphBuilder, dtype: DType, shape: readonly number[], values: readonly number[]): Value {
  const narrow = isFloat(dtype) && bitsOf[dtype] <= 16;
  return b.constant(dtype, shape, narrow ? values.map((v) => encodeFloat(dtype, v)) : values);
}

export const scalar = (b: GraphBuilder, dtype: DType, value: number): Value => numbers(b, dtype, [], [value]);

/** An i64 vector of dims as data. */
export const shapeVector = (b: GraphBuilder, dims: readonly Dim[]): Value =>
  dims.every(isStatic) ? b.constant('i64', [dims.length], dims.filter(isStatic)) : b.node('dims', [], { dims });

/** An i64 scalar that holds a dim. */
export const shapeScalar = (b: GraphBuilder, dim: Dim, dtype: DType = 'i64'): Value =>
  isStatic(dim) ? scalar(b, dtype, dim) : b.node('dims', [], { dims: [dim], scalar: true, dtype });

/** `size` elements of `axis` from `start`. */
export function sliceAxis(b: GraphBuilder, v: Value, axis: number, start: Dim, size: Dim): Value {
  const { shape } = v.type;
  if (start === 0 && size === shape[axis]) return v;
  return b.node('slice', [v], {
    starts: shape.map((_, i) => (i === axis ? start : 0)),
    steps: shape.map(() => 1),
    shape: shape.map((d, i) => (i === axis ? size : d)),
  });
}

export const transpose = (b: GraphBuilder, v: Value, permutation: readonly number[]): Value =>
  permutation.every((p, i) => p === i) ? v : b.node('transpose', [v], { permutation });

/** Integers of an attribute, or of the input that replaced it in a later opset; undefined when neither is given. */
export function attributeOrInput(node: OnnxNode, name: string, input: number): readonly number[] | undefined | Value {
  if (node.has(name)) return node.ints(name);
  const v = node.inputs[input];
  if (!v) return undefined;
  return knownNumbers(v) ?? v;
}

/** 1 where `axes` (a runtime i64 tensor, possibly negative) names the axis, as dims that the run decides. */
export function axisMask(b: GraphBuilder, axes: Value, rank: number): readonly Dim[] {
  const wide = cast(b, axes, 'i64');
  const count = wide.type.shape[0] ?? 1;
  const wrapped = b.node('where', [
    b.node('lt', [wide, scalar(b, 'i64', 0)]),
    b.node('add', [wide, scalar(b, 'i64', rank)]),
    wide,
  ]);
  const column = reshape(b, wrapped, [count, 1]);
  const hits = b.node('eq', [
    column,
    b.constant(
      'i64',
      [1, rank],
      Array.from({ length: rank }, (_, i) => i),
    ),
  ]);
  return dimsOf(b, b.node('reduce_max', [cast(b, hits, 'i64')], { axes: [0] }), 'axis', 1);
}
