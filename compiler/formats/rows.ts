import { InfcError } from '../../runtime/errors.ts';
import { byteLength, type DType, type TypedArray, viewOf } from '../ir/dtype.ts';
import type { Constant } from '../ir/graph.ts';
import { finish } from '../steps.ts';
import { constantNumbers } from '../tensor-values.ts';
import { blockColumns, blockStarts, keptBlocks, startsOf } from './blocks.ts';
import { type Grid, gridSpan, type StorageFormat } from './format.ts';

/** The arrays of a storage format over several rows: entries of one row after the other. */
export type Planes = Readonly<Record<string, TypedArray>>;

/** Rows and row length of a constant matrix; leading dims of 1 do not count. */
export interface MatrixSize {
  readonly rows: number;
  readonly length: number;
}

/**
 * Quantizes `rows` rows of `length` weights each; with grids by row and span, to these; errors name the weight `name`. Sparse formats get planes beside their own: where
 * the entries of each row begin in ragged planes, and which blocks are kept (see `blocks.ts`).
 */
export function encodeRows(
  format: StorageFormat,
  weights: Float32Array,
  size: MatrixSize,
  grids?: readonly Grid[],
  name?: string,
): Planes {
  const { rows, length } = size;
  const { sparse } = format;
  if (format.encodeMatrix) return matrixPlanes(format, finish(format.encodeMatrix(weights, size)), weights, size, name);
  const { height, columns, starts, list } = keptBlocks(format, weights, size);
  const span = gridSpan(format);
  const planes = Object.entries(format.planes).map(([name, { dtype, per }]) => ({
    name,
    perBlock: columns / per,
    out: newView(dtype, (list.length * height * columns) / per),
  }));
  const ragged = Object.keys(sparse?.ragged ?? {}).map((name) => ({
    name,
    rows: [] as ArrayLike<number>[],
    starts: new Uint32Array(rows + 1),
  }));
  for (let r = 0; r < rows; r++) {
    const strip = Math.floor(r / height);
    const [from = 0, to = 0] = [starts[strip], starts[strip + 1]];
    const own = new Float32Array((to - from) * columns);
    const ownGrids: Grid[] = [];
    for (let b = from; b < to; b++) {
      const at = r * length + (list[b] ?? 0) * columns;
      own.set(weights.subarray(at, at + columns), (b - from) * columns);
      if (grids) ownGrids.push(...grids.slice(at / span, (at + columns) / span));
    }
    const encoded = encodeAt(format, own, grids && ownGrids, r, name);
    for (const { name, perBlock, out } of planes)
      for (let b = from; b < to; b++)
        copyEntries(out, (b * height + (r % height)) * perBlock, encoded[name] ?? [], (b - from) * perBlock, perBlock);
    for (const p of ragged) {
      const entries = encoded[p.name] ?? [];
      p.rows.push(entries);
      p.starts[r + 1] = (p.starts[r] ?? 0) + entries.length;
    }
  }
  checkScales(format, weights, Object.fromEntries(planes.map((p) => [p.name, p.out])), size, name);
  const joined = ragged.flatMap(({ name, rows: entries, starts: at }): [string, TypedArray][] => {
    // One more than there are: readers need not look before they read.
    const out = newView(sparse?.ragged?.[name] ?? 'u8', (at[rows] ?? 0) + 1);
    entries.forEach((e, r) => {
      copyEntries(out, at[r] ?? 0, e, 0, e.length);
    });
    return [
      [name, out],
      [startsOf(name), at],
    ];
  });
  const kept: [string, TypedArray][] = sparse?.blocks
    ? [
        [blockStarts, starts],
        [blockColumns, list],
      ]
    : [];
  return Object.fromEntries([...planes.map(({ name, out }) => [name, out] as const), ...joined, ...kept]);
}

/**
 * The planes of several matrices of one format and row length, whose rows follow one another: what encoding all of their rows gives, for
 * formats without shared planes. Strips of blocks must not reach from one into the next.
 */
export function joinRows(format: StorageFormat, parts: readonly Planes[]): Planes {
  const partsOf = (name: string): readonly TypedArray[] =>
    parts.map((p) => {
      const plane = p[name];
      if (!plane) throw new TypeError(`no plane '${name}' of ${format.name}`);
      return plane;
    });
  const { ragged = {}, blocks } = format.sparse ?? {};
  const own = Object.entries(format.planes).map(([name, { dtype }]) => [name, concat(dtype, partsOf(name))] as const);
  const kept = blocks
    ? [
        [blockStarts, joinStarts(partsOf(blockStarts))] as const,
        [blockColumns, concat('u16', partsOf(blockColumns))] as const,
      ]
    : [];
  const values = Object.entries(ragged).flatMap(([name, dtype]) => {
    const starts = partsOf(startsOf(name));
    // Each has one entry more than its rows; the last one's stays.
    const entries = partsOf(name).map((a, i) =>
      i < parts.length - 1 ? a.subarray(0, Number(starts[i]?.at(-1) ?? 0)) : a,
    );
    return [[name, concat(dtype, entries)] as const, [startsOf(name), joinStarts(starts)] as const];
  });
  return Object.fromEntries([...own, ...values, ...kept]);
}

function concat(dtype: DType, parts: readonly TypedArray[]): TypedArray {
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const p of parts) {
    bytes.set(new Uint8Array(p.buffer, p.byteOffset, p.byteLength), at);
    at += p.byteLength;
  }
  return viewOf(dtype, bytes.buffer, 0, bytes.length / byteLength(dtype, 1));
}

/** Where rows or strips begin, counted from the first of all. */
function joinStarts(parts: readonly TypedArray[]): Uint32Array {
  const out = [0];
  for (const p of parts) {
    const before = out.at(-1) ?? 0;
    for (let i = 1; i < p.length; i++) out.push(before + Number(p[i]));
  }
  return Uint32Array.from(out);
}

