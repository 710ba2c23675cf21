/**
 * A set of characters, as six words: ASCII ones by themselves, all others by the first byte of their UTF-8 (0xC0 to 0xFF, in the last two
 * words), so that the set has all characters of a first byte or none.
 */
export type CharBits = Int32Array;

/** Words of a set. */
export const CHAR_WORDS = 6;

/** The bit of a first byte; continuation bytes have none. */
export function charBit(byte: number): number {
  return byte < 0x80 ? byte : byte - 0x40;
}

/** Whether the characters of a first byte are in a set. */
export function hasChar(set: CharBits, byte: number): boolean {
  const bit = charBit(byte);
  return (((set[bit >> 5] ?? 0) >> (bit & 31)) & 1) === 1;
}

/** Adds the characters of a bit. */
export function addChar(set: CharBits, bit: number): void {
  set[bit >> 5] = (set[bit >> 5] ?? 0) | (1 << (bit & 31));
}

/** Number of first bytes in a set. */
export function countChars(set: CharBits): number {
  let n = 0;
  for (const word of set) {
    let x = word - ((word >>> 1) & 0x55555555);
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    n += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return n;
}

/** The first and last code point whose UTF-8 begins with a byte above 0x7F; undefined where none does. The surrogates are left out. */
export function pointsOf(lead: number): readonly [number, number] | undefined {
  if (lead < 0xc2 || lead > 0xf4) return undefined;
  if (lead < 0xe0) return [(lead & 0x1f) << 6, ((lead & 0x1f) << 6) | 0x3f];
  if (lead < 0xf0) {
    const low = (lead & 0x0f) << 12;
    return [Math.max(0x800, low), lead === 0xed ? 0xd7ff : low | 0xfff];
  }
  const low = (lead & 7) << 18;
  return [Math.max(0x10000, low), Math.min(0x10ffff, low | 0x3ffff)];
}
