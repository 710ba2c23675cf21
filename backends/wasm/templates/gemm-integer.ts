import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isAtMost,
  isStatic,
  mod,
  mul,
  product,
  range,
  sub,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr } from '../../../compiler/ir/expr.ts';
import type { Node, Value } from '../../../compiler/ir/graph.ts';
import type { Kernel } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { element, noteFor, type Operands, operandsOf, overRows, transpose4 } from './gemm.ts';
import { finishTile, halfSums, Tile } from './microkernel.ts';
import { type PackedCodes, packCodes } from './packing.ts';

const VECTORS = 2;
const PANEL = 4 * VECTORS;
/** Rows of a that a work item widens to 16 bits, and most words of them: they stay in the second-level cache. */
const ITEM_ROWS = 96;
const ROWS_WORDS = 1 << 16;
/** Panels of b a work item multiplies those rows with, at most: widening a then costs little. */
const ITEM_PANELS = 16;
/** Up to this many rows the codes of b are widened where they are used. */
const FEW_ROWS = 2;
const MOST_DEPTH = 1 << 15;

const one = (v: Value | null | undefined): boolean => !v || product(v.type.shape) === 1;

/** Whether b is one constant matrix that can be laid out when compiling, with constant zero points. */
const isPackable = (o: Operands, zero: Value | null | undefined): boolean =>
  o.b.constant !== undefined &&
  isStatic(o.n) &&
  o.b.type.shape.slice(0, -2).every((d) => d === 1) &&
  o.a.type.shape.length - 2 === o.batch.length &&
  (!zero || (zero.constant !== undefined && (one(zero) || product(zero.type.shape) === o.n)));

/** A depth known when compiling, and one zero point for each operand (or constant ones for the columns of a constant b). */
function fits(node: Node): boolean {
  const o = operandsOf(node);
  const [, , aZero, bZero] = node.inputs;
  if (o?.a.type.format !== 'dense' || o.b.type.format !== 'dense' || !one(aZero)) return false;
  return isStatic(o.depth) && o.depth > 0 && o.depth <= MOST_DEPTH && (one(bZero) || isPackable(o, bZero));
}

/** The zero point of a left operand as an i32 scalar; undefined when it is 0. */
export function zeroPoint(
  k: KernelBuilder,
  request: TemplateRequest,
  zero: Value | null | undefined,
): Expr | undefined {
  if (!zero) return undefined;
  return k.let(k.load(request.bind(k, zero), 0).cast('i32'), 'zero');
}

/** Eight neighbouring codes less their zero point as words of two 16-bit halves. */
export function widened(k: KernelBuilder, from: Buffer, at: Dim, zero: Expr | undefined): Expr {
  const codes = k.load(from, at, 8).cast('i32');
  return (zero ? codes.sub(zero) : codes).halves();
}

/** Panels of 8 columns with pairs of depths running down. */
function packB(o: Operands, zero: Value | null | undefined): PackedCodes {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const panels = Math.ceil(n / PANEL);
  const pairs = Math.ceil(depth / 2);
  const { constant: source } = o.b;
  if (!source) throw new TypeError('b is not constant');
  const length = panels * pairs * PANEL * 2;
  const columnOf = (from: number): number => (o.transposeB ? Math.floor(from / depth) : from % n);
  return packCodes(`${source.name}.pairs`, source, zero?.constant, n * depth, length, columnOf, (put) => {
    for (let p = 0, at = 0; p < panels; p++)
      for (let i = 0; i < pairs; i++)
        for (let j = 0; j < PANEL; j++)
          for (let h = 0; h < 2; h++, at++) {
            const c = (n >= PANEL ? Math.min(p * PANEL, n - PANEL) : 0) + j;
            const d = 2 * i + h;
            if (c < n && d < depth) put(at, o.transposeB ? c * depth + d : d * n + c);
          }
  });
}

/** How the words of a panel of b come about: four columns of one pair of depths at a time. */
interface Panels {
  /** Fills `words` with a panel, [pair][column]. */
  fill(words: Buffer, panel: Dim): void;
  /** The same words, made where they are used. */
  direct?(panel: Dim, pair: Dim, vector: number): Expr;
}

