import { constant } from '../ir/expr.ts';
import { codePlanes, integerCodes, packCodes, unpackCodes } from './code-planes.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { clamp } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

/** Codes of 4 bits, and the largest step between two of them: it is kept in 4 bits too, less one. */
const [LARGEST_CODE, LARGEST_STEP] = [15, 16];
const GROUP = 32;
/** Whole numbers up to this stay within 8 bits when rounded to steps of 16: the protective range. */
const MOST = 119;

interface StepGrid extends CodedGrid {
  /** step - 1, and the code of zero above it. */
  readonly parameters: number;
}

/** Steps as the range of the weights asks for, and the next smaller one where clipping costs less than coarser steps. */
const grid = (weights: Float32Array, importance?: Float32Array): StepGrid => {
  let [low, high] = [0, 0];
  for (const w of weights) [low, high] = [Math.min(low, w), Math.max(high, w)];
  const make = (step: number): StepGrid => {
    const zero = clamp(Math.round(-low / step), 0, LARGEST_CODE);
    const code = (w: number): number => clamp(Math.round(w / step) + zero, 0, LARGEST_CODE);
    return { parameters: step - 1 + 16 * zero, code, nearest: (w) => (code(w) - zero) * step };
  };
  const errorOf = (g: StepGrid): number =>
    weights.reduce((sum, w, i) => sum + (importance?.[i] ?? 1) * (g.nearest(w, i) - w) ** 2, 0);
  const whole = clamp(Math.ceil((high - low) / LARGEST_CODE), 1, LARGEST_STEP);
  const wide = make(whole);
  if (whole === 1) return wide;
  const finer = make(whole - 1);
  return errorOf(finer) < errorOf(wide) ? finer : wide;
};

/**
 * Progressive groups (QoQ, Lin et al. 2024, QServe): a row is whole numbers of 8 bits with one scale behind the product; `scaled` of them
 * share a whole step and zero, w = step * (code - zero), in one byte. Everything before the row's scale is whole, so that products with 8-bit
 * activations are too. 4 + 8 / scaled bits a weight.
 */
const progressive = (name: string, scaled: number): StorageFormat =>
  defineFormat({
    name,
    logical: 'f32',
    whole: MOST,
    bits: 4,
    group: GROUP,
    multiple: scaled,
    planes: { ...codePlanes(4), step: { dtype: 'u8', per: scaled } },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, scaled, grid, given);
      return { ...packCodes(codes, 4), step: grids.map((g) => g.parameters) };
    },
    decode: (planes, part) => {
      const [parameters] = planes.step ?? [];
      const step = parameters?.and(constant('u32', 15)).add(constant('u32', 1));
      return {
        codes: unpackCodes(planes, 4, GROUP, part).map((c) => c.cast('f32')),
        ...(parameters && step
          ? { scale: step.cast('f32'), offset: step.mul(parameters.shr(constant('u32', 4))).cast('f32') }
          : {}),
      };
    },
    integer: integerCodes(4),
    // Of rows that are no whole numbers: half a step of 1 may be all of them.
    errorBound: 1,
  });

export const progressives = [progressive('p4g64', 64), progressive('p4g128', 128)] as const;
