import { type Codebooks, gridSpan, type StorageFormat } from '../../../compiler/formats/format.ts';
import { add, ceilDiv, type Dim, min as dimMin, floorDiv, mod, mul, product } from '../../../compiler/ir/dim.ts';
import { constant, type Expr } from '../../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { addHalves, dot16 } from '../intrinsics.ts';
import { noteFor, type Operands, overRows, transpose4 } from './gemm.ts';
import { bindRows, quantizeRows, type RowLayout } from './integer-rows.ts';
import { finishVector } from './microkernel.ts';
import { bindPanels, bindShared, PANEL } from './panels.ts';

/** Weights of a code. */
const DIMS = 8;
const ENTRIES = 256;
const ITEM_ROWS = 96;
/** Rows of a tile: entries are fetched and added once for them. */
const TILE_ROWS = 2;

/**
 * Products with vectors from codebooks: a code fetches eight bytes of its codebook at once, those of several codebooks are added as 16-bit
 * integers and multiplied with eight activations of 16 bits. (A table of the products of all entries with eight activations, as AQLM's own
 * kernels keep, would cost as much as 256 rows and save one instruction of six.)
 */
export function buildCodebookProduct(
  o: Operands,
  format: StorageFormat,
  { codes, entries, books }: Codebooks,
  request: TemplateRequest,
): LoweredKernel[] {
  const depth = Number(o.depth);
  const n = Number(o.n);
  const rows = product([...o.batch, o.m]);
  const size = { rows, depth };
  const run = gridSpan(format);
  const layout: RowLayout = {
    key: `pairs in order ${run}`,
    run,
    // 64 products with sums of two bytes stay below 2^31.
    largest: 32767,
    words: Array.from({ length: run / 2 }, (_, i) => [2 * i, 2 * i + 1]),
    segment: run,
    zero: 0,
  };
  const panels = Math.ceil(n / PANEL);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(ceilDiv(rows, ITEM_ROWS), panels), 1, 1]);
  const x = bindRows(k, request, o.a, size, layout, 'read');
  const weights = bindPanels(k, o.b, format, { rows: n, length: depth }, !o.transposeB, request);
  const book = bindShared(k, o.b, format, entries, { rows: n, length: depth }, !o.transposeB, request);
  const panel = mod(k.group.x, panels);
  const column = n >= PANEL ? dimMin(mul(panel, PANEL), n - PANEL) : 0;
  const zero = constant('i32', 0).splat(4);

  /** Eight weights of a row as 16-bit integers. */
  const vector = (index: Dim, group: Dim, lane: Dim): Expr =>
    Array.from({ length: books }, (_, b) => {
      const code = weights.load(codes, panel, index, add(mul(group, books), b), lane, 1);
      const entry = add(k.index(code, { min: 0, max: ENTRIES - 1 }, 'code'), b * ENTRIES);
      return k.load(book, mul(entry, DIMS), 8).halves().bitcast('i32');
    }).reduce(addHalves);

  const tile = (row: Dim, count: number): void =>
    k.for(0, PANEL / 4, 1, (four) => {
      const first = mul(four, 4);
      const totals = Array.from({ length: count }, () => k.var(constant('f32', 0).splat(4), 'total'));
      k.for(0, depth / run, 1, (index) => {
        const sums = Array.from({ length: count * 4 }, () => k.var(zero, 'sum'));
        k.for(0, run / DIMS, 1, (group) => {
          const own = Array.from({ length: count }, (_, c) => {
            const word = add(mul(add(row, c), depth / 2), add(mul(index, run / 2), mul(group, DIMS / 2)));
            return k.let(k.load(x.codes, word, 4), 'x');
          });
          for (let lane = 0; lane < 4; lane++) {
            const w = k.let(vector(index, group, add(first, lane)), 'w');
            own.forEach((xs, c) => {
              const sum = sums[4 * c + lane];
              sum?.set(sum.value.add(dot16(xs, w)));
            });
          }
        });
        const values = Object.keys(format.planes).map((name): [string, Expr[]] => [
          name,
          name === codes
            ? new Array<Expr>((books * format.group) / DIMS).fill(zero)
            : [weights.load(name, panel, index, 0, first, 4)],
        ]);
        const { scale } = format.decode(Object.fromEntries(values), 0, () => zero);
        for (let c = 0; c < count; c++) {
          const [p = zero, q = zero, r = zero, s = zero] = sums.slice(4 * c, 4 * c + 4).map((v) => v.value);
          const sum = transpose4([p, q, r, s])
            .reduce((a, b) => a.add(b))
            .cast('f32');
          const at = add(mul(add(mul(add(row, c), depth / run), index), 2), add(row, c));
          const factor = k.load(x.scales, at).splat(4);
          const total = totals[c];
          total?.set(sum.fma(scale ? scale.cast('f32').mul(factor) : factor, total.value));
        }
      });
      totals.forEach((total, c) =>
        finishVector(k, total.value, add(column, first), n, (value, at) =>
          request.finish(k, value, [...unravel(add(row, c), [...o.batch, o.m]), at]),
        ),
      );
    });
  const from = mul(floorDiv(k.group.x, panels), ITEM_ROWS);
  overRows(k, from, dimMin(add(from, ITEM_ROWS), rows), rows, tile, TILE_ROWS);
  return [
    quantizeRows(request, o.a, size, layout),
    request.close(k, noteFor(o, request, 'entries of codebooks fetched by codes')),
  ];
}
