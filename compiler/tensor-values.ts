import { decodeFloat, encodeFloat } from '../runtime/minifloat.ts';
import { bitsOf, byteLength, type DType, isFloat, type TypedArray, viewOf } from './ir/dtype.ts';
import type { Constant } from './ir/graph.ts';
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

/** Values of bytes that hold `elements` f32, f16 or bf16 values, as f32 (exact): a view of them where they are f32 and aligned. */
export function floatsOf(dtype: 'f32' | 'f16' | 'bf16', bytes: Uint8Array, elements: number): Float32Array {
  const size = dtype === 'f32' ? 4 : 2;
  if (bytes.byteLength < elements * size) throw new RangeError(`${bytes.byteLength} bytes for ${elements} of ${dtype}`);
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  if (dtype === 'f32') return new Float32Array(aligned.buffer, aligned.byteOffset, elements);
  const raw = new Uint16Array(aligned.buffer, aligned.byteOffset, elements);
  if (dtype === 'bf16') {
    const out = new Uint32Array(elements);
    for (let i = 0; i < elements; i++) out[i] = (raw[i] ?? 0) << 16;
    return new Float32Array(out.buffer);
  }
  const values = halves();
  const out = new Float32Array(elements);
  for (let i = 0; i < elements; i++) out[i] = values[raw[i] ?? 0] ?? 0;
  return out;
}

let table: Float32Array | undefined;

/** The value of each f16. */
function halves(): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => decodeFloat('f16', bits));
  return table;
}

export const isFloatsDtype = (dtype: DType): dtype is 'f32' | 'f16' | 'bf16' =>
  dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';

/** A loop: callbacks for each of a hundred million bytes take seconds. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let at = 0;
  if (a.length === b.length) while (at < a.length && a[at] === b[at]) at++;
  return at === a.length && at === b.length;
}

export const elementsOf = (constant: Constant): number =>
  constant.type.shape.reduce<number>((n, d) => n * Number(d), 1);

/** Elements of a dense constant, row-major, read when asked: f32 for floats of up to 32 bits, whose copies may be large. Not to be changed. */
export function constantNumbers(constant: Constant): Float32Array | Float64Array {
  const { dtype } = constant.type;
  const elements = elementsOf(constant);
  const bytes = constant.read();
  if (bytes.byteLength < byteLength(dtype, elements)) throw new RangeError(`constant '${constant.name}' is too short`);
  if (isFloatsDtype(dtype)) return floatsOf(dtype, bytes, elements);
  return numbersOf({ dtype, data: viewOf(dtype, bytes.slice().buffer, 0, elements) }); // viewOf needs the element's alignment
}
