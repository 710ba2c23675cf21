import { type Dim, mul } from '../ir/dim.ts';
import { type TensorType, tensor, type Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';

/**
 * What the tokens of a run are. `text`: those that follow `past` tokens of the sequence in cache number `slot`. `rows`: each the next one of
 * a sequence of its own, in cache `slots[i]` at `positions[i]` (i32 [seq]).
 */
export type Run =
  | { readonly kind: 'text'; readonly past: Dim; readonly slot: Dim }
  | { readonly kind: 'rows'; readonly slots: Value; readonly positions: Value };

/** One attention layer of one entry, as a KV policy sees it. */
export interface KvLayer {
  readonly b: GraphBuilder;
  /** Begins the names of the layer's states. */
  readonly name: string;
  /** [1, seq, heads, d], keys and values [1, seq, kvHeads, d]: those of the new tokens, positions already encoded. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** Where positions turn keys: the keys before that, and keys [1, n, kvHeads, d] turned by positions [n], or by those from a dim on. */
  readonly unturned?: Value;
  turn?(keys: Value, positions: Dim | Value): Value;
  readonly run: Run;
  /** Tokens of the run. */
  readonly seq: Dim;
  /** Sequences that have a cache each. */
  readonly slots: number;
  /** Most tokens that all runs together, and that one run, may have. */
  readonly context: number;
  readonly chunk: number;
  /** The model's own sliding window; 0: it sees all positions. */
  readonly window: number;
  /** Scores are multiplied by this, then capped unless `softCap` is 0. */
  readonly scale: number;
  readonly softCap: number;
  /** Contents of the layer's state of that name; every entry gets the same state. */
  state(name: string, type: TensorType): Value;
}

/** How keys and values are kept between runs: decided when compiling, one file each. */
export interface KvPolicy {
  readonly name: string;
  /** One line for `infc compile --help`. */
  readonly does: string;
  /** Texts may be longer than the context: old tokens are forgotten. */
  readonly endless?: true;
  /** Most of the last tokens that can be forgotten again without running earlier ones anew, for runs of at most `chunk` tokens; absent: any. */
  rewind?(chunk: number): number;
  /** Puts the new keys and values into the layer's states and attends over them: [1, seq, heads, e]. */
  attend(layer: KvLayer): Value;
}

export const defineKvPolicy = (policy: KvPolicy): KvPolicy => policy;

/** Where a policy that forgets puts positions: see slotOf of compiler/ops/state.ts. */
export interface Ring {
  readonly ring: number;
  readonly sinks: number;
}

/** The layer's state `name` with the run's rows [heads, seq, width] in it; each sequence has `rows` rows there. */
export function keep(layer: KvLayer, name: string, x: Value, rows: number, ring?: Ring): Value {
  const [heads = 1, , width = 1] = x.type.shape;
  return put(layer, layer.state(name, tensor(x.type.dtype, [heads, rows * layer.slots, width])), x, rows, ring);
}

/** A state with the run's rows in it, what it held being `before`. */
export function put({ b, run, slots }: KvLayer, before: Value, x: Value, rows: number, ring?: Ring): Value {
  if (run.kind === 'text') {
    const whose = slots === 1 ? {} : { first: mul(run.slot, rows), room: rows };
    return b.node('state_write', [before, x], { axis: 1, at: run.past, ...whose, ...ring });
  }
  const row = ring ? ringRow(b, run.positions, ring) : run.positions;
  return b.node('state_write', [before, x, b.node('add', [firstRows(b, run.slots, rows), row])], { axis: 1 });
}

/** Attention of the run's queries over what {@link keep} returned; `scales` where those are codes. */
export function look(
  layer: KvLayer,
  rows: number,
  cache: readonly [keys: Value, values: Value, ...scales: Value[]],
  more: { readonly window: number } & Partial<Ring>,
): Value {
  const { b, q, run, slots, scale, softCap } = layer;
  const attrs = { scale, softCap, ...more };
  if (run.kind === 'text') {
    const whose = slots === 1 ? {} : { first: mul(run.slot, rows), rows };
    return b.node('cached_attention', [q, ...cache], { past: run.past, ...attrs, ...whose });
  }
  const [keys, values, keyScales = null, valueScales = null] = cache;
  const inputs = [q, keys, values, keyScales, valueScales, run.positions, firstRows(b, run.slots, rows)];
  return b.node('cached_attention', inputs, { ...attrs, rows });
}

/** i32 [seq]: the first row of each token's sequence. */
export const firstRows = (b: GraphBuilder, slots: Value, rows: number): Value =>
  b.node('mul', [slots, b.scalar('i32', rows)]);

function ringRow(b: GraphBuilder, positions: Value, { ring, sinks }: Ring): Value {
  const i32 = (n: number): Value => b.scalar('i32', n);
  const behind = b.node('max', [b.node('sub', [positions, i32(sinks)]), i32(0)]);
  return b.node('add', [b.node('min', [positions, i32(sinks)]), b.node('mod', [behind, i32(ring)])]);
}

/** [1, seq, heads, d] as the rows of a state [heads, rows, d]. */
export function rowsOf(b: GraphBuilder, x: Value): Value {
  const [, seq = 1, heads = 1, d = 1] = x.type.shape;
  const split = b.node('reshape', [x], { shape: [seq, heads, d] });
  return b.node('transpose', [split], { permutation: [1, 0, 2] });
}
