import { InfcError } from '../../runtime/errors.ts';
import { inverseFactor } from './cholesky.ts';
import { definePruner } from './pruner.ts';
import { settle } from './settle.ts';

/** Columns whose zeros are chosen together when the pattern leaves it open (SparseGPT's mask block). */
const SEGMENT = 128;

/**
 * SparseGPT (Frantar & Alistarh 2023): zeros are chosen by w^2 / [H^-1]_jj when their columns' turn comes, and the columns after them make
 * up for what went.
 */
export const sparseGpt = definePruner({
  name: 'sparsegpt',
  does: 'drops weights column by column and lets later columns make up for them (needs calibration)',
  needs: 'gram',
  prune: ({ name, weights, n, k, pattern, statistics, signal, onProgress }) => {
    const gram = statistics?.gram;
    if (gram?.length !== k * k)
      throw new InfcError('INFC2072', `'sparsegpt' needs calibration data for '${name}'`, {
        node: name,
        fix: 'Give --calibrate FILE, or prune by magnitude',
      });
    const factor = inverseFactor(gram, k);
    const mask = new Uint8Array(n * k);
    const segment = pattern.segment || Math.min(SEGMENT, k);
    // Blocks span rows, so their choice cannot wait for the corrections of single rows.
    const fixed =
      pattern.segment === 0 && pattern.name.startsWith('block')
        ? pattern.keep(scoresOf(weights, factor, n, k), n, k)
        : undefined;
    let kept: Uint8Array = new Uint8Array(0);
    let start = 0;
    settle(
      weights,
      n,
      k,
      factor,
      {
        segment,
        begin: (row, w, from, to) => {
          start = from;
          kept = fixed
            ? fixed.subarray(row * k + from, row * k + to)
            : pattern.keep(scoresOf(w.subarray(from, to), factor, 1, to - from, from, k), 1, to - from);
          mask.set(kept, row * k + from);
        },
        value: (column, w) => (kept[column - start] === 1 ? w : 0),
      },
      (share) => {
        signal?.throwIfAborted();
        onProgress?.(share);
      },
    );
    return mask;
  },
});

/** w^2 / U_jj^2 of rows of `k` columns that begin at column `from` of a factor [size, size]. */
function scoresOf(w: Float32Array, factor: Float64Array, n: number, k: number, from = 0, size = k): Float32Array {
  const scores = new Float32Array(n * k);
  for (let i = 0; i < n * k; i++) {
    const j = from + (i % k);
    const d = factor[j * size + j] ?? 1;
    scores[i] = ((w[i] ?? 0) / d) ** 2;
  }
  return scores;
}
