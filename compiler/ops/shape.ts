import * as D from '../ir/dim.ts';
import { computeType } from '../ir/dtype.ts';
import { constant, dimValue, type Expr } from '../ir/expr.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dimAttr, dimsAttr, dtypeAttr, inputType, numberAttr, stringAttr } from './shapes.ts';

/** The i64 vector of attribute `dims`: shapes and sizes as data. Attribute `scalar` drops the axis. */
const dims = defineOp({
  name: 'dims',
  infer: (c) => ({
    dtype: dtypeAttr(c.attrs, 'dtype', 'i64'),
    shape: c.attrs.scalar === true ? [] : [dimsAttr(c.attrs, 'dims').length],
    format: 'dense',
  }),
  known: (c) => [dimsAttr(c.attrs, 'dims')],
  element: (c) => {
    const list = dimsAttr(c.attrs, 'dims');
    const type = computeType(dtypeAttr(c.attrs, 'dtype', 'i64'));
    return ([i = 0]) => {
      if (D.isStatic(i)) return dimValue(list[i] ?? 0).cast(type);
      let value: Expr = constant(type, 0);
      for (let k = list.length - 1; k >= 0; k--)
        value = dimValue(i)
          .eq(k)
          .select(dimValue(list[k] ?? 0).cast(type), value);
      return value;
    };
  },
});

/**
 * Turns the contents of an integer tensor into dims that the run decides. Output 0 is the tensor itself as i64, whose contents are
 * the new symbols; output 1 holds no bytes: its shape [values..., 0] is what fixes the symbols.
 */
const readDims = defineOp({
  name: 'read_dims',
  infer: (c) => {
    const x = inputType(c, 0);
    const count = D.product(x.shape);
    if (!D.isStatic(count)) return c.fail('the number of values must be known');
    return [
      { dtype: 'i64', shape: x.shape, format: 'dense' },
      { dtype: 'u8', shape: [...symbolsOf(c, count), 0], format: 'dense' },
    ];
  },
  known: (c) => {
    const count = D.product(inputType(c, 0).shape);
    return [D.isStatic(count) ? symbolsOf(c, count) : undefined, undefined];
  },
  host: 'read_dims',
});

const symbolsOf = (c: Parameters<OpDef['infer']>[0], count: number): D.Dim[] =>
  Array.from({ length: count }, (_, i) =>
    c.dataDependent(`${stringAttr(c.attrs, 'role', 'dim')}${i}`, numberAttr(c.attrs, 'max', 2147483647)),
  );

/** start + i * delta for i in [0, length) (inputs: start, delta). */
const range = defineOp({
  name: 'range',
  infer: (c) => ({ dtype: inputType(c, 0).dtype, shape: [dimAttr(c.attrs, 'length', 0)], format: 'dense' }),
  element:
    (c) =>
    ([i = 0]) => {
      const start = c.linear(0, 0);
      return start.add(dimValue(i).cast(start.type).mul(c.linear(1, 0)));
    },
});

/** Ones on diagonal `k` of a matrix of `shape`. */
const eye = defineOp({
  name: 'eye',
  infer: (c) => ({ dtype: dtypeAttr(c.attrs, 'dtype', 'f32'), shape: dimsAttr(c.attrs, 'shape'), format: 'dense' }),
  element: (c) => {
    const type = computeType(dtypeAttr(c.attrs, 'dtype', 'f32'));
    const k = numberAttr(c.attrs, 'k', 0);
    return ([row = 0, column = 0]) =>
      dimValue(column)
        .eq(dimValue(D.add(row, k)))
        .select(constant(type, 1), constant(type, 0));
  },
});

/** Shapes and sequences of integers as data. */
export const shapeOps: readonly OpDef[] = [dims, readDims, range, eye];
