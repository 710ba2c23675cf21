import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr, pack } from '../../../compiler/ir/expr.ts';
import { tensor, type Value } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { narrowHalves, narrowUnsignedBytes } from '../intrinsics.ts';
import { transpose4 } from './gemm.ts';
import { inverseOf, MAGIC, MAGIC_BITS, peakOf } from './integer-rows.ts';

/** Activations that one table is for: it has an entry for each of the 16 ways to choose their signs. */
export const FOUR = 4;
/** Words of a table: 16 bytes. */
export const TABLE_WORDS = 4;
/** What entries are raised by, so that bytes are unsigned. */
export const BIAS = 128;
const LARGEST = 127;
/** How much finer the second table of an outlier is: rests are half a step at most. */
const FINER = 2 * LARGEST;
/**
 * A run with an entry this many times the mean magnitude of its row's activations has an outlier and gets a second, 254 times finer table
 * for what the first leaves. Entries are sums of four activations, halved: of normal ones the largest of a run is about 3. At 8 what is
 * rounded away of activations with longer tails (products of two normal ones, one of them after SiLU) stays below the 0.55 % of normal ones;
 * 5.5 gave 48 % of the runs of such rows a second table instead of 15 %, and down projections took 1.45 of the time they take without any.
 */
const OUTLIER = 8;

export interface TableSize {
  readonly rows: Dim;
  readonly depth: number;
  /** Activations whose tables share a scale. */
  readonly run: number;
}

/** Memory that holds the tables of activations. */
export interface Tables {
  /** For each row and run the tables of its activations, four by four, then the finer ones: [rows, depth / run, 2, run / 4, 16 bytes]. */
  readonly words: Buffer;
  /** f32 [rows, depth / run, 2]: sum = scale * (byte - 128); the second is that of the finer tables, 0 where there are none. */
  readonly scales: Buffer;
}

/** First word of table `four` of a run; `fine` is 1 for the finer ones. */
export const tableAt = ({ depth, run }: TableSize, row: Dim, index: Dim, fine: Dim, four: Dim): Dim =>
  add(mul(add(mul(add(mul(row, depth / run), index), 2), fine), run), mul(four, TABLE_WORDS));

export const scaleAt = ({ depth, run }: TableSize, row: Dim, index: Dim, fine: Dim): Dim =>
  add(mul(add(mul(row, depth / run), index), 2), fine);

export function bindTables(
  k: KernelBuilder,
  request: TemplateRequest,
  x: Value,
  { rows, depth, run }: TableSize,
  access: 'read' | 'write',
): Tables {
  const bind = (what: string, dtype: 'i32' | 'f32', perRow: number): Buffer =>
    request.bindScratch(k, `${what} ${run}`, tensor(dtype, [rows, perRow]), access, x);
  return { words: bind('tables', 'i32', 2 * depth), scales: bind('table scales', 'f32', (depth / run) * 2) };
}

/** Each of four lanes negative or positive, as bit `bit` of its number says. */
const signs = (bit: number): Expr => pack([0, 1, 2, 3].map((i) => constant('f32', (i >> bit) & 1 ? 1 : -1)));

/**
 * The kernel that makes the tables, once for all products that read them: entry i of a table is the sum of its four activations, halved,
 * activation j negative where bit j of i is 0. Entries are rounded to bytes of the run's scale, so an outlier costs precision only
 * in its run; what is not finite makes the scale so, and with it every product of the run.
 */
