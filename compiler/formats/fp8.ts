import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import type { DType } from '../ir/dtype.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { fit, largestMagnitude, stored } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

const GROUP = 32;

interface ScaledGrid extends CodedGrid {
  readonly bits: number;
}

/** 8-bit floats with one f16 scale for 32 weights, which makes the largest of them `largest`. 8.5 bits a weight. */
function scaledFloat(name: string, dtype: DType, largest: number, errorBound: number): StorageFormat {
  const grid = (weights: Float32Array, importance?: Float32Array): ScaledGrid => {
    const full = largestMagnitude(weights) / largest;
    const code = (s: number, w: number): number =>
      encodeFloat(dtype, s === 0 ? 0 : Math.max(-largest, Math.min(largest, w / s)));
    const { bits, value } = fit(
      weights,
      importance,
      (share) => stored('f16', full * share),
      (s, w) => s.value * decodeFloat(dtype, code(s.value, w)),
    );
    return {
      bits,
      code: (w) => code(value, w),
      nearest: (w) => Math.fround(value * decodeFloat(dtype, code(value, w))),
    };
  };
  return defineFormat({
    name,
    logical: 'f32',
    group: GROUP,
    multiple: GROUP,
    planes: { codes: { dtype, per: 1 }, scale: { dtype: 'f16', per: GROUP } },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, GROUP, grid, given);
      return { codes, scale: grids.map((g) => g.bits) };
    },
    decode: ({ codes = [], scale = [] }) => {
      const [step] = scale;
      return { codes, ...(step ? { scale: step } : {}) };
    },
    errorBound,
  });
}

/** Half a unit in the last place, and the f16 scale's rounding. */
export const fp8e4m3 = scaledFloat('fp8-e4m3', 'f8e4m3fn', 448, 2 ** -4 + 2 ** -9);
/** Not at the end of its range, 57,344: scales of ordinary weights would be too small for an f16. */
export const fp8e5m2 = scaledFloat('fp8-e5m2', 'f8e5m2', 448, 2 ** -3 + 2 ** -9);
