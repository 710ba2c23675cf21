import { InfcError } from '../../runtime/errors.ts';
import { plainProduct } from './add-product.ts';
import { type Feedback, feedbackOf } from './feedback.ts';
import { definePruner } from './pruner.ts';
import { settle } from './settle.ts';

/** Columns whose zeros are chosen together when the pattern leaves it open (SparseGPT's mask block). */
const SEGMENT = 128;

/**
 * SparseGPT (Frantar & Alistarh 2023): zeros are chosen by w^2 / [H^-1]_jj of the columns left when their columns' turn comes, and the columns after them make
 * up for what went.
 */
export const sparseGpt = definePruner({
  name: 'sparsegpt',
  does: 'drops weights column by column and lets later columns make up for them (needs calibration)',
  needs: 'gram',
  prune: ({ name, weights, n, k, pattern, statistics, signal, onProgress, addProduct = plainProduct }) => {
    const gram = statistics?.gram;
    if (gram?.length !== k * k)
      throw new InfcError('INFC2072', `'sparsegpt' needs calibration data for '${name}'`, {
        node: name,
        fix: 'Give --calibrate FILE, or prune by magnitude',
      });
    const feedback = feedbackOf(gram, k, addProduct);
    const mask = new Uint8Array(n * k);
    const segment = pattern.segment || Math.min(SEGMENT, k);
    // Blocks span rows, so their choice cannot wait for the corrections of single rows.
    const fixed =
      pattern.segment === 0 && pattern.kind !== 'unstructured'
        ? pattern.keep(scoresOf(weights, feedback, n, k), n, k)
        : undefined;
    let kept: Uint8Array = new Uint8Array(0);
    let start = 0;
    settle(
      weights,
      n,
      k,
      feedback,
      {
        segment,
        begin: (row, w, from) => {
          start = from;
          kept = fixed
            ? fixed.subarray(row * k + from, row * k + from + w.length)
            : pattern.keep(scoresOf(w, feedback, 1, w.length, from), 1, w.length);
          mask.set(kept, row * k + from);
        },
        value: (column, w) => (kept[column - start] === 1 ? w : 0),
      },
      addProduct,
      (share) => {
        signal?.throwIfAborted();
        onProgress?.(share);
      },
    );
    return mask;
  },
});

/** What dropping each weight costs once the later columns have made up for it, for rows of `k` columns that begin at column `from`. */
function scoresOf(w: Float32Array, { pivots }: Feedback, n: number, k: number, from = 0): Float32Array {
  const scores = new Float32Array(n * k);
  for (let i = 0; i < n * k; i++) scores[i] = (w[i] ?? 0) ** 2 * (pivots[from + (i % k)] ?? 0);
  return scores;
}