function constantPanels(k: KernelBuilder, o: Operands, request: TemplateRequest, pairs: number): Panels {
  const packed = packB(o, request.anchor.inputs[3]);
  const b = request.bindPacked(k, o.b, `pairs${o.transposeB ? 't' : ''}`, packed.constant);
  const minus = packed.minus === 0 ? undefined : constant('i32', packed.minus);
  const direct = (panel: Dim, pair: Dim, v: number): Expr =>
    widened(k, b, add(mul(add(mul(panel, pairs), pair), PANEL * 2), 8 * v), minus);
  const fill = (words: Buffer, panel: Dim): void =>
    k.for(0, pairs, 1, (i) => {
      for (let v = 0; v < VECTORS; v++) k.store(words, add(mul(i, PANEL), 4 * v), direct(panel, i, v));
    });
  return { fill, direct };
}

/** b comes at run time: rows of it side by side are paired, columns of it (transposed) are turned four by four. */
function dynamicPanels(
  k: KernelBuilder,
  o: Operands,
  request: TemplateRequest,
  batch: readonly Dim[],
  columnOf: (panel: Dim, c: number) => Dim,
): Panels {
  const b = request.bind(k, o.b);
  const depth = Number(o.depth);
  const zero = zeroPoint(k, request, request.anchor.inputs[3]);
  const at = (c: Dim, d: Dim): Dim => element(o.b.type, batch, o.transposeB, d, c);
  // The half past an odd depth must be zero: that of a is whatever follows there.
  const isLast = (d: Dim): boolean => depth % 2 === 1 && d === depth - 1;
  const centred = (c: Dim, d: Dim, width: 1 | 4): Expr => {
    const codes = k.load(b, at(c, d), width).cast('i32');
    return (zero ? codes.sub(zero) : codes).bitcast('u32');
  };
  const fill = (words: Buffer, panel: Dim): void => {
    if (o.transposeB) {
      const whole = depth - (depth % 8);
      const put = (d: Dim, v: number, vectors: readonly Expr[]): void =>
        vectors.forEach((x, u) => k.store(words, add(mul(add(floorDiv(d, 2), u), PANEL), 4 * v), x));
      k.for(0, whole, 8, (d) => {
        for (let v = 0; v < VECTORS; v++) {
          const column = (c: number): Expr => k.let(widened(k, b, at(columnOf(panel, 4 * v + c), d), zero));
          put(d, v, transpose4([column(0), column(1), column(2), column(3)]));
        }
      });
      for (let d = whole; d < depth; d += 2)
        for (let c = 0; c < PANEL; c++) {
          const low = centred(columnOf(panel, c), d, 1).and(0xffff);
          const word = isLast(d) ? low : low.or(centred(columnOf(panel, c), d + 1, 1).shl(16));
          k.store(words, (d / 2) * PANEL + c, word);
        }
      return;
    }
    const pair = (d: Dim): void => {
      for (let v = 0; v < VECTORS; v++) {
        const low = centred(columnOf(panel, 4 * v), d, 4).and(0xffff);
        const word = isLast(d) ? low : low.or(centred(columnOf(panel, 4 * v), add(d, 1), 4).shl(16));
        k.store(words, add(mul(floorDiv(d, 2), PANEL), 4 * v), word);
      }
    };
    k.for(0, depth - (depth % 2), 2, pair);
    if (depth % 2 === 1) pair(depth - 1);
  };
  return { fill };
}

