import { defineCodec, type Groups, halfAt } from './codec.ts';

/**
 * The eight 6-bit scales and eight 6-bit minimums of a Q4_K or Q5_K block: f16 factors at `at`, then 12 bytes. The first four of each lie in
 * the low bits of bytes 0 to 7; of the others the low nibbles are in bytes 8 to 11, the high bits on top of bytes 0 to 7.
 */
function superScale(view: DataView, at: number, g: number): { readonly scale: number; readonly minimum: number } {
  const byte = (i: number): number => view.getUint8(at + 4 + i);
  return {
    scale: g < 4 ? byte(g) & 63 : (byte(g + 4) & 15) | ((byte(g - 4) >> 6) << 4),
    minimum: g < 4 ? byte(g + 4) & 63 : (byte(g + 4) >> 4) | ((byte(g) >> 6) << 4),
  };
}

export function superScales(view: DataView, at: number, { scales, offsets }: Groups): void {
  const d = halfAt(view, at);
  const least = halfAt(view, at + 2);
  for (let g = 0; g < 8; g++) {
    const { scale, minimum } = superScale(view, at, g);
    scales[g] = d * scale;
    offsets[g] = -(least * minimum);
  }
}

/** The same as integers, with the bits of their factors. */
export function superParameters(view: DataView, at: number): Readonly<Record<string, ArrayLike<number>>> {
  const all = Array.from({ length: 8 }, (_, g) => superScale(view, at, g));
  return {
    scales: all.map((s) => s.scale),
    d: [view.getUint16(at, true)],
    minima: all.map((s) => s.minimum),
    dmin: [view.getUint16(at + 2, true)],
  };
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
