import type { MatrixRequest, Needs } from './quantizer.ts';
import type { SparsityPattern } from './sparsity-pattern.ts';

export interface PruneRequest extends Omit<MatrixRequest, 'format'> {
  readonly pattern: SparsityPattern;
}

/** An algorithm that chooses which weights become zero. One file, one line in `pruners`. */
export interface Pruner {
  readonly name: string;
  readonly does: string;
  readonly needs: Needs;
  /** Sets weights of the request to zero in place (and may correct the others); gives the mask of those kept, [n, k]. */
  prune(request: PruneRequest): Uint8Array;
}

export const definePruner = (pruner: Pruner): Pruner => pruner;

/** Applies a mask in place. */
export function applyMask(weights: Float32Array, mask: Uint8Array): Uint8Array {
  for (let i = 0; i < weights.length; i++) if (mask[i] === 0) weights[i] = 0;
  return mask;
}
