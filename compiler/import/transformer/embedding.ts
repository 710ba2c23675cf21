import type { Value } from '../../ir/graph.ts';
import { type Norm, normalize } from './norm.ts';
import type { Scope } from './scope.ts';
import type { Projection } from './weights.ts';

/** Token embeddings, with learned positions where the model has such. */
export interface Embedding {
  /** Name of the table [vocabulary, hidden]. */
  readonly weight: string;
  readonly vocabulary: number;
  readonly hidden: number;
  /** The embedding is multiplied by this (Gemma: sqrt(hidden)). */
  readonly scale?: number;
  /** Learned positions: a table [count, hidden], of which position p is row p + offset. */
  readonly positions?: { readonly weight: string; readonly count: number; readonly offset?: number };
  /** Tables [n, hidden] of which one row is added to every token (BERT's token types). */
  readonly added?: readonly { readonly weight: string; readonly count: number; readonly row: number }[];
  readonly norm?: Norm;
}

/** i64 [1, seq] to f32 [1, seq, hidden]. */
export const embedding =
  (e: Embedding) =>
  (s: Scope, ids: Value): Value => {
    const b = s.from(e.weight.replace(/\.weight$/, ''), 'Embedding');
    let x = s.f32(b.node('gather', [s.weight(e.weight, [e.vocabulary, e.hidden]), ids], { axis: 0 }));
    if (e.scale !== undefined) x = b.node('mul', [x, b.scalar('f32', e.scale)]);
    if (e.positions) {
      const { weight, count, offset = 0 } = e.positions;
      const rows = b.node('gather', [s.weight(weight, [count, e.hidden]), s.positions(offset)], { axis: 0 });
      x = b.node('add', [x, s.f32(rows)]);
    }
    for (const { weight, count, row } of e.added ?? []) {
      const table = s.weight(weight, [count, e.hidden]);
      x = b.node('add', [x, s.f32(b.node('gather', [table, b.scalar('i64', row)], { axis: 0 }))]);
    }
    return e.norm ? normalize(s, x, e.norm) : x;
  };

/** From the last layer to logits. */
export interface LanguageHead {
  readonly norm?: Norm;
  readonly projection: Projection;
  readonly vocabulary: number;
  /** Logits are multiplied by this (Cohere, Granite). */
  readonly scale?: number;
  /** Then they become cap * tanh(logit / cap) (Gemma 2). */
  readonly softCap?: number;
}

/** [1, n, hidden] to logits f32 [1, n, vocabulary]. */
export const languageHead =
  (h: LanguageHead) =>
  (s: Scope, x: Value): Value => {
    let y = s.linear(h.norm ? normalize(s, x, h.norm) : x, h.projection, h.vocabulary);
    const { b } = s;
    if (h.scale !== undefined && h.scale !== 1) y = b.node('mul', [y, b.scalar('f32', h.scale)]);
    if (h.softCap) {
      const cap = b.scalar('f32', h.softCap);
      y = b.node('mul', [b.node('tanh', [b.node('div', [y, cap])]), cap]);
    }
    return y;
  };
