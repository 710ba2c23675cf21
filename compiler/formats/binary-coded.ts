import { constant, type Expr } from '../ir/expr.ts';
import { bitOf, bitPlanes, packBits, planesOfBits } from './bit-planes.ts';
import { type CodedGrid, encodeRow } from './encode-row.ts';
import { stored } from './fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

const [GROUP, SPAN] = [32, 64];
/** Rounds of the alternation; it settles after a few. */
const ROUNDS = 6;

interface BinaryGrid extends CodedGrid {
  /** bf16 factors, one a plane. */
  readonly bits: readonly number[];
}

/** Planes of factors: two bf16 a word, the last of an odd number alone. */
const pairsOf = (bits: number): readonly string[] =>
  Array.from({ length: Math.ceil(bits / 2) }, (_, pair) => `factors${2 * pair}`);

const isAlone = (pair: number, bits: number): boolean => 2 * pair + 1 === bits;

/**
 * Binary-coded weights: w = sum of factor * (bit - 1/2) over `bits` planes of bits, with a bf16 factor a plane for 64 weights (alternating
 * multi-bit quantization, Xu et al. 2018; LUT-GEMM, Park et al. 2022): 1.25 bits a weight for each plane. The levels are no even steps:
 * they follow the weights.
 */
export function binaryCoded(bits: number): StorageFormat {
  const all = bitPlanes(bits);
  const pairs = pairsOf(bits);
  const factorsOf = (planes: Readonly<Record<string, readonly Expr[]>>): readonly Expr[] =>
    pairs.flatMap((name, pair) => {
      const [entry] = planes[name] ?? [];
      if (!entry) throw new RangeError(`plane '${name}' is missing`);
      if (isAlone(pair, bits)) return [entry.cast('f32')];
      return [entry.shl(constant('u32', 16)).bitcast('f32'), entry.and(constant('u32', 0xffff0000)).bitcast('f32')];
    });
  const grid = (weights: Float32Array, importance?: Float32Array): BinaryGrid => {
    const kept = Array.from(fitFactors(weights, importance, bits), (f) => stored('bf16', f));
    const levels = new Levels(kept.map((f) => f.value));
    const code = (w: number): number => levels.nearest(w);
    return { bits: kept.map((f) => f.bits), code, nearest: (w) => levels.valueOf(code(w)) };
  };
  return defineFormat({
    name: `b${bits}`,
    logical: 'f32',
    bits,
    group: GROUP,
    multiple: SPAN,
    planes: {
      ...planesOfBits(bits),
      ...Object.fromEntries(
        pairs.map((name, pair) => [name, { dtype: isAlone(pair, bits) ? 'bf16' : 'u32', per: SPAN } as const]),
      ),
    },
    grid,
    encode: (row, given) => {
      const { codes, grids } = encodeRow(row, SPAN, grid, given);
      const factors = pairs.map((name, pair): [string, ArrayLike<number>] => [
        name,
        grids.map((g) => ((g.bits[2 * pair] ?? 0) | ((g.bits[2 * pair + 1] ?? 0) << 16)) >>> 0),
      ]);
      return { ...packBits(codes, bits), ...Object.fromEntries(factors) };
    },
    decode: (planes) => {
      const factors = factorsOf(planes);
      const sum = (terms: readonly Expr[]): Expr => terms.reduce((a, b) => a.add(b));
      const zero = constant('f32', 0);
      return {
        codes: Array.from({ length: GROUP }, (_, i) =>
          sum(
            all.map((p, j) =>
              bitOf(planes, p, i)
                .ne(0)
                .select(factors[j] ?? zero, zero),
            ),
          ),
        ),
        offset: sum(factors).mul(0.5),
      };
    },
    signs: { terms: all.map((p) => [p]), factors: factorsOf },
    // One sign has the mean magnitude for all of its weights: a lone large one keeps little of itself.
    errorBound: 1,
  });
}

/** The values that codes stand for, code bit j choosing the sign of half of factor j. */
class Levels {
  private readonly values: Float64Array;
  /** Codes by value, and the middles between neighbours. */
  private readonly sorted: Uint8Array;
  private readonly middles: Float64Array;

