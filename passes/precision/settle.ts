import type { AddProduct } from './add-product.ts';
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

/** Columns that settle before the others hear of their errors, all at once. */
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
  addProduct: AddProduct,
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
    const upper = { data: shares, at: from * k + to, stride: k };
    addProduct(
      { data: weights, at: to, stride: k },
      { data: errors, at: 0, stride: block },
      upper,
      n,
      k - to,
      to - from,
    );
    onColumns?.(to / k);
  }
}
