import { byteLength, type DType, type TypedArray, viewOf } from '../dtype.ts';
import type { HostTensor, HostValue } from '../host.ts';
import { decodeFloat } from '../minifloat.ts';

/** Number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** A zeroed dense tensor. */
export function emptyTensor(dtype: DType, shape: readonly number[]): HostTensor & { readonly data: TypedArray } {
  const count = sizeOf(shape);
  return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(byteLength(dtype, count)), 0, count) };
}

export const isTensor = (v: HostValue | undefined): v is HostTensor =>
  typeof v === 'object' && v !== null && 'dtype' in v;

/** The numeric contents of a tensor. Throws a TypeError on strings: callers have checked the dtype. */
export function numericData(t: HostTensor): TypedArray {
  if (ArrayBuffer.isView(t.data)) return t.data;
  throw new TypeError('a string tensor has no numeric data');
}

/** Integer or float contents as JavaScript numbers (i64 beyond 2^53 loses precision; 16-bit floats are widened). */
export function toNumbers(t: HostTensor): number[] {
  const data = numericData(t);
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  return t.dtype === 'f16'
    ? numbers.map((v) => decodeFloat('f16', v))
    : t.dtype === 'bf16'
      ? numbers.map((v) => decodeFloat('bf16', v))
      : numbers;
}

/** Strides in elements of a dense shape. */
export function stridesOf(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = (out[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return out;
}
