import { tensor } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dimAttr, dtypeAttr, inputType } from './shapes.ts';

/** Maps live on the host, at the borders of a graph; see runtime/host/maps.ts. */
export const mapOps: readonly OpDef[] = [
  /** Input [n, labels] or [labels]; attributes `labels` and `keys`, their type. */
  defineOp({
    name: 'zip_map',
    infer: (c) => {
      const x = inputType(c, 0);
      const labels = Array.isArray(c.attrs.labels) ? c.attrs.labels.length : 0;
      const columns = x.shape.at(-1);
      if (typeof columns === 'number' && columns !== labels) c.fail(`${labels} labels for ${columns} columns`);
      return { ...tensor(x.dtype, []), container: c.attrs.keys === 'string' ? 'string-maps' : 'i64-maps' };
    },
    host: 'zip_map',
  }),
  /** The values of `keys` in this order, or all by ascending key; attributes `dtype` of the result and `count` of keys. */
  defineOp({
    name: 'map_row',
    infer: (c) => {
      if (!c.inputs[0]?.container?.endsWith('-map')) c.fail('the input must be a map');
      const count = c.attrs.count === undefined ? c.dataDependent('entries', 2147483647) : dimAttr(c.attrs, 'count', 0);
      return tensor(dtypeAttr(c.attrs, 'dtype', 'f32'), [1, count]);
    },
    host: 'map_row',
  }),
];
