// ln 2 / 32 in two parts, so that m ln 2 / 32 loses no bits (Cody and Waite).
const HIGH = 0.6931471803691238 / 32;
const LOW = 1.9082149292705877e-10 / 32;

/** 1 + r + r^2 / 2 + ... */
function series(r: number, terms: number): number {
  let sum = 1;
  for (let k = terms; k > 0; k--) sum = 1 + (sum * r) / k;
  return sum;
}

/** 2^(-m / 32), and 2^-n for what {@link expNegative} does not call zero: multiplying by these loses nothing. */
const FRACTIONS = Float64Array.from({ length: 32 }, (_, m) => series(-m * HIGH - m * LOW, 18));
const POWERS = Float64Array.from({ length: 64 }, (_, n) => 2 ** -n);

/**
 * e^x for x <= 0, to about two units in the last place; 0 below -44 (e^-44 is under 2^-63, less than a 53-bit draw can see). Only additions
 * and multiplications, which every engine rounds alike: Math.exp may differ between engines, and seeded samples with it.
 */
export function expNegative(x: number): number {
  if (!(x > -44)) return 0;
  const m = Math.round(x * (32 * Math.LOG2E));
  const r = x - m * HIGH - m * LOW;
  const tail = 1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720)));
  return (1 + r * (1 + r * (0.5 + r * tail))) * (FRACTIONS[-m & 31] ?? 0) * (POWERS[-m >> 5] ?? 0);
}
