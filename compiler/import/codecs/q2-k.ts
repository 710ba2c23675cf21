import { defineCodec, halfAt } from './codec.ts';

/** 16 bytes of 4-bit scale (low) and minimum (high), 64 bytes of bit pairs, f16 factors of both. */
export const q2k = defineCodec({
  name: 'Q2_K',
  block: 256,
  bytes: 84,
  group: 16,
  unpack(view, at, { codes, scales, offsets }) {
    const d = halfAt(view, at + 80);
    const least = halfAt(view, at + 82);
    for (let g = 0; g < 16; g++) {
      const byte = view.getUint8(at + g);
      scales[g] = d * (byte & 15);
      offsets[g] = -(least * (byte >> 4));
    }
    for (let i = 0; i < 256; i++) codes[i] = pairAt(view, at + 16, i);
  },
  stored: {
    format: 'q2_k',
    bits: 2,
    zero: 0,
    parameters: (view, at, index, put) => {
      put('d', index, view.getUint16(at + 80, true));
      put('dmin', index, view.getUint16(at + 82, true));
      for (let g = 0; g < 16; g++) {
        put('scales', index * 16 + g, view.getUint8(at + g) & 15);
        put('minima', index * 16 + g, view.getUint8(at + g) >> 4);
      }
    },
  },
});

/** 2 bits of weight i: each 128 weights share 32 bytes, those 32 apart in one byte, lowest first. */
export const pairAt = (view: DataView, at: number, i: number): number =>
  (view.getUint8(at + (i >> 7) * 32 + (i & 31)) >> (((i >> 5) & 3) * 2)) & 3;
