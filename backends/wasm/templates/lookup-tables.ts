import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr, pack } from '../../../compiler/ir/expr.ts';
import { tensor, type Value } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { narrowHalves, narrowUnsignedBytes } from '../intrinsics.ts';

/** Activations that one table is for: it has an entry for each of the 16 ways to choose their signs. */
export const FOUR = 4;
/** Words of a table: 16 bytes. */
export const TABLE_WORDS = 4;
/** What entries are raised by, so that bytes are unsigned. */
export const BIAS = 128;
const LARGEST = 127;
/**
 * A run with an entry this many times the mean magnitude of its row's activations has an outlier and gets a second, 254 times finer table
 * for what the first leaves. Entries are sums of four activations, halved: without outliers the largest of a run is about 3.
 */
const OUTLIER = 5.5;

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

const signs = (bit: number): Expr => pack([0, 1, 2, 3].map((i) => constant('f32', (i >> bit) & 1 ? 0.5 : -0.5)));

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
  const sumOf = (v: Expr): Expr => [1, 2, 3].reduce((t, i) => t.add(v.extract(i)), v.extract(0));
  const fourAt = (index: Dim, four: Dim): Expr =>
    k.load(from, add(mul(row, depth), add(mul(index, run), mul(four, FOUR))), 4);

  const sum = k.var(constant('f32', 0).splat(4), 'sum');
  k.for(0, depth / FOUR, 1, (i) => {
    sum.set(sum.value.add(fourAt(0, i).abs()));
  });
  const limit = k.let(sumOf(sum.value).mul(OUTLIER / depth), 'limit');
  const [first, second] = [k.let(signs(0), 'signs'), k.let(signs(1), 'signs')];

  /** The entries of a table, four for each choice of the last two signs. */
  const entries = (index: Dim, four: Dim): readonly Expr[] => {
    const a = k.let(fourAt(index, four), 'a');
    const each = (i: number): Expr => a.shuffle(a, [i, i, i, i]);
    const base = k.let(each(0).mul(first).add(each(1).mul(second)), 'base');
    const [c, d] = [k.let(each(2).mul(0.5), 'c'), k.let(each(3).mul(0.5), 'd')];
    const [both, one] = [k.let(c.add(d), 'both'), k.let(c.sub(d), 'one')];
    return [base.sub(both), base.add(one), base.sub(one), base.add(both)].map((v) => k.let(v, 'entries'));
  };
  const codesOf = (values: readonly Expr[], inverse: Expr): Expr[] =>
    values.map((v) => k.let(v.mul(inverse).round().cast('i32'), 'code'));
  const store = (at: Dim, codes: readonly Expr[]): void => {
    const [a, b, c, d] = codes.map((v) => v.add(constant('i32', BIAS).splat(4)));
    if (a && b && c && d) k.store(to.words, at, narrowUnsignedBytes(narrowHalves(a, b), narrowHalves(c, d)));
  };

  k.for(0, depth / run, 1, (index) => {
    const most = k.var(constant('f32', 0), 'most');
    k.for(0, run / FOUR, 1, (four) => {
      most.set(most.value.max(sumOf(k.let(fourAt(index, four).abs(), 'abs')).mul(0.5)));
    });
    const peak = k.let(most.value, 'peak');
    const scale = k.let(peak.mul(1 / LARGEST), 'scale');
    const inverseOf = (largest: Expr): Expr =>
      k.let(largest.eq(0).select(constant('f32', 0), constant('f32', LARGEST).div(largest)).splat(4), 'inverse');
    const inverse = inverseOf(peak);
    const half = k.let(scale.mul(0.5), 'half');
    const hasOutlier = k.let(peak.gt(limit), 'hasOutlier');
    k.store(to.scales, scaleAt(size, row, index, 0), scale);
    k.store(to.scales, scaleAt(size, row, index, 1), hasOutlier.select(half.mul(1 / LARGEST), constant('f32', 0)));
    k.if(
      hasOutlier,
      () => {
        const finer = inverseOf(half);
        const step = k.let(scale.splat(4), 'step');
        k.for(0, run / FOUR, 1, (four) => {
          const values = entries(index, four);
          const codes = codesOf(values, inverse);
          store(tableAt(size, row, index, 0, four), codes);
          const rest = values.map((v, i) => v.sub((codes[i] ?? v).cast('f32').mul(step)));
          store(tableAt(size, row, index, 1, four), codesOf(rest, finer));
        });
      },
      () =>
        k.for(0, run / FOUR, 1, (four) => {
          store(tableAt(size, row, index, 0, four), codesOf(entries(index, four), inverse));
        }),
    );
  });
  const elements = mul(rows, depth);
  const [bytes, flops] = [mul(8, elements), mul(8, elements)];
  const note = { op: 'matmul', sources: [], template: '', why: '', bytes, flops, codes: true } as const;
  return { ...request.close(k, note), once: { key: `tables ${run}`, of: x } };
}