function build(o: Operands, request: TemplateRequest): Kernel {
  const [, , aZero, bZero] = request.anchor.inputs;
  const packable = isPackable(o, bZero);
  const pairs = Math.ceil(Number(o.depth) / 2);
  const panels = ceilDiv(o.n, PANEL);
  // With one b for all, batches are only more rows.
  const rows = packable ? product([...o.batch, o.m]) : o.m;
  const most = Math.max(4, Math.min(ITEM_ROWS, Math.floor(ROWS_WORDS / pairs) & ~3));
  // Blocks of equal height overlap little at the end.
  const itemRows =
    isStatic(rows) && rows > 0
      ? Math.ceil(rows / Math.ceil(rows / most))
      : Math.max(1, Math.min(most, range(rows).max));
  // Enough items for threads to share, even when there are few rows.
  const itemPanels = Math.min(ITEM_PANELS, Math.max(1, Math.floor(range(panels).max / 8)));
  const blocks = ceilDiv(rows, itemRows);
  const groups = ceilDiv(panels, itemPanels);
  const k = new KernelBuilder(request.name, 'simd', 1, [
    product([packable ? 1 : product(o.batch), blocks, groups]),
    1,
    1,
  ]);
  const rest = floorDiv(k.group.x, groups);
  const block = mul(mod(rest, blocks), itemRows);
  const batch = packable ? [] : unravel(floorDiv(rest, blocks), o.batch);
  const from = isStatic(rows) ? dimMin(block, sub(rows, itemRows)) : block;
  const count = isStatic(rows) ? itemRows : sub(dimMin(add(from, itemRows), rows), from);
  const firstPanel = mul(mod(k.group.x, groups), itemPanels);
  const wide = isAtMost(PANEL, o.n);
  const firstColumn = (panel: Dim): Dim => (wide ? dimMin(mul(panel, PANEL), sub(o.n, PANEL)) : mul(panel, PANEL));
  // Columns past the end repeat inside b: their results are not stored.
  const columnOf = (panel: Dim, c: number): Dim =>
    wide ? add(firstColumn(panel), c) : dimMin(add(firstColumn(panel), c), sub(o.n, 1));
  const source = packable ? constantPanels(k, o, request, pairs) : dynamicPanels(k, o, request, batch, columnOf);
  const a = request.bind(k, o.a);
  const zero = zeroPoint(k, request, aZero);
  const wideRows = k.shared('rows', 'u32', itemRows * pairs + 4);
  const startOf = (r: Dim): Dim =>
    packable ? mul(add(from, r), o.depth) : element(o.a.type, batch, false, add(from, r), 0);
  // Rows end where the next begin: what a vector stores past the end of one is overwritten, or never read.
  k.for(0, count, 1, (r) => {
    k.for(0, o.depth, 8, (d) => {
      k.store(wideRows, add(mul(r, pairs), floorDiv(d, 2)), widened(k, a, add(startOf(r), d), zero));
    });
  });
  const words = k.shared('panel', 'u32', pairs * PANEL);
  const multiply = (panel: Dim, b: (pair: Dim, v: number) => Expr): void =>
    overRows(k, 0, count, count, (row, height) => {
      const tile = new Tile(k, height, VECTORS, undefined, halfSums);
      tile.loop(pairs, (i) => ({
        a: (r) => k.load(wideRows, add(mul(add(row, r), pairs), i)),
        b: (v) => b(i, v),
      }));
      finishTile(k, tile, {
        columnOf: (v) => add(firstColumn(panel), mul(v, 4)),
        limit: o.n,
        finish: (value, r, c) => {
          const at = add(add(from, row), r);
          request.finish(k, value, packable ? [...unravel(at, [...o.batch, o.m]), c] : [...batch, at, c]);
        },
      });
    });
  k.for(firstPanel, dimMin(add(firstPanel, itemPanels), panels), 1, (panel) => {
    const { direct } = source;
    if (direct && isAtMost(rows, FEW_ROWS)) {
      multiply(panel, (i, v) => direct(panel, i, v));
      return;
    }
    source.fill(words, panel);
    multiply(panel, (i, v) => k.load(words, add(mul(i, PANEL), 4 * v), 4));
  });
  const sizes = [product([...request.output.shape.slice(0, -1), o.depth]), product(o.b.type.shape)];
  return k.done({
    ...noteFor(o, request, ''),
    op: 'matmul_integer',
    bytes: add(add(sizes[0] ?? 0, sizes[1] ?? 0), mul(4, product(request.output.shape))),
  });
}

/** Products of matrices of 8-bit codes. */
export const gemmInteger = defineTemplate({
  name: 'gemm-integer',
  op: 'matmul_integer',
  score: 10,
  why: 'codes widened to 16 bits in scratch, register tiles of 4 x 8 that take two depths at a time',
  when: (node) => fits(node),
  build: (request) => {
    const o = operandsOf(request.anchor);
    if (!o) throw new TypeError('not a product');
    return build(o, request);
  },
});
