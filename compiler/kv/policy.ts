import type { Dim } from '../ir/dim.ts';
import type { TensorType, Value } from '../ir/graph.ts';
import type { GraphBuilder } from '../ir/graph-builder.ts';

/** One attention layer of one entry, as a KV policy sees it. */
export interface KvLayer {
  readonly b: GraphBuilder;
  /** Begins the names of the layer's states. */
  readonly name: string;
  /** [1, seq, heads, d], keys and values [1, seq, kvHeads, d]: those of the new tokens, positions already encoded. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** Where positions turn keys: the keys before that, and keys [1, n, kvHeads, d] turned by positions from `start` on. */
  readonly unturned?: Value;
  turn?(keys: Value, start: Dim): Value;
  /** Tokens in the cache before the run, and tokens of the run. */
  readonly past: Dim;
  readonly seq: Dim;
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

/** [1, seq, heads, d] as the rows of a state [heads, rows, d]. */
export function rowsOf(b: GraphBuilder, x: Value): Value {
  const [, seq = 1, heads = 1, d = 1] = x.type.shape;
  const split = b.node('reshape', [x], { shape: [seq, heads, d] });
  return b.node('transpose', [split], { permutation: [1, 0, 2] });
}
