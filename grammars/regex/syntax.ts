/** Inclusive code-point ranges. Surrogates may occur until the parser has joined pairs. */
export type ClassRanges = readonly (readonly [number, number])[];

/** Abstract syntax of a regular expression. Groups leave no node: languages have no captures. */
export type RegexNode =
  | { readonly type: 'class'; readonly ranges: ClassRanges }
  | { readonly type: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly type: 'choice'; readonly items: readonly RegexNode[] }
  | { readonly type: 'repeat'; readonly item: RegexNode; readonly min: number; readonly max: number }
  | {
      readonly type: 'start' | 'end' /** What ends a line, when the assertion is about lines. */;
      readonly lines: ClassRanges | undefined;
    }
  | { readonly type: 'boundary'; readonly negated: boolean; readonly word: ClassRanges }
  | { readonly type: 'look'; readonly behind: boolean; readonly negated: boolean; readonly body: RegexNode };

/**
 * Whose syntax a pattern is in: `ecma` is ECMA-262 with annex B; `perl` adds the shared extensions of Rust and Python (`(?P<n>)`, `(?i)`,
 * `\A`, `\z`, `\x{..}`, `\pL`, `[[:alpha:]]`), where the flag u makes `\d \s \w \b` know Unicode; `re2` is the same but that `\s` lacks `\v`.
 */
export type Dialect = 'ecma' | 'perl' | 're2';

/** True when a node or a part of it asserts something about its surroundings. */
export function hasAssertion(node: RegexNode): boolean {
  switch (node.type) {
    case 'class':
      return false;
    case 'sequence':
    case 'choice':
      return node.items.some(hasAssertion);
    case 'repeat':
      return hasAssertion(node.item);
    default:
      return true;
  }
}

export const DIGIT: ClassRanges = [[0x30, 0x39]];
export const WORD: ClassRanges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** WhiteSpace and LineTerminator of ECMA-262. */
export const SPACE: ClassRanges = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
export const LINE_TERMINATOR: ClassRanges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

/** All code points that the ranges leave out, surrogates included. */
export function invert(ranges: ClassRanges): ClassRanges {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  let next = 0;
  for (const [lo, hi] of sorted) {
    if (lo > next) out.push([next, lo - 1]);
    next = Math.max(next, hi + 1);
  }
  if (next <= 0x10ffff) out.push([next, 0x10ffff]);
  return out;
}

/** The code points in both. */
export function meet(a: ClassRanges, b: ClassRanges): ClassRanges {
  const out: [number, number][] = [];
  for (const [lo, hi] of a)
    for (const [lo2, hi2] of b)
      if (Math.max(lo, lo2) <= Math.min(hi, hi2)) out.push([Math.max(lo, lo2), Math.min(hi, hi2)]);
  return out;
}
