import { constant } from '../ir/expr.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { clamp, fit, largestMagnitude, stored } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

const MOST = 127;

interface ScaledGrid extends CodedGrid {
  readonly bits: number;
}

const grid = (weights: Float32Array, importance?: Float32Array): ScaledGrid => {
  const full = largestMagnitude(weights) / MOST;
  const code = (step: number, w: number): number => (step === 0 ? 0 : clamp(Math.round(w / step), -MOST, MOST));
  const { bits, value } = fit(
    weights,
    importance,
    (share) => stored('f16', full * share),
    (s, w) => s.value * code(s.value, w),
  );
  return { bits, code: (w) => code(value, w), nearest: (w) => Math.fround(value * code(value, w)) };
};

/** 8-bit integers, symmetric, one f16 scale for `group` weights: w = scale * code with codes in [-127, 127], four to a word, low byte first. */
export const byteGroups = (name: string, group: number): StorageFormat =>
  defineFormat({
    name,
    logical: 'f32',
    bits: 8,
    group,
    multiple: group,
    planes: { codes: { dtype: 'u32', per: 4 }, scale: { dtype: 'f16', per: group } },
    grid,
    encode: (row, given) => {
      const { codes: bytes, grids } = encodeRow(row, group, grid, given);
      const codes = new Uint32Array(row.length / 4);
      for (let i = 0; i < bytes.length; i++)
        codes[i >> 2] = (codes[i >> 2] ?? 0) | (((bytes[i] ?? 0) & 255) << (8 * (i & 3)));
      return { codes, scale: grids.map((g) => g.bits) };
    },
    decode: ({ codes = [], scale = [] }) => {
      const [step] = scale;
      return {
        codes: codes.flatMap((word) =>
          [24, 16, 8, 0].map((up) => word.bitcast('i32').shl(constant('i32', up)).shr(constant('i32', 24)).cast('f32')),
        ),
        ...(step ? { scale: step } : {}),
      };
    },
    integer: {
      largest: 128,
      signed: true,
      zero: 0,
      planes: ['codes'],
      step: 4,
      bytes: ({ codes = [] }) => codes.map((word, i) => ({ word, elements: [0, 1, 2, 3].map((e) => 4 * i + e) })),
    },
    // Half a step, and what is lost at the end of the range when the f16 scale rounds down.
    errorBound: 0.5 / 127 + 2 ** -10,
  });

/** 8.5 bits a weight; also the contents of llama.cpp's Q8_0. */
export const q8g32 = byteGroups('q8g32', 32);
