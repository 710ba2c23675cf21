import { encodeFloat } from '../../runtime/minifloat.ts';
import type { DType } from '../ir/dtype.ts';
import { constant, type Expr } from '../ir/expr.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { clamp, fit, largestMagnitude, stored } from './fit.ts';
import type { Grid, Plane } from './format.ts';

/** Weights, zeros counted, that share a scale. */
const SPAN = 64;

/** How formats that leave out zeros hold the weights they keep. */
export interface KeptValues {
  readonly name: 'f16' | 'q8' | 'q4';
  /** The format of the same values with every weight stored. */
  readonly dense: string;
  readonly bits?: number;
  readonly errorBound: number;
  /** Planes beside the values, and their entries for what {@link codes} chose. */
  readonly planes: Readonly<Record<string, Plane>>;
  readonly entry: DType;
  /** Values in one entry, low bits first. */
  readonly perEntry: number;
  readonly grid?: (weights: Float32Array, importance?: Float32Array) => Grid;
  /** Codes of a row and the entries of the planes beside. */
  codes(
    row: Float32Array,
    grids?: readonly Grid[],
  ): { readonly codes: ArrayLike<number>; readonly planes: Readonly<Record<string, ArrayLike<number>>> };
  /** Code number `index` of an entry, as f32; the number may be computed (i32). */
  value(entry: Expr, index: number | Expr): Expr;
}

/** Codes as entries: the last one is filled with zeros. */
export function packValues({ perEntry }: KeptValues, codes: Int32Array): Uint32Array {
  if (perEntry === 1) return Uint32Array.from(codes);
  const out = new Uint32Array(Math.ceil(codes.length / perEntry));
  const bits = 32 / perEntry;
  const mask = 2 ** bits - 1;
  for (let i = 0, at = 0; i < codes.length; at++) {
    let word = 0;
    for (let j = 0; j < perEntry && i < codes.length; j++, i++) word |= ((codes[i] ?? 0) & mask) << (bits * j);
    out[at] = word;
  }
  return out;
}

const f16: KeptValues = {
  name: 'f16',
  dense: 'dense-f16',
  errorBound: 2 ** -11,
  planes: {},
  entry: 'f16',
  perEntry: 1,
  codes: (row) => ({ codes: Array.from(row, (w) => encodeFloat('f16', w)), planes: {} }),
  value: (entry) => entry,
};

interface ScaledGrid extends CodedGrid {
  readonly scaleBits: number;
}

/** Two's complement codes with one f16 scale for {@link SPAN} weights: w = scale * code. */
function integers(name: 'q8' | 'q4', bits: 8 | 4, dense: string): KeptValues {
  const most = 2 ** (bits - 1) - 1;
  const grid = (weights: Float32Array, importance?: Float32Array): ScaledGrid => {
    const full = largestMagnitude(weights) / most;
    const code = (step: number, w: number): number => (step === 0 ? 0 : clamp(Math.round(w / step), -most, most));
    const { bits: scaleBits, value } = fit(
      weights,
      importance,
      (share) => stored('f16', full * share),
      (s, w) => s.value * code(s.value, w),
    );
    return { scaleBits, code: (w) => code(value, w), nearest: (w) => Math.fround(value * code(value, w)) };
  };
  return {
    name,
    dense,
    bits,
    errorBound: 0.5 / most + 2 ** -10,
    planes: { scale: { dtype: 'f16', per: SPAN } },
    entry: 'u32',
    perEntry: 32 / bits,
    grid,
    codes: (row, given) => {
      // 8 bits are enough for one scale a row, which lets kernels sum longer; algorithms fit each span.
      const whole = bits === 8 && !given ? grid(row) : undefined;
      const { codes, grids } = encodeRow(row, SPAN, (weights) => whole ?? grid(weights), given);
      return { codes, planes: { scale: grids.map((g) => g.scaleBits) } };
    },
    value: (entry, index) => {
      const up =
        typeof index === 'number' ? constant('i32', 32 - bits - bits * index) : index.mul(-bits).add(32 - bits);
      return entry
        .bitcast('i32')
        .shl(up)
        .shr(constant('i32', 32 - bits))
        .cast('f32');
    },
  };
}

export const keptValues: readonly KeptValues[] = [f16, integers('q8', 8, 'q8g32'), integers('q4', 4, 'q4g32')];
