import { InfcError } from '../../runtime/errors.ts';
import { byteLength, type TypedArray, viewOf } from '../ir/dtype.ts';
import type { Constant } from '../ir/graph.ts';
import { constantNumbers } from '../tensor-values.ts';
import { type Grid, gridSpan, type StorageFormat } from './format.ts';

/** The arrays of a storage format over several rows: entries of one row after the other. */
export type Planes = Readonly<Record<string, TypedArray>>;

/** Rows and row length of a constant matrix; leading dims of 1 do not count. */
export interface MatrixSize {
  readonly rows: number;
  readonly length: number;
}

/** Quantizes `rows` rows of `length` weights each; with grids by row and span, to these. */
export function encodeRows(
  format: StorageFormat,
  weights: Float32Array,
  { rows, length }: MatrixSize,
  grids?: readonly Grid[],
): Planes {
  const spans = length / gridSpan(format);
  const planes = Object.entries(format.planes).map(([name, { dtype, per }]) => {
    const entries = (rows * length) / per;
    return [name, viewOf(dtype, new ArrayBuffer(byteLength(dtype, entries)), 0, entries)] as const;
  });
  for (let r = 0; r < rows; r++) {
    const own = grids?.slice(r * spans, (r + 1) * spans);
    const row = format.encode(weights.subarray(r * length, (r + 1) * length), own);
    for (const [name, out] of planes) {
      const entries = row[name] ?? [];
      const at = (r * length) / (format.planes[name]?.per ?? 1);
      if (out instanceof BigInt64Array || out instanceof BigUint64Array)
        for (let i = 0; i < entries.length; i++) out[at + i] = BigInt(entries[i] ?? 0);
      else out.set(entries, at);
    }
  }
  return Object.fromEntries(planes);
}

/** Values of a dense constant as f32, its last two axes swapped when `transposed`. */
export function denseRows(constant: Constant, { rows, length }: MatrixSize, transposed: boolean): Float32Array {
  const numbers = constantNumbers(constant);
  const values = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  if (!transposed) return values;
  const out = new Float32Array(rows * length);
  for (let i = 0; i < length; i++) for (let r = 0; r < rows; r++) out[r * length + i] = values[i * rows + r] ?? 0;
  return out;
}

/** As {@link denseRows}, for rounding. Throws INFC2092 when a weight is NaN or infinite: formats would make an ordinary number of it. */
export function finiteRows(constant: Constant, size: MatrixSize, transposed: boolean): Float32Array {
  const values = denseRows(constant, size, transposed);
  const at = values.findIndex((v) => !Number.isFinite(v));
  if (at >= 0)
    throw new InfcError(
      'INFC2092',
      `weight '${constant.name}' is ${values[at]} in row ${Math.floor(at / size.length)}`,
      {
        node: constant.name,
        fix: 'Repair the model file, or keep this weight as it is: a rule {"match": NAME, "format": "dense"}',
      },
    );
  return values;
}

/** What was encoded last: the planes of a constant are asked for one after the other, and no more than one tensor should be held. */
let last: { readonly constant: Constant; readonly key: string; readonly planes: Planes } | undefined;

/**
 * The planes of a constant matrix in a format: those it carries, or else its values quantized. `transposed`: the constant is
 * [length, rows].
 */
export function planesOf(constant: Constant, format: StorageFormat, size: MatrixSize, transposed = false): Planes {
  const key = `${format.name} ${transposed}`;
  if (last?.constant === constant && last.key === key) return last.planes;
  const encoded = transposed ? undefined : constant.encoded;
  const planes =
    encoded?.format === format.name
      ? encoded.planes()
      : encodeRows(format, finiteRows(constant, size, transposed), size);
  last = { constant, key, planes };
  return planes;
}

/** The given rows of encoded weights, in that order. */
export function selectRows(format: StorageFormat, planes: Planes, size: MatrixSize, order: ArrayLike<number>): Planes {
  return Object.fromEntries(
    Object.entries(planes).map(([name, from]) => {
      const per = size.length / (format.planes[name]?.per ?? 1);
      const bytes = per * from.BYTES_PER_ELEMENT;
      const source = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
      const out = new Uint8Array(order.length * bytes);
      for (let r = 0; r < order.length; r++) {
        const at = (order[r] ?? 0) * bytes;
        out.set(source.subarray(at, at + bytes), r * bytes);
      }
      return [name, viewOf(format.planes[name]?.dtype ?? 'u8', out.buffer, 0, order.length * per)];
    }),
  );
}
