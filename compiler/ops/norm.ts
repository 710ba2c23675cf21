import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import { powerOf } from './pool.ts';
import { broadcastCoords, dtypeAttr, flagAttr, inputType, lowest, numberAttr, only, withCoord } from './shapes.ts';

const shapeOf = (c: ElementContext, i: number): readonly Dim[] => c.inputs[i]?.shape ?? [];
const typeOf = (c: ElementContext) => computeType(only(c.outputs).dtype);

/** Sum over one axis of a function of the elements. */
function sumAlong(c: ElementContext, axis: number, coords: readonly Dim[], each: (x: Expr) => Expr): Expr {
  return only(
    c.fold('sum', [shapeOf(c, 0)[axis] ?? 1], [constant(typeOf(c), 0)], ([i = 0], state) => [
      only(state).add(each(c.at(0, withCoord(coords, axis, i)))),
    ]),
  );
}

function maxAlong(c: ElementContext, axis: number, coords: readonly Dim[]): Expr {
  const dtype = only(c.outputs).dtype;
  return only(
    c.fold('max', [shapeOf(c, 0)[axis] ?? 1], [lowest(dtype)], ([i = 0], state) => [
      only(state).max(c.at(0, withCoord(coords, axis, i))),
    ]),
  );
}

const sameType = (c: Parameters<OpDef['infer']>[0]): TensorType => ({ ...inputType(c, 0), format: 'dense' });
const axisLength = (node: {
  readonly inputs: readonly ({ type: TensorType } | null)[];
  readonly attrs: Attributes;
}): Dim => node.inputs[0]?.type.shape[numberAttr(node.attrs, 'axis', 0)] ?? 1;

/** e^(x - max) / sum e^(x - max) along `axis`; with `masked`, a row of minus infinity gives zeros instead of NaN. */
const softmax = defineOp({
  name: 'softmax',
  infer: sameType,
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const masked = flagAttr(c.attrs, 'masked');
    return (coords) => {
      const greatest = maxAlong(c, axis, coords);
      const none = greatest.eq(Number.NEGATIVE_INFINITY);
      const top = masked ? none.select(constant(greatest.type, 0), greatest) : greatest;
      const sum = sumAlong(c, axis, coords, (x) => x.sub(top).exp());
      const total = masked ? none.select(constant(sum.type, 1), sum) : sum;
      return c.at(0, coords).sub(top).exp().div(total);
    };
  },
  flops: (node) => D.mul(10, axisLength(node)),
});

/** x - max - log(sum e^(x - max)) along `axis`. */
const logSoftmax = defineOp({
  name: 'log_softmax',
  infer: sameType,
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    return (coords) => {
      const top = maxAlong(c, axis, coords);
      const total = sumAlong(c, axis, coords, (x) => x.sub(top).exp());
      return c.at(0, coords).sub(top).sub(total.log());
    };
  },
  flops: (node) => D.mul(10, axisLength(node)),
});

/** 1 at the first largest element along `axis`, 0 elsewhere. */
const hardmax = defineOp({
  name: 'hardmax',
  infer: sameType,
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const type = typeOf(c);
    return (coords) => {
      const found = c.fold(
        'general',
        [shapeOf(c, 0)[axis] ?? 1],
        [lowest(only(c.outputs).dtype), constant('i32', 0)],
        ([i = 0], state) => {
          const v = c.at(0, withCoord(coords, axis, i));
          const better = v.gt(only(state));
          return [better.select(v, only(state)), better.select(dimValue(i), only(state, 1))];
        },
      );
      return only(found, 1)
        .eq(dimValue(coords[axis] ?? 0))
        .select(constant(type, 1), constant(type, 0));
    };
  },
  flops: (node) => axisLength(node),
});

/** x / (sum |x|^p)^(1/p) along `axis`; a zero norm gives 0. */
const lpNorm = defineOp({
  name: 'lp_norm',
  infer: sameType,
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const p = numberAttr(c.attrs, 'p', 2);
    return (coords) => {
      const total = sumAlong(c, axis, coords, (x) => powerOf(x.abs(), p));
      const norm = p === 1 ? total : p === 2 ? total.sqrt() : total.pow(1 / p);
      const none = norm.eq(0);
      return none.select(constant(norm.type, 0), c.at(0, coords).div(none.select(constant(norm.type, 1), norm)));
    };
  },
  flops: (node) => D.mul(2, axisLength(node)),
});

/** Mean and reciprocal standard deviation over the axes from `axis` on. */
function rowMoments(c: ElementContext, coords: readonly Dim[], axis: number, eps: number) {
  const shape = shapeOf(c, 0);
  const outer = coords.slice(0, axis);
  const extents = shape.slice(axis);
  const type = typeOf(c) === 'f64' ? 'f64' : 'f32';
  const count = dimValue(D.product(extents)).cast(type);
  const sum = (each: (x: Expr) => Expr) =>
    only(
      c.fold('sum', extents, [constant(type, 0)], (loops, state) => [
        only(state).add(each(c.at(0, [...outer, ...loops]).cast(type))),
      ]),
    );
  const mean = sum((x) => x).div(count);
  const centred = (x: Expr) => x.sub(mean);
  const variance = sum((x) => centred(x).mul(centred(x))).div(count);
  const rms = () =>
    constant(type, 1).div(
      sum((x) => x.mul(x))
        .div(count)
        .add(eps)
        .sqrt(),
    );
  return { mean, scale: constant(type, 1).div(variance.add(eps).sqrt()), rms };
}

