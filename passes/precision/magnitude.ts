import { applyMask, definePruner } from './pruner.ts';

/** The smallest weights go. */
export const magnitude = definePruner({
  name: 'magnitude',
  does: 'drops the smallest weights',
  needs: 'nothing',
  prune: ({ weights, n, k, pattern }) => applyMask(weights, pattern.keep(weights.map(Math.abs), n, k)),
});
