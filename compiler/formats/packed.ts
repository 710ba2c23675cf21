import { byteLength, type DType, type TypedArray } from '../ir/dtype.ts';
import { type Constant, tensor } from '../ir/graph.ts';

const made = new WeakMap<Constant, Map<string, Constant>>();

/**
 * Bytes that a kernel reads instead of a constant, computed when asked for. Kernels that want the same constant in the same layout
 * (`key`) get one and the same object: an embedding table and the head tied to it, or a weight in several entries, are stored once.
 */
export function packedOnce(
  source: Constant,
  key: string,
  dtype: DType,
  length: number,
  fill: () => TypedArray,
): Constant {
  const byKey = made.get(source) ?? new Map<string, Constant>();
  made.set(source, byKey);
  const old = byKey.get(key);
  if (old) return old;
  const packed: Constant = {
    name: `${source.name}.${key}`,
    type: tensor(dtype, [length]),
    bytes: byteLength(dtype, length),
    unique: true,
    read: () => {
      const data = fill();
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  };
  byKey.set(key, packed);
  return packed;
}