/** Planes of a format that encodes whole matrices, as arrays of their dtypes. */
export function matrixPlanes(
  format: StorageFormat,
  encoded: Readonly<Record<string, ArrayLike<number>>>,
  weights: Float32Array,
  size: MatrixSize,
  name?: string,
): Planes {
  const own = Object.entries(format.planes).map(([p, { dtype, per }]) => [p, dtype, weights.length / per] as const);
  const common = Object.entries(format.shared ?? {}).map(([p, { dtype, entries }]) => [p, dtype, entries] as const);
  const planes = Object.fromEntries(
    [...own, ...common].map(([p, dtype, count]) => {
      const out = newView(dtype, count);
      copyEntries(out, 0, encoded[p] ?? [], 0, count);
      return [p, out];
    }),
  );
  checkScales(format, weights, planes, size, name);
  return planes;
}

/** Refuses scales that 16 bits cannot hold: infinite ones (INFC2092), and zeros only where the weights are none (INFC2095). */
function checkScales(format: StorageFormat, weights: Float32Array, planes: Planes, size: MatrixSize, name = ''): void {
  const scales = Object.entries(format.planes).filter(([plane, { dtype }]) => plane === 'scale' || dtype === 'f16');
  const largest = (values: Float32Array): number => {
    let most = 0;
    for (const w of values) most = Math.max(most, Math.abs(w));
    return most;
  };
  for (const [plane, { dtype, per }] of scales) {
    const bad =
      dtype === 'f16' ? (planes[plane]?.findIndex((v: number | bigint) => (Number(v) & 0x7c00) === 0x7c00) ?? -1) : -1;
    // Blocks that are left out move what follows: the row is not known there.
    const row = format.sparse ? undefined : Math.floor((bad * per) / size.length);
    if (bad >= 0)
      throw new InfcError(
        'INFC2092',
        `weight '${name}' has ${largest(weights)}${row === undefined ? '' : ` (row ${row})`}, for which the 16 bits of '${plane}' in ${format.name} have no number`,
        { node: name, fix: `Choose another format, or ${KEEP}` },
      );
  }
  // 16-bit floats are raw bits, with a sign.
  const isZero = (v: number | bigint, dtype: DType): boolean =>
    (dtype === 'f16' ? Number(v) & 0x7fff : Number(v)) === 0;
  const isLost =
    scales.length > 0 &&
    scales.every(([plane, { dtype }]) => planes[plane]?.every((v: number | bigint) => isZero(v, dtype)));
  const most = isLost ? largest(weights) : 0;
  if (most > 0)
    throw new InfcError(
      'INFC2095',
      `all of weight '${name}' (at most ${most}) would become zero: ${format.name} has no scale that small`,
      { node: name, fix: `Scale the model's weights up, or ${KEEP}` },
    );
}

const newView = (dtype: DType, entries: number): TypedArray =>
  viewOf(dtype, new ArrayBuffer(byteLength(dtype, entries)), 0, entries);

function copyEntries(out: TypedArray, at: number, from: ArrayLike<number>, first: number, count: number): void {
  if (out instanceof BigInt64Array || out instanceof BigUint64Array)
    for (let i = 0; i < count; i++) out[at + i] = BigInt(from[first + i] ?? 0);
  else for (let i = 0; i < count; i++) out[at + i] = from[first + i] ?? 0;
}

/** Encodes a row, saying which one where it cannot be. */
function encodeAt(
  format: StorageFormat,
  row: Float32Array,
  grids: readonly Grid[] | undefined,
  index: number,
  node: string | undefined,
) {
  try {
    return format.encode(row, grids);
  } catch (e) {
    if (!(e instanceof InfcError) || !format.sparse) throw e;
    throw new InfcError(e.code, `row ${index}: ${e.reason}`, {
      ...(node === undefined ? {} : { node }),
      ...(e.fix ? { fix: e.fix } : {}),
      cause: e,
    });
  }
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

/** Squares of larger magnitudes are infinite: what multiplies with such a weight is lost. */
const LARGEST = 2 ** 63;
const KEEP = 'keep this weight as it is: a rule {"match": NAME, "format": "dense"}';

/**
 * As {@link denseRows}, for rounding. Throws INFC2092 when a weight is NaN, infinite or beyond 2^63: formats would make an ordinary number of
 * the one, and zeros of the neighbours of the other.
 */
export function finiteRows(constant: Constant, size: MatrixSize, transposed: boolean): Float32Array {
  const values = denseRows(constant, size, transposed);
  checkFinite(constant.name, values, size.length);
  return values;
}

/** Throws INFC2092 when a weight is NaN, infinite or beyond 2^63; `length`: values in a row. */
export function checkFinite(name: string, values: ArrayLike<number>, length: number): void {
  // A loop: callbacks for each of a hundred million weights take seconds.
  let at = 0;
  while (at < values.length && Math.abs(values[at] ?? 0) < LARGEST) at++;
  if (at < values.length)
    throw new InfcError('INFC2092', `weight '${name}' is ${values[at]} in row ${Math.floor(at / length)}`, {
      node: name,
      fix: `Repair the model file, or ${KEEP}`,
    });
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
      : encodeRows(format, finiteRows(constant, size, transposed), size, undefined, constant.name);
  last = { constant, key, planes };
  return planes;
}

/** The given rows of encoded weights, in that order. */
export function selectRows(format: StorageFormat, planes: Planes, size: MatrixSize, order: ArrayLike<number>): Planes {
  return Object.fromEntries(
    Object.entries(planes).map(([name, from]) => {
      if (format.shared?.[name]) return [name, from];
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
