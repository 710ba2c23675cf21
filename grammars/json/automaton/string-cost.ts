import type { CostModel } from '../../regex/index.ts';

/** Stretches of code points with equal cost inside a JSON string: last code point, bytes. */
const STRETCHES: readonly (readonly [number, number])[] = [
  [7, 6],
  [10, 2],
  [11, 6],
  [13, 2],
  [0x1f, 6],
  [0x21, 1],
  [0x22, 2],
  [0x5b, 1],
  [0x5c, 2],
  [0x7f, 1],
  [0x7ff, 2],
  [0xffff, 3],
  [0x10ffff, 4],
];

/** Bytes of a code point inside a JSON string. */
export const JSON_STRING_COST: CostModel = {
  name: 'json-string',
  cheapest: (ranges) => {
    let best = 6;
    for (let i = 0; i < ranges.length; i += 2) {
      let from = 0;
      for (const [last, bytes] of STRETCHES) {
        if ((ranges[i] ?? 0) <= last && (ranges[i + 1] ?? 0) >= from) best = Math.min(best, bytes);
        from = last + 1;
      }
    }
    return best;
  },
};

/** Bytes of a text inside a JSON string. */
export function jsonLength(text: string): number {
  let n = 0;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    n += point > 0x22 && point < 0x7f && point !== 0x5c ? 1 : JSON_STRING_COST.cheapest([point, point]);
  }
  return n;
}
