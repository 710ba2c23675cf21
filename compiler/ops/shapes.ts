import * as D from '../ir/dim.ts';
import { type Dim, formatDim } from '../ir/dim.ts';
import { computeType, type DType, isFloat, type ScalarType } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { InferContext } from '../ir/op.ts';

/** Type of input `i`, which must be there. */
export function inputType(c: Pick<InferContext, 'inputs' | 'fail'>, i: number): TensorType {
  return c.inputs[i] ?? c.fail(`input ${i} is missing`);
}

/**
 * Numpy broadcasting of one dimension. Where a symbol meets a number above one, the number is the result (the symbol may also be 1); where
 * two symbols meet, the first, unless the run makes one of them: then the larger of both. A run that this does not hold for is refused.
 */
export function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (D.equals(a, b) === false && (D.range(a).min > 1 || D.range(b).min > 1)) {
    if (D.lessThan(a, 2) || D.lessThan(b, 2)) return D.isStatic(a) ? b : a;
    if (D.isStatic(a) && D.isStatic(b)) return undefined;
  }
  if (D.isStatic(a) && D.isStatic(b)) return undefined;
  if (D.isStatic(a) || D.isStatic(b)) return D.isStatic(b) ? b : a;
  const isLate = (d: Dim): boolean => [...D.collectSyms(d).keys()].some((name) => name.includes('@'));
  return isLate(a) || isLate(b) ? lateBroadcastDim(a, b) : a;
}

/** Broadcasting of dimensions that only the run knows: the larger one, or 0 where one of them is. */
export function lateBroadcastDim(a: Dim, b: Dim): Dim {
  if (a === 0 || b === 0) return 0;
  const larger = D.max(a, b);
  return D.range(a).min > 0 && (D.isStatic(a) || D.range(b).min > 0) ? larger : D.min(larger, D.mul(a, b));
}

/** Numpy broadcasting of whole shapes; undefined when they clash. */
export function broadcastShapes(shapes: readonly (readonly Dim[])[]): Dim[] | undefined {
  const rank = shapes.reduce((r, s) => Math.max(r, s.length), 0);
  const out = new Array<Dim>(rank).fill(1);
  for (const s of shapes) {
    for (let i = 0; i < s.length; i++) {
      const at = rank - s.length + i;
      const d = broadcastDim(out[at] ?? 1, s[i] ?? 1);
      if (d === undefined) return undefined;
      out[at] = d;
    }
  }
  return out;
}

/** Broadcast shape of all inputs of a node. */
export function broadcastInputs(c: InferContext): Dim[] {
  const shapes = c.inputs.map((_, i) => inputType(c, i).shape);
  return (
    broadcastShapes(shapes) ??
    c.fail(
      `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`,
      'Make the dimensions equal, or 1 where one of them should be repeated',
    )
  );
}

export const formatShape = (shape: readonly Dim[]): string => `[${shape.map(formatDim).join(', ')}]`;

/** Coordinates of the element of a tensor of `shape` that broadcasts to `coords` of the larger shape `to`. */
export function broadcastCoords(shape: readonly Dim[], coords: readonly Dim[], to?: readonly Dim[]): Dim[] {
  const skip = coords.length - shape.length;
  return shape.map((d, i) => {
    const c = coords[i + skip] ?? 0;
    // A symbol that is 1 in some runs only: its one element is repeated then.
    const certain = !to || D.isStatic(d) || d === to[i + skip] || D.equals(d, to[i + skip] ?? 1) === true;
    return d === 1 ? 0 : certain ? c : D.min(c, D.sub(d, 1));
  });
}

/** Number of a numeric attribute, or its default. */
export function numberAttr(attrs: Attributes, name: string, fallback: number): number {
  const v = attrs[name];
  return typeof v === 'number' ? v : typeof v === 'bigint' ? Number(v) : fallback;
}

export function stringAttr(attrs: Attributes, name: string, fallback: string): string {
  const v = attrs[name];
  return typeof v === 'string' ? v : fallback;
}

export const flagAttr = (attrs: Attributes, name: string): boolean => attrs[name] === true || attrs[name] === 1;

const isDim = (v: unknown): v is Dim => typeof v === 'number' || (typeof v === 'object' && v !== null && 'terms' in v);

/** A dim attribute, or its default. */
export function dimAttr(attrs: Attributes, name: string, fallback: Dim): Dim {
  const v = attrs[name];
  return isDim(v) ? v : fallback;
}

/** A list of dims; empty when absent. */
export function dimsAttr(attrs: Attributes, name: string): readonly Dim[] {
  const v = attrs[name];
  return Array.isArray(v) ? v.filter(isDim) : [];
}

/** A list of plain numbers, or the default. */
export function numbersAttr(attrs: Attributes, name: string, fallback: readonly number[] = []): readonly number[] {
  const v = attrs[name];
  return Array.isArray(v) ? v.filter((x): x is number => typeof x === 'number') : fallback;
}

const DTYPES: ReadonlySet<string> = new Set([
  ...['f64', 'f32', 'f16', 'bf16', 'f8e4m3fn', 'f8e4m3fnuz', 'f8e5m2', 'f8e5m2fnuz', 'f8e8m0', 'f4e2m1'],
  ...['i64', 'i32', 'i16', 'i8', 'i4', 'i2', 'u64', 'u32', 'u16', 'u8', 'u4', 'u2', 'bool', 'c64', 'c128', 'string'],
]);

const isDType = (v: unknown): v is DType => typeof v === 'string' && DTYPES.has(v);

/** A dtype attribute, or its default. */
export function dtypeAttr(attrs: Attributes, name: string, fallback: DType): DType {
  const v = attrs[name];
  return isDType(v) ? v : fallback;
}

/** Least and greatest value of an integer dtype. */
export function integerRange(dtype: DType): { min: bigint; max: bigint } {
  const bits = BigInt(dtype.slice(1));
  return dtype.startsWith('u')
    ? { min: 0n, max: (1n << bits) - 1n }
    : { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
}

/** Identity of max over a dtype: minus infinity, or the least integer. */
export function lowest(dtype: DType): Expr {
  const type = computeType(dtype);
  if (dtype === 'bool') return constant('bool', false);
  return isFloat(dtype) ? constant(type, Number.NEGATIVE_INFINITY) : constant(type, integerRange(dtype).min);
}

/** Identity of min over a dtype: infinity, or the greatest integer. */
export function highest(dtype: DType): Expr {
  const type = computeType(dtype);
  if (dtype === 'bool') return constant('bool', true);
  return isFloat(dtype) ? constant(type, Number.POSITIVE_INFINITY) : constant(type, integerRange(dtype).max);
}

export const isFloatType = (type: ScalarType): boolean => type === 'f32' || type === 'f64' || type === 'f16';

/** The first and only value of a list the caller knows to be there (fold results, node outputs). */
export function only<T>(list: readonly T[], index = 0): T {
  const v = list[index];
  if (v === undefined) throw new RangeError(`list of ${list.length} has no item ${index}`);
  return v;
}

/** Coordinates with one of them replaced. */
export const withCoord = (coords: readonly Dim[], axis: number, value: Dim): Dim[] =>
  coords.map((c, i) => (i === axis ? value : c));

/** a*b + acc: fused for floats where the target is fast at it. */
export const multiplyAdd = (a: Expr, b: Expr, acc: Expr): Expr =>
  isFloatType(a.type) ? a.fma(b, acc) : acc.add(a.mul(b));
