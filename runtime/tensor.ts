import { bitsOf, byteLength, type DType, entriesOf, type TypedArray, viewOf } from './dtype.ts';
import { InfcError } from './errors.ts';
import { encodeFloat } from './minifloat.ts';

export type Shape = readonly number[];

/** The array that holds a tensor of a dtype: 16-bit floats, fp8 and sub-byte types are raw bits; complex numbers are re, im, re, im... */
export type DataOf<D extends DType> = D extends 'string'
  ? readonly string[]
  : D extends 'f32' | 'c64'
    ? Float32Array
    : D extends 'f64' | 'c128'
      ? Float64Array
      : D extends 'i64'
        ? BigInt64Array
        : D extends 'u64'
          ? BigUint64Array
          : D extends 'i32'
            ? Int32Array
            : D extends 'u32'
              ? Uint32Array
              : D extends 'i16'
                ? Int16Array
                : D extends 'u16' | 'f16' | 'bf16'
                  ? Uint16Array
                  : D extends 'i8'
                    ? Int8Array
                    : Uint8Array;

/** A dense row-major tensor. */
export interface Tensor<D extends DType = DType, S extends Shape = Shape> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: DataOf<D>;
}

/**
 * What an input may be: a tensor, or a shape with numbers that are converted to the input's dtype (rounded to nearest even for
 * 16-bit floats). Typed arrays other than the dtype's own are refused, except Float32Array for 16-bit floats and Float16Array for f16.
 */
export interface TensorInput<D extends DType = DType, S extends Shape = Shape> {
  readonly dtype?: D;
  readonly shape: S;
  readonly data: DataOf<D> | Numbers<D>;
}

/** A Float16Array, which the libraries of older TypeScript do not declare. */
export interface Halves extends ArrayBufferView {
  readonly [Symbol.toStringTag]: 'Float16Array';
}

/** Plain values that can become a dtype. */
export type Numbers<D extends DType> = D extends 'string'
  ? readonly string[]
  :
      | readonly (number | bigint | boolean)[]
      | (D extends 'f16' | 'bf16' ? Float32Array : never)
      | (D extends 'f16' ? Halves : never);

export const elementsOf = (shape: Shape): number => shape.reduce((n, d) => n * d, 1);

/** Makes a tensor; without `data` it is all zeros (or empty strings). Throws INFC6003 or INFC6004 when data and shape disagree. */
export function tensor<const D extends DType, const S extends Shape>(
  dtype: D,
  shape: S,
  data?: DataOf<D> | Numbers<D>,
): Tensor<D, S> {
  const elements = elementsOf(shape);
  if (!Number.isSafeInteger(elements) || shape.some((d) => d < 0))
    throw new InfcError('INFC6004', `[${shape.join(', ')}] is not a shape`, { fix: 'Use non-negative integers' });
  const values =
    data === undefined
      ? dtype === 'string'
        ? new Array<string>(elements).fill('')
        : viewOf(dtype, new ArrayBuffer(byteLength(dtype, elements)), 0, elements)
      : toArray('tensor', dtype, elements, data);
  return { dtype, shape, data: values as DataOf<D> }; // dtype decides the class of the array
}

/** `data` as the array class of `dtype`, converted where that is allowed. Throws INFC6003 or INFC6004 naming `what`. */
export function toArray(what: string, dtype: DType, elements: number, data: unknown): TypedArray | readonly string[] {
  const list = Array.isArray(data) || ArrayBuffer.isView(data) ? (data as readonly unknown[] | TypedArray) : undefined;
  const own = dtype === 'string' ? undefined : viewOf(dtype, new ArrayBuffer(0), 0, 0);
  const wanted = own ? own.constructor.name : 'string[]';
  if (list === undefined || list instanceof DataView)
    throw new InfcError('INFC6003', `${what} has no data that can be ${dtype}`, { fix: `Give a ${wanted}` });
  const packed = bitsOf[dtype] < 8 && own !== undefined && !Array.isArray(list);
  const expected = packed ? byteLength(dtype, elements) : elements * entriesOf(dtype);
  if (list.length !== expected)
    throw new InfcError('INFC6004', `${what} needs ${expected} values for its shape and has ${list.length}`, {
      fix: 'Make the data and the shape agree',
    });
  if (!Array.isArray(list)) {
    const given = list as TypedArray;
    if (own && given.constructor === own.constructor) return given;
    if (given instanceof Float32Array && (dtype === 'f16' || dtype === 'bf16')) return fromNumbers(what, dtype, given);
    if (dtype === 'f16' && given.constructor.name === 'Float16Array')
      return viewOf(dtype, given.buffer, given.byteOffset, elements);
    throw new InfcError('INFC6003', `${what} is ${dtype} and was given a ${given.constructor.name}`, {
      fix: `Give a ${wanted}${dtype === 'string' ? '' : ' or an array of numbers'}`,
    });
  }
  if (dtype === 'string') {
    const at = list.findIndex((s) => typeof s !== 'string');
    if (at >= 0) throw new InfcError('INFC6003', `${what} is string and element ${at} is not a string`);
    return list as readonly string[];
  }
  return fromNumbers(what, dtype, list);
}

function fromNumbers(what: string, dtype: DType, values: ArrayLike<unknown>): TypedArray {
  const bits = bitsOf[dtype];
  const narrow = bits < 32 && (dtype[0] === 'f' || dtype === 'bf16');
  if (bits < 8)
    throw new InfcError('INFC6003', `${what} is ${dtype}, whose values are raw bits`, { fix: 'Give a Uint8Array' });
  const out = viewOf(dtype, new ArrayBuffer((bits / 8) * values.length), 0, values.length / entriesOf(dtype));
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (typeof v !== 'number' && typeof v !== 'bigint' && typeof v !== 'boolean')
      throw new InfcError('INFC6003', `${what} is ${dtype} and element ${i} is not a number`);
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
      if (typeof v === 'number' && !Number.isInteger(v))
        throw new InfcError('INFC6003', `${what} is ${dtype} and element ${i} is ${v}`, { fix: 'Give integers' });
      out[i] = BigInt(v);
    } else out[i] = narrow ? encodeFloat(dtype, Number(v)) : dtype === 'bool' ? Number(Boolean(v)) : Number(v);
  }
  return out;
}
