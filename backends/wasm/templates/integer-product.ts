import { gridSpan, type IntegerAccess, type StorageFormat } from '../../../compiler/formats/format.ts';
import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isAtMost,
  mod,
  mul,
  product,
  sub,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import { KernelBuilder, type Variable } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { addHalves, dot8, dot16, sumHalves } from '../intrinsics.ts';
import { noteFor, type Operands } from './gemm.ts';
import {
  bindRows,
  bytesOf,
  halvesOf,
  type IntegerRows,
  quantizeRows,
  type RowLayout,
  type RowsSize,
  rowLayout,
  type Tables,
  tablesOf,
} from './integer-rows.ts';
import { finishVector } from './microkernel.ts';
import { bindPanels, PANEL, type Panels } from './panels.ts';
import { SegmentParameters } from './segment-parameters.ts';
import { type PanelWeights, type Parameters, type Step, WidenedPanel } from './widened-panel.ts';

const VECTORS = PANEL / 4;
/** Rows that one work item computes: their integers stay in the second-level cache while the panels of weights pass by. */
const ITEM_ROWS = 192;
/** Up to this many rows the codes are widened as they are multiplied: fewer tiles than that do not repay a panel in scratch. */
const FEW_ROWS = 4;
/** Rows of a tile: with four vectors of weights the sums fill half the registers. */
const TILE_ROWS = 2;

/**
 * Products with weights of small integer codes, multiplied as integers: activations become 16-bit integers in runs of 32 beforehand, two
 * products of 16 bits are added at once, and each run's exact sum is scaled to f32. Loops are kept short on purpose: V8 keeps what a short
 * loop uses in registers, and spills much of what a long one does. Written out for a segment of q4, they take 0.97 of the time in Node 24 and 1.5 to 1.9
 * in Node 20.
 */
export function buildIntegerProduct(
  o: Operands,
  format: StorageFormat,
  access: IntegerAccess,
  request: TemplateRequest,
): LoweredKernel[] {
  const size = { rows: product([...o.batch, o.m]), depth: Number(o.depth) };
  const layout = rowLayout(format, access);
  const kernel = new IntegerProduct(o, format, access, layout, size, request);
  return [quantizeRows(request, o.a, size, layout), kernel.build()];
}

class IntegerProduct {
  private readonly k: KernelBuilder;
  private readonly x: IntegerRows;
  private readonly weights: Panels;
  private tables: Tables | undefined;
  private readonly panels: number;
  private readonly panel: Dim;
  private readonly column: Dim;
  private readonly segments: number;
  /** Sums of a tile of rows, on their way to what follows the product. */
  private readonly kept: Buffer;

  constructor(
    private readonly o: Operands,
    private readonly format: StorageFormat,
    private readonly access: IntegerAccess,
    private readonly layout: RowLayout,
    private readonly size: RowsSize,
    private readonly request: TemplateRequest,
  ) {
    const n = Number(o.n);
    const { depth, rows } = size;
    this.panels = Math.ceil(n / PANEL);
    this.k = new KernelBuilder(request.name, 'simd', 1, [mul(ceilDiv(rows, ITEM_ROWS), this.panels), 1, 1]);
    this.x = bindRows(this.k, request, o.a, size, layout, 'read');
    this.weights = bindPanels(this.k, o.b, format, { rows: n, length: depth }, !o.transposeB, request);
    this.panel = mod(this.k.group.x, this.panels);
    this.column = n >= PANEL ? dimMin(mul(this.panel, PANEL), n - PANEL) : 0;
    this.segments = depth / layout.segment;
    this.kept = this.k.shared('kept', 'f32', this.height * PANEL);
  }

  /** Rows of a tile. */
  private get height(): number {
    return isAtMost(this.size.rows, 1) ? 1 : TILE_ROWS;
  }

