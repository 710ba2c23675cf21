import { InfcError } from '../../../runtime/errors.ts';
import type { Constant, HeadLayout } from '../../ir/graph.ts';
import type { Attention } from './attention.ts';
import type { Picked, Projection } from './weights.ts';

/** A key-value head of a layer, with the query heads that share it; both counted from 0. */
export type HeadName = readonly [layer: number, head: number];

/** Which heads of a model under construction are left out, and which there are. */
export class HeadChoice {
  private readonly dropped = new Map<number, Set<number>>();
  private readonly layouts = new Map<number, HeadLayout>();

  constructor(drop: readonly HeadName[]) {
    for (const [layer, head] of drop) this.dropped.set(layer, (this.dropped.get(layer) ?? new Set<number>()).add(head));
  }

  /** Heads of the layers built so far. */
  get all(): readonly HeadLayout[] {
    return [...this.layouts.values()];
  }

  /**
   * The attention without the heads to leave out: rows of its queries, keys and values and columns of its output go. Throws INFC1098 when
   * a head is not there, or none would be left.
   */
  apply(a: Attention): Attention {
    const drop = this.dropped.get(a.layer);
    if (!drop) return a;
    const kept = Array.from({ length: a.kvHeads }, (_, h) => h).filter((h) => !drop.has(h));
    const missing = [...drop].find((h) => !(h >= 0 && h < a.kvHeads));
    if (missing !== undefined) throw refused(`layer ${a.layer} has no key-value head ${missing}, it has ${a.kvHeads}`);
    if (kept.length === 0) throw refused(`layer ${a.layer} would have no head left`);
    if (a.normWhole) throw refused(`layer ${a.layer} normalises all its heads together`);
    const { headDim, kvHeads, heads } = a;
    const queries = heads / kvHeads;
    const wide = pick(kept, kvHeads, queries * headDim);
    const narrow = pick(kept, kvHeads, headDim);
    const rows = (p: Projection, outputs: Picked): Projection => ({ ...p, outputs });
    return {
      ...a,
      heads: kept.length * queries,
      kvHeads: kept.length,
      query: rows(a.query, wide),
      key: rows(a.key, narrow),
      value: rows(a.value, narrow),
      output: { ...a.output, inputs: wide },
      // What is left must not change how scores are scaled.
      scale: a.scale ?? headDim ** -0.5,
    };
  }

  /** Takes down what a layer was built of. */
  note({ layer, kvHeads, heads, headDim }: Attention, output: Constant): void {
    this.layouts.set(layer, { layer, kvHeads, queries: heads / kvHeads, size: headDim, output });
  }

  /** Throws INFC1098 for layers to change that are not there or have no heads. */
  finish(): void {
    const lost = [...this.dropped.keys()].find((layer) => !this.layouts.has(layer));
    if (lost !== undefined) throw refused(`there is no layer ${lost} with attention heads`);
  }
}

const refused = (reason: string): InfcError =>
  new InfcError('INFC1098', `heads cannot be left out: ${reason}`, {
    fix: 'Name heads that are there, LAYER:HEAD counted from 0, and leave each layer one',
  });

const pick = (kept: readonly number[], of: number, size: number): Picked => ({
  of: of * size,
  kept: kept.flatMap((h) => Array.from({ length: size }, (_, i) => h * size + i)),
});
