import { byteLength, type DType, type TypedArray } from './ir/dtype.ts';
import { type Constant, tensor } from './ir/graph.ts';
import { Memo } from './memo.ts';

const scopes = new WeakMap<object, Memo<Constant>>();

/**
 * The constant that `make` derives from `source`: made once for each `key`, so that nodes and entries which share a weight share what
 * became of it. `scope` is what the result depends on besides these two (a program, the statistics of a calibration); it lives no longer.
 */
export function derivedConstant(source: Constant, key: string, make: () => Constant, scope: object = source): Constant {
  const memo = scopes.get(scope) ?? new Memo<Constant>();
  scopes.set(scope, memo);
  return memo.of(source, key, make);
}

/**
 * `length` elements that a kernel reads in place of a constant, computed when asked for. Kernels that want the same constant in the same
 * layout (`key`) get the same object: an embedding table and the head tied to it, or a weight in several entries, are stored once.
 */
export function packedOnce(
  source: Constant,
  key: string,
  dtype: DType,
  length: number,
  fill: () => TypedArray,
): Constant {
  return derivedConstant(source, key, () => ({
    name: `${source.name}.${key}`,
    type: tensor(dtype, [length]),
    bytes: byteLength(dtype, length),
    unique: true,
    read: () => {
      const data = fill();
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  }));
}
