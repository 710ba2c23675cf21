import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType, type DType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { defineOp, type ElementContext, type InferContext, type OpDef } from '../ir/op.ts';
import { spanOf, tap, type Window, windowCount, windowsOf } from './conv.ts';
import { flagAttr, inputType, lowest, numberAttr, numbersAttr, only } from './shapes.ts';

/** Output length of a pooling window; with `ceil`, a window that would start in the end padding is dropped. */
export function pooledLength(n: Dim, w: Window, ceil: boolean): Dim {
  if (!ceil) return windowCount(n, w);
  const span = D.sub(D.add(n, D.add(w.begin, w.end)), spanOf(w));
  const count = D.add(D.ceilDiv(span, w.stride), 1);
  const startsInside = D.ceilDiv(D.add(n, w.begin), w.stride);
  return D.min(count, startsInside);
}

function pooledShape(c: InferContext, x: TensorType): Dim[] {
  const kernel = numbersAttr(c.attrs, 'kernel');
  if (kernel.length !== x.shape.length - 2)
    c.fail(`the kernel has ${kernel.length} axes, the input ${x.shape.length - 2}`);
  const windows = windowsOf(c.attrs, kernel);
  return x.shape.map((n, i) => (i < 2 ? n : pooledLength(n, only(windows, i - 2), flagAttr(c.attrs, 'ceil'))));
}

const kernelSize = (attrs: Attributes): number => numbersAttr(attrs, 'kernel').reduce((p, k) => p * k, 1);

/** Folds the window of an output element; taps outside the input give `outside`. */
function foldWindow(
  c: ElementContext,
  coords: readonly Dim[],
  monoid: 'sum' | 'max',
  init: Expr,
  outside: Expr,
  combine: (acc: Expr, x: Expr) => Expr,
): Expr {
  const kernel = numbersAttr(c.attrs, 'kernel');
  const windows = windowsOf(c.attrs, kernel);
  const [n = 0, channel = 0, ...spatial] = coords;
  return only(
    c.fold(monoid, kernel, [init], (taps, state) => {
      const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
      return [combine(only(state), c.guarded(0, [n, channel, ...from], outside))];
    }),
  );
}

/**
 * Largest element of each window; output 1, if asked for (`indices`), is its row-major position in the whole input (`columnMajor`: with
 * the spatial axes reversed).
 */
const maxPool = defineOp({
  name: 'max_pool',
  infer: (c) => {
    const x = inputType(c, 0);
    const shape = pooledShape(c, x);
    const y: TensorType = { dtype: x.dtype, shape, format: 'dense' };
    return c.attrs.indices === true ? [y, { dtype: 'i64', shape, format: 'dense' }] : [y];
  },
  element: (c) => (coords, output) => {
    const x = c.inputs[0];
    if (!x) throw new RangeError('max_pool has no input');
    const low = lowest(x.dtype);
    if (output === 0) return foldWindow(c, coords, 'max', low, low, (acc, v) => acc.max(v));
    const kernel = numbersAttr(c.attrs, 'kernel');
    const windows = windowsOf(c.attrs, kernel);
    const [n = 0, channel = 0, ...spatial] = coords;
    const result = c.fold('general', kernel, [low, constant('i32', 0)], (taps, state) => {
      const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
      const v = c.guarded(0, [n, channel, ...from], low);
      let position: Dim = D.add(D.mul(n, x.shape[1] ?? 1), channel);
      const axes = from.map((p, i) => ({ p, extent: x.shape[i + 2] ?? 1 }));
      for (const { extent } of axes) position = D.mul(position, extent);
      let inner: Dim = 0;
      for (const { p, extent } of c.attrs.columnMajor === true ? axes.reverse() : axes)
        inner = D.add(D.mul(inner, extent), p);
      const better = v.gt(only(state));
      return [better.select(v, only(state)), better.select(dimValue(D.add(position, inner)), only(state, 1))];
    });
    return only(result, 1).cast('i64');
  },
  flops: (node) => kernelSize(node.attrs),
});

const sumType = (dtype: DType) => computeType(dtype);

/** Mean of each window: over the taps inside the input, or inside the padded input with `countPadding`. */
const averagePool = defineOp({
  name: 'average_pool',
  infer: (c) => {
    const x = inputType(c, 0);
    return { dtype: x.dtype, shape: pooledShape(c, x), format: 'dense' };
  },
  element: (c) => {
    const x = c.inputs[0]?.shape ?? [];
    const type = sumType(only(c.outputs).dtype);
    const windows = windowsOf(c.attrs, numbersAttr(c.attrs, 'kernel'));
    const padded = flagAttr(c.attrs, 'countPadding');
    return (coords) => {
      const zero = constant(type, 0);
      const total = foldWindow(c, coords, 'sum', zero, zero, (acc, v) => acc.add(v));
      let count: Dim = 1;
      windows.forEach((w, i) => {
        const start = D.sub(D.mul(coords[i + 2] ?? 0, w.stride), w.begin);
        const [low, high]: [Dim, Dim] = padded ? [D.sub(0, w.begin), D.add(x[i + 2] ?? 1, w.end)] : [0, x[i + 2] ?? 1];
        // Taps start + k*d with low <= tap < high.
        const first = D.max(0, D.ceilDiv(D.sub(low, start), w.dilation));
        const last = D.min(w.kernel, D.ceilDiv(D.sub(high, start), w.dilation));
        count = D.mul(count, D.sub(last, first));
      });
      return total.div(dimValue(count).cast(type));
    };
  },
  flops: (node) => kernelSize(node.attrs),
});

/** (sum |x|^p)^(1/p) of each window. */
const lpPool = defineOp({
  name: 'lp_pool',
  infer: (c) => {
    const x = inputType(c, 0);
    return { dtype: x.dtype, shape: pooledShape(c, x), format: 'dense' };
  },
  element: (c) => {
    const type = sumType(only(c.outputs).dtype);
    const p = numberAttr(c.attrs, 'p', 2);
    return (coords) => {
      const zero = constant(type, 0);
      const total = foldWindow(c, coords, 'sum', zero, zero, (acc, v) => acc.add(powerOf(v.abs(), p)));
      return p === 1 ? total : p === 2 ? total.sqrt() : total.pow(1 / p);
    };
  },
  flops: (node) => 4 * kernelSize(node.attrs),
});

export const powerOf = (x: Expr, p: number): Expr => (p === 1 ? x : p === 2 ? x.mul(x) : x.pow(p));

/** Pooling; attributes kernel, strides, dilations, pads ([begin..., end...]), ceil. */
export const poolOps: readonly OpDef[] = [maxPool, averagePool, lpPool];