const rowSize = (node: {
  readonly inputs: readonly ({ type: TensorType } | null)[];
  readonly attrs: Attributes;
}): Dim => D.product(node.inputs[0]?.type.shape.slice(numberAttr(node.attrs, 'axis', 0)) ?? []);

/**
 * (x - mean) / sqrt(variance + eps) * scale + bias over the axes from `axis` on (inputs x, scale?, bias?); outputs 1 and 2, with
 * `moments`, are the mean and the reciprocal standard deviation. Computes in f32 at least.
 */
const layerNorm = defineOp({
  name: 'layer_norm',
  infer: (c) => {
    const x = sameType(c);
    if (c.attrs.moments !== true) return x;
    const axis = numberAttr(c.attrs, 'axis', 0);
    const dtype = dtypeAttr(c.attrs, 'momentsDtype', x.dtype === 'f64' ? 'f64' : 'f32');
    const kept: TensorType = { dtype, shape: x.shape.map((n, i) => (i < axis ? n : 1)), format: 'dense' };
    return [x, kept, kept];
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const eps = numberAttr(c.attrs, 'eps', 1e-5);
    return (coords, output) => {
      const { mean, scale } = rowMoments(c, coords, axis, eps);
      if (output === 1) return mean;
      if (output === 2) return scale;
      return affine(c, c.at(0, coords).cast(mean.type).sub(mean).mul(scale), coords);
    };
  },
  flops: (node) => D.mul(3, rowSize(node)),
});

/** y * scale + bias with inputs 1 and 2, broadcast against the end of the shape. */
function affine(c: ElementContext, y: Expr, coords: readonly Dim[]): Expr {
  const scaled = c.inputs[1] ? y.mul(c.at(1, broadcastCoords(shapeOf(c, 1), coords)).cast(y.type)) : y;
  const out = c.inputs[2] ? scaled.add(c.at(2, broadcastCoords(shapeOf(c, 2), coords)).cast(y.type)) : scaled;
  return out.cast(typeOf(c));
}

/** x / sqrt(mean(x^2) + eps) * scale over the axes from `axis` on (inputs x, scale?). */
const rmsNorm = defineOp({
  name: 'rms_norm',
  infer: sameType,
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const eps = numberAttr(c.attrs, 'eps', 1e-5);
    return (coords) => {
      const { rms } = rowMoments(c, coords, axis, eps);
      const scale = rms();
      return affine(c, c.at(0, coords).cast(scale.type).mul(scale), coords);
    };
  },
  flops: (node) => D.mul(2, rowSize(node)),
});

/**
 * Normalises each of `groups` groups of channels of x [n, c, ...] to mean 0 and variance 1, then scale and bias per channel (inputs x,
 * scale?, bias?). As many groups as channels is instance normalisation.
 */
const groupNorm = defineOp({
  name: 'group_norm',
  infer: sameType,
  element: (c) => {
    const shape = shapeOf(c, 0);
    const channels = shape[1] ?? 1;
    const groups = numberAttr(c.attrs, 'groups', 0);
    const per: Dim = groups === 0 ? 1 : D.floorDiv(channels, groups);
    const eps = numberAttr(c.attrs, 'eps', 1e-5);
    const extents = [per, ...shape.slice(2)];
    return (coords) => {
      const [n = 0, channel = 0] = coords;
      const first = per === 1 ? channel : D.mul(D.floorDiv(channel, per), per);
      const type = typeOf(c);
      const count = dimValue(D.product(extents)).cast(type);
      const sum = (each: (x: Expr) => Expr) =>
        only(
          c.fold('sum', extents, [constant(type, 0)], ([j = 0, ...rest], state) => [
            only(state).add(each(c.at(0, [n, D.add(first, j), ...rest]))),
          ]),
        );
      const mean = sum((x) => x).div(count);
      const variance = sum((x) => x.sub(mean).mul(x.sub(mean))).div(count);
      const scale = constant(type, 1).div(variance.add(eps).sqrt());
      let y = c.at(0, coords).sub(mean).mul(scale);
      if (c.inputs[1]) y = y.mul(c.at(1, [channel]).cast(type));
      return c.inputs[2] ? y.add(c.at(2, [channel]).cast(type)) : y;
    };
  },
  flops: (node) => D.mul(3, D.product(node.inputs[0]?.type.shape.slice(2) ?? [])),
});

/** x / (bias + alpha/size * sum of squares over `size` neighbouring channels)^beta. */
const lrn = defineOp({
  name: 'lrn',
  infer: sameType,
  element: (c) => {
    const size = numberAttr(c.attrs, 'size', 1);
    const scale = numberAttr(c.attrs, 'alpha', 1e-4) / size;
    return (coords) => {
      const zero = constant(typeOf(c), 0);
      const total = only(
        c.fold('sum', [size], [zero], ([i = 0], state) => {
          const at = D.sub(D.add(coords[1] ?? 0, i), Math.floor((size - 1) / 2));
          const x = c.guarded(0, withCoord(coords, 1, at), zero);
          return [only(state).add(x.mul(x))];
        }),
      );
      const divisor = total.mul(scale).add(numberAttr(c.attrs, 'bias', 1));
      return c.at(0, coords).div(divisor.pow(numberAttr(c.attrs, 'beta', 0.75)));
    };
  },
  flops: (node) => 2 * numberAttr(node.attrs, 'size', 1) + 16,
});

/** Normalisations: several folds over a row and one expression of their results. */
export const normOps: readonly OpDef[] = [softmax, logSoftmax, hardmax, lpNorm, layerNorm, rmsNorm, groupNorm, lrn];
