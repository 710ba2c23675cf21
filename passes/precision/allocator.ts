import { InfcError } from '../../runtime/errors.ts';

/** A way to keep one layer. */
export interface LayerOption {
  /** Name of the storage format (or recipe entry). */
  readonly format: string;
  readonly bytes: number;
  /** Bits a weight, scales included. */
  readonly bits: number;
  /** Expected squared error of the layer's outputs, summed over outputs, when kept so. */
  readonly damage: number;
}

/** A layer and its options, from the smallest to the largest. */
export interface LayerChoices {
  readonly name: string;
  readonly elements: number;
  readonly options: readonly LayerOption[];
  /** Entropy of the layer's inputs in bits, when calibration measured it. */
  readonly entropy?: number;
}

export interface AllocationRequest {
  readonly layers: readonly LayerChoices[];
  /** Most bytes for all layers together. */
  readonly bytes: number;
  /**
   * Damage of the whole model under a choice (an option's index per layer), measured on a share of the data (0 to 1): for searches that
   * do not trust the sum of the layers' damages.
   */
  readonly measure?: (choice: readonly number[], share: number) => Promise<number>;
  /** A choice within the bytes that is known (all layers in one format): searches that measure end no worse than it. */
  readonly start?: readonly number[];
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, best: number) => void;
}

/** Chooses an option for each layer within a budget. One file, one line in `allocators`. */
export interface Allocator {
  readonly name: string;
  readonly does: string;
  /** The index of each layer's option. Throws INFC2075 when even the smallest options exceed the budget. */
  allocate(request: AllocationRequest): Promise<readonly number[]>;
}

export const defineAllocator = (allocator: Allocator): Allocator => allocator;

export const bytesOf = (layers: readonly LayerChoices[], choice: readonly number[]): number =>
  layers.reduce((sum, l, i) => sum + (l.options[choice[i] ?? 0]?.bytes ?? 0), 0);

/** Refuses a budget below the smallest options, naming what could be met. */
export function checkBudget({ layers, bytes }: AllocationRequest): void {
  const least = bytesOf(
    layers,
    layers.map(() => 0),
  );
  if (least > bytes)
    throw new InfcError('INFC2075', `${bytes} bytes cannot hold the layers: the smallest choice takes ${least}`, {
      fix: `Allow at least ${least} bytes, or offer narrower formats`,
    });
}
