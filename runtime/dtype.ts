/** Logical element types: every type of the ONNX standard, by infc's short names. A complex number is two floats, real part first. */
export type DType =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'f8e4m3fn'
  | 'f8e4m3fnuz'
  | 'f8e5m2'
  | 'f8e5m2fnuz'
  | 'f8e8m0'
  | 'f4e2m1'
  | 'i64'
  | 'i32'
  | 'i16'
  | 'i8'
  | 'i4'
  | 'i2'
  | 'u64'
  | 'u32'
  | 'u16'
  | 'u8'
  | 'u4'
  | 'u2'
  | 'bool'
  | 'c64'
  | 'c128'
  | 'string';

/** Bits one element occupies in dense storage; strings live on the host and have none. */
export const bitsOf: Readonly<Record<DType, number>> = {
  f64: 64,
  f32: 32,
  f16: 16,
  bf16: 16,
  f8e4m3fn: 8,
  f8e4m3fnuz: 8,
  f8e5m2: 8,
  f8e5m2fnuz: 8,
  f8e8m0: 8,
  f4e2m1: 4,
  i64: 64,
  i32: 32,
  i16: 16,
  i8: 8,
  i4: 4,
  i2: 2,
  u64: 64,
  u32: 32,
  u16: 16,
  u8: 8,
  u4: 4,
  u2: 2,
  bool: 8,
  c64: 64,
  c128: 128,
  string: 0,
};

/** Entries of the typed array that one element takes. */
export const entriesOf = (dtype: DType): number => (dtype === 'c64' || dtype === 'c128' ? 2 : 1);

/** Bytes of a dense, packed run of `elements` (sub-byte types are packed little end first). */
export const byteLength = (dtype: DType, elements: number): number => Math.ceil((bitsOf[dtype] * elements) / 8);

/** JavaScript's view of a dense tensor: 16-bit floats, fp8 and sub-byte types are raw bits. */
export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A typed view of `elements` elements at `offset` bytes of `buffer` (the offset must suit the element's alignment). */
export function viewOf(dtype: DType, buffer: ArrayBufferLike, offset: number, elements: number): TypedArray {
  switch (dtype) {
    case 'f64':
      return new Float64Array(buffer, offset, elements);
    case 'c128':
      return new Float64Array(buffer, offset, elements * 2);
    case 'f32':
      return new Float32Array(buffer, offset, elements);
    case 'c64':
      return new Float32Array(buffer, offset, elements * 2);
    case 'i64':
      return new BigInt64Array(buffer, offset, elements);
    case 'u64':
      return new BigUint64Array(buffer, offset, elements);
    case 'i32':
      return new Int32Array(buffer, offset, elements);
    case 'u32':
      return new Uint32Array(buffer, offset, elements);
    case 'i16':
      return new Int16Array(buffer, offset, elements);
    case 'u16':
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer, offset, elements);
    case 'i8':
      return new Int8Array(buffer, offset, elements);
    default:
      return new Uint8Array(buffer, offset, byteLength(dtype, elements));
  }
}
