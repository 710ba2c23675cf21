import { constant, type Expr } from '../ir/expr.ts';
import { codePlanes, integerCodes, packCodes, unpackCodes } from './code-planes.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { fit, largestMagnitude, stored } from './fit.ts';
import { defineFormat } from './format.ts';

const [GROUP, SPAN] = [32, 64];

/** Quantiles of a normal distribution, normalised to [-1, 1] with an exact zero (QLoRA, Dettmers et al. 2023, appendix E). */
export const NF4 = [
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
].map(Math.fround);

/** Integers a table entry of 1 becomes: of those up to 4095 the one at which all entries are nearest to integers, 7.8e-5 off at most. */
const UNITS = 3846.75;

interface TableGrid extends CodedGrid {
  readonly bits: number;
}

/** Index of the table's value nearest to x. */
function nearestCode(x: number): number {
  let c = 0;
  while (c < 15 && x - (NF4[c] ?? 0) > (NF4[c + 1] ?? 1) - x) c++;
  return c;
}

const grid = (weights: Float32Array, importance?: Float32Array): TableGrid => {
  const full = largestMagnitude(weights);
  const code = (s: number, w: number): number => (s === 0 ? 7 : nearestCode(w / s));
  const { bits, value } = fit(
    weights,
    importance,
    (share) => stored('f16', full * share),
    (s, w) => s.value * (NF4[code(s.value, w)] ?? 0),
  );
  return { bits, code: (w) => code(value, w), nearest: (w) => Math.fround(value * (NF4[code(value, w)] ?? 0)) };
};

/** The table's value by a binary tree of selects. */
function lookUp(code: Expr): Expr {
  const at = (low: number, bit: number): Expr => {
    if (bit < 0) return constant('f32', NF4[low] ?? 0);
    const set = code.and(constant('i32', 1 << bit)).ne(0);
    return set.select(at(low + (1 << bit), bit - 1), at(low, bit - 1));
  };
  return at(0, 3);
}

/** NF4: 16 quantiles of the normal distribution, one f16 scale for 64 weights. 4.25 bits a weight. */
export const nf4 = defineFormat({
  name: 'nf4',
  logical: 'f32',
  group: GROUP,
  multiple: SPAN,
  planes: { ...codePlanes(4), scale: { dtype: 'f16', per: SPAN } },
  grid,
  encode: (row, given) => {
    const { codes, grids } = encodeRow(row, SPAN, grid, given);
    return { ...packCodes(codes, 4), scale: grids.map((g) => g.bits) };
  },
  decode: (planes, part) => {
    const [scale] = planes.scale ?? [];
    return { codes: unpackCodes(planes, 4, GROUP, part).map(lookUp), ...(scale ? { scale } : {}) };
  },
  integer: {
    ...integerCodes(4),
    table: { values: NF4.map((v) => Math.round(v * UNITS)), unit: 1 / UNITS },
    largest: Math.round(UNITS),
    signed: true,
    zero: 0,
  },
  // Half the widest gap, -1 to -0.696.
  errorBound: 0.153,
});
