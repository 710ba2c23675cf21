import { byteLength, type DType, type TypedArray, viewOf } from '../dtype.ts';
import type { HostTensor, HostValue } from '../host.ts';

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
  return t.dtype === 'f16' ? numbers.map(halfToNumber) : t.dtype === 'bf16' ? numbers.map(bfloatToNumber) : numbers;
}

const scratch = new DataView(new ArrayBuffer(4));

/** Value of an IEEE binary16 bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Nearest binary16 bit pattern, ties to even. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const x = Math.abs(value);
  if (x >= 65520) return sign | 0x7c00;
  const exponent = x < 2 ** -14 ? -14 : Math.floor(Math.log2(x));
  // log2 may be off by one at a power of two.
  const e = exponent > -14 && x < 2 ** exponent ? exponent - 1 : x >= 2 ** (exponent + 1) ? exponent + 1 : exponent;
  const scaled = x * 2 ** (10 - e);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the fraction raises the exponent by itself.
  return sign | (e === -14 && floor < 1024 ? rounded : ((e + 14) << 10) + rounded);
}

/** Value of a bfloat16 bit pattern. */
export function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Nearest bfloat16 bit pattern, ties to even. */
export function numberToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Strides in elements of a dense shape. */
export function stridesOf(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = (out[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return out;
}
