import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import type { DType } from '../ir/dtype.ts';

/** Bits of the value nearest to x that a float of this dtype holds. */
export const storedBits = (dtype: DType, x: number): number =>
  (dtype === 'f16' ? normalHalf(x) : undefined) ?? encodeFloat(dtype, x);

/** The value nearest to x that a float of this dtype holds, with its bits. */
export function stored(dtype: DType, x: number): { readonly bits: number; readonly value: number } {
  const bits = storedBits(dtype, x);
  return { bits, value: decodeFloat(dtype, bits) };
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/**
 * Bits of the f16 nearest to x, where x is normal and a rounding to f32 on the way cannot matter (it could at half a step): scales are
 * tried by the million.
 */
function normalHalf(x: number): number | undefined {
  single[0] = x;
  const b = singleBits[0] ?? 0;
  const a = b & 0x7fffffff;
  if (a < 0x38800000 || a >= 0x47000000 || (a & 0x1fff) === 0x1000) return undefined;
  return ((b >>> 16) & 0x8000) | ((a + 0x1000 - 0x38000000) >>> 13);
}

/** As {@link stored}, but no magnitude smaller than x: for factors that must reach. */
export function storedAtLeast(dtype: 'f16' | 'bf16', x: number): { readonly bits: number; readonly value: number } {
  const near = stored(dtype, x);
  if (near.value >= x) return near;
  return { bits: near.bits + 1, value: decodeFloat(dtype, near.bits + 1) };
}

/**
 * Shares of the scale that covers the largest weight, tried when the error counts rather than the range. Likely ones come first: the others are
 * given up as soon as they are worse.
 */
const SHARES = [0.88, 0.92, 0.96, 1, 0.84, 0.8, 0.76, 0.72, 0.68];

/**
 * The candidate with the least sum of importance * (rounded - weight)^2. `candidate` makes one from a share of the full range; without
 * importances the full range is taken, which clips nothing.
 */
export function fit<T>(
  weights: Float32Array,
  importance: Float32Array | undefined,
  candidate: (share: number) => T,
  rounded: (parameters: T, weight: number) => number,
): T {
  const full = candidate(1);
  if (!importance) return full;
  let [best, least] = [full, Number.POSITIVE_INFINITY];
  for (const share of SHARES) {
    const c = share === 1 ? full : candidate(share);
    let error = 0;
    for (let i = 0; i < weights.length && error < least; i++) {
      const w = weights[i] ?? 0;
      error += (importance[i] ?? 0) * (rounded(c, w) - w) ** 2;
    }
    if (error < least) [best, least] = [c, error];
  }
  return best;
}

export const largestMagnitude = (weights: Float32Array): number =>
  weights.reduce((m, v) => Math.max(m, Math.abs(v)), 0);

export const clamp = (v: number, low: number, high: number): number => (v < low ? low : v > high ? high : v);
