import type { Grid, StorageFormat } from '../../compiler/formats/format.ts';
import type { Steps } from '../../compiler/steps.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { AddProduct } from './add-product.ts';

/** Products of all pairs of input channels, [k, k] row-major. */
export type Gram = Float32Array | Float64Array;

/** How the input x of a matrix product was distributed over the calibration data; k is the length of x. */
export interface InputStatistics {
  /** Inputs seen (tokens, patches). */
  readonly count: number;
  /** Mean of |x_j|, [k]. */
  readonly meanAbs: Float32Array;
  /** Mean of x_j^2, [k]. */
  readonly meanSquare: Float32Array;
  /** Largest |x_j|, [k]. */
  readonly maxAbs: Float32Array;
  /** Mean of x x^T, [k, k] row-major; there when an algorithm asked for it. */
  readonly gram?: Gram;
  /** Smallest and largest value of the whole input. */
  readonly range?: readonly [number, number];
  /** Share of the values that are zero. */
  readonly zeros?: number;
  /** What calibrators of plugins found, by names of theirs. */
  readonly more?: Readonly<Record<string, number | Float32Array>>;
  /** Entropy in bits of the inputs, each in steps of a sixteenth of their deviation. */
  readonly entropy?: number;
}

/** Statistics an algorithm reads: none, the moments of each input, or the Gram matrix too. */
export type Needs = 'nothing' | 'moments' | 'gram';

/** A weight matrix [n, k] (the reduced axis last) that is to be kept in a storage format. */
export interface MatrixRequest {
  /** Name of the weight, for errors and progress. */
  readonly name: string;
  /** Row-major; the algorithm may overwrite it. */
  readonly weights: Float32Array;
  readonly n: number;
  readonly k: number;
  readonly format: StorageFormat;
  /** Weights that are pruned (0) and must stay zero, [n, k]. */
  readonly mask?: Uint8Array;
  readonly statistics?: InputStatistics;
  /** Products by kernels; absent: {@link plainProduct}. */
  readonly addProduct?: AddProduct;
  readonly signal?: AbortSignal;
  /** Share done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Weights that the format holds exactly when encoded with these grids. */
export interface QuantizedMatrix {
  readonly weights: Float32Array;
  /** Grids by row and group (k / group of them a row); absent when the format's own rounding was used. */
  readonly grids?: readonly Grid[];
  /** What the format holds, where the algorithm encoded the matrix itself. */
  readonly planes?: Readonly<Record<string, ArrayLike<number>>>;
}

/** An algorithm that chooses the stored values of a matrix. One file, one line in `quantizers`. */
export interface Quantizer {
  readonly name: string;
  /** What it does, for help and `infc explain precision`. */
  readonly does: string;
  readonly needs: Needs;
  /** What takes long stops now and then, or calls `onProgress` and looks at `signal`. */
  quantize(request: MatrixRequest): Steps<QuantizedMatrix>;
}

export const defineQuantizer = (quantizer: Quantizer): Quantizer => quantizer;

/** Matrices that read the same input. */
export interface EqualizerRequest {
  readonly matrices: readonly MatrixRequest[];
  readonly k: number;
  readonly statistics: InputStatistics;
}

/**
 * Chooses a scale per input channel: weights are multiplied by it, the input divided, so that the product stays what it was while
 * rounding hurts less. One file, one line in `equalizers`.
 */
export interface Equalizer {
  readonly name: string;
  readonly does: string;
  readonly needs: Needs;
  /** Scales [k], positive and finite. */
  scales(request: EqualizerRequest): Float32Array;
}

export const defineEqualizer = (equalizer: Equalizer): Equalizer => equalizer;

/** The statistics with a Gram matrix. Throws INFC2072 when the calibration did not collect it. */
export function gramOf(request: MatrixRequest, algorithm: string): Gram {
  const gram = request.statistics?.gram;
  if (gram?.length !== request.k * request.k)
    throw new InfcError('INFC2072', `'${algorithm}' needs calibration data for '${request.name}'`, {
      node: request.name,
      fix: 'Give --calibrate FILE, or use the algorithm rtn',
    });
  return gram;
}

/** The rounding of a format once its group of the weight `name` is fitted. Throws INFC2073 for formats that offer none. */
export function gridOf(
  { name, format }: { readonly name: string; readonly format: StorageFormat },
  weights: Float32Array,
  importance?: Float32Array,
): Grid {
  if (!format.grid)
    throw new InfcError(
      'INFC2073',
      `storage format '${format.name}' has no grid that an algorithm could round '${name}' to`,
      {
        node: name,
        fix: 'Use the algorithm rtn with this format (a rule without an algorithm does), or another format',
      },
    );
  return format.grid(weights, importance);
}