  build(): LoweredKernel {
    const { k, access, layout, size, o } = this;
    const { step } = access;
    const segments = new SegmentParameters(this.weights, this.panel, this.format, access, layout);
    const parameters = (segment: Dim): readonly Parameters[] => segments.whole(segment);
    const walk: PanelWeights['walk'] = (first, count, body) =>
      this.weights.walk(this.panel, layout.segment, first, count, body);
    const pairs: PanelWeights = { walk, words: (at, v) => this.pairs(at, v), parameters };
    const quads: PanelWeights = { walk, words: (at, v) => this.quads(at, v), parameters };
    const apart = segments.apart();
    const hasOffsets = parameters(0)[0]?.offset !== undefined;
    const panel = isAtMost(size.rows, FEW_ROWS)
      ? undefined
      : new WidenedPanel(k, layout, size.depth, step, step / 2, hasOffsets);
    this.product({
      few: (rows) => this.direct(rows, { ...pairs, ...apart }),
      ...(panel ? { widen: () => panel.write(pairs, step / 2), many: (rows) => this.tile(rows, panel) } : {}),
    });
    if (layout.bytes)
      k.alternative('relaxed-dot', () => {
        const widened = panel?.weights(step / 4);
        this.product({
          few: (rows) => this.byteTile(rows, { ...quads, ...apart }),
          ...(panel && widened
            ? { widen: () => panel.write(quads, step / 4), many: (rows) => this.byteTile(rows, widened) }
            : {}),
          finish: (row, at) => this.addOutliers(row, at, quads),
        });
      });
    return this.request.close(k, noteFor(o, this.request, 'integers'));
  }

  /**
   * The product of a panel with rows from `from` to `to`, a tile at a time. A tile leaves its sums in scratch, from where one loop passes
   * them on: whatever follows the product is there once.
   */
  private product({ few, widen, many, finish }: Parts): void {
    const { k, size, height } = this;
    const from = mul(floorDiv(k.group.x, this.panels), ITEM_ROWS);
    const to = dimMin(add(from, ITEM_ROWS), size.rows);
    const choose = (onFew: () => void, onMany: (() => void) | undefined): void => {
      if (!onMany) onFew();
      else if (isAtMost(FEW_ROWS + 1, size.rows)) onMany();
      else k.if(dimValue(size.rows).le(FEW_ROWS), onFew, onMany);
    };
    this.loadTables();
    choose(() => {}, widen);
    k.for(from, to, height, (first) => {
      // A row too many at the end is a row twice, whose sums are left.
      const rows = Array.from({ length: height }, (_, c) => dimMin(add(first, c), sub(size.rows, 1)));
      choose(() => few(rows), many && (() => many(rows)));
      k.for(0, dimMin(height, sub(to, first)), 1, (c) => {
        const at = mul(c, PANEL);
        finish?.(add(first, c), at);
        this.finishRow(add(first, c), at);
      });
    });
  }

  private loadTables(): void {
    const tables = tablesOf(this.access);
    this.tables = tables && {
      low: this.k.let(tables.low, 'low'),
      ...(tables.high ? { high: this.k.let(tables.high, 'high') } : {}),
    };
  }

  /** Vectors of weights that one short loop takes: fewer where each needs several loads. */
  private get waves(): readonly (readonly number[])[] {
    const all = Array.from({ length: VECTORS }, (_, v) => v);
    const loads = this.access.planes.reduce(
      (n, name) => n + Math.max(1, this.access.step / (this.format.planes[name]?.per ?? 1)),
      0,
    );
    return loads === 1 && !this.tables?.high ? [all] : [all.slice(0, VECTORS / 2), all.slice(VECTORS / 2)];
  }

  /** Words of two codes of a step, for four rows of weights. */
  private pairs(at: Step, vector: number): readonly Expr[] {
    return halvesOf(this.access, this.stepEntries(at, vector), this.tables).map((w) => w.word.bitcast('i32'));
  }

  /** Words of four codes. */
  private quads(at: Step, vector: number): readonly Expr[] {
    return bytesOf(this.access, this.stepEntries(at, vector), this.tables).map((w) => w.word.bitcast('i32'));
  }