export function makeTables(request: TemplateRequest, x: Value, size: TableSize): LoweredKernel {
  const { rows, depth, run } = size;
  const k = new KernelBuilder(`${request.name}_tables`, 'simd', 1, [rows, 1, 1]);
  const from = request.bind(k, x);
  const to = bindTables(k, request, x, size, 'write');
  const row = k.group.x;
  const [first, second] = [k.let(signs(0), 'signs'), k.let(signs(1), 'signs')];
  const zero = constant('f32', 0).splat(4);
  const over = (v: Expr, join: (a: Expr, b: Expr) => Expr): Expr =>
    [1, 2, 3].reduce((t, i) => join(t, v.extract(i)), v.extract(0));
  const fourAt = (index: Dim, four: Dim): Expr =>
    k.load(from, add(mul(row, depth), add(mul(index, run), mul(four, FOUR))), 4);

  const sum = k.var(zero, 'sum');
  k.for(0, depth / FOUR, 1, (i) => {
    sum.set(sum.value.add(fourAt(0, i).abs()));
  });
  const limit = k.let(over(sum.value, (a, b) => a.add(b)).mul(OUTLIER / depth), 'limit');

  /** The entries of a table, four for each choice of the last two signs; activations times `by`. */
  const entries = (index: Dim, four: Dim, by: Expr): readonly Expr[] => {
    const a = k.let(fourAt(index, four).mul(by), 'a');
    const each = (i: number): Expr => a.shuffle(a, [i, i, i, i]);
    const base = k.let(each(0).mul(first).add(each(1).mul(second)), 'base');
    const [both, one] = [k.let(each(2).add(each(3)), 'both'), k.let(each(2).sub(each(3)), 'one')];
    return [base.sub(both), base.add(one), base.sub(one), base.add(both)].map((v) => k.let(v, 'entries'));
  };
  const rounded = (values: readonly Expr[]): Expr[] => values.map((v) => k.let(v.add(MAGIC), 'rounded'));
  const store = (at: Dim, values: readonly Expr[]): void => {
    const [a, b, c, d] = values.map((v) => v.bitcast('i32').sub(constant('i32', MAGIC_BITS - BIAS).splat(4)));
    if (a && b && c && d) k.store(to.words, at, narrowUnsignedBytes(narrowHalves(a, b), narrowHalves(c, d)));
  };

  k.for(0, depth / run, 1, (index) => {
    const most = k.var(constant('i32', 0).splat(4), 'most');
    k.for(0, run / FOUR / 4, 1, (i) => {
      const [a = zero, b = zero, c = zero, d = zero] = [0, 1, 2, 3].map((j) =>
        k.let(fourAt(index, add(mul(i, 4), j)).abs(), 'abs'),
      );
      const [p, q, r, s] = transpose4([a, b, c, d]);
      // None is negative: their bits are in the order of the numbers.
      most.set(most.value.max(p.add(q).add(r.add(s)).bitcast('i32')));
    });
    const peak = k.let(peakOf(k, [most.value.bitcast('f32')]).mul(0.5), 'peak');
    const scale = k.let(peak.mul(1 / LARGEST), 'scale');
    const by = k.let(inverseOf(peak, LARGEST / 2).splat(4), 'by');
    const hasOutlier = k.let(peak.gt(limit), 'hasOutlier');
    k.store(to.scales, scaleAt(size, row, index, 0), scale);
    k.store(to.scales, scaleAt(size, row, index, 1), hasOutlier.select(scale.mul(1 / FINER), constant('f32', 0)));
    k.if(
      hasOutlier,
      () =>
        k.for(0, run / FOUR, 1, (four) => {
          const values = entries(index, four, by);
          const whole = rounded(values);
          store(tableAt(size, row, index, 0, four), whole);
          const rest = values.map((v, i) => v.sub((whole[i] ?? v).sub(MAGIC)).mul(FINER));
          store(tableAt(size, row, index, 1, four), rounded(rest));
        }),
      () =>
        k.for(0, run / FOUR, 1, (four) => store(tableAt(size, row, index, 0, four), rounded(entries(index, four, by)))),
    );
  });
  const elements = mul(rows, depth);
  const [bytes, flops] = [mul(8, elements), mul(8, elements)];
  const note = { op: 'matmul', sources: [], template: '', why: '', bytes, flops, codes: true } as const;
  return { ...request.close(k, note), once: { key: `tables ${run}`, of: x } };
}
