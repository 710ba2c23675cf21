import * as D from '../ir/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { inputType, numberAttr, withCoord } from './shapes.ts';

const i64 = (shape: readonly D.Dim[]): TensorType => ({ dtype: 'i64', shape, format: 'dense' });

/** Ops whose results depend on data in their shape or order: host steps; see runtime/host/select.ts. */
export const selectOps: readonly OpDef[] = [
  defineOp({
    name: 'non_zero',
    partwise: true,
    infer: (c) => {
      const { shape } = inputType(c, 0);
      return i64([Math.max(1, shape.length), c.dataDependent('count', D.upperBound(D.product(shape)))]);
    },
    host: 'non_zero',
  }),
  defineOp({
    name: 'compress',
    partwise: true,
    infer: (c) => {
      const x = inputType(c, 0);
      const axis = c.attrs.axis;
      const all = typeof axis === 'number' ? (x.shape[axis] ?? 1) : D.product(x.shape);
      const count = c.dataDependent('count', D.upperBound(all));
      return { ...x, shape: typeof axis === 'number' ? withCoord(x.shape, axis, count) : [count] };
    },
    host: 'compress',
  }),
  defineOp({
    name: 'unique',
    partwise: true,
    infer: (c) => {
      const x = inputType(c, 0);
      const axis = c.attrs.axis;
      const all = typeof axis === 'number' ? (x.shape[axis] ?? 1) : D.product(x.shape);
      const count = c.dataDependent('count', D.upperBound(all));
      const y = { ...x, shape: typeof axis === 'number' ? withCoord(x.shape, axis, count) : [count] };
      return [y, i64([count]), i64([all]), i64([count])];
    },
    host: 'unique',
  }),
  defineOp({
    // Inputs x and k (one integer).
    name: 'top_k',
    infer: (c) => {
      const x = inputType(c, 0);
      const axis = numberAttr(c.attrs, 'axis', 0);
      const k = c.known(1)?.[0] ?? c.dataDependent('k', D.upperBound(x.shape[axis] ?? 1));
      const shape = withCoord(x.shape, axis, k);
      return [{ ...x, shape }, i64(shape)];
    },
    host: 'top_k',
  }),
  defineOp({
    name: 'non_max_suppression',
    infer: (c) => i64([c.dataDependent('boxes', D.upperBound(D.product(inputType(c, 1).shape))), 3]),
    host: 'non_max_suppression',
  }),
  defineOp({ name: 'tensor_scatter', partwise: true, infer: (c) => inputType(c, 0), host: 'tensor_scatter' }),
];
