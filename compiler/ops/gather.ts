import type { Dim } from '../ir/dim.ts';
import * as D from '../ir/dim.ts';
import { computeType, isComplex } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import { defineOp, type ElementContext, type OpDef } from '../ir/op.ts';
import {
  dimAttr,
  flagAttr,
  formatShape,
  inputType,
  isFloatType,
  numberAttr,
  only,
  stringAttr,
  withCoord,
} from './shapes.ts';

/** An index into `extent` elements, counted from the end when negative; out of range it is clamped. */
export function wrapIndex(c: ElementContext, value: Expr, extent: Dim): Dim {
  const i = value.cast('i32');
  const unsigned = value.type === 'u32' || value.type === 'u64';
  return c.index(unsigned ? i : i.lt(0).select(i.add(dimValue(extent)), i), extent);
}

/** data[..., indices, ...]: the indexed axis is replaced by the axes of `indices`. */
const gather = defineOp({
  name: 'gather',
  partwise: true,
  infer: (c) => {
    const data = inputType(c, 0);
    const axis = numberAttr(c.attrs, 'axis', 0);
    if (axis >= data.shape.length) c.fail(`axis ${axis} is outside ${formatShape(data.shape)}`);
    const shape = [...data.shape.slice(0, axis), ...inputType(c, 1).shape, ...data.shape.slice(axis + 1)];
    return { dtype: data.dtype, shape, format: 'dense' };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const rank = c.inputs[1]?.shape.length ?? 0;
    const extent = c.inputs[0]?.shape[axis] ?? 1;
    return (coords) => {
      const at = wrapIndex(c, c.at(1, coords.slice(axis, axis + rank)), extent);
      return c.at(0, [...coords.slice(0, axis), at, ...coords.slice(axis + rank)]);
    };
  },
});

/** data[i0, ..., indices[i0, i1, ...], ...] with the shape of `indices`. */
const gatherElements = defineOp({
  name: 'gather_elements',
  partwise: true,
  infer: (c) => {
    const data = inputType(c, 0);
    const indices = inputType(c, 1);
    if (data.shape.length !== indices.shape.length) c.fail('data and indices must have the same rank');
    return { dtype: data.dtype, shape: indices.shape, format: 'dense' };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const extent = c.inputs[0]?.shape[axis] ?? 1;
    return (coords) => c.at(0, withCoord(coords, axis, wrapIndex(c, c.at(1, coords), extent)));
  },
});

/** Slices of data addressed by the last axis of `indices`; the first `batchDims` axes are shared. */
const gatherNd = defineOp({
  name: 'gather_nd',
  partwise: true,
  infer: (c) => {
    const data = inputType(c, 0);
    const indices = inputType(c, 1).shape;
    const depth = indices[indices.length - 1];
    const batch = numberAttr(c.attrs, 'batchDims', 0);
    if (depth === undefined || !D.isStatic(depth))
      return c.fail('the last dimension of indices must be a known number');
    if (batch + depth > data.shape.length) c.fail(`indices of depth ${depth} do not fit ${formatShape(data.shape)}`);
    return { dtype: data.dtype, shape: [...indices.slice(0, -1), ...data.shape.slice(batch + depth)], format: 'dense' };
  },
  element: (c) => {
    const data = c.inputs[0]?.shape ?? [];
    const indices = c.inputs[1]?.shape ?? [];
    const depth = Number(indices[indices.length - 1] ?? 0);
    const batch = numberAttr(c.attrs, 'batchDims', 0);
    return (coords) => {
      const outer = coords.slice(0, indices.length - 1);
      const picked = Array.from({ length: depth }, (_, i) =>
        wrapIndex(c, c.at(1, [...outer, i]), data[batch + i] ?? 1),
      );
      return c.at(0, [...coords.slice(0, batch), ...picked, ...coords.slice(indices.length - 1)]);
    };
  },
});

/** 1 at the index along `axis`, 0 elsewhere (inputs: indices, [off, on] values; attribute `depth`). Indices out of range give all off. */
const oneHot = defineOp({
  name: 'one_hot',
  partwise: true,
  infer: (c) => {
    const shape = [...inputType(c, 0).shape];
    shape.splice(numberAttr(c.attrs, 'axis', shape.length), 0, dimAttr(c.attrs, 'depth', 1));
    return { dtype: inputType(c, 1).dtype, shape, format: 'dense' };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, 'axis', 0);
    const depth = dimValue(dimAttr(c.attrs, 'depth', 1));
    return (coords) => {
      const value = c.at(
        0,
        coords.filter((_, i) => i !== axis),
      );
      const i = isFloatType(value.type) ? value.trunc().cast('i32') : value.cast('i32');
      const at = i.lt(0).select(i.add(depth), i);
      return at.eq(dimValue(coords[axis] ?? 0)).select(c.at(1, [1]), c.at(1, [0]));
    };
  },
});

/** Keeps the upper (or lower) triangle of the last two axes relative to diagonal k (optional input 1). */
const trilu = defineOp({
  name: 'trilu',
  partwise: true,
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const upper = flagAttr(c.attrs, 'upper');
    const zero = constant(computeType(only(c.outputs).dtype), 0);
    return (coords) => {
      const [row = 0, column = 0] = coords.slice(-2);
      const k = c.inputs[1] ? c.linear(1, 0).cast('i32') : constant('i32', 0);
      const distance = dimValue(column).sub(dimValue(row));
      const keep = upper ? distance.ge(k) : distance.le(k);
      return keep.select(c.at(0, coords), zero);
    };
  },
});

/** Reverses the first `lengths[b]` elements along `timeAxis` of each batch entry. */
const reverseSequence = defineOp({
  name: 'reverse_sequence',
  partwise: true,
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const time = numberAttr(c.attrs, 'timeAxis', 0);
    const batch = numberAttr(c.attrs, 'batchAxis', 1);
    const extent = c.inputs[0]?.shape[time] ?? 1;
    return (coords) => {
      const length = c.at(1, [coords[batch] ?? 0]).cast('i32');
      const t = dimValue(coords[time] ?? 0);
      const from = t.lt(length).select(length.sub(1).sub(t), t);
      return c.at(0, withCoord(coords, time, c.index(from, extent)));
    };
  },
});

/** A copy of the data with elements or slices replaced or combined: a host step; order matters where indices repeat. */
const scatterOp = (name: string): OpDef =>
  defineOp({
    name,
    partwise: true,
    infer: (c) => {
      const x = inputType(c, 0);
      const reduction = stringAttr(c.attrs, 'reduction', 'none');
      if (isComplex(x.dtype) && reduction !== 'none' && reduction !== 'add')
        c.fail(`complex numbers cannot be combined by '${reduction}'`, "Use reduction 'none' or 'add'");
      return x;
    },
    host: name,
  });

/** Indexed reads and writes. Indices are data: they are clamped into range, so memory outside a tensor is never touched. */
export const gatherOps: readonly OpDef[] = [
  gather,
  gatherElements,
  gatherNd,
  oneHot,
  trilu,
  reverseSequence,
  scatterOp('scatter_elements'),
  scatterOp('scatter_nd'),
];
