import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import type { DType } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { cast, numbers, rankOf, reshape, scalar, shapeVector, transpose } from './common.ts';

/** [b, s, heads*d] as [b, heads, s, d]. */
export function splitHeads(b: GraphBuilder, x: Value, heads: number): Value {
  const [batch = 1, seq = 1, hidden = 1] = x.type.shape;
  return transpose(b, reshape(b, x, [batch, seq, heads, D.floorDiv(hidden, heads)]), [0, 2, 1, 3]);
}

/** [b, heads, s, d] as [b, s, heads*d]. */
export function mergeHeads(b: GraphBuilder, x: Value): Value {
  const [batch = 1, heads = 1, seq = 1, width = 1] = x.type.shape;
  return reshape(b, transpose(b, x, [0, 2, 1, 3]), [batch, seq, D.mul(heads, width)]);
}

export interface Attend {
  readonly scale: number;
  /** Added to the scores (0 and minus infinity for masks), broadcast to [b, heads, q, kv]. */
  readonly biases: readonly Value[];
  readonly softcap?: number;
  /** dtype of the softmax, when it is not that of the scores. */
  readonly precision?: DType | undefined;
}

export interface Attended {
  readonly output: Value;
  readonly scores: Value;
  readonly capped: Value;
  readonly biased: Value;
  readonly probabilities: Value;
}

/** Product of [b, heads, m, k] by [b, kvHeads, k, n]: each key-value head serves a group of query heads without being repeated. */
export function groupedMatmul(b: GraphBuilder, x: Value, y: Value, transposeB = false): Value {
  const heads = x.type.shape[1] ?? 1;
  const kvHeads = y.type.shape[1] ?? 1;
  if (D.equals(heads, kvHeads) !== false || kvHeads === 1) return b.node('matmul', [x, y], { transposeB });
  const [batch = 1, , m = 1, k = 1] = x.type.shape;
  const [yBatch = 1, , r = 1, c = 1] = y.type.shape;
  const groups = D.floorDiv(heads, kvHeads);
  const out = b.node(
    'matmul',
    [reshape(b, x, [batch, kvHeads, groups, m, k]), reshape(b, y, [yBatch, kvHeads, 1, r, c])],
    { transposeB },
  );
  return reshape(b, out, [batch, heads, m, transposeB ? r : c]);
}

/** softmax(scale * q k' + biases) v for q [b, heads, s, d] and k, v [b, kvHeads, t, d]; a row that sees no key gives zeros. */
export function attend(b: GraphBuilder, q: Value, k: Value, v: Value, o: Attend): Attended {
  const { dtype } = q.type;
  // The factor is split over both operands, as the standard does, so that narrow floats do not overflow.
  const root = scalar(b, dtype, Math.sqrt(o.scale));
  const scaledQ = b.node('mul', [q, root]);
  const scaledK = b.node('mul', [k, root]);
  const scores = groupedMatmul(b, scaledQ, scaledK, true);
  let capped = scores;
  if (o.softcap) {
    const cap = scalar(b, dtype, o.softcap);
    capped = b.node('mul', [b.node('tanh', [b.node('div', [scores, cap])]), cap]);
  }
  const biased = o.biases.reduce((x, y) => b.node('add', [x, cast(b, y, x.type.dtype)]), capped);
  const wide = o.precision ? cast(b, biased, o.precision) : biased;
  const probabilities = b.node('softmax', [wide], { axis: 3, masked: o.biases.length > 0 });
  const output = groupedMatmul(b, probabilities, cast(b, v, probabilities.type.dtype));
  return { output: cast(b, output, dtype), scores, capped, biased, probabilities };
}

/** A mask as something to add: bool becomes 0 where true and minus infinity where false. */
export function additiveMask(b: GraphBuilder, mask: Value, dtype: DType): Value {
  if (mask.type.dtype !== 'bool') return mask;
  return b.node('where', [mask, scalar(b, dtype, 0), scalar(b, dtype, Number.NEGATIVE_INFINITY)]);
}

/** The last axis padded to `length` with what masks a key out. */
export function padMask(b: GraphBuilder, mask: Value, length: Dim): Value {
  const have = mask.type.shape[rankOf(mask) - 1] ?? 1;
  const missing = D.sub(length, have);
  if (missing === 0 || have === 1 || D.range(missing).max <= 0) return mask;
  const begins = mask.type.shape.map(() => 0);
  const ends = mask.type.shape.map((_, i) => (i === rankOf(mask) - 1 ? missing : 0));
  const { dtype } = mask.type;
  const fill = dtype === 'bool' ? scalar(b, 'bool', 0) : scalar(b, dtype, Number.NEGATIVE_INFINITY);
  return b.node('pad', [mask, fill], { begins, ends, mode: 'constant' });
}

export interface Visibility {
  readonly causal: boolean;
  readonly left?: number;
  readonly right?: number;
  /** Positions before the first query: a dim, or one number a batch entry. */
  readonly offset: Dim | Value;
  /** Valid keys of each batch entry. */
  readonly lengths?: Value | undefined;
}

/** The additive mask of causality, window and key lengths. */
export function visibilityMask(b: GraphBuilder, dtype: DType, batch: Dim, q: Dim, kv: Dim, v: Visibility): Value {
  const offset = typeof v.offset === 'object' && 'type' in v.offset ? v.offset : shapeVector(b, [v.offset]);
  const rows = v.lengths || offset.type.shape[0] !== 1 ? batch : 1;
  const attrs = { shape: [rows, 1, q, kv], causal: v.causal, left: v.left ?? -1, right: v.right ?? -1 };
  const zero = numbers(b, dtype, [], [0]);
  return b.node('attention_mask', v.lengths ? [zero, offset, v.lengths] : [zero, offset], attrs);
}

/** Keys and values with what a cache holds before them. */
export const appendTo = (b: GraphBuilder, past: Value | null | undefined, now: Value): Value =>
  past ? b.node('concat', [past, now], { axis: 2 }) : now;

export interface Rotary {
  readonly cos: Value;
  readonly sin: Value;
  readonly positions?: Value | undefined;
  readonly interleaved: boolean;
  /** Elements that turn; 0 = all. */
  readonly width: number;
  readonly seqAxis: 1 | 2;
}

/** Rotary embedding of the first `width` elements of the last axis of a rank-4 tensor. */
export function rotate(b: GraphBuilder, x: Value, r: Rotary): Value {
  const head = x.type.shape[3] ?? 1;
  const cache = (v: Value): Value => {
    const picked = r.positions ? b.node('gather', [v, r.positions], { axis: 0 }) : v;
    return rankOf(picked) === 2 ? reshape(b, picked, [1, ...picked.type.shape]) : picked;
  };
  const attrs = { interleaved: r.interleaved, seqAxis: r.seqAxis };
  const turn = (v: Value): Value => b.node('rope', [v, cache(r.cos), cache(r.sin)], attrs);
  if (r.width === 0 || r.width === head) return turn(x);
  const { shape } = x.type;
  const part = (start: Dim, size: Dim): Value =>
    b.node('slice', [x], { starts: [0, 0, 0, start], steps: [1, 1, 1, 1], shape: [...shape.slice(0, 3), size] });
  return b.node('concat', [turn(part(0, r.width)), part(r.width, D.sub(head, r.width))], { axis: 3 });
}
