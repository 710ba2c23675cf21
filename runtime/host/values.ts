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

/** Integer or float contents as doubles (i64 beyond 2^53 loses precision; 16-bit floats are widened). */
export function toDoubles(t: HostTensor): Float64Array {
  const data = numericData(t);
  const { dtype } = t;
  const out = new Float64Array(data.length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    for (let i = 0; i < data.length; i++) out[i] = Number(data[i]);
  else if (dtype === 'f16' || dtype === 'bf16')
    for (let i = 0; i < data.length; i++) out[i] = decodeFloat(dtype, data[i] ?? 0);
  else out.set(data);
  return out;
}

/** The same as an array. */
export function toNumbers(t: HostTensor): number[] {
  // Pushed: engines make a slow table of a long array that is allocated at once.
  const out: number[] = [];
  for (const v of toDoubles(t)) out.push(v);
  return out;
}

/** Strides in elements of a dense shape. */
export function stridesOf(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = (out[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return out;
}
