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
const BLOCK = 128;

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
    for (let r = 0; r < n; r++) carryOver(weights, r * k, shares, k, errors, r * block, from, to);
    onColumns?.(to / k);
  }
}

/** row[to..k) += errors[from..to) * shares[from..to, to..k): four rows of shares a pass. */
function carryOver(
  weights: Float32Array,
  row: number,
  u: Float32Array,
  k: number,
  errors: Float32Array,
  at: number,
  from: number,
  to: number,
): void {
  let i = from;
  for (; i + 3 < to; i += 4) {
    const e0 = errors[at + i - from] ?? 0;
    const e1 = errors[at + i - from + 1] ?? 0;
    const e2 = errors[at + i - from + 2] ?? 0;
    const e3 = errors[at + i - from + 3] ?? 0;
    const [u0, u1, u2, u3] = [i * k, (i + 1) * k, (i + 2) * k, (i + 3) * k];
    for (let j = to; j < k; j++)
      weights[row + j] =
        (weights[row + j] ?? 0) +
        (e0 * (u[u0 + j] ?? 0) + e1 * (u[u1 + j] ?? 0) + e2 * (u[u2 + j] ?? 0) + e3 * (u[u3 + j] ?? 0));
  }
  for (; i < to; i++) {
    const e = errors[at + i - from] ?? 0;
    for (let j = to; j < k; j++) weights[row + j] = (weights[row + j] ?? 0) + e * (u[i * k + j] ?? 0);
  }
}
