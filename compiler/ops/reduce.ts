import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType, type DType, isFloat } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import {
  dimsAttr,
  flagAttr,
  highest,
  inputType,
  isFloatType,
  lowest,
  numberAttr,
  numbersAttr,
  only,
} from './shapes.ts';

/**
 * Which axes are reduced, one 0 or 1 per axis: from attribute `axes` (numbers) or `mask` (dims, when only the run knows the axes; the
 * reduced axes are then kept with length 1).
 */
export function reducedAxes(rank: number, attrs: Attributes): readonly Dim[] {
  const mask = dimsAttr(attrs, 'mask');
  if (mask.length === rank && rank > 0) return mask;
  const axes = numbersAttr(attrs, 'axes');
  return Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : 0));
}

const keeps = (attrs: Attributes): boolean => attrs.keepDims === true || dimsAttr(attrs, 'mask').length > 0;

/** Length 1 where reduced: n - r*(n - 1). */
const keptLength = (n: Dim, r: Dim): Dim => (r === 0 ? n : r === 1 ? 1 : D.sub(n, D.mul(r, D.sub(n, 1))));

export function reducedShape(shape: readonly Dim[], attrs: Attributes): Dim[] {
  const mask = reducedAxes(shape.length, attrs);
  if (keeps(attrs)) return shape.map((n, i) => keptLength(n, mask[i] ?? 0));
  return shape.filter((_, i) => mask[i] === 0);
}

/** Fold loops of a reduction and the input coordinates from output coordinates and loop indices. */
export function reductionLoops(shape: readonly Dim[], attrs: Attributes) {
  const mask = reducedAxes(shape.length, attrs);
  const keep = keeps(attrs);
  const looped: number[] = [];
  shape.forEach((_, i) => {
    if (mask[i] !== 0) looped.push(i);
  });
  const extents = looped.map((axis) => {
    const n = shape[axis] ?? 1;
    const r = mask[axis] ?? 0;
    return r === 1 ? n : D.add(1, D.mul(r, D.sub(n, 1)));
  });
  const coordsOf = (coords: readonly Dim[], loops: readonly Dim[]): Dim[] => {
    let next = 0;
    return shape.map((_, axis) => {
      const at = looped.indexOf(axis);
      const outer = keep ? (coords[axis] ?? 0) : at < 0 ? (coords[next++] ?? 0) : 0;
      if (at < 0) return outer;
      const loop = loops[at] ?? 0;
      return mask[axis] === 1 ? loop : D.add(outer, loop);
    });
  };
  return { extents, coordsOf };
}

interface Reduction {
  readonly monoid: 'sum' | 'prod' | 'max' | 'min';
  init(dtype: DType): Expr;
  each?(x: Expr): Expr;
  finish?(total: Expr, count: Dim): Expr;
}

const zeroOf = (dtype: DType): Expr => constant(computeType(dtype), 0);
const sum = { monoid: 'sum', init: zeroOf } as const;

const reductions: Readonly<Record<string, Reduction>> = {
  reduce_sum: sum,
  reduce_prod: { monoid: 'prod', init: (d) => constant(computeType(d), 1) },
  reduce_max: { monoid: 'max', init: lowest },
  reduce_min: { monoid: 'min', init: highest },
  reduce_mean: {
    ...sum,
    finish: (total, count) => total.div(dimValue(isFloatType(total.type) ? count : D.max(1, count)).cast(total.type)),
  },
  reduce_l1: { ...sum, each: (x) => (x.type === 'u32' || x.type === 'u64' ? x : x.abs()) },
  reduce_l2: { ...sum, each: (x) => x.mul(x), finish: (t) => squareRoot(t) },
  reduce_sum_square: { ...sum, each: (x) => x.mul(x) },
  reduce_log_sum: { ...sum, finish: (t) => logarithm(t) },
};

const throughFloat = (x: Expr, apply: (f: Expr) => Expr): Expr =>
  x.type === 'f32' || x.type === 'f64' ? apply(x) : apply(x.cast('f64')).cast(x.type);
const squareRoot = (x: Expr): Expr => throughFloat(x, (f) => f.sqrt());
const logarithm = (x: Expr): Expr => throughFloat(x, (f) => f.log());

function combine(monoid: Reduction['monoid'], acc: Expr, x: Expr): Expr {
  if (acc.type === 'bool') return monoid === 'max' || monoid === 'sum' ? acc.or(x) : acc.and(x);
  return monoid === 'sum' ? acc.add(x) : monoid === 'prod' ? acc.mul(x) : monoid === 'max' ? acc.max(x) : acc.min(x);
}

/** One fold over the reduced axes. */
export function reduceOver(
  c: ElementContext,
  input: number,
  coords: readonly Dim[],
  reduction: Pick<Reduction, 'monoid' | 'each'> & { readonly init: Expr },
): Expr {
  const shape = c.inputs[input]?.shape ?? [];
  const { extents, coordsOf } = reductionLoops(shape, c.attrs);
  const { monoid, each, init } = reduction;
  // Nothing to read, whichever axes are reduced.
  if (shape.includes(0)) return init;
  const kind = init.type === 'bool' ? (monoid === 'max' ? 'or' : 'and') : monoid;
  return only(
    c.fold(kind, extents, [init], (loops, state) => {
      const x = c.at(input, coordsOf(coords, loops));
      return [combine(monoid, only(state), each ? each(x) : x)];
    }),
  );
}

const reduceInfer = (c: Parameters<OpDef['infer']>[0]): TensorType => {
  const x = inputType(c, 0);
  return { dtype: x.dtype, shape: reducedShape(x.shape, c.attrs), format: 'dense' };
};

