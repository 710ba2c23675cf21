import type { Feedback } from './feedback.ts';

/** Decides what becomes of weights, one row at a time: which values their columns take. */
export interface Decision {
  /** Columns that `begin` prepares for at once; they see the corrections of all columns before them. */
  readonly segment: number;
  /** Looks at a row's corrected weights in columns [from, to) before they settle. */
  begin(row: number, weights: Float32Array, from: number, to: number): void;
  /** The value that column `column` of the row under way takes, given its corrected weight. */
  value(column: number, weight: number): number;
}

/** Columns that settle before the others hear of their errors; corrections then stay in the cache. */
const BLOCK = 32;

/**
 * Settles a matrix [n, k] column by column, in place: each weight takes a value its decision allows, and its error is carried over to the
 * row's later columns so that the outputs change least on the calibration data (GPTQ, Frantar et al. 2022, in the form of LDLQ,
 * Chee et al. 2023, equation 5; SparseGPT, 2023). Rows are independent.
 */
export function settle(
  weights: Float32Array,
  n: number,
  k: number,
  { shares }: Feedback,
  decide: Decision,
  onColumns?: (share: number) => void,
): void {
  const { segment } = decide;
  const block = Math.max(segment, Math.floor(BLOCK / segment) * segment);
  const original = weights.slice();
  const errors = new Float32Array(n * block);
  for (let from = 0; from < k; from += block) {
    const to = Math.min(from + block, k);
    for (let r = 0; r < n; r++) {
      const row = weights.subarray(r * k, r * k + k);
      for (let i = from; i < to; i++) {
        if ((i - from) % segment === 0) decide.begin(r, row, i, Math.min(i + segment, to));
        const q = decide.value(i, row[i] ?? 0);
        row[i] = q;
        const error = (original[r * k + i] ?? 0) - q;
        errors[r * block + i - from] = error;
        if (error !== 0) for (let j = i + 1; j < to; j++) row[j] = (row[j] ?? 0) + error * (shares[i * k + j] ?? 0);
      }
    }
    for (let r = 0; r < n; r += 2)
      carryOver(weights, r * k, Math.min(2, n - r), shares, k, errors, r * block, block, from, to);
    onColumns?.(to / k);
  }
}

/**
 * row[to..k) += errors[from..to) * shares[from..to, to..k) for one row or two, four columns a pass: two rows read the shares once.
 * Errors past the end count as zero.
 */
function carryOver(
  weights: Float32Array,
  row: number,
  rows: number,
  u: Float32Array,
  k: number,
  errors: Float32Array,
  at: number,
  stride: number,
  from: number,
  to: number,
): void {
  const upper = weights.subarray(row, row + k);
  const lower = rows > 1 ? weights.subarray(row + k, row + 2 * k) : new Float32Array(k);
  const errorOf = (r: number, i: number): number =>
    r < rows && i < to ? (errors[at + r * stride + i - from] ?? 0) : 0;
  for (let i = from; i < to; i += 4) {
    const a0 = errorOf(0, i);
    const a1 = errorOf(0, i + 1);
    const a2 = errorOf(0, i + 2);
    const a3 = errorOf(0, i + 3);
    const b0 = errorOf(1, i);
    const b1 = errorOf(1, i + 1);
    const b2 = errorOf(1, i + 2);
    const b3 = errorOf(1, i + 3);
    const u0 = u.subarray(i * k, (i + 1) * k);
    const u1 = u.subarray((i + 1) * k, (i + 2) * k);
    const u2 = u.subarray((i + 2) * k, (i + 3) * k);
    const u3 = u.subarray((i + 3) * k, (i + 4) * k);
    for (let j = to; j < k; j++) {
      const x0 = u0[j] ?? 0;
      const x1 = u1[j] ?? 0;
      const x2 = u2[j] ?? 0;
      const x3 = u3[j] ?? 0;
      upper[j] = (upper[j] ?? 0) + (a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3);
      lower[j] = (lower[j] ?? 0) + (b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3);
    }
  }
}
