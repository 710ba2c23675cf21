import { type CodedGrid, encodeRow } from './encode-row.ts';
import { clamp, fit, largestMagnitude } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

interface ChannelGrid extends CodedGrid {
  readonly scale: number;
}

/** Up to this width clipping a little costs less than covering the largest weight. */
const SEARCHED = 4;

/**
 * Whole numbers of `bits` bits with one f32 scale a row of `length` weights: for weights that kernels take apart as they like
 * (convolutions), so that groups would be lost, while codes and a scale behind the product survive. Symmetric, so of 2 bits at least: narrower
 * formats (codebooks, single signs) have -1, 0 and 1.
 */
export function channelIntegers(width: number, length: number): StorageFormat {
  const bits = Math.max(2, width);
  const most = 2 ** (bits - 1) - 1;
  const grid = (weights: Float32Array, importance?: Float32Array): ChannelGrid => {
    const full = largestMagnitude(weights) / most;
    const code = (s: number, w: number): number => (s === 0 ? 0 : clamp(Math.round(w / s), -most, most));
    const counted = importance ?? (bits <= SEARCHED ? new Float32Array(weights.length).fill(1) : undefined);
    const scale = fit(
      weights,
      counted,
      (share) => Math.fround(full * share),
      (s, w) => s * code(s, w),
    );
    return { scale, code: (w) => code(scale, w), nearest: (w) => Math.fround(scale * code(scale, w)) };
  };
  return defineFormat({
    name: `int${bits}`,
    logical: 'f32',
    bits,
    group: length,
    multiple: length,
    planes: { codes: { dtype: 'i8', per: 1 }, scale: { dtype: 'f32', per: length } },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, length, grid, given);
      return { codes, scale: grids.map((g) => g.scale) };
    },
    decode: ({ codes = [], scale = [] }) => ({
      codes: codes.map((c) => c.cast('f32')),
      ...(scale[0] ? { scale: scale[0] } : {}),
    }),
    // Half a step; with few bits the search may clip a third of the range.
    errorBound: bits <= SEARCHED ? 0.5 : 0.5 / most + 2 ** -20,
  });
}
