import type { Expr } from '../ir/expr.ts';
import { codePlanes, integerCodes, packCodes, unpackCodes } from './code-planes.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { clamp, fit, largestMagnitude, stored } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

interface IntegerGroups {
  readonly name: string;
  /** 2 to 8. */
  readonly bits: number;
  /** Weights that share a scale: 16, or a multiple of 32. */
  readonly scaled: number;
}

/** A grid that knows its code of a weight; `w = scale * code - offset`. */
interface AffineGrid extends CodedGrid {
  readonly scaleBits: number;
  readonly offsetBits: number;
}

/** A class: algorithms make one for every group of a model. */
class SymmetricGrid implements AffineGrid {
  readonly offsetBits = 0;

  constructor(
    readonly scaleBits: number,
    private readonly step: number,
    private readonly zero: number,
  ) {}

  code(w: number): number {
    return roundTo(this.step, w, this.zero - 1) + this.zero;
  }

  nearest(w: number): number {
    return Math.fround(this.step * roundTo(this.step, w, this.zero - 1));
  }
}

const roundTo = (step: number, w: number, most: number): number =>
  step === 0 ? 0 : clamp(Math.round(w / step), -most, most);

/** Weights decoded at once. */
const groupOf = (scaled: number): number => Math.min(32, scaled);

/**
 * Symmetric integers: w = scale * (code - 2^(bits-1)), codes from 1 on, so that weights mirror; one f16 scale for `scaled` weights.
 * bits + 16 / scaled bits a weight.
 */
export function symmetricGroups({ name, bits, scaled }: IntegerGroups): StorageFormat {
  const zero = 2 ** (bits - 1);
  const group = groupOf(scaled);
  const most = zero - 1;
  const grid = (weights: Float32Array, importance?: Float32Array): AffineGrid => {
    const full = largestMagnitude(weights) / most;
    const { bits: scaleBits, value } = fit(
      weights,
      importance,
      (share) => stored('f16', full * share),
      (s, w) => s.value * roundTo(s.value, w, most),
    );
    return new SymmetricGrid(scaleBits, value, zero);
  };
  return defineFormat({
    name,
    logical: 'f32',
    bits,
    group,
    multiple: scaled,
    planes: { ...codePlanes(bits), scale: { dtype: 'f16', per: scaled } },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, scaled, grid, given);
      return { ...packCodes(codes, bits), scale: grids.map((g) => g.scaleBits) };
    },
    decode: (planes, part) => {
      const [step] = planes.scale ?? [];
      return {
        codes: unpackCodes(planes, bits, group, part).map((c) => c.cast('f32')),
        ...(step ? { scale: step, offset: step.mul(zero) } : {}),
      };
    },
    ...(bits < 8 ? { integer: integerCodes(bits, zero) } : {}),
    errorBound: 0.5 / most + 2 ** -10,
  });
}

/**
 * Affine integers: w = scale * code - offset over the group's own range; f16 scale and offset for `scaled` weights.
 * bits + 32 / scaled bits a weight.
 */
export function affineGroups({ name, bits, scaled }: IntegerGroups): StorageFormat {
  const group = groupOf(scaled);
  const most = 2 ** bits - 1;
  const grid = (weights: Float32Array, importance?: Float32Array): AffineGrid => {
    let [low, high] = [0, 0];
    for (const w of weights) [low, high] = [Math.min(low, w), Math.max(high, w)];
    const code = (p: Parameters, w: number): number =>
      p.scale === 0 ? 0 : clamp(Math.round((w + p.offset) / p.scale), 0, most);
    const p = fit(
      weights,
      importance,
      (share): Parameters => {
        const step = stored('f16', ((high - low) * share) / most);
        // Zero must stay zero, whatever the rounding of the two: the offset is a whole number of steps.
        const steps = step.value === 0 ? 0 : clamp(Math.round((-low * share) / step.value), 0, most);
        const offset = stored('f16', steps * step.value);
        return { scale: step.value, offset: offset.value, scaleBits: step.bits, offsetBits: offset.bits };
      },
      (q, w) => q.scale * code(q, w) - q.offset,
    );
    return {
      scaleBits: p.scaleBits,
      offsetBits: p.offsetBits,
      code: (w) => code(p, w),
      nearest: (w) => Math.fround(Math.fround(p.scale * code(p, w)) - p.offset),
    };
  };
  return defineFormat({
    name,
    logical: 'f32',
    bits,
    group,
    multiple: scaled,
    planes: {
      ...codePlanes(bits),
      scale: { dtype: 'f16', per: scaled },
      offset: { dtype: 'f16', per: scaled },
    },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, scaled, grid, given);
      return {
        ...packCodes(codes, bits),
        scale: grids.map((g) => g.scaleBits),
        offset: grids.map((g) => g.offsetBits),
      };
    },
    decode: (planes, part) => {
      const [scale, offset] = [planes.scale?.[0], planes.offset?.[0]];
      return {
        codes: unpackCodes(planes, bits, group, part).map((c): Expr => c.cast('f32')),
        ...(scale ? { scale } : {}),
        ...(offset ? { offset } : {}),
      };
    },
    ...(bits < 8 ? { integer: integerCodes(bits) } : {}),
    // The range may be twice the largest magnitude; rounding the offset costs up to another step at an end.
    errorBound: 2 * (1 / most) + 2 ** -9,
  });
}

interface Parameters {
  readonly scale: number;
  readonly offset: number;
  readonly scaleBits: number;
  readonly offsetBits: number;
}
