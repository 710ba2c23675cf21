import type { Dim } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import { type Norm, normalize } from './norm.ts';
import type { Rope } from './rope.ts';
import type { Layer, Scope } from './scope.ts';
import type { Projection } from './weights.ts';

/** Multi-head attention with shared keys and values: heads a multiple of kvHeads. */
export interface Attention {
  /** Module path, for provenance. */
  readonly path: string;
  /** Number of the layer: names its cache. */
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly query: Projection;
  readonly key: Projection;
  readonly value: Projection;
  readonly output: Projection;
  /** How positions turn queries and keys; absent: they do not. */
  readonly rope?: Rope;
  /** Normalisations of queries and keys before they turn, over each head or (`whole`) over all heads of a token. */
  readonly queryNorm?: Norm;
  readonly keyNorm?: Norm;
  readonly normWhole?: boolean;
  /** Scores are multiplied by this; default headDim^-0.5. */
  readonly scale?: number;
  /** Scores become cap * tanh(score / cap). */
  readonly softCap?: number;
  /** A token sees this many positions, its own included; absent: all. */
  readonly window?: number;
  /** Every token sees every other and nothing is cached (encoders). */
  readonly bidirectional?: boolean;
  /** The outputs of a projection, when they are not those of the input: default the input's size. */
  readonly outputs?: number;
}

/** Self-attention over the cache that the KV policy keeps, or within the run for encoders. */
export const attention =
  (whole: Attention): Layer =>
  (s, x) => {
    const a = s.model.heads.apply(whole);
    const { heads, kvHeads, headDim, rope } = a;
    const project = (p: Projection, count: number, norm?: Norm): Value => {
      const y = s.linear(x, p, count * headDim);
      const normal = norm && a.normWhole ? normalize(s, y, norm) : y;
      const split = s.from(a.path, 'Attention').node('reshape', [normal], { shape: [1, s.seq, count, headDim] });
      return norm && !a.normWhole ? normalize(s, split, norm) : split;
    };
    const turn = (y: Value): Value => {
      s.from(a.path, 'Attention');
      return rope ? s.rotate(y, rope) : y;
    };
    const q = turn(project(a.query, heads, a.queryNorm));
    const key = project(a.key, kvHeads, a.keyNorm);
    const k = turn(key);
    const v = project(a.value, kvHeads);
    s.from(a.path, 'Attention');
    const mixed = a.bidirectional ? within(s, a, q, k, v) : cached(s, a, q, k, v, key);
    const joined = s.b.node('reshape', [mixed], { shape: [1, s.seq, heads * headDim] });
    const outputs = a.outputs ?? Number(x.type.shape.at(-1));
    s.model.heads.note(a, s.model.weights.matrix(a.output, outputs, heads * headDim));
    return s.linear(joined, a.output, outputs);
  };

const scaleOf = (a: Attention): number => a.scale ?? a.headDim ** -0.5;

function cached(s: Scope, a: Attention, q: Value, k: Value, v: Value, key: Value): Value {
  const { policy, context, chunk, slots } = s.model;
  const name = `layers.${a.layer}`;
  const { rope } = a;
  return policy.attend({
    ...{ b: s.b, name, q, k, v, run: s.run, seq: s.seq, slots, context, chunk },
    ...(rope ? { unturned: key, turn: (x: Value, at: Dim | Value) => s.rotate(x, rope, at) } : {}),
    window: a.window ?? 0,
    scale: scaleOf(a),
    softCap: a.softCap ?? 0,
    state: (part, type) => s.state(`${name}.${part}`, type),
  });
}

/** Attention among the tokens of the run, without mask. */
function within(s: Scope, a: Attention, q: Value, k: Value, v: Value): Value {
  const { b } = s;
  const byHead = (x: Value): Value => b.node('transpose', [x], { permutation: [0, 2, 1, 3] });
  const shared = (x: Value): Value => {
    if (a.heads === a.kvHeads) return byHead(x);
    const group = a.heads / a.kvHeads;
    const one = b.node('reshape', [byHead(x)], { shape: [1, a.kvHeads, 1, s.seq, a.headDim] });
    const all = b.node('expand', [one], { shape: [1, a.kvHeads, group, s.seq, a.headDim] });
    return b.node('reshape', [all], { shape: [1, a.heads, s.seq, a.headDim] });
  };
  const mixed = b.node('dot_product_attention', [byHead(q), shared(k), shared(v)], { scale: scaleOf(a) });
  return byHead(mixed);
}