  constructor(factors: readonly number[]) {
    const half = factors.reduce((a, b) => a + b, 0) / 2;
    const count = 2 ** factors.length;
    this.values = Float64Array.from({ length: count }, (_, code) =>
      factors.reduce((v, f, j) => ((code >> j) & 1 ? v + f : v), -half),
    );
    const { values } = this;
    this.sorted = Uint8Array.from(values.keys()).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
    this.middles = Float64Array.from({ length: count - 1 }, (_, i) => {
      const [a = 0, b = 0] = [values[this.sorted[i] ?? 0], values[this.sorted[i + 1] ?? 0]];
      return (a + b) / 2;
    });
  }

  nearest(w: number): number {
    const { middles, sorted } = this;
    let i = 0;
    while (i < middles.length && w > (middles[i] ?? 0)) i++;
    return sorted[i] ?? 0;
  }

  valueOf(code: number): number {
    return Math.fround(this.values[code] ?? 0);
  }
}

/**
 * Factors with a small sum of importance * (rounded - weight)^2: each from what those before it leave, then in turn the nearest codes and,
 * for these, the best factors.
 */
function fitFactors(weights: Float32Array, importance: Float32Array | undefined, bits: number): readonly number[] {
  const importanceOf = (i: number): number => importance?.[i] ?? 1;
  let factors: number[] = [];
  const rest = Float64Array.from(weights);
  for (let j = 0; j < bits; j++) {
    let [sum, total] = [0, 0];
    rest.forEach((r, i) => {
      sum += importanceOf(i) * Math.abs(r);
      total += importanceOf(i);
    });
    const size = total === 0 ? 0 : sum / total;
    factors.push(2 * size);
    rest.forEach((r, i) => {
      rest[i] = r - (r < 0 ? -size : size);
    });
  }
  let [best, least] = [factors, Number.POSITIVE_INFINITY];
  for (let round = 0; round < ROUNDS; round++) {
    const levels = new Levels(factors);
    const gram = new Float64Array(bits * bits);
    const right = new Float64Array(bits);
    let error = 0;
    for (let i = 0; i < weights.length; i++) {
      const [w, by] = [weights[i] ?? 0, importanceOf(i)];
      const code = levels.nearest(w);
      error += by * (levels.valueOf(code) - w) ** 2;
      for (let a = 0; a < bits; a++) {
        const signA = ((code >> a) & 1) - 0.5;
        right[a] = (right[a] ?? 0) + by * signA * w;
        for (let b = 0; b < bits; b++)
          gram[a * bits + b] = (gram[a * bits + b] ?? 0) + by * signA * (((code >> b) & 1) - 0.5);
      }
    }
    if (error < least) [best, least] = [factors, error];
    else break;
    const next = solve(gram, right, bits);
    if (!next) break;
    factors = next;
  }
  return best;
}

/** Solution of a small symmetric system, or undefined where it has none (planes that always agree). */
function solve(matrix: Float64Array, right: Float64Array, n: number): number[] | undefined {
  const [a, x] = [matrix.slice(), right.slice()];
  const at = (r: number, c: number): number => a[r * n + c] ?? 0;
  for (let p = 0; p < n; p++) {
    if (at(p, p) < 1e-9 * (matrix[p * n + p] ?? 0) || at(p, p) === 0) return undefined;
    for (let r = p + 1; r < n; r++) {
      const by = at(r, p) / at(p, p);
      for (let c = p; c < n; c++) a[r * n + c] = at(r, c) - by * at(p, c);
      x[r] = (x[r] ?? 0) - by * (x[p] ?? 0);
    }
  }
  for (let r = n - 1; r >= 0; r--) {
    let v = x[r] ?? 0;
    for (let c = r + 1; c < n; c++) v -= at(r, c) * (x[c] ?? 0);
    x[r] = v / at(r, r);
  }
  return Array.from(x);
}

/** The widths there are. */
export const binaryCodes: readonly StorageFormat[] = [1, 2, 3, 4].map(binaryCoded);
