import type { DType, TypedArray } from './ir/dtype.ts';
import type { HostTensor } from './ir/op.ts';

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** IEEE 754 binary16 bits -> number. */
export function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Number -> IEEE 754 binary16 bits, to nearest, ties to even. */
export function numberToF16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const a = Math.abs(value);
  if (a >= 65520) return sign | 0x7c00;
  if (a < 2 ** -14) return sign | roundEven(a * 2 ** 24);
  const exponent = Math.floor(Math.log2(a));
  const e = 2 ** exponent > a ? exponent - 1 : 2 ** (exponent + 1) <= a ? exponent + 1 : exponent;
  return sign | (((e + 14) << 10) + roundEven((a / 2 ** e) * 1024));
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** bfloat16 bits -> number. */
export function bf16ToNumber(bits: number): number {
  u32[0] = bits << 16;
  return f32[0] ?? 0;
}

/** Number -> bfloat16 bits, to nearest, ties to even. */
export function numberToBf16(value: number): number {
  f32[0] = value;
  const bits = u32[0] ?? 0;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Stores a number as element `i` of a tensor's data: rounded to 16-bit floats, truncated to wide integers. */
export function storeNumber(data: TypedArray, dtype: DType, i: number, value: number): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(value));
  else data[i] = dtype === 'f16' ? numberToF16(value) : dtype === 'bf16' ? numberToBf16(value) : value;
}

/** The numeric data of a tensor; a tensor of strings has none. */
export const typedData = (tensor: { readonly data: HostTensor['data'] }): TypedArray | undefined =>
  ArrayBuffer.isView(tensor.data) ? tensor.data : undefined;

/** Values of a tensor as doubles; fp8 and sub-byte types keep their raw bytes. Strings have none. */
export function numbersOf(tensor: { readonly dtype: DType; readonly data: HostTensor['data'] }): Float64Array {
  const data = typedData(tensor) ?? new Float64Array(0);
  const out = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const v = data[i] ?? 0;
    out[i] =
      tensor.dtype === 'f16' ? f16ToNumber(Number(v)) : tensor.dtype === 'bf16' ? bf16ToNumber(Number(v)) : Number(v);
  }
  return out;
}
