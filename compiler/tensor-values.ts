import { decodeFloat, encodeFloat } from '../runtime/minifloat.ts';
import { bitsOf, type DType, isFloat, type TypedArray } from './ir/dtype.ts';
import type { HostTensor } from './ir/op.ts';

/** Floats that JavaScript keeps as raw bits. */
const isNarrow = (dtype: DType): boolean => isFloat(dtype) && bitsOf[dtype] <= 16;

/** Stores a number as element `i` of a tensor's data: rounded to 16-bit floats, truncated to wide integers. */
export function storeNumber(data: TypedArray, dtype: DType, i: number, value: number): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(value));
  else data[i] = isNarrow(dtype) ? encodeFloat(dtype, value) : value;
}

/** The numeric data of a tensor; a tensor of strings has none. */
export const typedData = (tensor: { readonly data: HostTensor['data'] }): TypedArray | undefined =>
  ArrayBuffer.isView(tensor.data) ? tensor.data : undefined;

/** Values of a tensor as doubles; packed sub-byte types keep their raw bytes. Strings have none. */
export function numbersOf(tensor: { readonly dtype: DType; readonly data: HostTensor['data'] }): Float64Array {
  const data = typedData(tensor) ?? new Float64Array(0);
  const out = new Float64Array(data.length);
  const narrow = isNarrow(tensor.dtype);
  for (let i = 0; i < data.length; i++) {
    const v = Number(data[i] ?? 0);
    out[i] = narrow ? decodeFloat(tensor.dtype, v) : v;
  }
  return out;
}
