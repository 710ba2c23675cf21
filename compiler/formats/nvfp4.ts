import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { codePlanes, packCodes, unpackCodes } from './code-planes.ts';
import { fit, largestMagnitude, stored } from './fit.ts';
import { decodeE2m1, doubledE2m1, e2m1Integers, encodeE2m1, LARGEST } from './float4.ts';
import { defineFormat, type Grid } from './format.ts';

/** Weights with one e4m3 scale, and those with one second-level scale. */
const [GROUP, SPAN] = [16, 64];
const LARGEST_SCALE = 448;

interface TwoLevelGrid extends Grid {
  readonly outer: number;
  readonly inner: readonly number[];
  /** Scale of weight `index`. */
  scaleAt(index: number): number;
}

const grid = (weights: Float32Array, importance?: Float32Array): TwoLevelGrid => {
  const outer = stored('bf16', largestMagnitude(weights) / (LARGEST * LARGEST_SCALE));
  const inner = Array.from({ length: SPAN / GROUP }, (_, g) => {
    const part = weights.subarray(g * GROUP, (g + 1) * GROUP);
    const full = outer.value === 0 ? 0 : largestMagnitude(part) / (LARGEST * outer.value);
    return fit(
      part,
      importance?.subarray(g * GROUP, (g + 1) * GROUP),
      (share) => encodeFloat('f8e4m3fn', Math.min(LARGEST_SCALE, full * share)),
      (bits, w) => {
        const s = decodeFloat('f8e4m3fn', bits) * outer.value;
        return s === 0 ? 0 : s * decodeE2m1(encodeE2m1(w / s));
      },
    );
  });
  const scales = inner.map((bits) => decodeFloat('f8e4m3fn', bits) * outer.value);
  const scaleAt = (i: number): number => scales[Math.floor(i / GROUP)] ?? 0;
  return {
    outer: outer.bits,
    inner,
    scaleAt,
    nearest: (w, i) => {
      const s = scaleAt(i);
      return s === 0 ? 0 : Math.fround(s * decodeE2m1(encodeE2m1(w / s)));
    },
  };
};

const isTwoLevel = (g: Grid): g is TwoLevelGrid => 'scaleAt' in g;

/**
 * NVFP4: e2m1 floats with an e4m3 scale for 16 of them. The second-level scale, one a tensor in NVIDIA's files, is kept for each 64
 * weights, so that rows stay independent. 4.75 bits a weight.
 */
export const nvfp4 = defineFormat({
  name: 'nvfp4',
  logical: 'f32',
  group: GROUP,
  multiple: SPAN,
  planes: { ...codePlanes(4), scale: { dtype: 'f8e4m3fn', per: GROUP }, outer: { dtype: 'bf16', per: SPAN } },
  grid,
  encode: (row, grids) => {
    const codes = new Uint8Array(row.length);
    const used: TwoLevelGrid[] = [];
    for (let at = 0; at < row.length; at += SPAN) {
      const own = grids?.[at / SPAN];
      const g = own && isTwoLevel(own) ? own : grid(row.subarray(at, at + SPAN));
      used.push(g);
      for (let i = 0; i < SPAN; i++) {
        const s = g.scaleAt(i);
        codes[at + i] = s === 0 ? 0 : encodeE2m1((row[at + i] ?? 0) / s);
      }
    }
    return { ...packCodes(codes, 4), scale: used.flatMap((g) => g.inner), outer: used.map((g) => g.outer) };
  },
  decode: (planes, part) => {
    const [scale, outer] = [planes.scale?.[0], planes.outer?.[0]];
    return {
      codes: unpackCodes(planes, 4, GROUP, part).map((c) => doubledE2m1(c).cast('f32')),
      ...(scale && outer ? { scale: scale.mul(outer).mul(0.5) } : {}),
    };
  },
  integer: e2m1Integers,
  // A third of the scale's range between 4 and 6, and the rounding of the e4m3 scale (an eighth at its smallest).
  errorBound: 0.25,
});
