import type { Value } from '../../ir/graph.ts';
import { type HfConfig, type HfWeights, headWeight } from '../architecture.ts';
import { block } from './block.ts';
import { embedding, languageHead } from './embedding.ts';
import type { Transformer } from './model.ts';
import { type Norm, normalize } from './norm.ts';
import { shifted } from './recurrence.ts';
import type { Layer, Scope } from './scope.ts';
import { linear } from './weights.ts';

/** Names of a model's tensors: as Hugging Face publishes them, or as the author (and rwkv.cpp) does. */
export interface RwkvNames {
  readonly embedding: string;
  readonly head: string;
  readonly outputNorm: string;
  /** Of layer `i`, without the last part. */
  readonly layer: (i: number) => string;
  readonly preNorm: string;
  readonly time: string;
  readonly channel: string;
  /** Vectors that mix a token with its predecessor, by what they are for: `key` or `k`. */
  readonly mix: (what: 'key' | 'value' | 'receptance' | 'gate') => string;
}

const hugging: RwkvNames = {
  embedding: 'rwkv.embeddings.weight',
  head: 'head.weight',
  outputNorm: 'rwkv.ln_out',
  layer: (i) => `rwkv.blocks.${i}`,
  preNorm: 'pre_ln',
  time: 'attention',
  channel: 'feed_forward',
  mix: (what) => `time_mix_${what}`,
};
const original: RwkvNames = {
  embedding: 'emb.weight',
  head: 'head.weight',
  outputNorm: 'ln_out',
  layer: (i) => `blocks.${i}`,
  preNorm: 'ln0',
  time: 'att',
  channel: 'ffn',
  mix: (what) => `time_mix_${what[0]}`,
};

export const rwkvNames = (weights: HfWeights): RwkvNames => (weights.has(original.embedding) ? original : hugging);

/** A config for files of the author's names, which come without one; undefined when they are not of this version. */
export function inferRwkv(weights: HfWeights, version: 4 | 5, name: string): Record<string, unknown> | undefined {
  const [table, key] = ['emb.weight', 'blocks.0.ffn.key.weight'].map((n) => weights.shapeOf(n));
  if (!table || !key || weights.has('blocks.0.att.gate.weight') !== (version === 5)) return undefined;
  let layers = 0;
  while (weights.has(`blocks.${layers}.ln1.weight`)) layers++;
  const decay = weights.shapeOf('blocks.0.att.time_decay');
  return {
    architectures: [name],
    hidden_size: table[1],
    vocab_size: table[0],
    intermediate_size: key[0],
    num_hidden_layers: layers,
    ...(version === 5 && decay ? { head_size: decay[1] } : {}),
  };
}

/** What the token and its predecessor are mixed to: x m + before (1 - m). */
export function mixed(s: Scope, x: Value, before: Value, name: string): Value {
  const n = Number(x.type.shape[2]);
  const m = s.vector(name, n);
  const difference = s.b.node('sub', [x, before]);
  return s.b.node('add', [before, s.b.node('mul', [difference, m])]);
}

/** The MLP of RWKV 4 and 5: sigmoid(R xr) * V relu(K xk)^2, with a view of the token before. */
export const channelMix =
  (names: RwkvNames, layer: number, inner: number): Layer =>
  (s, x) => {
    const path = `${names.layer(layer)}.${names.channel}`;
    const hidden = Number(x.type.shape[2]);
    s.from(path, 'ChannelMix');
    const before = shifted(s, x, `layers.${layer}.channel`);
    const [xk, xr] = (['key', 'receptance'] as const).map((w) => mixed(s, x, before, `${path}.${names.mix(w)}`));
    if (!xk || !xr) throw new TypeError('two vectors were asked for');
    const k = s.linear(xk, linear(`${path}.key`), inner);
    const positive = s.from(path, 'ChannelMix').node('relu', [k]);
    const v = s.linear(s.b.node('mul', [positive, positive]), linear(`${path}.value`), hidden);
    const r = s.linear(xr, linear(`${path}.receptance`), hidden);
    const b = s.from(path, 'ChannelMix');
    return b.node('mul', [b.node('sigmoid', [r]), v]);
  };

/** What every version shares: layer norms, residual blocks of time mix and channel mix. */
export function rwkv(
  architecture: string,
  config: HfConfig,
  weights: HfWeights,
  timeMix: (names: RwkvNames, layer: number) => Layer,
): Transformer {
  const names = rwkvNames(weights);
  const hidden = config.count('hidden_size');
  const inner = config.has('intermediate_size') ? config.count('intermediate_size') : 4 * hidden;
  const vocabulary = config.count('vocab_size');
  const eps = config.number('layer_norm_epsilon', 1e-5);
  const norm = (path: string): Norm => ({ kind: 'layer', path, eps, bias: true });
  const tokens = embedding({ weight: names.embedding, vocabulary, hidden });
  return {
    architecture,
    kind: 'recurrent',
    vocabulary,
    positions: config.positions('context_length', 4096),
    embed: (s, ids) => normalize(s, tokens(s, ids), norm(`${names.layer(0)}.${names.preNorm}`)),
    layers: Array.from({ length: config.parts('num_hidden_layers') }, (_, layer) => {
      const path = names.layer(layer);
      return block({
        path,
        inputNorm: norm(`${path}.ln1`),
        mixer: timeMix(names, layer),
        mlpNorm: norm(`${path}.ln2`),
        mlp: channelMix(names, layer, inner),
      });
    }),
    head: languageHead({
      norm: norm(names.outputNorm),
      projection: { weight: headWeight(config, weights, names.embedding, { head: names.head }) },
      vocabulary,
    }),
  };
}
