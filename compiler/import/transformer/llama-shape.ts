import { type HfConfig, type HfWeights, headWeight } from '../architecture.ts';
import { type Attention, attention } from './attention.ts';
import { type Block, block } from './block.ts';
import { embedding, languageHead } from './embedding.ts';
import { type Activation, activationOf, gatedMlp } from './mlp.ts';
import { contextOf, type Transformer, type TransformerOptions } from './model.ts';
import type { Norm } from './norm.ts';
import { type Rope, ropeOf } from './rope.ts';
import type { Layer } from './scope.ts';
import { linear, type Projection } from './weights.ts';

/** Sizes that every model of llama's shape has in its config. */
export interface LlamaSizes {
  readonly hidden: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly eps: number;
}

/** Throws INFC1081 or INFC1082 naming the key. */
export function llamaSizes(config: HfConfig): LlamaSizes {
  const heads = config.count('num_attention_heads');
  const hidden = config.count('hidden_size');
  const kvHeads = config.count('num_key_value_heads', heads);
  if (heads % kvHeads !== 0) throw config.unsupported('num_key_value_heads', `${heads} heads do not divide among them`);
  return {
    hidden,
    heads,
    kvHeads,
    inner: config.count('intermediate_size'),
    layers: config.parts('num_hidden_layers'),
    headDim: config.count('head_dim', hidden / heads),
    vocabulary: config.count('vocab_size'),
    positions: config.positions('max_position_embeddings', 2048),
    eps: config.number('rms_norm_eps', 1e-6),
  };
}

/** Where the projections of a layer are. */
export type Projections<K extends string> = Readonly<Record<K, Projection>>;

/** What a family of llama's shape does differently; what is absent is as in llama. */
export interface LlamaShape {
  readonly architecture: string;
  readonly activation?: Activation;
  /** Biases of query, key and value (default: as `attention_bias` says, and of the output too). */
  readonly qkvBias?: boolean;
  /** RMS norms of queries and keys of each head. */
  readonly qkNorm?: boolean;
  /** Every norm. */
  readonly norm?: Partial<Norm>;
  readonly embeddingScale?: number;
  /** The head is the embedding unless it has a weight; default: as `tie_word_embeddings` says. */
  readonly tied?: boolean;
  /** Logits become cap * tanh(logit / cap). */
  readonly softCap?: number;
  readonly attention?: (layer: number) => Partial<Pick<Attention, 'window' | 'softCap' | 'scale' | 'rope'>>;
  readonly projections?: (path: string) => Projections<'query' | 'key' | 'value'>;
  readonly gateAndUp?: (path: string) => Projections<'gate' | 'up'>;
  /** Instead of the gated MLP. */
  readonly mlp?: (layerPath: string) => Layer;
  /** Norms around mixer and MLP, by the module's name in the layer; default `input_layernorm` and `post_attention_layernorm` before them. */
  readonly norms?: Partial<Record<'inputNorm' | 'mixerNorm' | 'mlpNorm' | 'outputNorm', string>>;
}

/** The rope of the config for a model of these sizes. */
export const llamaRope = (config: HfConfig, sizes: LlamaSizes, options: TransformerOptions): Rope =>
  ropeOf(config, sizes.headDim, { context: contextOf(sizes.positions, options), layerType: 'full_attention' });

/** Pre-norm decoder blocks of attention with rotary positions and a gated MLP, RMS norms throughout (Touvron et al. 2023). */
export function llamaShaped(
  config: HfConfig,
  weights: HfWeights,
  options: TransformerOptions,
  shape: LlamaShape,
): Transformer {
  const sizes = llamaSizes(config);
  const { hidden, heads, kvHeads, headDim, inner, vocabulary, positions, eps } = sizes;
  const allBiased = { bias: config.flag('attention_bias', false) };
  const biased = shape.qkvBias ? { bias: true } : allBiased;
  const mlpBias = { bias: config.flag('mlp_bias', false) };
  const activation = shape.activation ?? activationOf(config, 'hidden_act', 'silu');
  const norm = (path: string): Norm => ({ kind: 'rms', path, eps, ...shape.norm });
  const table = weights.has('model.embed_tokens.weight') ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const rope = llamaRope(config, sizes, options);
  const names = shape.norms ?? { inputNorm: 'input_layernorm', mlpNorm: 'post_attention_layernorm' };
  const decoder = (layer: number): Layer => {
    const path = `model.layers.${layer}`;
    const [self, mlp] = [`${path}.self_attn`, `${path}.mlp`];
    const norms: Partial<Block> = Object.fromEntries(
      Object.entries(names).map(([place, name]) => [place, norm(`${path}.${name}`)]),
    );
    return block({
      ...{ path, ...norms },
      mixer: attention({
        ...{ path: self, layer, heads, kvHeads, headDim, rope },
        ...(shape.projections?.(self) ?? {
          query: linear(`${self}.q_proj`, biased),
          key: linear(`${self}.k_proj`, biased),
          value: linear(`${self}.v_proj`, biased),
        }),
        output: linear(`${self}.o_proj`, allBiased),
        ...(shape.qkNorm ? { queryNorm: norm(`${self}.q_norm`), keyNorm: norm(`${self}.k_norm`) } : {}),
        ...shape.attention?.(layer),
      }),
      mlp:
        shape.mlp?.(path) ??
        gatedMlp({
          ...{ path: mlp, inner, activation },
          ...(shape.gateAndUp?.(mlp) ?? {
            gate: linear(`${mlp}.gate_proj`, mlpBias),
            up: linear(`${mlp}.up_proj`, mlpBias),
          }),
          down: linear(`${mlp}.down_proj`, mlpBias),
        }),
    });
  };
  return {
    architecture: shape.architecture,
    kind: 'decoder',
    vocabulary,
    positions,
    embed: embedding({
      ...{ weight: table, vocabulary, hidden },
      ...(shape.embeddingScale === undefined ? {} : { scale: shape.embeddingScale }),
    }),
    layers: Array.from({ length: sizes.layers }, (_, layer) => decoder(layer)),
    head: languageHead({
      norm: norm('model.norm'),
      projection: { weight: headWeight(config, weights, table, { tied: shape.tied }) },
      vocabulary,
      ...(shape.softCap === undefined ? {} : { softCap: shape.softCap }),
    }),
  };
}

/**
 * The sliding window of a layer, or none: `layer_types` of the config says which layers have one, else `otherwise` does.
 */
export function windowOf(config: HfConfig, layer: number, otherwise: boolean): { readonly window?: number } {
  const types = config.has('layer_types') ? config.strings('layer_types') : undefined;
  const slides = types ? types[layer] === 'sliding_attention' : otherwise;
  return slides && config.has('sliding_window') ? { window: config.positions('sliding_window') } : {};
}