  /**
   * The steps of a segment, a round at a time; `first` is the number of a round's first step in the segment. Rounds of several steps know
   * how far a word of codes is shifted for each, but V8 spills where they hold more than a few words.
   */
  private rounds(segment: Dim, round: number, each: (steps: readonly Step[], first: Dim) => void): void {
    this.k.for(0, this.layout.segment / this.access.step / round, 1, (j) => {
      const first = mul(j, round);
      each(
        Array.from({ length: round }, (_, u) => this.stepOf(segment, add(first, u))),
        first,
      );
    });
  }

  /** Step number `j` of a segment of the depth. */
  private stepOf(segment: Dim, j: Dim): Step {
    const perRun = this.layout.run / this.layout.segment;
    if (perRun === 1) return { run: segment, step: j };
    const steps = this.layout.segment / this.access.step;
    return { run: floorDiv(segment, perRun), step: add(mul(mod(segment, perRun), steps), j) };
  }

  /** What integer access takes for a step. */
  private stepEntries({ run, step }: Step, vector: number): Readonly<Record<string, readonly Expr[]>> {
    const { access, format } = this;
    return Object.fromEntries(
      access.planes.map((name) => {
        const per = format.planes[name]?.per ?? 1;
        const load = (entry: Dim): Expr => this.weights.load(name, this.panel, run, entry, 4 * vector, 4);
        const count = access.step / per;
        if (count >= 1) return [name, Array.from({ length: count }, (_, i) => load(add(mul(step, count), i)))];
        const steps = per / access.step;
        const by = dimValue(mul(mod(step, steps), 64 / per))
          .cast('u32')
          .splat(4);
        return [name, [load(floorDiv(step, steps)).shr(by)]];
      }),
    );
  }

  /** Words of activations from number `first` of row `row` on, each in every lane. */
  private activations(row: Dim, first: Dim, count: number): readonly Expr[] {
    const at = add(mul(row, this.size.depth / 2), first);
    return Array.from({ length: count }, (_, i) => this.k.load(this.x.codes, add(at, i)).splat(4));
  }

  /** Sums of products of one segment, for some rows and each vector of weights; `fine` for those of the finer bytes. */
  private sums(rows: readonly Dim[], segment: Dim, fine = 0): readonly Variable[] {
    const { k, x, layout, segments } = this;
    return rows.flatMap((row) => {
      const at = add(mul(add(mul(row, segments), segment), 2), fine);
      const starts = layout.zero === undefined || layout.zero === 0 ? constant('i32', 0) : k.load(x.sums, at);
      const start = k.let(starts.splat(4), 'start');
      return Array.from({ length: VECTORS }, () => k.var(start, 'sum'));
    });
  }

  /** Adds the scaled sums of a segment to the totals. */
  private accumulate(
    { totals, offsets }: Totals,
    sums: readonly Variable[],
    rows: readonly Dim[],
    segment: Dim,
    parameters: readonly Parameters[],
    whole: (sum: Expr) => Expr = (sum) => sum,
  ): void {
    const { k, x, segments } = this;
    rows.forEach((row, c) => {
      const factor = k.load(x.scales, this.scaleOf(row, segment, 0)).splat(4);
      for (let v = 0; v < VECTORS; v++) {
        const [total, sum] = [totals[c * VECTORS + v], sums[c * VECTORS + v]];
        if (!total || !sum) return;
        const { scale, offset } = parameters[v] ?? {};
        const product = whole(sum.value)
          .cast('f32')
          .fma(scale ? scale.mul(factor) : factor, total.value);
        const all = (): Expr => k.load(x.sums, mul(add(mul(row, segments), segment), 2)).splat(4);
        const apart = offsets?.[c * VECTORS + v];
        total.set(offset && !apart ? product.sub(offset.mul(all())) : product);
        if (offset && apart) apart.set(offset.fma(all(), apart.value));
      }
    });
  }

