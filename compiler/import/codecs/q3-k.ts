import { defineCodec, halfAt } from './codec.ts';
import { pairAt } from './q2-k.ts';

/**
 * 32 bytes of third bits (bit g of byte i belongs to weight i of the g-th 32), 64 bytes of low pairs, 12 bytes of sixteen 6-bit scales with
 * 32 for zero (low nibbles in bytes 0 to 7, high pairs in bytes 8 to 11), f16 factor; a third bit of zero subtracts 4.
 */
export const q3k = defineCodec({
  name: 'Q3_K',
  block: 256,
  bytes: 110,
  group: 16,
  unpack(view, at, { codes, scales }) {
    const d = halfAt(view, at + 108);
    for (let g = 0; g < 16; g++) scales[g] = d * scaleAt(view, at, g);
    for (let i = 0; i < 256; i++) {
      const third = (view.getUint8(at + (i & 31)) >> (i >> 5)) & 1;
      codes[i] = pairAt(view, at + 32, i) - (third ? 0 : 4);
    }
  },
  stored: {
    format: 'q3_k',
    bits: 3,
    zero: 4,
    parameters: (view, at, index, put) => {
      put('d', index, view.getUint16(at + 108, true));
      for (let g = 0; g < 16; g++) put('scales', index * 16 + g, scaleAt(view, at, g));
    },
  },
});

function scaleAt(view: DataView, at: number, g: number): number {
  const low = view.getUint8(at + 96 + (g & 7));
  const high = (view.getUint8(at + 104 + (g & 3)) >> ((g >> 2) * 2)) & 3;
  return (((g < 8 ? low : low >> 4) & 15) | (high << 4)) - 32;
}
