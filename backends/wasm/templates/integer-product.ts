import type { IntegerAccess, StorageFormat } from '../../../compiler/formats/format.ts';
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
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import { KernelBuilder, type Variable } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { addHalves, dot8, dot16, sumHalves } from '../intrinsics.ts';
import { noteFor, type Operands, overRows } from './gemm.ts';
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

const VECTORS = PANEL / 4;
/** Rows that one work item computes: their integers stay in the second-level cache while the panels of weights pass by. */
const ITEM_ROWS = 192;
/** Up to this many rows the codes are widened as they are multiplied. */
const FEW_ROWS = 1;
/** Rows of a tile: with four vectors of weights the sums fill half the registers. */
const TILE_ROWS = 2;

/**
 * Products with weights of small integer codes, multiplied as integers: activations become 16-bit integers in runs of 32 beforehand, two
 * products of 16 bits are added at once, and each run's exact sum is scaled to f32. Loops are kept short on purpose: V8 keeps what a short
 * loop uses in registers, and spills much of what a long one does.
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
  private counter = 0;

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
  }

  build(): LoweredKernel {
    const { k, size, o } = this;
    const from = mul(floorDiv(k.group.x, this.panels), ITEM_ROWS);
    const to = dimMin(add(from, ITEM_ROWS), size.rows);
    const few = (): void => overRows(k, from, to, size.rows, (row, count) => this.direct(row, count), TILE_ROWS);
    const many = (): void => {
      const pairs = this.widen('pairs', this.access.step / 2, (step, v) => this.pairs(step, v));
      const parameters = this.decodeParameters();
      overRows(k, from, to, size.rows, (row, count) => this.tile(row, count, pairs, parameters), TILE_ROWS);
    };
    this.loadTables();
    this.byRows(few, many);
    if (this.layout.bytes)
      k.alternative('relaxed-dot', () => {
        this.loadTables();
        this.asBytes(from, to);
      });
    return this.request.close(k, noteFor(o, this.request, 'integers'));
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

  /** Chooses by the number of rows, at run time where it is not known before. */
  private byRows(few: () => void, many: () => void): void {
    const { k, size } = this;
    if (isAtMost(size.rows, FEW_ROWS)) few();
    else if (isAtMost(FEW_ROWS + 1, size.rows)) many();
    else k.if(dimValue(size.rows).le(FEW_ROWS), few, many);
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

  /** Scale and offset of a segment, for four rows of weights. */
  private parameters(segment: Dim, vector: number): Parameters {
    const { format, access, weights, layout } = this;
    const perRun = layout.run / layout.segment;
    const run = perRun === 1 ? segment : floorDiv(segment, perRun);
    const entries = Object.entries(format.planes).map(([name, { per }]) => {
      const entry = per >= layout.run ? 0 : floorDiv(mul(mod(segment, perRun), layout.segment), per);
      const one = weights.load(name, this.panel, run, entry, 4 * vector, 4);
      // Only scales and offsets are used: codes may be any.
      return [name, new Array<Expr>(Math.max(1, format.group / per)).fill(one)] as const;
    });
    const { scale, offset } = format.decode(Object.fromEntries(entries), 0);
    const unit = access.table?.unit ?? 1;
    return {
      ...(scale ? { scale: unit === 1 ? scale : scale.mul(unit) } : {}),
      ...(offset && access.zero === undefined ? { offset } : {}),
    };
  }

  /** The same for each vector of weights. */
  private parametersOf(segment: Dim): readonly Parameters[] {
    return Array.from({ length: VECTORS }, (_, v) => this.parameters(segment, v));
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

  private multiply(sums: readonly Variable[], row: Dim, pair: Dim, words: readonly Expr[]): void {
    for (let c = 0; c * VECTORS < sums.length; c++) {
      const [x] = this.activations(add(row, c), pair, 1);
      if (!x) return;
      words.forEach((w, v) => {
        const sum = sums[c * VECTORS + v];
        sum?.set(sum.value.add(dot16(x, w)));
      });
    }
  }

  /** Adds the scaled sums of a segment to the totals. */
  private accumulate(
    totals: readonly Variable[],
    sums: readonly Variable[],
    row: Dim,
    segment: Dim,
    parameters: readonly Parameters[],
    whole: (sum: Expr) => Expr = (sum) => sum,
  ): void {
    const { k, x, layout, segments } = this;
    const perRun = layout.run / layout.segment;
    const run = perRun === 1 ? segment : floorDiv(segment, perRun);
    totals.forEach((total, i) => {
      const at = add(row, Math.floor(i / VECTORS));
      const { scale, offset } = parameters[i % VECTORS] ?? {};
      const factor = k.load(x.scales, mul(add(mul(at, segments / perRun), run), 2)).splat(4);
      const own = sums[i];
      if (!own) return;
      const sum = whole(own.value).cast('f32');
      const product = sum.fma(scale ? scale.mul(factor) : factor, total.value);
      if (!offset) {
        total.set(product);
        return;
      }
      const all = k.load(x.sums, mul(add(mul(at, segments), segment), 2)).splat(4);
      total.set(product.sub(offset.mul(all)));
    });
  }

  /** All of it by products of bytes, for engines that have them. */
  private asBytes(from: Dim, to: Dim): void {
    const { k, size } = this;
    const rows = (
      words: (at: Step, vector: number) => readonly Expr[],
      parameters: (segment: Dim) => readonly Parameters[],
    ): void =>
      overRows(k, from, to, size.rows, (row, count) => this.byteTile(row, count, words, parameters), TILE_ROWS);
    const few = (): void =>
      rows(
        (at, v) => this.quads(at, v),
        (segment) => this.parametersOf(segment),
      );
    const many = (): void => {
      const perStep = this.access.step / 4;
      const quads = this.widen('quads', perStep, (at, v) => this.quads(at, v));
      const load = ({ run, step }: Step, v: number, i: number): Expr =>
        k.load(quads, add(mul(add(mul(run, this.layout.run / 4), add(mul(step, perStep), i)), PANEL), 4 * v), 4);
      rows((at, v) => Array.from({ length: perStep }, (_, i) => load(at, v, i)), this.decodeParameters());
    };
    this.byRows(few, many);
  }

  private byteTile(
    row: Dim,
    count: number,
    words: (at: Step, vector: number) => readonly Expr[],
    parameters: (segment: Dim) => readonly Parameters[],
  ): void {
    const { k, x, layout, segments } = this;
    const totals = this.totals(count);
    const perRun = layout.run / layout.segment;
    const runOf = (segment: Dim): Dim => (perRun === 1 ? segment : floorDiv(segment, perRun));
    const [plane = '', ...more] = this.access.planes;
    const perWord = (this.format.planes[plane]?.per ?? 1) / this.access.step;
    const round = more.length === 0 && perWord > 1 ? Math.min(perWord, layout.segment / this.access.step) : 1;
    /** Sums of products in halves; `first` is 0 for the bytes, a quarter of a run for the finer ones. */
    const products = (rows: readonly Dim[], segment: Dim, first: number): readonly Variable[] => {
      const sums = this.sums(rows, segment, first === 0 ? 0 : 1);
      const inRun = perRun === 1 ? 0 : mul(mod(segment, perRun), layout.segment / 4);
      const start = add(add(mul(runOf(segment), layout.run / 2), inRun), first);
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
    };
    k.for(0, segments, 1, (segment) => {
      const rows = rowsOf(row, count);
      const sums = products(rows, segment, 0);
      this.accumulate(totals, sums, row, segment, parameters(segment), sumHalves);
      rows.forEach((r, c) => {
        const at = add(mul(add(mul(r, segments / perRun), runOf(segment)), 2), 1);
        const fine = k.let(k.load(x.scales, at), 'fine');
        k.if(fine.ne(0), () => {
          const own = parameters(segment);
          products([r], segment, layout.run / 4).forEach((sum, v) => {
            const total = totals[c * VECTORS + v];
            const factor = fine.splat(4);
            const scale = own[v]?.scale?.mul(factor) ?? factor;
            total?.set(sumHalves(sum.value).cast('f32').fma(scale, total.value));
          });
        });
      });
    });
    this.store(row, totals);
  }

  private store(row: Dim, totals: readonly Variable[]): void {
    const { k, o, request } = this;
    totals.forEach((total, i) => {
      const at = add(row, Math.floor(i / VECTORS));
      finishVector(k, total.value, add(this.column, 4 * (i % VECTORS)), Number(o.n), (value, c) =>
        request.finish(k, value, [...unravel(at, [...o.batch, o.m]), c]),
      );
    });
  }

  private totals(count: number): readonly Variable[] {
    return Array.from({ length: count * VECTORS }, () => this.k.var(constant('f32', 0).splat(4), 'total'));
  }

  /** Few rows: codes are widened where they are used. */
  private direct(row: Dim, count: number): void {
    const { k, layout, segments } = this;
    const totals = this.totals(count);
    const steps = layout.segment / this.access.step;
    const perStep = this.access.step / 2;
    k.for(0, segments, 1, (segment) => {
      const sums = this.sums(rowsOf(row, count), segment);
      for (const vectors of this.waves)
        this.rounds(segment, 1, (at, j) => {
          const words = vectors.map((v) => at.flatMap((one) => this.pairs(one, v).map((w) => k.let(w, 'pair'))));
          const first = mul(add(mul(segment, steps), j), perStep);
          for (let c = 0; c < count; c++)
            this.activations(add(row, c), first, at.length * perStep).forEach((pair, i) => {
              vectors.forEach((v, own) => {
                const sum = sums[c * VECTORS + v];
                sum?.set(sum.value.add(dot16(pair, words[own]?.[i] ?? pair)));
              });
            });
        });
      this.accumulate(totals, sums, row, segment, this.parametersOf(segment));
    });
    this.store(row, totals);
  }

  /** Widens the codes of the panel to scratch: `perStep` words a step. */
  private widen(name: string, perStep: number, words: (at: Step, vector: number) => readonly Expr[]): Buffer {
    const { k, size } = this;
    const { run: length } = this.layout;
    const perRun = length / this.access.step;
    const scratch = k.shared(name, 'i32', (size.depth / this.access.step) * perStep * PANEL);
    k.for(0, size.depth / length, 1, (run) => {
      k.for(0, perRun, 1, (step) => {
        for (let v = 0; v < VECTORS; v++)
          words({ run, step }, v).forEach((w, i) => {
            const at = add(mul(add(mul(run, perRun), step), perStep), i);
            k.store(scratch, add(mul(at, PANEL), 4 * v), w);
          });
      });
    });
    return scratch;
  }

  /** Decodes scales and offsets of the panel to scratch, for each segment, and gives those of a segment. */
  private decodeParameters(): (segment: Dim) => readonly Parameters[] {
    const { k, segments } = this;
    const scales = k.shared(`scales${this.counter}`, 'f32', segments * PANEL);
    let offsets: Buffer | undefined;
    const at = (segment: Dim, v: number): Dim => add(mul(segment, PANEL), 4 * v);
    k.for(0, segments, 1, (segment) => {
      this.parametersOf(segment).forEach(({ scale, offset }, v) => {
        k.store(scales, at(segment, v), scale ?? constant('f32', 1).splat(4));
        if (!offset) return;
        offsets ??= k.shared(`offsets${this.counter}`, 'f32', segments * PANEL);
        k.store(offsets, at(segment, v), offset);
      });
    });
    this.counter++;
    return (segment) =>
      Array.from({ length: VECTORS }, (_, v) => ({
        scale: k.load(scales, at(segment, v), 4),
        ...(offsets ? { offset: k.load(offsets, at(segment, v), 4) } : {}),
      }));
  }

  /** Many rows: a tile of them times the panel in scratch. */
  private tile(row: Dim, count: number, pairs: Buffer, parameters: (segment: Dim) => readonly Parameters[]): void {
    const { k, layout, segments } = this;
    const totals = this.totals(count);
    const own = layout.segment / 2;
    k.for(0, segments, 1, (segment) => {
      const sums = this.sums(rowsOf(row, count), segment);
      k.for(0, own, 1, (i) => {
        const pair = add(mul(segment, own), i);
        const words = Array.from({ length: VECTORS }, (_, v) => k.load(pairs, add(mul(pair, PANEL), 4 * v), 4));
        this.multiply(sums, row, pair, words);
      });
      this.accumulate(totals, sums, row, segment, parameters(segment));
    });
    this.store(row, totals);
  }
}

/** A step of the depth: step number `step` of a run of activations. */
interface Step {
  readonly run: Dim;
  readonly step: Dim;
}

const rowsOf = (row: Dim, count: number): readonly Dim[] => Array.from({ length: count }, (_, c) => add(row, c));

/** Scale and offset of four rows of weights, in one group. */
interface Parameters {
  readonly scale?: Expr;
  readonly offset?: Expr;
}
