import type { AddProduct } from './add-product.ts';
import type { Feedback } from './feedback.ts';

/** Decides what becomes of weights, one row at a time: which values their columns take. */
export interface Decision {
  /** Columns that `begin` prepares for at once; they see the corrections of all columns before them. */
  readonly segment: number;
  /** Looks at a row's corrected weights from column `from` on, a segment of them, before they settle. */
  begin(row: number, weights: Float32Array, from: number): void;
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
  const inner = new Float32Array(block * block);
  for (let from = 0; from < k; from += block) {
    const to = Math.min(from + block, k);
    const width = to - from;
    for (let i = 0; i < width; i++) inner.set(shares.subarray((from + i) * k + from, (from + i) * k + to), i * block);
    for (let r = 0; r < n; r++) {
      const row = weights.subarray(r * k + from, r * k + to);
      const before = original.subarray(r * k + from, r * k + to);
      const own = errors.subarray(r * block, r * block + width);
      for (let i = 0; i < width; i++) {
        if (i % segment === 0) decide.begin(r, row.subarray(i, i + segment), from + i);
        const q = decide.value(from + i, row[i] ?? 0);
        row[i] = q;
        const error = (before[i] ?? 0) - q;
        own[i] = error;
        if (error === 0) continue;
        for (let j = i + 1, at = i * block + j; j < width; j++, at++) row[j] = (row[j] ?? 0) + error * (inner[at] ?? 0);
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
