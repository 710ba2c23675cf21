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
import { noteFor, type Operands, operandsOf, overRows } from './gemm.ts';
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

/** A constant right operand, one zero point for the left one. */
const fits = (node: Node): boolean => {
  const o = operandsOf(node);
  const [, , aZero, bZero] = node.inputs;
  return (
    o !== undefined &&
    o.b.constant !== undefined &&
    o.b.type.format === 'dense' &&
    (!bZero || bZero.constant !== undefined) &&
    one(aZero) &&
    one(bZero) &&
    isStatic(o.n) &&
    isStatic(o.depth) &&
    o.depth > 0 &&
    o.depth <= MOST_DEPTH &&
    o.b.type.shape.slice(0, -2).every((d) => d === 1) &&
    o.a.type.shape.length - 2 === o.batch.length
  );
};

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

function build(o: Operands, request: TemplateRequest): Kernel {
  const [, , aZero, bZero] = request.anchor.inputs;
  const n = Number(o.n);
  const depth = Number(o.depth);
  const pairs = Math.ceil(depth / 2);
  const panels = Math.ceil(n / PANEL);
  const rows = product([...o.batch, o.m]);
  const most = Math.max(4, Math.min(ITEM_ROWS, Math.floor(ROWS_WORDS / pairs) & ~3));
  // Blocks of equal height overlap little at the end.
  const itemRows =
    isStatic(rows) && rows > 0 ? Math.ceil(rows / Math.ceil(rows / most)) : Math.min(most, range(rows).max);
  // Enough items for threads to share, even when there are few rows.
  const itemPanels = Math.min(ITEM_PANELS, Math.max(1, Math.floor(panels / 8)));
  const blocks = ceilDiv(rows, itemRows);
  const groups = Math.ceil(panels / itemPanels);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(blocks, groups), 1, 1]);
  const a = request.bind(k, o.a);
  const packed = packB(o, bZero);
  const b = request.bindPacked(k, o.b, `pairs${o.transposeB ? 't' : ''}`, packed.constant);
  const block = mul(floorDiv(k.group.x, groups), itemRows);
  const from = isStatic(rows) ? dimMin(block, sub(rows, itemRows)) : block;
  const count = isStatic(rows) ? itemRows : sub(dimMin(add(from, itemRows), rows), from);
  const firstPanel = mul(mod(k.group.x, groups), itemPanels);
  const zero = zeroPoint(k, request, aZero);
  const bMinus = packed.minus === 0 ? undefined : constant('i32', packed.minus);
  const wide = k.shared('rows', 'u32', itemRows * pairs + 4);
  // Rows end where the next begin: what a vector stores past the end of one is overwritten, or never read.
  k.for(0, count, 1, (r) => {
    k.for(0, depth, 8, (d) => {
      k.store(wide, add(mul(r, pairs), floorDiv(d, 2)), widened(k, a, add(mul(add(from, r), depth), d), zero));
    });
  });
  const panelWords = k.shared('panel', 'u32', pairs * PANEL);
  const overPanel = (panel: Dim, source: (i: Dim, v: number) => Expr): void => {
    const column = n >= PANEL ? dimMin(mul(panel, PANEL), n - PANEL) : 0;
    overRows(k, 0, count, count, (row, height) => {
      const tile = new Tile(k, height, VECTORS, undefined, halfSums);
      tile.loop(pairs, (i) => ({
        a: (r) => k.load(wide, add(mul(add(row, r), pairs), i)),
        b: (v) => source(i, v),
      }));
      finishTile(k, tile, {
        columnOf: (v) => add(column, mul(v, 4)),
        limit: n,
        finish: (value, r, c) => request.finish(k, value, [...unravel(add(add(from, row), r), [...o.batch, o.m]), c]),
      });
    });
  };
  const wideB = (panel: Dim, i: Dim, v: number): Expr =>
    widened(k, b, add(mul(add(mul(panel, pairs), i), PANEL * 2), 8 * v), bMinus);
  k.for(firstPanel, dimMin(add(firstPanel, itemPanels), panels), 1, (panel) => {
    if (isAtMost(rows, FEW_ROWS)) {
      overPanel(panel, (i, v) => wideB(panel, i, v));
      return;
    }
    k.for(0, pairs, 1, (i) => {
      for (let v = 0; v < VECTORS; v++) k.store(panelWords, add(mul(i, PANEL), 4 * v), wideB(panel, i, v));
    });
    overPanel(panel, (i, v) => k.load(panelWords, add(mul(i, PANEL), 4 * v), 4));
  });
  return k.done({ ...noteFor(o, request, 'products of 16-bit pairs'), op: 'matmul_integer' });
}

/** Products of 8-bit codes with a constant right operand. */
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