const reduceOp = (name: string, r: Reduction): OpDef =>
  defineOp({
    name,
    infer: reduceInfer,
    element: (c) => (coords) => {
      const dtype = only(c.outputs).dtype;
      const total = reduceOver(c, 0, coords, { ...r, init: r.init(dtype) });
      const { extents } = reductionLoops(c.inputs[0]?.shape ?? [], c.attrs);
      return r.finish ? r.finish(total, D.product(extents)) : total;
    },
    flops: (node) => D.product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents),
  });

/** log(sum(e^x)), shifted by the maximum so that it neither overflows nor vanishes. */
const logSumExp = defineOp({
  name: 'reduce_log_sum_exp',
  infer: reduceInfer,
  element: (c) => (coords) => {
    const dtype = only(c.outputs).dtype;
    const type = computeType(dtype);
    const wide = type === 'f64' || type === 'f32' ? type : 'f64';
    const top = reduceOver(c, 0, coords, { monoid: 'max', init: lowest(dtype) }).cast(wide);
    // An infinite maximum shifts nothing: inf - inf would be NaN.
    const shift = top.abs().eq(Number.POSITIVE_INFINITY).select(constant(wide, 0), top);
    const total = reduceOver(c, 0, coords, {
      monoid: 'sum',
      init: constant(wide, 0),
      each: (x) => x.cast(wide).sub(shift).exp(),
    });
    return total.log().add(shift).cast(type);
  },
  flops: (node) => D.mul(10, D.product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents)),
});

/** Position of the largest (smallest) element along `axis`: the first, or the last with `last`; a NaN wins, as in numpy. */
const argOp = (name: string, sign: 'max' | 'min'): OpDef =>
  defineOp({
    name,
    infer: (c) => ({ dtype: 'i64', shape: reducedShape(inputType(c, 0).shape, c.attrs), format: 'dense' }),
    element: (c) => (coords) => {
      const x = c.inputs[0];
      if (!x) throw new RangeError(`${name} has no input`);
      const { extents, coordsOf } = reductionLoops(x.shape, c.attrs);
      const last = flagAttr(c.attrs, 'last');
      const init = [sign === 'max' ? lowest(x.dtype) : highest(x.dtype), constant('i32', 0)];
      const result = c.fold('general', extents, init, (loops, state) => {
        const [best, at] = [only(state), only(state, 1)];
        const v = c.at(0, coordsOf(coords, loops));
        const beats = sign === 'max' ? (last ? v.ge(best) : v.gt(best)) : last ? v.le(best) : v.lt(best);
        const nan = isFloat(x.dtype) ? v.isNan().and(last ? constant('bool', true) : best.isNan().not()) : undefined;
        const better = nan ? beats.or(nan) : beats;
        return [better.select(v, best), better.select(dimValue(loops[0] ?? 0), at)];
      });
      return only(result, 1).cast('i64');
    },
    flops: (node) => D.product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents),
  });

/**
 * Running sum or product along the axes with mask 1 (one axis in practice). As a meaning it is quadratic: each element folds over its
 * prefix; templates go along the axis once. Attributes: `axes` or `mask`, `exclusive`, `reverse`.
 */
const cumulative = (name: string, monoid: 'sum' | 'prod'): OpDef =>
  defineOp({
    name,
    infer: (c) => inputType(c, 0),
    element: (c) => (coords) => {
      const x = c.inputs[0];
      if (!x) throw new RangeError(`${name} has no input`);
      const mask = reducedAxes(x.shape.length, c.attrs);
      const reverse = flagAttr(c.attrs, 'reverse');
      const exclusive = flagAttr(c.attrs, 'exclusive');
      const axes = mask.flatMap((r, axis) => (r === 0 ? [] : [axis]));
      const static1 = axes.length === 1 && mask[axes[0] ?? 0] === 1;
      const extents = axes.map((axis) => {
        const here = coords[axis] ?? 0;
        const n = x.shape[axis] ?? 1;
        const before = reverse ? D.sub(D.sub(n, 1), here) : here;
        const r = mask[axis] ?? 0;
        return static1 ? (exclusive ? before : D.add(before, 1)) : D.add(1, D.mul(r, before));
      });
      const identity = constant(computeType(x.dtype), monoid === 'sum' ? 0 : 1);
      const skipSelf = static1 && exclusive ? 1 : 0;
      return only(
        c.fold(monoid, extents, [identity], (loops, state) => {
          const at = coords.map((here, axis) => {
            const i = axes.indexOf(axis);
            if (i < 0) return here;
            const loop = loops[i] ?? 0;
            if (reverse) return D.add(D.add(here, loop), skipSelf);
            return static1 ? loop : D.sub(here, loop);
          });
          let v = c.at(0, at);
          if (exclusive && !static1) {
            const self = loops.map((l) => dimValue(l).eq(0)).reduce((p, q) => p.and(q), constant('bool', true));
            v = self.select(identity, v);
          }
          return [monoid === 'sum' ? only(state).add(v) : only(state).mul(v)];
        }),
      );
    },
    flops: (node) => numberAttr(node.attrs, 'cost', 64),
  });

/** Reductions over `axes` (non-negative), with `keepDims`; accumulation in the compute type of the input. */
export const reduceOps: readonly OpDef[] = [
  ...Object.entries(reductions).map(([name, r]) => reduceOp(name, r)),
  logSumExp,
  argOp('arg_max', 'max'),
  argOp('arg_min', 'min'),
  cumulative('cumsum', 'sum'),
  cumulative('cumprod', 'prod'),
];
