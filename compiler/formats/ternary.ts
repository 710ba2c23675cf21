import { bitOf, bitPlanes, packBits, planesOfBits } from './bit-planes.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { stored } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

const [GROUP, SPAN] = [32, 64];

/** Bits of weights of -1, 0 and 1: whether they are 1, and whether they are not -1. */
const BITS = [0b00, 0b10, 0b11];
const planes = bitPlanes(2);

interface TernaryGrid extends CodedGrid {
  readonly bits: number;
}

/**
 * Weights of -1, 0 and 1 with one bf16 scale for 64 of them, 2.25 bits a weight, each the sum of two signs, halved. As in BitNet b1.58 (Ma et al. 2024) weights are divided by a mean magnitude,
 * rounded and clipped; `center` says which mean.
 */
function ternaryFormat(name: string, center: (magnitudes: Float32Array) => number): StorageFormat {
  const grid = (weights: Float32Array, importance?: Float32Array): TernaryGrid => {
    const threshold = center(weights.map(Math.abs)) / 2;
    const sign = (w: number): number => (Math.abs(w) <= threshold ? 0 : Math.sign(w));
    // The scale with the least squared error for these signs: the mean magnitude of what is kept.
    let [sum, count] = [0, 0];
    weights.forEach((w, i) => {
      const s = sign(w);
      const weight = importance?.[i] ?? 1;
      sum += weight * s * w;
      count += weight * s * s;
    });
    const { bits, value } = stored('bf16', count === 0 ? 0 : sum / count);
    const code = (w: number): number => (value === 0 ? 0 : Math.max(-1, Math.min(1, Math.round(w / value))));
    return { bits, code: (w) => code(w) + 1, nearest: (w) => Math.fround(value * code(w)) };
  };
  return defineFormat({
    name,
    logical: 'f32',
    bits: 2,
    group: GROUP,
    multiple: SPAN,
    planes: { ...planesOfBits(2), scale: { dtype: 'bf16', per: SPAN } },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, SPAN, grid, given);
      const bits = codes.map((c) => BITS[c] ?? 0);
      return { ...packBits(bits, 2), scale: grids.map((g) => g.bits) };
    },
    decode: (values) => {
      const [scale] = values.scale ?? [];
      return {
        codes: Array.from({ length: GROUP }, (_, i) =>
          planes
            .map((p) => bitOf(values, p, i))
            .reduce((a, b) => a.add(b))
            .cast('i32')
            .cast('f32'),
        ),
        ...(scale ? { scale, offset: scale } : {}),
      };
    },
    signs: { terms: [planes], factors: ({ scale = [] }) => scale.slice(0, 1) },
    // A lone large weight keeps little of itself where the mean is small.
    errorBound: 1,
  });
}

const mean = (m: Float32Array): number => m.reduce((a, b) => a + b, 0) / m.length;
const median = (m: Float32Array): number => m.slice().sort()[m.length >> 1] ?? 0;

export const ternary = ternaryFormat('ternary', mean);
export const ternaryMedian = ternaryFormat('ternary-median', median);
