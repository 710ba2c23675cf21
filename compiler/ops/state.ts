import * as D from '../ir/dim.ts';
import type { Attributes } from '../ir/graph.ts';
import { defineOp, type OpDef } from '../ir/op.ts';
import { dimAttr, dimsAttr, dtypeAttr, formatShape, inputType, numberAttr, stringAttr } from './shapes.ts';

/**
 * Where row `i` of an update lies along the axis of a state: position p = at + i, counted from row `first`. With attribute `ring`, positions
 * from `sinks` on share that many slots in turn: p < sinks keeps slot p, later ones go to sinks + (p - sinks) mod ring (a ring buffer behind
 * fixed first rows).
 */
export function slotOf(attrs: Attributes, i: D.Dim): D.Dim {
  const first = dimAttr(attrs, 'first', 0);
  const position = D.add(dimAttr(attrs, 'at', 0), i);
  const ring = numberAttr(attrs, 'ring', 0);
  if (ring === 0) return D.add(first, position);
  const sinks = numberAttr(attrs, 'sinks', 0);
  if (sinks === 0) return D.add(first, D.mod(position, ring));
  return D.add(first, D.add(D.min(position, sinks), D.mod(D.max(D.sub(position, sinks), 0), ring)));
}

/** The contents of a state as they are when the node runs: a view, no copy. Attributes: `state` (its name), `dtype` and `shape`. */
const stateRead = defineOp({
  name: 'state_read',
  control: true,
  pure: false,
  infer: (c) => {
    if (stringAttr(c.attrs, 'state', '') === '') c.fail('attribute state is missing');
    return { dtype: dtypeAttr(c.attrs, 'dtype', 'f32'), shape: dimsAttr(c.attrs, 'shape'), format: 'dense' };
  },
});

/**
 * The state after some of its rows along `axis` became those of the update. Inputs: the state's contents before (a `state_read` or an earlier
 * `state_write`) and the update, of the same shape but along `axis`. Row i goes where {@link slotOf} says, which the update may leave `room`
 * rows for (default: to the end), or, with integers [rows] as input 2, to the row that these name. Writes in place: nothing may read the
 * contents before it any more (INFC2027).
 */
const stateWrite = defineOp({
  name: 'state_write',
  control: true,
  pure: false,
  infer: (c) => {
    const [state, update] = [inputType(c, 0), inputType(c, 1)];
    const axis = numberAttr(c.attrs, 'axis', 0);
    const fits =
      state.shape.length === update.shape.length &&
      state.shape.every((d, i) => i === axis || D.equals(d, update.shape[i] ?? 0) !== false);
    if (!fits || state.dtype !== update.dtype)
      c.fail(`an update ${update.dtype}${formatShape(update.shape)} does not fit a state ${formatShape(state.shape)}`);
    const places = c.inputs[2];
    if (places && (places.shape.length !== 1 || D.equals(places.shape[0] ?? 1, update.shape[axis] ?? 1) === false))
      c.fail(`places ${formatShape(places.shape)} do not name a row for each of ${formatShape(update.shape)}`);
    return state;
  },
});

/** Memory that outlives a run. Both ops are impure: they stay where they are and are never merged or folded. */
export const stateOps: readonly OpDef[] = [stateRead, stateWrite];