  private runOf(segment: Dim): Dim {
    const perRun = this.layout.run / this.layout.segment;
    return perRun === 1 ? segment : floorDiv(segment, perRun);
  }

  /** Where the scale of a row's run lies, or that of its finer bytes. */
  private scaleOf(row: Dim, segment: Dim, fine: 0 | 1): Dim {
    const runs = this.size.depth / this.layout.run;
    return add(add(mul(row, 2 * runs + 1), mul(this.runOf(segment), 2)), fine);
  }

  /** A tile of rows by products of bytes, for engines that have them. */
  private byteTile(rows: readonly Dim[], weights: PanelWeights): void {
    this.overSegments(rows.length, weights, (segment, totals) => {
      const sums = this.byteSums(rows, segment, weights.words, 0);
      this.accumulate(totals, sums, rows, segment, weights.parameters(segment), sumHalves);
    });
  }

  /** Adds up all segments, span by span where weights share outer factors, and leaves the sums in scratch. */
  private overSegments(rows: number, { outer, walk }: PanelWeights, body: (segment: Dim, to: Totals) => void): void {
    const { k, segments, layout, access } = this;
    const totals = this.totals(rows);
    if (!outer) walk(0, segments, (segment) => body(segment, { totals }));
    else {
      const per = gridSpan(this.format) / layout.segment;
      k.for(0, segments / per, 1, (span) => {
        const first = mul(span, per);
        const own = { totals: this.totals(rows), ...(access.zero === undefined ? { offsets: this.totals(rows) } : {}) };
        walk(first, per, (segment) => body(segment, own));
        const factors = outer(first);
        totals.forEach((total, i) => {
          const [sum, off, factor] = [own.totals[i], own.offsets?.[i], factors[i % VECTORS]];
          if (!sum || !factor) return;
          const scaled = sum.value.fma(factor.scale.f32, total.value);
          total.set(off && factor.offset ? scaled.sub(off.value.mul(factor.offset.f32)) : scaled);
        });
      });
    }
    this.keep(totals);
  }

  /** Sums of products in halves, of the bytes or of the finer ones. */
  private byteSums(rows: readonly Dim[], segment: Dim, words: PanelWeights['words'], fine: 0 | 1): readonly Variable[] {
    const { k, layout, format } = this;
    const perRun = layout.run / layout.segment;
    const [plane = '', ...more] = this.access.planes;
    const perWord = (format.planes[plane]?.per ?? 1) / this.access.step;
    const round = more.length === 0 && perWord > 1 ? Math.min(perWord, layout.segment / this.access.step) : 1;
    const sums = this.sums(rows, segment, fine);
    const inRun = perRun === 1 ? 0 : mul(mod(segment, perRun), layout.segment / 4);
    const start = add(add(mul(this.runOf(segment), layout.run / 2), inRun), (fine * layout.run) / 4);
    const perStep = this.access.step / 4;
    this.rounds(segment, round, (steps, j) => {
      const ws = Array.from({ length: VECTORS }, (_, v) =>
        steps.flatMap((at) => words(at, v).map((w) => k.let(w, 'quad'))),
      );
      rows.forEach((r, c) => {
        this.activations(r, add(start, mul(j, perStep)), steps.length * perStep).forEach((four, i) => {
          for (let v = 0; v < VECTORS; v++) {
            const sum = sums[c * VECTORS + v];
            sum?.set(addHalves(sum.value, dot8(four, ws[v]?.[i] ?? four)));
          }
        });
      });
    });
    return sums;
  }

  /** Adds what the finer bytes of a row give to its sums in scratch: few rows have any, and few runs of these. */
  private addOutliers(row: Dim, at: Dim, { words, parameters }: PanelWeights): void {
    const { k, x, segments } = this;
    const runs = this.size.depth / this.layout.run;
    k.if(k.load(x.scales, add(mul(row, 2 * runs + 1), 2 * runs)).ne(0), () => {
      k.for(0, segments, 1, (segment) => {
        const fine = k.let(k.load(x.scales, this.scaleOf(row, segment, 1)), 'fine');
        k.if(fine.ne(0), () => {
          const own = parameters(segment);
          const factor = fine.splat(4);
          this.byteSums([row], segment, words, 1).forEach((sum, v) => {
            const place = add(at, 4 * v);
            const scale = own[v]?.scale?.mul(factor) ?? factor;
            k.store(
              this.kept,
              place,
              sumHalves(sum.value)
                .cast('f32')
                .fma(scale, k.load(this.kept, place, 4)),
            );
          });
        });
      });
    });
  }

