import { defineCodec, halfAt, scaleOnly } from './codec.ts';

/** f16 scale, 32 signed bytes. */
export const q80 = defineCodec({
  name: 'Q8_0',
  block: 32,
  bytes: 34,
  group: 32,
  unpack(view, at, { codes, scales }) {
    scales[0] = halfAt(view, at);
    for (let i = 0; i < 32; i++) codes[i] = view.getInt8(at + 2 + i);
  },
  stored: { format: 'q8g32', bits: 8, zero: 0, parameters: scaleOnly },
});
