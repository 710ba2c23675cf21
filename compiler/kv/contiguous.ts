import { tensor, type Value } from '../ir/graph.ts';
import { defineKvPolicy, rowsOf } from './policy.ts';

/** Every token's keys and values in f32, at its own position: exact, and any tail can be forgotten. */
export const contiguous = defineKvPolicy({
  name: 'contiguous',
  does: 'keeps every token in f32',
  attend({ b, q, k, v, past, context, window, scale, softCap, state }) {
    const write = (name: string, x: Value): Value => {
      const [, , heads = 1, d = 1] = x.type.shape;
      const before = state(name, tensor('f32', [heads, context, d]));
      return b.node('state_write', [before, rowsOf(b, x)], { axis: 1, at: past });
    };
    return b.node('cached_attention', [q, write('key', k), write('value', v)], { past, scale, softCap, window });
  },
});
