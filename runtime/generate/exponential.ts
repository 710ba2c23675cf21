// ln 2 in two parts, so that n ln 2 loses no bits (Cody and Waite).
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const POWERS = Float64Array.from({ length: 65 }, (_, n) => 2 ** -n);

/**
 * e^x for x <= 0, to about one unit in the last place; 0 below -44 (e^-44 is under 2^-63, less than a 53-bit draw can see). Only additions
 * and multiplications, which every engine rounds alike: Math.exp may differ between engines, and seeded samples with it.
 */
export function expNegative(x: number): number {
  if (!(x > -44)) return 0;
  const n = Math.round(x * Math.LOG2E);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum = 1;
  for (let k = 13; k > 0; k--) sum = 1 + (sum * r) / k;
  return sum * (POWERS[-n] ?? 0);
}
