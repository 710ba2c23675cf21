import type { Value } from '../ir/graph.ts';
import { defineKvPolicy, keep, look, rowsOf } from './policy.ts';

/** Elements that share a scale. */
const GROUP = 32;

/** Every token's keys and values as 8-bit integers with a scale for each 32 of a head: about 0.28 of the memory. */
export const q8 = defineKvPolicy({
  name: 'q8',
  does: 'keeps every token in 8 bits: 0.28 of the memory',
  attend(layer) {
    const { b, k, v, context, window } = layer;
    const write = (name: string, x: Value): readonly [Value, Value] => {
      const [, , heads = 1, d = 1] = x.type.shape;
      const seq = x.type.shape[1] ?? 1;
      const group = Number(d) % GROUP === 0 ? GROUP : Number(d);
      const groups = Number(d) / group;
      const split = b.node('reshape', [rowsOf(b, x)], { shape: [heads, seq, groups, group] });
      const most = b.node('reduce_max', [b.node('abs', [split])], { axes: [3], keepDims: true });
      const unit = b.node('div', [most, b.scalar('f32', 127)]);
      // A group of zeros has no unit: its codes are zeros.
      const safe = b.node('max', [unit, b.scalar('f32', 1e-30)]);
      const codes = b.node('cast', [b.node('round', [b.node('div', [split, safe])])], { to: 'i8' });
      const put = (part: string, y: Value, width: number): Value =>
        keep(layer, `${name}.${part}`, b.node('reshape', [y], { shape: [heads, seq, width] }), context);
      return [put('codes', codes, Number(d)), put('scales', unit, groups)];
    };
    const [keys, keyScales] = write('key', k);
    const [values, valueScales] = write('value', v);
    return look(layer, context, [keys, values, keyScales, valueScales], { window });
  },
});
