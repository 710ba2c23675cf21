import type { DType } from '../ir/dtype.ts';
import type { Expr } from '../ir/expr.ts';
import type { Steps } from '../steps.ts';
import type { BitPlane } from './bit-planes.ts';

/** One array of a structure-of-arrays format. Each entry covers `per` weights; planes are padded to 4 bytes. */
export interface Plane {
  readonly dtype: DType;
  readonly per: number;
}

/**
 * `w[i] = scale * codes[i] - offset` at column `columns?.[i] ?? i` of the group; with columns (i32), weights that no code names are zero, and
 * a code may name a column only once.
 */
export interface DecodedGroup {
  readonly codes: readonly Expr[];
  readonly scale?: Expr;
  readonly offset?: Expr;
  readonly columns?: readonly Expr[];
  /** Factors of scale and offset that a whole {@link gridSpan} shares: products multiply with them once for it. */
  readonly outer?: OuterFactors;
}

export interface OuterFactors {
  readonly scale: Expr;
  readonly offset?: Expr;
}

/** The values that one group of weights may take once the parameters of the group (scale, offset) are fixed. */
export interface Grid {
  /** The value that weight number `index` of the group takes. */
  nearest(weight: number, index: number): number;
}

/** A word of integer codes: four bytes or two 16-bit halves, low ones first, and which weights of the group they are. */
export interface CodeWord {
  /** u32, as wide as the plane values. */
  readonly word: Expr;
  readonly elements: readonly number[];
}

/**
 * Access to codes as integers, for kernels that multiply integers. With `decode`'s scale and offset, which must not depend on `part`:
 * w = scale * (code - zero) where there is a `zero`, else w = scale * code - offset. Codes come `step` weights at a time, from the planes named in `planes`. A plane whose entries cover fewer
 * weights gives several entries; of one whose entries cover more, the entry is given shifted right by 8 * step / per bits for each step
 * before this one in the entry.
 */
export interface IntegerAccess {
  /** Largest magnitude of a code, at most 128 without a table. Codes below zero make a format signed; others are 0 to 127. */
  readonly largest: number;
  readonly signed: boolean;
  /** The code that stands for zero. */
  readonly zero?: number;
  readonly planes: readonly string[];
  readonly step: 4 | 8;
  /**
   * Where codes are indices of a table: the 16 integers they stand for, each less than 2^15 in magnitude, of which `largest`, `signed` and
   * `zero` then speak; w = scale * unit * integer. `bytes` gives the indices.
   */
  readonly table?: { readonly values: readonly number[]; readonly unit: number };
  /** Words of four codes. */
  bytes(planes: Readonly<Record<string, readonly Expr[]>>): readonly CodeWord[];
  /** The same as words of two 16-bit integers, where that takes fewer operations than widening bytes. */
  halves?(planes: Readonly<Record<string, readonly Expr[]>>): readonly CodeWord[];
}

/**
 * Weights as sums of signs, for kernels that look sums of four activations up by four bits: w = sum over terms of
 * factor * (sum over the term's planes of bit - 1/2). Factors are shared by a whole {@link gridSpan} and come from the entries of the other
 * planes that cover it, one each.
 */
export interface SignPlanes {
  /** The planes of each term. */
  readonly terms: readonly (readonly BitPlane[])[];
  /** The factor of each term. */
  factors(planes: Readonly<Record<string, readonly Expr[]>>): readonly Expr[];
}

/** A plane that all rows of a matrix share. */
export interface SharedPlane {
  readonly dtype: DType;
  readonly entries: number;
}

/** Weights as sums of entries of codebooks, for kernels that add these as bytes. */
export interface Codebooks {
  /** Plane of u8 codes, `books` of them for eight weights. */
  readonly codes: string;
  /** Shared plane of i8: [books, 256, 8]. `decode` multiplies the sums by its scale, which does not depend on codes. */
  readonly entries: string;
  readonly books: number;
}

/** Entry `entry` (i32, as wide as the plane values) of a ragged plane, counted from the first of its row, or of a shared one. */
export type ReadRagged = (plane: string, entry: Expr) => Expr;

/** For formats without ragged planes. */
export const noRagged: ReadRagged = (plane) => {
  throw new RangeError(`there is no ragged plane '${plane}'`);
};

/**
 * What a format that leaves out zeros says beside `decode`. Three ways to leave them out, which may be combined: `decode` gives fewer codes
 * and their columns; a ragged plane holds what a row needs; whole blocks of columns are left out.
 */
export interface Sparse {
  /** The zeros it holds, as `--sparsity` writes them without a share: `2:4`, `block:16x16`, `unstructured`. */
  readonly pattern: string;
  /** The format that keeps such values with every weight stored: what it has to beat. */
  readonly dense: string;
  /** Planes of which each row has as many entries as it needs. */
  readonly ragged?: Readonly<Record<string, DType>>;
  /**
   * Blocks of `columns` weights that are zero in `rows` neighbouring rows are left out: `encode` and `decode` see rows that consist of the
   * blocks kept. What is kept where is not the format's concern.
   */
  readonly blocks?: { readonly rows: number; readonly columns: number };
}

