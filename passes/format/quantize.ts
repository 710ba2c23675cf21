import type { StorageFormat } from '../../compiler/formats/format.ts';
import { encodeRows, finiteRows, matrixPlanes, type Planes } from '../../compiler/formats/rows.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { WeightStorage } from '../pass.ts';
import type { Weight } from './weights.ts';

/**
 * Planes of a weight as a quantizer chooses them: computed once, in the deferred work that this registers, or when first read. Throws
 * INFC2079 for an unknown quantizer.
 */
export function quantized(
  { constant, size, transposed }: Weight,
  format: StorageFormat,
  algorithm: string,
  pruned: boolean,
  storage: WeightStorage,
): () => Planes {
  const quantizer = storage.algorithms.quantizers.get(algorithm);
  if (!quantizer)
    throw new InfcError('INFC2079', `there is no quantizer '${algorithm}'`, {
      node: constant.name,
      fix: `Known: ${[...storage.algorithms.quantizers.keys()].join(', ')}`,
    });
  let planes: Planes | undefined;
  const compute = (onProgress?: (share: number) => void, signal?: AbortSignal): Planes => {
    const weights = finiteRows(constant, size, transposed).slice();
    const statistics = storage.calibration?.get(constant.name);
    const made = quantizer.quantize({
      name: constant.name,
      weights,
      n: size.rows,
      k: size.length,
      format,
      addProduct: storage.addProduct,
      ...(pruned ? { mask: Uint8Array.from(weights, (w) => (w === 0 ? 0 : 1)) } : {}),
      ...(statistics ? { statistics } : {}),
      ...(onProgress ? { onProgress } : {}),
      ...(signal ? { signal } : {}),
    });
    if (made.planes) return matrixPlanes(format, made.planes, made.weights, size, constant.name);
    return encodeRows(format, made.weights, size, made.grids, constant.name);
  };
  storage.later.push({
    name: constant.name,
    run: (onProgress, signal) => {
      planes ??= compute(onProgress, signal);
    },
  });
  return () => (planes ??= compute());
}
