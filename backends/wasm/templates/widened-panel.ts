import type { OuterFactors } from '../../../compiler/formats/format.ts';
import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, type Expr } from '../../../compiler/ir/expr.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { RowLayout } from './integer-rows.ts';
import { PANEL } from './panels.ts';

const VECTORS = PANEL / 4;

/** A step of the depth: step number `step` of a run of activations. */
export interface Step {
  readonly run: Dim;
  readonly step: Dim;
}

/** Scale and offset of four rows of weights, in one group. */
export interface Parameters {
  readonly scale?: Expr;
  readonly offset?: Expr;
}

/** Where a product takes the weights of a panel from. */
export interface PanelWeights {
  /** Calls `body` for `count` segments from `first` on. */
  walk(first: Dim, count: number, body: (segment: Dim) => void): void;
  /** The words of integers of a step, for four rows of weights. */
  words(at: Step, vector: number): readonly Expr[];
  /** For each vector of four rows. */
  parameters(segment: Dim): readonly Parameters[];
  /** What these are still to be multiplied with, the same for all segments of a span. */
  outer?(segment: Dim): readonly OuterFactors[];
}

/** A panel of weights in scratch: integers widened, scales and offsets decoded, once for many rows of activations. */
export class WidenedPanel {
  private readonly words: Buffer;
  private readonly scales: Buffer;
  private readonly offsets: Buffer | undefined;

  /** Room for `depth` weights of each row as `perStep` words for `step` of them. */
  constructor(
    private readonly k: KernelBuilder,
    private readonly layout: RowLayout,
    private readonly depth: number,
    private readonly step: number,
    perStep: number,
    hasOffsets: boolean,
  ) {
    const segments = depth / layout.segment;
    this.words = k.shared('words', 'i32', (depth / step) * perStep * PANEL);
    this.scales = k.shared('scales', 'f32', segments * PANEL);
    this.offsets = hasOffsets ? k.shared('offsets', 'f32', segments * PANEL) : undefined;
  }

  /** Fills it with `perStep` words a step. */
  write(weights: PanelWeights, perStep: number): void {
    const { k, layout, depth, step } = this;
    const perRun = layout.run / step;
    k.for(0, depth / layout.run, 1, (run) => {
      k.for(0, perRun, 1, (s) => {
        for (let v = 0; v < VECTORS; v++)
          weights.words({ run, step: s }, v).forEach((w, i) => {
            k.store(this.words, this.place(add(mul(add(mul(run, perRun), s), perStep), i), v), w);
          });
      });
    });
    k.for(0, depth / layout.segment, 1, (segment) => {
      weights.parameters(segment).forEach(({ scale, offset }, v) => {
        k.store(this.scales, this.place(segment, v), scale ?? constant('f32', 1).splat(4));
        if (this.offsets && offset) k.store(this.offsets, this.place(segment, v), offset);
      });
    });
  }

  private place(entry: Dim, vector: number): Dim {
    return add(mul(entry, PANEL), 4 * vector);
  }

  /** Word number `word` of the depth, for four rows of weights. */
  word(word: Dim, vector: number): Expr {
    return this.k.load(this.words, this.place(word, vector), 4);
  }

  parameters(segment: Dim): readonly Parameters[] {
    const { k, offsets } = this;
    return Array.from({ length: VECTORS }, (_, v) => ({
      scale: k.load(this.scales, this.place(segment, v), 4),
      ...(offsets ? { offset: k.load(offsets, this.place(segment, v), 4) } : {}),
    }));
  }

  /** What was written, step by step. */
  weights(perStep: number): PanelWeights {
    const perRun = this.layout.run / this.step;
    return {
      walk: (first, count, body) => this.k.for(0, count, 1, (i) => body(add(first, i))),
      words: ({ run, step }, v) =>
        Array.from({ length: perStep }, (_, i) => this.word(add(mul(add(mul(run, perRun), step), perStep), i), v)),
      parameters: (segment) => this.parameters(segment),
    };
  }
}
