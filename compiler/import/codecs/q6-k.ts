import { defineCodec, halfAt } from './codec.ts';

/**
 * 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, f16 factor; 32 for zero. Each half of 128 weights has 64 bytes of
 * nibbles (first 64 weights low, last 64 high) and 32 of pairs (weights i, i + 32, i + 64, i + 96 in one byte, lowest first).
 */
export const q6k = defineCodec({
  name: 'Q6_K',
  block: 256,
  bytes: 210,
  group: 16,
  unpack(view, at, { codes, scales }) {
    const d = halfAt(view, at + 208);
    for (let g = 0; g < 16; g++) scales[g] = d * view.getInt8(at + 192 + g);
    for (let i = 0; i < 256; i++) {
      const half = i >> 7;
      const j = i & 127;
      const byte = view.getUint8(at + half * 64 + (j & 63));
      const pairs = view.getUint8(at + 128 + half * 32 + (j & 31));
      codes[i] = ((j < 64 ? byte & 15 : byte >> 4) | (((pairs >> ((j >> 5) * 2)) & 3) << 4)) - 32;
    }
  },
  stored: {
    format: 'q6_k',
    bits: 6,
    zero: 32,
    parameters: (view, at, index, put) => {
      put('d', index, view.getUint16(at + 208, true));
      for (let g = 0; g < 16; g++) put('scales', index * 16 + g, view.getInt8(at + 192 + g));
    },
  },
});
