import type { DType } from '../ir/dtype.ts';
import type { Expr } from '../ir/expr.ts';

/** One array of a structure-of-arrays format. Each entry covers `per` weights; planes are padded to 4 bytes. */
export interface Plane {
  readonly dtype: DType;
  readonly per: number;
}

/** `w[i] = scale * codes[i] - offset` at column `columns?.[i] ?? i` of the group. */
export interface DecodedGroup {
  readonly codes: readonly Expr[];
  readonly scale?: Expr;
  readonly offset?: Expr;
  readonly columns?: readonly Expr[];
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
 * A storage format: how a row of weights is kept as bytes. `decode` sees plane *values*, never addresses, so the same function
 * serves one lane (simt) and several rows side by side (simd). A row is a run of `multiple`-divisible length along the reduced axis.
 */
export interface StorageFormat {
  readonly name: string;
  /** dtype the weights have for the graph. */
  readonly logical: DType;
  /** Width of its codes, where they are integers: what other ops' weights get when they cannot keep the format itself. */
  readonly bits?: number;
  /** Weights that one decode yields. */
  readonly group: number;
  /** Rows must have a length divisible by this. */
  readonly multiple: number;
  readonly planes: Readonly<Record<string, Plane>>;
  /**
   * Quantizes one row of `row.length` weights; returns each plane's entries in order. With `grids` (those that {@link grid} made, one per
   * span, in order) their parameters are used, so that weights on the grids are kept exactly.
   */
  encode(row: Float32Array, grids?: readonly Grid[]): Readonly<Record<string, ArrayLike<number>>>;
  /**
   * Fits the parameters of the {@link gridSpan} weights that share them and gives the values these can then hold: what algorithms that
   * choose the rounding themselves need. `importance` weighs the squared error of each weight; without it the largest decides.
   */
  grid?(weights: Float32Array, importance?: Float32Array): Grid;
  /** Values of one group from the plane entries that cover it (an entry covering several groups is passed to each, with `part` saying which). */
  decode(planes: Readonly<Record<string, readonly Expr[]>>, part: number): DecodedGroup;
  readonly integer?: IntegerAccess;
  /** Largest |decode(encode(w)) - w| allowed, for a row with largest magnitude 1. */
  readonly errorBound: number;
}

/** Weights that share parameters: as many as the widest plane entry covers. */
export const gridSpan = (format: StorageFormat): number =>
  Math.max(format.group, ...Object.values(format.planes).map((p) => p.per));

export const defineFormat = (format: StorageFormat): StorageFormat => format;
