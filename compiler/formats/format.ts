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

/**
 * A storage format: how a row of weights is kept as bytes. `decode` sees plane *values*, never addresses, so the same function
 * serves one lane (simt) and several rows side by side (simd). A row is a run of `multiple`-divisible length along the reduced axis.
 */
export interface StorageFormat {
  readonly name: string;
  /** dtype the weights have for the graph. */
  readonly logical: DType;
  /** Weights that one decode yields. */
  readonly group: number;
  /** Rows must have a length divisible by this. */
  readonly multiple: number;
  readonly planes: Readonly<Record<string, Plane>>;
  /** Quantizes one row of `row.length` weights; returns each plane's entries in order. */
  encode(row: Float32Array): Readonly<Record<string, ArrayLike<number>>>;
  /** Values of one group from the plane entries that cover it (an entry covering several groups is passed to each, with `part` saying which). */
  decode(planes: Readonly<Record<string, readonly Expr[]>>, part: number): DecodedGroup;
  /** Largest |decode(encode(w)) - w| allowed, for a row with largest magnitude 1. */
  readonly errorBound: number;
}

export const defineFormat = (format: StorageFormat): StorageFormat => format;
