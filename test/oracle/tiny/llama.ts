import type { MetadataValue } from '../gguf-writer.ts';
import {
  commonMetadata,
  f32,
  randomTokens,
  rotaryNeighbours,
  type TinyModel,
  type TinyWeight,
  text,
  u32,
  VOCABULARY,
} from '../tiny-model.ts';

/** What distinguishes the models that are built like llama. */
export interface LlamaLike {
  readonly name: string;
  /** `architectures` and `model_type` of config.json. */
  readonly architecture: string;
  readonly type: string;
  readonly gguf: string;
  readonly hidden?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly layers?: number;
  readonly inner?: number;
  readonly tied?: boolean;
  /** Biases of the query, key and value projections. */
  readonly qkvBias?: boolean;
  /** Norms of queries and keys, per head. */
  readonly qkNorm?: boolean;
  /** The converter reorders rows of queries and keys. */
  readonly neighbours?: boolean;
  readonly tokens?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, MetadataValue>>;
}

export const norm = (name: string, size: number, gguf: string): TinyWeight => ({
  name,
  shape: [size],
  scale: 0.1,
  center: 1,
  gguf,
});
export const bias = (name: string, size: number, gguf: string): TinyWeight => ({
  name,
  shape: [size],
  scale: 0.2,
  gguf,
});

/** Weights and metadata of a llama-shaped model. */
export function llamaLike(m: LlamaLike): TinyModel {
  const { hidden = 32, heads = 4, kvHeads = 2, layers = 2, inner = 48, tied = false } = m;
  const headDim = m.headDim ?? hidden / heads;
  const convert = m.neighbours ? { convert: rotaryNeighbours(headDim) } : {};
  const weights: TinyWeight[] = [
    { name: 'model.embed_tokens.weight', shape: [VOCABULARY, hidden], scale: 1, gguf: 'token_embd.weight' },
    norm('model.norm.weight', hidden, 'output_norm.weight'),
    ...(tied ? [] : [{ name: 'lm_head.weight', shape: [VOCABULARY, hidden], gguf: 'output.weight' }]),
  ];
  for (let l = 0; l < layers; l++) {
    const hf = `model.layers.${l}`;
    const attention = `${hf}.self_attn`;
    const q = heads * headDim;
    const kv = kvHeads * headDim;
    weights.push(
      norm(`${hf}.input_layernorm.weight`, hidden, `blk.${l}.attn_norm.weight`),
      { name: `${attention}.q_proj.weight`, shape: [q, hidden], gguf: `blk.${l}.attn_q.weight`, ...convert },
      { name: `${attention}.k_proj.weight`, shape: [kv, hidden], gguf: `blk.${l}.attn_k.weight`, ...convert },
      { name: `${attention}.v_proj.weight`, shape: [kv, hidden], gguf: `blk.${l}.attn_v.weight` },
      { name: `${attention}.o_proj.weight`, shape: [hidden, q], gguf: `blk.${l}.attn_output.weight` },
      norm(`${hf}.post_attention_layernorm.weight`, hidden, `blk.${l}.ffn_norm.weight`),
      { name: `${hf}.mlp.gate_proj.weight`, shape: [inner, hidden], gguf: `blk.${l}.ffn_gate.weight` },
      { name: `${hf}.mlp.up_proj.weight`, shape: [inner, hidden], gguf: `blk.${l}.ffn_up.weight` },
      { name: `${hf}.mlp.down_proj.weight`, shape: [hidden, inner], gguf: `blk.${l}.ffn_down.weight` },
    );
    if (m.qkvBias)
      weights.push(
        { ...bias(`${attention}.q_proj.bias`, q, `blk.${l}.attn_q.bias`), ...convert },
        { ...bias(`${attention}.k_proj.bias`, kv, `blk.${l}.attn_k.bias`), ...convert },
        bias(`${attention}.v_proj.bias`, kv, `blk.${l}.attn_v.bias`),
      );
    if (m.qkNorm)
      weights.push(
        norm(`${attention}.q_norm.weight`, headDim, `blk.${l}.attn_q_norm.weight`),
        norm(`${attention}.k_norm.weight`, headDim, `blk.${l}.attn_k_norm.weight`),
      );
  }
  return {
    name: m.name,
    weights,
    tokens: randomTokens(m.name, m.tokens ?? 12),
    config: {
      architectures: [m.architecture],
      model_type: m.type,
      hidden_size: hidden,
      intermediate_size: inner,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      ...(m.headDim === undefined ? {} : { head_dim: headDim }),
      vocab_size: VOCABULARY,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
      tie_word_embeddings: tied,
      bos_token_id: 0,
      eos_token_id: 1,
      torch_dtype: 'float32',
      ...m.config,
    },
    gguf: {
      metadata: commonMetadata(
        m.gguf,
        { context: 64, hidden, layers, inner, heads, kvHeads },
        {
          '.attention.layer_norm_rms_epsilon': f32(1e-5),
          '.rope.freq_base': f32(10000),
          '.rope.dimension_count': u32(headDim),
          ...(m.headDim === undefined
            ? {}
            : { '.attention.key_length': u32(headDim), '.attention.value_length': u32(headDim) }),
          ...m.metadata,
        },
      ),
    },
  };
}

const plain = {
  architecture: 'LlamaForCausalLM',
  type: 'llama',
  gguf: 'llama',
  neighbours: true,
} as const;

/** Llama, its rope scalings, and what is Llama under another name. */
export const llamaModels: readonly TinyModel[] = [
  llamaLike({ ...plain, name: 'llama' }),
  llamaLike({ ...plain, name: 'smollm', tied: true, heads: 3, kvHeads: 1, hidden: 48 }),
  llamaLike({
    ...plain,
    name: 'llama-linear',
    config: { rope_scaling: { type: 'linear', factor: 2.5 } },
    metadata: { '.rope.scaling.type': text('linear'), '.rope.scaling.factor': f32(2.5) },
  }),
];