  /** Leaves the sums of a tile in scratch. */
  private keep(totals: readonly Variable[]): void {
    totals.forEach((total, i) => {
      this.k.store(this.kept, 4 * i, total.value);
    });
  }

  /** Passes on what scratch holds from `at` for a row. */
  private finishRow(row: Dim, at: Dim): void {
    const { k, o, request } = this;
    k.for(0, VECTORS, 1, (v) => {
      const offset = mul(v, 4);
      finishVector(k, k.load(this.kept, add(at, offset), 4), add(this.column, offset), Number(o.n), (value, c) =>
        request.finish(k, value, [...unravel(row, [...o.batch, o.m]), c]),
      );
    });
  }

  private totals(count: number): readonly Variable[] {
    return Array.from({ length: count * VECTORS }, () => this.k.var(constant('f32', 0).splat(4), 'total'));
  }

  /** Few rows: codes are widened where they are used. */
  private direct(rows: readonly Dim[], weights: PanelWeights): void {
    const { layout } = this;
    const steps = layout.segment / this.access.step;
    const perStep = this.access.step / 2;
    this.overSegments(rows.length, weights, (segment, totals) => {
      const sums = this.sums(rows, segment);
      for (const vectors of this.waves)
        this.rounds(segment, 1, (at, j) => {
          const words = vectors.map((v) =>
            at.flatMap((one) => weights.words(one, v).map((w) => this.k.let(w, 'pair'))),
          );
          const first = mul(add(mul(segment, steps), j), perStep);
          rows.forEach((row, c) => {
            this.activations(row, first, at.length * perStep).forEach((pair, i) => {
              vectors.forEach((v, own) => {
                const sum = sums[c * VECTORS + v];
                sum?.set(sum.value.add(dot16(pair, words[own]?.[i] ?? pair)));
              });
            });
          });
        });
      this.accumulate(totals, sums, rows, segment, weights.parameters(segment));
    });
  }

  /** A tile of rows times the widened panel. */
  private tile(rows: readonly Dim[], panel: WidenedPanel): void {
    const { k, layout, segments } = this;
    const totals = this.totals(rows.length);
    const own = layout.segment / 2;
    k.for(0, segments, 1, (segment) => {
      const sums = this.sums(rows, segment);
      k.for(0, own, 1, (i) => {
        const pair = add(mul(segment, own), i);
        const weights = Array.from({ length: VECTORS }, (_, v) => panel.word(pair, v));
        rows.forEach((row, c) => {
          const [x] = this.activations(row, pair, 1);
          if (!x) return;
          weights.forEach((w, v) => {
            const sum = sums[c * VECTORS + v];
            sum?.set(sum.value.add(dot16(x, w)));
          });
        });
      });
      this.accumulate({ totals }, sums, rows, segment, panel.parameters(segment));
    });
    this.keep(totals);
  }
}

/** Where scaled sums go, and apart from them what offsets take off where both are still to be multiplied. */
interface Totals {
  readonly totals: readonly Variable[];
  readonly offsets?: readonly Variable[];
}

/** How one build of the kernel computes. */
interface Parts {
  /** The sums of a tile of rows, where there are few. */
  few(rows: readonly Dim[]): void;
  /** What many rows have done before, and the sums of a tile of them. */
  widen?(): void;
  many?(rows: readonly Dim[]): void;
  /** What a row's sums, in scratch from `at` on, still lack. */
  finish?(row: Dim, at: Dim): void;
}
