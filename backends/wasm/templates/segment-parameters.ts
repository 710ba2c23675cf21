import { decodeGroup, type IntegerAccess, noRagged, type StorageFormat } from '../../../compiler/formats/format.ts';
import { type Dim, floorDiv, mod, mul } from '../../../compiler/ir/dim.ts';
import { constant, type Expr } from '../../../compiler/ir/expr.ts';
import type { RowLayout } from './integer-rows.ts';
import { PANEL, type Panels } from './panels.ts';
import type { PanelWeights, Parameters } from './widened-panel.ts';

const each = <T>(of: (vector: number) => T): T[] => Array.from({ length: PANEL / 4 }, (_, v) => of(v));

/** Scales and offsets of a panel's segments, for each vector of four rows of weights. */
export class SegmentParameters {
  constructor(
    private readonly weights: Panels,
    private readonly panel: Dim,
    private readonly format: StorageFormat,
    private readonly access: IntegerAccess,
    private readonly layout: RowLayout,
  ) {}

  whole(segment: Dim): readonly Parameters[] {
    return each((v) => this.asked(decodeGroup(this.format, this.entries(segment, v), 0)));
  }

  /**
   * The same without the factors that a span shares, and these; nothing where the format has none. Decoding the factors of K-quants for each
   * segment took as long as multiplying its codes.
   */
  apart(): Partial<PanelWeights> {
    const decoded = (segment: Dim, v: number) => this.format.decode(this.entries(segment, v), 0, noRagged);
    if (!decoded(0, 0).outer) return {};
    return {
      parameters: (segment) =>
        each((v) => {
          const { scale, offset } = decoded(segment, v);
          return this.asked({ ...(scale ? { scale: scale.f32 } : {}), ...(offset ? { offset: offset.f32 } : {}) });
        }),
      outer: (segment) => each((v) => decoded(segment, v).outer ?? { scale: constant('f32', 1).splat(4) }),
    };
  }

  /** Entries of all planes that cover a segment; of codes, which are not asked for, they may be any. */
  private entries(segment: Dim, vector: number): Readonly<Record<string, readonly Expr[]>> {
    const { format, weights, layout } = this;
    const perRun = layout.run / layout.segment;
    const run = perRun === 1 ? segment : floorDiv(segment, perRun);
    const entries = Object.entries(format.planes).map(([name, { per }]) => {
      const entry = per >= layout.run ? 0 : floorDiv(mul(mod(segment, perRun), layout.segment), per);
      const one = weights.load(name, this.panel, run, entry, 4 * vector, 4);
      return [name, new Array<Expr>(Math.max(1, format.group / per)).fill(one)] as const;
    });
    return Object.fromEntries(entries);
  }

  /** Those that a kernel has a use for. */
  private asked({ scale, offset }: Parameters): Parameters {
    const { table, zero } = this.access;
    const unit = table?.unit ?? 1;
    return {
      ...(scale ? { scale: unit === 1 ? scale : scale.mul(unit) } : {}),
      ...(offset && zero === undefined ? { offset } : {}),
    };
  }
}
