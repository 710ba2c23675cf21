import { defineKvPolicy, keep, look, rowsOf } from './policy.ts';

/** Every token's keys and values in f32, at its own position: exact, and any tail can be forgotten. */
export const contiguous = defineKvPolicy({
  name: 'contiguous',
  does: 'keeps every token in f32',
  attend(layer) {
    const { b, k, v, context, window } = layer;
    const keys = keep(layer, 'key', rowsOf(b, k), context);
    const values = keep(layer, 'value', rowsOf(b, v), context);
    return look(layer, context, [keys, values], { window });
  },
});
