import { InfcError } from '../../runtime/errors.ts';
import { applyMask, definePruner } from './pruner.ts';

/** Wanda (Sun et al. 2023): a weight counts by |w_ij| * ||x_j||, compared within its row. */
export const wanda = definePruner({
  name: 'wanda',
  does: 'drops the weights with the least |weight| times input norm (needs calibration)',
  needs: 'moments',
  prune: ({ name, weights, n, k, pattern, statistics }) => {
    if (!statistics)
      throw new InfcError('INFC2072', `'wanda' needs calibration data for '${name}'`, {
        node: name,
        fix: 'Give --calibrate FILE, or prune by magnitude',
      });
    const norm = statistics.meanSquare.map(Math.sqrt);
    const scores = weights.map((w, i) => Math.abs(w) * (norm[i % k] ?? 0));
    return applyMask(weights, pattern.keep(scores, n, k));
  },
});
