import { gridSpan, type SignPlanes, type StorageFormat } from '../../../compiler/formats/format.ts';
import { add, ceilDiv, type Dim, min as dimMin, floorDiv, mod, mul, product } from '../../../compiler/ir/dim.ts';
import { constant, type Expr } from '../../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import {
  addHalves,
  highHalves,
  lookUp,
  lowHalves,
  oddUnsigned,
  shiftHalvesUp,
  subtractHalves,
  sumBytes,
  zipHighHalves,
  zipLowHalves,
} from '../intrinsics.ts';
import { noteFor, type Operands, overRows } from './gemm.ts';
import { BIAS, bindTables, FOUR, makeTables, scaleAt, TABLE_WORDS, tableAt } from './lookup-tables.ts';
import { finishVector } from './microkernel.ts';
import { bindPanels, liesInPairs, PANEL } from './panels.ts';

const VECTORS = PANEL / 4;
/** Rows that one work item computes. */
const ITEM_ROWS = 96;
/** Rows of a tile: the indices of weights are taken apart once for them. */
const TILE_ROWS = 2;
/** Weights of a byte of a plane: two tables. */
const PER = 8;

/**
 * Products with weights that are sums of signs, without a multiplication (T-MAC, Wei et al. 2024; LUT-GEMM, Park et al. 2022): four bits of
 * a plane choose the sum of four activations from a table in a register, for the 16 rows of a panel at once. For 64 weights and a plane:
 * 1.5 instructions to take the indices apart, one to look up, two or three to add bytes in 16 bits (below), against 16 to multiply 64 pairs of
 * 16-bit integers and to widen one operand of each.
 */
export function buildLookupProduct(
  o: Operands,
  format: StorageFormat,
  signs: SignPlanes,
  request: TemplateRequest,
): LoweredKernel[] {
  const depth = Number(o.depth);
  const n = Number(o.n);
  const rows = product([...o.batch, o.m]);
  const run = gridSpan(format);
  const size = { rows, depth, run };
  const panels = Math.ceil(n / PANEL);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(ceilDiv(rows, ITEM_ROWS), panels), 1, 1]);
  const tables = bindTables(k, request, o.a, size, 'read');
  const weights = bindPanels(k, o.b, format, { rows: n, length: depth }, !o.transposeB, request);
  const panel = mod(k.group.x, panels);
  const column = n >= PANEL ? dimMin(mul(panel, PANEL), n - PANEL) : 0;
  const bits = new Set(signs.terms.flat().map((p) => p.plane));
  const others = Object.keys(format.planes).filter((name) => !bits.has(name));
  const nibbles = constant('i32', 0x0f0f0f0f).splat(4);

  /** Factors of each term, for four columns. */
  const factorsOf = (index: Dim, vector: number): readonly Expr[] =>
    signs.factors(
      Object.fromEntries(others.map((name) => [name, [weights.load(name, panel, index, 0, 4 * vector, 4)]])),
    );

  const tile = (row: Dim, count: number): void => {
    const zero = constant('f32', 0).splat(4);
    const totals = Array.from({ length: count * VECTORS }, () => k.var(zero, 'total'));
    weights.walk(panel, run, 0, depth / run, (index) => {
      const fine = Array.from({ length: count }, (_, c) =>
        k.load(tables.scales, scaleAt(size, add(row, c), index, 1)).ne(0),
      ).reduce((a, b) => a.or(b));
      const passes = k.index(fine.select(constant('i32', 2), 1), { min: 1, max: 2 }, 'passes');
      k.for(0, passes, 1, (pass) => {
        const sums = signs.terms.map((planes) => Array.from({ length: count }, () => sumsOf(k, planes, run / FOUR)));
        k.for(0, run / PER, 1, (entry) => {
          signs.terms.forEach((planes, t) => {
            planes.forEach(({ plane, width, at }, register) => {
              const both = k.let(weights.bytes(plane, panel, index, add(mul(entry, width), at)), 'both');
              const low = k.let(both.and(nibbles), 'low');
              const high = k.let(both.bitcast('u32').shr(constant('u32', 4)).bitcast('i32').and(nibbles), 'high');
              for (let c = 0; c < count; c++) {
                const first = tableAt(size, add(row, c), index, pass, mul(entry, 2));
                [low, high].forEach((indices, half) => {
                  const table = k.load(tables.words, add(first, half * TABLE_WORDS), 4);
                  sums[t]?.[c]?.add(lookUp(table, indices), register);
                });
              }
            });
          });
        });
        const scales = Array.from({ length: count }, (_, c) =>
          k.let(k.load(tables.scales, scaleAt(size, add(row, c), index, pass)).splat(4), 'scale'),
        );
        const factors = Array.from({ length: VECTORS }, (_, v) => factorsOf(index, v));
        signs.terms.forEach((_, t) => {
          for (let c = 0; c < count; c++)
            sums[t]?.[c]?.words().forEach((sum, v) => {
              const [total, factor, scale] = [totals[c * VECTORS + v], factors[v]?.[t], scales[c]];
              if (total && factor && scale) total.set(sum.cast('f32').fma(factor.cast('f32').mul(scale), total.value));
            });
        });
      });
    });
    totals.forEach((total, i) => {
      const at = add(row, Math.floor(i / VECTORS));
      finishVector(k, total.value, add(column, 4 * (i % VECTORS)), n, (value, c) =>
        request.finish(k, value, [...unravel(at, [...o.batch, o.m]), c]),
      );
    });
  };
  const from = mul(floorDiv(k.group.x, panels), ITEM_ROWS);
  overRows(k, from, dimMin(add(from, ITEM_ROWS), rows), rows, tile, TILE_ROWS);
  return [
    makeTables(request, o.a, size),
    request.close(k, noteFor(o, request, 'sums of four activations looked up by bits of the weights')),
  ];
}

