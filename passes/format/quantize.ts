import type { StorageFormat } from '../../compiler/formats/format.ts';
import { encodeRows, finiteRows, matrixPlanes, type Planes } from '../../compiler/formats/rows.ts';
import { finish, stepsOf } from '../../compiler/steps.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { WeightStorage } from '../pass.ts';
import type { Quantizer } from '../precision/quantizer.ts';
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
  const quantizer = algorithmOf(storage, algorithm, constant.name);
  let planes: Planes | undefined;
  function* compute(onProgress?: (share: number) => void, signal?: AbortSignal): Generator<number, Planes, void> {
    const weights = finiteRows(constant, size, transposed).slice();
    const statistics = storage.calibration?.get(constant.name);
    const steps = quantizer.quantize({
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
    const made = yield* stepsOf(steps);
    if (made.planes) return matrixPlanes(format, made.planes, made.weights, size, constant.name);
    return encodeRows(format, made.weights, size, made.grids, constant.name);
  }
  storage.later.push({
    name: constant.name,
    *run(onProgress, signal) {
      planes ??= yield* compute(onProgress, signal);
    },
  });
  return () => (planes ??= finish(compute()));
}

function algorithmOf({ algorithms }: WeightStorage, name: string, weight: string): Quantizer {
  const found = algorithms.quantizers.get(name);
  if (found) return found;
  throw new InfcError('INFC2079', `there is no quantizer '${name}'`, {
    node: weight,
    fix: `Known: ${[...algorithms.quantizers.keys()].join(', ')}`,
  });
}
