import type { DType } from '../../runtime/dtype.ts';

export type { DType, TypedArray } from '../../runtime/dtype.ts';
export { bitsOf, byteLength, entriesOf, viewOf } from '../../runtime/dtype.ts';

/** Types a kernel computes in. Narrower storage widens on load and narrows (wraps or rounds) on store. */
export type ScalarType = 'f64' | 'f32' | 'f16' | 'i64' | 'i32' | 'u64' | 'u32' | 'bool';

const FLOATS: ReadonlySet<DType> = new Set([
  'f64',
  'f32',
  'f16',
  'bf16',
  'f8e4m3fn',
  'f8e4m3fnuz',
  'f8e5m2',
  'f8e5m2fnuz',
  'f8e8m0',
  'f4e2m1',
]);

export const isComplex = (dtype: DType): boolean => dtype === 'c64' || dtype === 'c128';
export const isFloat = (dtype: DType): boolean => FLOATS.has(dtype);
export const isSigned = (dtype: DType): boolean => /^i\d/.test(dtype);
export const isUnsigned = (dtype: DType): boolean => /^u\d/.test(dtype);
export const isInteger = (dtype: DType): boolean => isSigned(dtype) || isUnsigned(dtype);

/** The type in which a kernel computes a value of this dtype (16-bit and narrower floats in f32, by definition of the ops; complex numbers part by part). */
export function computeType(dtype: DType): ScalarType {
  switch (dtype) {
    case 'f64':
    case 'c128':
      return 'f64';
    case 'i64':
    case 'u64':
    case 'u32':
    case 'i32':
    case 'bool':
      return dtype;
    case 'i16':
    case 'i8':
    case 'i4':
    case 'i2':
      return 'i32';
    case 'u16':
    case 'u8':
    case 'u4':
    case 'u2':
      return 'u32';
    default:
      return 'f32';
  }
}