/** Sums of what is looked up for 16 rows. */
interface Sums {
  /** Sixteen bytes of register number `register` of those that a term has for eight weights. */
  add(bytes: Expr, register: number): void;
  /** The sums less their bias, four words a register. */
  words(): readonly Expr[];
}

const halvesOf = (v: number): Expr => constant('i32', ((v & 0xffff) << 16) | (v & 0xffff)).splat(4);

/** Sums for a term whose planes have `tables` tables each. */
const sumsOf = (k: KernelBuilder, planes: SignPlanes['terms'][number], tables: number): Sums =>
  liesInPairs(planes) ? new PairSums(k, planes.length * tables) : new ByteSums(k, planes.length * tables);

/** Sums of `count` bytes a row, of which two of each of eight rows come in a register: one addition less than {@link ByteSums}. */
class PairSums implements Sums {
  private readonly sums;

  constructor(k: KernelBuilder, count: number) {
    if (255 * count > 0x7fff) throw new RangeError(`${count} bytes are too many for 16 bits`);
    this.sums = [0, 1].map(() => k.var(halvesOf(-count * BIAS), 'sum'));
  }

  add(bytes: Expr, register: number): void {
    const sum = this.sums[register];
    sum?.set(addHalves(sum.value, sumBytes(bytes)));
  }

  words(): readonly Expr[] {
    return this.sums.flatMap(({ value }) => [lowHalves(value), highHalves(value)]);
  }
}

/**
 * Sums of `count` bytes in each of 16 lanes, in halves: of all as they are, so that the bytes of odd lanes count 256 times, and of those of
 * odd lanes alone. What wraps around in the first comes out right when the second is taken off.
 */
class ByteSums implements Sums {
  private readonly all;
  private readonly odd;

  constructor(k: KernelBuilder, count: number) {
    const bias = count * BIAS;
    // Sums lie within 255 * count, which has to fit in 16 bits.
    if (255 * count > 0xffff) throw new RangeError(`${count} bytes are too many for 16 bits`);
    this.odd = k.var(halvesOf(-bias), 'odd');
    this.all = k.var(halvesOf(-bias - 256 * bias), 'all');
  }

  add(bytes: Expr): void {
    this.all.set(addHalves(this.all.value, bytes));
    this.odd.set(addHalves(this.odd.value, oddUnsigned(bytes)));
  }

  words(): readonly Expr[] {
    const odd = this.odd.value;
    const even = subtractHalves(this.all.value, shiftHalvesUp(odd, 8));
    const [first, last] = [zipLowHalves(even, odd), zipHighHalves(even, odd)];
    return [lowHalves(first), highHalves(first), lowHalves(last), highHalves(last)];
  }
}
