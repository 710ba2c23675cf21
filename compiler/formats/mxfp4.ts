import { encodeFloat } from '../../runtime/minifloat.ts';
import { constant, type Expr } from '../ir/expr.ts';
import { codePlanes, packCodes, unpackCodes } from './code-planes.ts';
import { fit, largestMagnitude } from './fit.ts';
import { decodeE2m1, doubledE2m1, e2m1Integers, encodeE2m1, LARGEST } from './float4.ts';
import { defineFormat, type Grid } from './format.ts';

const GROUP = 32;

interface PowerGrid extends Grid {
  /** Bits of the e8m0 scale. */
  readonly bits: number;
  readonly scale: number;
}

/** The power of two that makes the largest weight fit: the standard's floor(log2(max)) - 2, one more where that would clip. */
function powerFor(largest: number): number {
  if (largest === 0) return 2 ** -127;
  const floor = 2 ** (Math.floor(Math.log2(largest)) - 2);
  return Math.max(2 ** -127, largest > floor * (LARGEST + 1) ? 2 * floor : floor);
}

const grid = (weights: Float32Array, importance?: Float32Array): PowerGrid => {
  const full = powerFor(largestMagnitude(weights));
  const scale = fit(
    weights,
    importance,
    (share) => (share > 0.9 ? full : full / 2),
    (s, w) => s * decodeE2m1(encodeE2m1(w / s)),
  );
  return { scale, bits: encodeFloat('f8e8m0', scale), nearest: (w) => scale * decodeE2m1(encodeE2m1(w / scale)) };
};

const isPower = (g: Grid): g is PowerGrid => 'bits' in g && 'scale' in g;

/** OCP MXFP4: e2m1 floats with a power of two for 32 of them (Microscaling Formats 1.0). 4.25 bits a weight. */
export const mxfp4 = defineFormat({
  name: 'mxfp4',
  logical: 'f32',
  group: GROUP,
  multiple: GROUP,
  planes: { ...codePlanes(4), scale: { dtype: 'u8', per: GROUP } },
  grid,
  encode: (row, grids) => {
    const codes = new Uint8Array(row.length);
    const scale: number[] = [];
    for (let at = 0; at < row.length; at += GROUP) {
      const own = grids?.[at / GROUP];
      const g = own && isPower(own) ? own : grid(row.subarray(at, at + GROUP));
      scale.push(g.bits);
      for (let i = at; i < at + GROUP; i++) codes[i] = encodeE2m1((row[i] ?? 0) / g.scale);
    }
    return { ...packCodes(codes, 4), scale };
  },
  decode: (planes, part) => {
    const [exponent] = planes.scale ?? [];
    return {
      codes: unpackCodes(planes, 4, GROUP, part).map((c) => doubledE2m1(c).cast('f32')),
      ...(exponent ? { scale: halfPower(exponent) } : {}),
    };
  },
  integer: e2m1Integers,
  // The widest gap, 4 to 6, is a third of the largest value; the scale may be nearly twice too large.
  errorBound: 0.26,
});

/** 2^(e - 127) / 2 of an e8m0 exponent, by the bits of an f32. The smallest exponent stands for groups of zeros. */
const halfPower = (e: Expr): Expr => e.cast('u32').shl(constant('u32', 23)).bitcast('f32').mul(0.5);
