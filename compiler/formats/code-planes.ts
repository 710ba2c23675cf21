import { constant, type Expr } from '../ir/expr.ts';
import type { IntegerAccess, Plane } from './format.ts';

/** Widths of 4, 2 and 1 bits that add up to `bits`, the low bits first: each is a plane of words, so that any width packs without gaps. */
export const chunksOf = (
  bits: number,
): { readonly width: number; readonly shift: number; readonly plane: string }[] => {
  const out = [];
  for (let shift = 0; shift < bits; ) {
    const width = [8, 4, 2, 1].find((w) => w <= bits - shift) ?? 1;
    out.push({ width, shift, plane: bits === width ? 'codes' : `bits${shift}to${shift + width - 1}` });
    shift += width;
  }
  return out;
};

/**
 * Bit at which weight i lies in its word. Fields of 1 and 2 bits lie so that one shift and mask gives the same four weights (every other one
 * of eight) in the four bytes of a word as with 4 bits: planes of different widths then join without moving bits.
 */
function bitOf(i: number, width: number): number {
  if (width >= 4) return width * i;
  const [unit, within] = [i >> 3, i & 7];
  return 8 * (within >> 1) + width * (2 * unit + (within & 1));
}

/** Planes of codes of 1 to 8 bits: words of 32 bits, the weights in the order of {@link bitOf}. */
export const codePlanes = (bits: number): Record<string, Plane> =>
  Object.fromEntries(chunksOf(bits).map((c) => [c.plane, { dtype: 'u32', per: 32 / c.width } as const]));

/** Packs unsigned codes below 2^bits. */
export function packCodes(codes: ArrayLike<number>, bits: number): Record<string, Uint32Array> {
  return Object.fromEntries(
    chunksOf(bits).map(({ width, shift, plane }) => {
      const per = 32 / width;
      const words = new Uint32Array(Math.ceil(codes.length / per));
      const mask = (1 << width) - 1;
      const bits = Uint8Array.from({ length: per }, (_, i) => bitOf(i, width));
      for (let at = 0, i = 0; at < words.length; at++) {
        let word = 0;
        for (let j = 0; j < per && i < codes.length; j++, i++)
          word |= (((codes[i] ?? 0) >> shift) & mask) << (bits[j] ?? 0);
        words[at] = word;
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
      const bit = bitOf(at, width);
      const down = bit === 0 ? word : word.shr(constant('u32', bit));
      // The topmost chunk of a word needs no mask.
      const chunk = bit + width === 32 ? down : down.and(constant('u32', 2 ** width - 1));
      return shift === 0 ? chunk : chunk.shl(constant('u32', shift));
    });
    return parts.reduce((a, b) => a.or(b)).cast('i32');
  });
}

/** The codes as integers; `zero` is the code that stands for zero where there is no offset. */
export function integerCodes(bits: number, zero?: number): IntegerAccess {
  const chunks = chunksOf(bits);
  const wordOf = (planes: Readonly<Record<string, readonly Expr[]>>, plane: string): Expr => {
    const word = planes[plane]?.[0];
    if (!word) throw new RangeError(`plane '${plane}' is missing`);
    return word;
  };
  /** The fields of one width at `bit` of each byte or half, moved up to `shift`. */
  const field = (word: Expr, bit: number, shift: number, mask: number): Expr => {
    const by = bit - shift;
    const moved = by === 0 ? word : by > 0 ? word.shr(constant('u32', by)) : word.shl(constant('u32', -by));
    return moved.and(constant('u32', mask * 2 ** shift));
  };
  const words = (
    planes: Readonly<Record<string, readonly Expr[]>>,
    first: (width: number) => number,
    spread: number,
  ): Expr =>
    chunks
      .map(({ width, shift, plane }) => field(wordOf(planes, plane), first(width), shift, (2 ** width - 1) * spread))
      .reduce((a, b) => a.or(b));
  return {
    largest: 2 ** bits - 1,
    signed: false,
    ...(zero === undefined ? {} : { zero }),
    planes: chunks.map((c) => c.plane),
    step: 8,
    bytes: (planes) =>
      [0, 1].map((odd) => ({
        word: words(planes, (width) => width * odd, 0x01010101),
        elements: [0, 2, 4, 6].map((e) => e + odd),
      })),
    halves: (planes) =>
      [0, 1, 2, 3].map((e) => ({
        word: words(planes, (width) => width * (e & 1) + 8 * (e >> 1), 0x00010001),
        elements: [e, e + 4],
      })),
  };
}