/**
 * A storage format: how a row of weights is kept as bytes. `decode` sees plane *values*, never addresses, so the same function
 * serves one lane (simt) and several rows side by side (simd). A row is a run of `multiple`-divisible length along the reduced axis.
 */
export interface StorageFormat {
  readonly name: string;
  /** dtype the weights have for the graph. */
  readonly logical: DType;
  /** Width of its codes, where they are integers: what other ops' weights get when they cannot keep the format itself. */
  readonly bits?: number;
  /**
   * It holds whole numbers up to this magnitude, for products with activations of 8 bits: the recipe rounds activations, and each row's scale
   * stays behind the product.
   */
  readonly whole?: number;
  /** Weights that one decode yields. */
  readonly group: number;
  /** Rows must have a length divisible by this. */
  readonly multiple: number;
  readonly planes: Readonly<Record<string, Plane>>;
  /**
   * Quantizes one row of `row.length` weights; returns each plane's entries in order. With `grids` (those that {@link grid} made, one per
   * span, in order) their parameters are used, so that weights on the grids are kept exactly. Throws INFC2096 when the zeros are not where
   * the format leaves them out.
   */
  encode(row: Float32Array, grids?: readonly Grid[]): Readonly<Record<string, ArrayLike<number>>>;
  /**
   * Fits the parameters of the {@link gridSpan} weights that share them and gives the values these can then hold: what algorithms that
   * choose the rounding themselves need. `importance` weighs the squared error of each weight; without it the largest decides.
   */
  grid?(weights: Float32Array, importance?: Float32Array): Grid;
  /** Values of one group from the plane entries that cover it (an entry covering several groups is passed to each, with `part` saying which). */
  decode(planes: Readonly<Record<string, readonly Expr[]>>, part: number, read: ReadRagged): DecodedGroup;
  /** For formats that leave out zeros. */
  readonly sparse?: Sparse;
  readonly integer?: IntegerAccess;
  readonly signs?: SignPlanes;
  readonly codebooks?: Codebooks;
  /** Planes that all rows of a matrix share; formats with any have `encodeMatrix`, and `encode` takes its row for a matrix. */
  readonly shared?: Readonly<Record<string, SharedPlane>>;
  /**
   * Quantizes a matrix whose rows share planes: entries of each plane, those that are not shared of one row after the other. `importance`
   * weighs the squared error of each column. What takes long stops now and then, see {@link Steps}.
   */
  encodeMatrix?(
    weights: Float32Array,
    size: { readonly rows: number; readonly length: number },
    importance?: Float32Array,
  ): Steps<Readonly<Record<string, ArrayLike<number>>>>;
  /** Largest |decode(encode(w)) - w| allowed, for a row with largest magnitude 1. */
  readonly errorBound: number;
}

/** Weights that share parameters: as many as the widest plane entry covers. */
export const gridSpan = (format: StorageFormat): number =>
  Math.max(format.group, ...Object.values(format.planes).map((p) => p.per));

/** What a format decodes, all of it as f32, outer factors multiplied in. */
export function decodeGroup(
  format: StorageFormat,
  planes: Readonly<Record<string, readonly Expr[]>>,
  part: number,
  read: ReadRagged = noRagged,
): Omit<DecodedGroup, 'outer'> {
  const { codes, scale, offset, columns, outer } = format.decode(planes, part, read);
  const whole = (own: Expr, factor: Expr | undefined): Expr => (factor ? factor.f32.mul(own.f32) : own.f32);
  return {
    codes: codes.map((c) => c.f32),
    ...(scale ? { scale: whole(scale, outer?.scale) } : {}),
    ...(offset ? { offset: whole(offset, outer?.offset) } : {}),
    ...(columns ? { columns } : {}),
  };
}

/**
 * The groups of a block of {@link gridSpan} weights, decoded, with the block's column where each begins. `load` gives entry number `entry`
 * of the block in a plane. All parts, or those from `first` to before `last`.
 */
export function decodeBlock(
  format: StorageFormat,
  load: (plane: string, entry: number, per: number) => Expr,
  read: ReadRagged = noRagged,
  [first, last]: readonly [number, number] = [0, gridSpan(format) / format.group],
): { readonly group: DecodedGroup; readonly at: number }[] {
  return Array.from({ length: last - first }, (_, p) => {
    const part = first + p;
    const at = part * format.group;
    const values = Object.entries(format.planes).map(([name, { per }]) => {
      const entries = Array.from({ length: Math.max(1, format.group / per) }, (_, i) =>
        load(name, Math.floor(at / per) + i, per),
      );
      return [name, entries] as const;
    });
    return { group: decodeGroup(format, Object.fromEntries(values), part, read), at };
  });
}

/** Rows must have a length divisible by this. */
export function rowUnit(format: StorageFormat): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const { multiple, group, sparse } = format;
  return [multiple, group, gridSpan(format), sparse?.blocks?.columns ?? 1].reduce((a, b) => (a * b) / gcd(a, b), 1);
}

/** Whether rows of this length can be kept. */
export const fitsFormat = (format: StorageFormat, length: number): boolean => length % rowUnit(format) === 0;

export const defineFormat = (format: StorageFormat): StorageFormat => format;
