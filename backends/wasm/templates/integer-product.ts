import type { IntegerAccess, StorageFormat } from '../../../compiler/formats/format.ts';
import { add, ceilDiv, type Dim, min as dimMin, floorDiv, mod, mul, product } from '../../../compiler/ir/dim.ts';
import { constant, type Expr } from '../../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { dot16 } from '../intrinsics.ts';
import { noteFor, type Operands, overRows } from './gemm.ts';
import { bindRows, halvesOf, quantizeRows, RUN, rowLayout } from './integer-rows.ts';
import { finishVector } from './microkernel.ts';
import { bindPanels, blockOf, PANEL, type PackedPlane } from './panels.ts';

const VECTORS = PANEL / 4;
/** Rows that one work item computes: their integers stay in the second-level cache while the panels of weights pass by. */
const ITEM_ROWS = 192;

/** The values of a plane's entries for four rows of weights. 16-bit floats are known to be finite here. */
export function loadEntries(
  k: KernelBuilder,
  { buffer, per }: PackedPlane,
  group: number,
  first: Dim,
  vector: number,
): Expr[] {
  return Array.from({ length: Math.max(1, group / per) }, (_, i) =>
    k.load(buffer, add(mul(add(first, i), PANEL), 4 * vector), 4),
  );
}

/**
 * Products with weights of small integer codes, multiplied as integers: activations become 12-bit integers in runs of 32 beforehand, two
 * products of 16 bits are added at once, and each run's exact sum is scaled to f32. One pass over the weights serves up to four rows.
 */
export function buildIntegerProduct(
  o: Operands,
  format: StorageFormat,
  access: IntegerAccess,
  request: TemplateRequest,
): LoweredKernel[] {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const rows = product([...o.batch, o.m]);
  const layout = rowLayout(format, access);
  const prepare = quantizeRows(request, o.a, { rows, depth }, layout);
  const panels = Math.ceil(n / PANEL);
  const blocks = ceilDiv(rows, ITEM_ROWS);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(blocks, panels), 1, 1]);
  const x = bindRows(k, request, o.a, { rows, depth }, layout, 'read');
  const planes = bindPanels(k, o.b, format, { rows: n, length: depth }, !o.transposeB, request);
  const panel = mod(k.group.x, panels);
  const block = floorDiv(k.group.x, panels);
  const column = n >= PANEL ? dimMin(mul(panel, PANEL), n - PANEL) : 0;
  const from = mul(block, ITEM_ROWS);
  const to = dimMin(add(from, ITEM_ROWS), rows);
  const length = blockOf(format);
  const zero = constant('f32', 0).splat(4);

  const tile = (row: Dim, count: number): void => {
    const totals = Array.from({ length: count * VECTORS }, () => k.var(zero, 'total'));
    k.for(0, depth / length, 1, (b) => {
      const at = new Map<number, number>();
      for (let part = 0; part < length / format.group; part++) {
        const values = Array.from({ length: VECTORS }, (_, v) =>
          Object.fromEntries(
            planes.map((p) => {
              const first = Math.floor((part * format.group) / p.per);
              const base = add(mul(add(mul(panel, depth / length), b), p.entries), first);
              return [p.name, loadEntries(k, p, format.group, base, v).map((e) => k.let(e, 'w'))];
            }),
          ),
        );
        const words = values.map((v) => halvesOf(access, v, part));
        const scaled = values.map((v) => format.decode(v, part));
        const scales = scaled.map((d) => d.scale && k.let(d.scale, 'scale'));
        const offsets = scaled.map((d) => d.offset && k.let(d.offset, 'offset'));
        const firstRun = Math.floor((part * format.group) / RUN);
        for (let r = firstRun; r < Math.max(firstRun + 1, ((part + 1) * format.group) / RUN); r++) {
          const run = add(mul(b, length / RUN), r);
          const sums = Array.from({ length: count * VECTORS }, () => k.var(constant('i32', 0).splat(4), 'sum'));
          const mine = (words[0] ?? [])
            .map((w, i) => ({ i, run: Math.floor((part * format.group + (w.elements[0] ?? 0)) / RUN) }))
            .filter((w) => w.run === r);
          for (const { i } of mine) {
            const slot = at.get(r) ?? 0;
            at.set(r, slot + 1);
            const ws = words.map((w) => k.let(w[i]?.word.bitcast('i32') ?? constant('i32', 0).splat(4), 'pair'));
            for (let c = 0; c < count; c++) {
              const index = add(add(mul(add(row, c), depth / 2), mul(run, RUN / 2)), slot & ~3);
              const four = k.load(x.codes, index, 4);
              const pair = four.shuffle(four, [slot & 3, slot & 3, slot & 3, slot & 3]);
              ws.forEach((w, v) => {
                const s = sums[c * VECTORS + v];
                s?.set(s.value.add(dot16(pair, w)));
              });
            }
          }
          const segment = add(mul(run, RUN / layout.segment), ((part * format.group) % RUN) / layout.segment);
          for (let c = 0; c < count; c++) {
            const factor = k.load(x.scales, add(mul(add(row, c), depth / RUN), run)).splat(4);
            for (let v = 0; v < VECTORS; v++) {
              const total = totals[c * VECTORS + v];
              const sum = sums[c * VECTORS + v]?.value.cast('f32');
              if (!total || !sum) continue;
              const scale = scales[v];
              const product = sum.fma(scale ? scale.mul(factor) : factor, total.value);
              const offset = offsets[v];
              if (!offset) {
                total.set(product);
                continue;
              }
              const all = k.load(x.sums, add(mul(add(row, c), depth / layout.segment), segment)).splat(4);
              total.set(offset.neg().fma(all, product));
            }
          }
        }
      }
    });
    for (let c = 0; c < count; c++)
      for (let v = 0; v < VECTORS; v++)
        finishVector(k, totals[c * VECTORS + v]?.value ?? zero, add(column, 4 * v), n, (value, at) =>
          request.finish(k, value, [...unravel(add(row, c), [...o.batch, o.m]), at]),
        );
  };
  overRows(k, from, to, rows, tile);
  return [prepare, request.close(k, noteFor(o, request, 'integers'))];
}
