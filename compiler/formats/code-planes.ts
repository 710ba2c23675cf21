import { constant, type Expr } from '../ir/expr.ts';
import type { Plane } from './format.ts';

/** Widths of 4, 2 and 1 bits that add up to `bits`, the low bits first: each is a plane of words, so that any width packs without gaps. */
const chunksOf = (bits: number): { readonly width: number; readonly shift: number; readonly plane: string }[] => {
  const out = [];
  for (let shift = 0; shift < bits; ) {
    const width = [8, 4, 2, 1].find((w) => w <= bits - shift) ?? 1;
    out.push({ width, shift, plane: bits === width ? 'codes' : `bits${shift}to${shift + width - 1}` });
    shift += width;
  }
  return out;
};

/** Planes of codes of 1 to 8 bits: words of 32 bits, the first weight in the low bits. */
export const codePlanes = (bits: number): Record<string, Plane> =>
  Object.fromEntries(chunksOf(bits).map((c) => [c.plane, { dtype: 'u32', per: 32 / c.width } as const]));

/** Packs unsigned codes below 2^bits. */
export function packCodes(codes: ArrayLike<number>, bits: number): Record<string, Uint32Array> {
  return Object.fromEntries(
    chunksOf(bits).map(({ width, shift, plane }) => {
      const per = 32 / width;
      const words = new Uint32Array(Math.ceil(codes.length / per));
      const mask = (1 << width) - 1;
      for (let i = 0; i < codes.length; i++) {
        const at = Math.floor(i / per);
        words[at] = (words[at] ?? 0) | ((((codes[i] ?? 0) >> shift) & mask) << (width * (i % per)));
      }
      return [plane, words];
    }),
  );
}

/** The `group` unsigned codes as i32, from the words that cover them; group number `part` where a word covers several groups. */
export function unpackCodes(
  planes: Readonly<Record<string, readonly Expr[]>>,
  bits: number,
  group: number,
  part: number,
): Expr[] {
  const chunks = chunksOf(bits);
  return Array.from({ length: group }, (_, i) => {
    const parts = chunks.map(({ width, shift, plane }) => {
      const per = 32 / width;
      const word = (planes[plane] ?? [])[Math.floor(i / per)];
      if (!word) throw new RangeError(`plane '${plane}' is too short`);
      const at = per > group ? ((part * group) % per) + i : i % per;
      const down = at === 0 ? word : word.shr(constant('u32', width * at));
      // The topmost chunk of a word needs no mask.
      const chunk = width * (at + 1) === 32 ? down : down.and(constant('u32', 2 ** width - 1));
      return shift === 0 ? chunk : chunk.shl(constant('u32', shift));
    });
    return parts.reduce((a, b) => a.or(b)).cast('i32');
  });
}
