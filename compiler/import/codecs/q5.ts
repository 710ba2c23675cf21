import { defineCodec, halfAt, scaleOnly } from './codec.ts';
import { nibbles, scaleAndMinimum } from './q4.ts';

/** Bit i of the word at `at` is the fifth bit of weight i. */
function fifthBits(view: DataView, at: number, codes: Int8Array): void {
  const high = view.getUint32(at, true);
  for (let i = 0; i < 32; i++) codes[i] = (codes[i] ?? 0) + (((high >>> i) & 1) << 4);
}

/** f16 scale, 32 fifth bits, 32 nibbles, with 16 for zero. */
export const q50 = defineCodec({
  name: 'Q5_0',
  block: 32,
  bytes: 22,
  group: 32,
  unpack(view, at, { codes, scales }) {
    scales[0] = halfAt(view, at);
    nibbles(view, at + 6, codes, 16);
    fifthBits(view, at + 2, codes);
  },
  stored: { format: 'q5g32', bits: 5, zero: 16, parameters: scaleOnly },
});

/** f16 scale, f16 minimum, 32 fifth bits, 32 nibbles. */
export const q51 = defineCodec({
  name: 'Q5_1',
  block: 32,
  bytes: 24,
  group: 32,
  unpack(view, at, { codes, scales, offsets }) {
    scales[0] = halfAt(view, at);
    offsets[0] = halfAt(view, at + 2);
    nibbles(view, at + 8, codes, 0);
    fifthBits(view, at + 4, codes);
  },
  stored: { format: 'a5g32', bits: 5, zero: 0, parameters: scaleAndMinimum },
});
