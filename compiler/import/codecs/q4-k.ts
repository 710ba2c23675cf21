import { defineCodec, type Groups, halfAt, type Put } from './codec.ts';

/**
 * The eight 6-bit scales and eight 6-bit minimums of a Q4_K or Q5_K block: f16 factors at `at`, then 12 bytes. The first four of each lie in
 * the low bits of bytes 0 to 7; of the others the low nibbles are in bytes 8 to 11, the high bits on top of bytes 0 to 7.
 */
const superScale = (view: DataView, at: number, g: number): number =>
  g < 4 ? view.getUint8(at + 4 + g) & 63 : (view.getUint8(at + 8 + g) & 15) | ((view.getUint8(at + g) >> 6) << 4);
const superMinimum = (view: DataView, at: number, g: number): number =>
  g < 4 ? view.getUint8(at + 8 + g) & 63 : (view.getUint8(at + 8 + g) >> 4) | ((view.getUint8(at + 4 + g) >> 6) << 4);

export function superScales(view: DataView, at: number, { scales, offsets }: Groups): void {
  const d = halfAt(view, at);
  const least = halfAt(view, at + 2);
  for (let g = 0; g < 8; g++) {
    scales[g] = d * superScale(view, at, g);
    offsets[g] = -(least * superMinimum(view, at, g));
  }
}

/** The same as integers, with the bits of their factors. */
export function superParameters(view: DataView, at: number, index: number, put: Put): void {
  put('d', index, view.getUint16(at, true));
  put('dmin', index, view.getUint16(at + 2, true));
  for (let g = 0; g < 8; g++) {
    put('scales', index * 8 + g, superScale(view, at, g));
    put('minima', index * 8 + g, superMinimum(view, at, g));
  }
}

/** f16 factors of scales and minimums, 12 bytes of these, 256 nibbles: each run of 32 bytes holds two groups, low nibbles first. */
export const q4k = defineCodec({
  name: 'Q4_K',
  block: 256,
  bytes: 144,
  group: 32,
  unpack(view, at, groups) {
    superScales(view, at, groups);
    for (let i = 0; i < 256; i++) {
      const byte = view.getUint8(at + 16 + (i >> 6) * 32 + (i & 31));
      groups.codes[i] = i & 32 ? byte >> 4 : byte & 15;
    }
  },
  stored: { format: 'q4_k', bits: 4, zero: 0, parameters: superParameters },
});
