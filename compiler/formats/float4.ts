import { constant, type Expr } from '../ir/expr.ts';
import { integerCodes } from './code-planes.ts';
import type { IntegerAccess } from './format.ts';

/** Magnitudes of e2m1 codes 0 to 7, doubled: whole numbers (OCP Microscaling Formats 1.0, table 5). */
const DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12];

/** Largest magnitude of e2m1. */
export const LARGEST = 6;

/** The code of the e2m1 value nearest to x (ties to the even code, beyond the range to its end); bit 3 is the sign. */
export function encodeE2m1(x: number): number {
  const doubled = Math.abs(x) * 2;
  let best = 0;
  for (let c = 1; c < 8; c++) {
    const [gap, least] = [Math.abs((DOUBLED[c] ?? 0) - doubled), Math.abs((DOUBLED[best] ?? 0) - doubled)];
    if (gap < least || (gap === least && c % 2 === 0)) best = c;
  }
  return best === 0 ? 0 : x < 0 ? best + 8 : best;
}

export const decodeE2m1 = (code: number): number => ((code & 8) === 0 ? 0.5 : -0.5) * (DOUBLED[code & 7] ?? 0);

/** Twice the value of an e2m1 code (an i32): a small integer, exact. */
export function doubledE2m1(code: Expr): Expr {
  const i = (n: number): Expr => constant('i32', n);
  const m = code.and(i(7));
  // 0 1 2 3 | 4 6 8 12: one more a step from 4 on, two more at the last.
  const magnitude = m.add(m.sub(i(4)).max(i(0))).add(m.sub(i(6)).max(i(0)).shl(i(1)));
  const negative = code.shl(i(28)).shr(i(31));
  // -x is (x ^ -1) - -1.
  return magnitude.xor(negative).sub(negative);
}

/** Codes in a plane of 4 bits as integers: twice their values, from 12 on. */
export const e2m1Integers: IntegerAccess = {
  ...integerCodes(4, 2 * LARGEST),
  largest: 4 * LARGEST,
  table: { values: [...DOUBLED.map((v) => 2 * LARGEST + v), ...DOUBLED.map((v) => 2 * LARGEST - v)], unit: 1 },
};
