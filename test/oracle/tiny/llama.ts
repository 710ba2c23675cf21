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

const llama3Scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };

/** Divisors of the frequencies, which llama.cpp's converter stores as a tensor. */
function llama3Factors(headDim: number): Float32Array {
  const {
    factor,
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: trained,
  } = llama3Scaling;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * 10000 ** ((2 * i) / headDim);
    if (wavelength < trained / high) return 1;
    if (wavelength > trained / low) return factor;
    const smooth = (trained / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

const llama3 = llamaLike({
  ...plain,
  name: 'llama3',
  config: { rope_scaling: { rope_type: 'llama3', ...llama3Scaling } },
});

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
  {
    ...llama3,
    // The divisors are rounded to f32 in the file.
    sameProgram: false,
    gguf: {
      metadata: llama3.gguf?.metadata ?? {},
      more: () => ({ 'rope_freqs.weight': { shape: [4], data: llama3Factors(8) } }),
    },
  },
  llamaLike({
    ...plain,
    name: 'llama-yarn',
    headDim: 16,
    config: { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 } },
    metadata: {
      '.rope.scaling.type': text('yarn'),
      '.rope.scaling.factor': f32(4),
      '.rope.scaling.original_context_length': u32(16),
    },
  }),
  // llama.cpp has no dynamic scaling.
  {
    ...llamaLike({
      ...plain,
      name: 'llama-dynamic',
      tokens: 12,
      config: { max_position_embeddings: 8, rope_scaling: { rope_type: 'dynamic', factor: 4 } },
    }),
    gguf: undefined,
    oracle: 'torch',
    context: 64,
    // Keys in the cache keep the rotation of the run that wrote them, here as in the published code.
    oneRun: true,
  },
  llamaLike({
    ...plain,
    name: 'mistral',
    architecture: 'MistralForCausalLM',
    type: 'mistral',
    config: { sliding_window: null },
  }),
  {
    ...llamaLike({
      ...plain,
      name: 'mistral-window',
      architecture: 'MistralForCausalLM',
      type: 'mistral',
      config: { sliding_window: 4 },
    }),
    gguf: undefined,
    oracle: 'torch',
  },
  llamaLike({
    name: 'qwen2',
    architecture: 'Qwen2ForCausalLM',
    type: 'qwen2',
    gguf: 'qwen2',
    qkvBias: true,
    tied: true,
  }),
  llamaLike({
    name: 'qwen3',
    architecture: 'Qwen3ForCausalLM',
    type: 'qwen3',
    gguf: 'qwen3',
    qkNorm: true,
    headDim: 16,
    config: { rope_theta: 1000000 },
    metadata: { '.rope.freq_base': f32(1000000) },
  }),
  mixtral(),
];

/** A mixture of experts: the router and four experts, which the file stacks. */
function mixtral(): TinyModel {
  const [experts, hidden, inner] = [4, 32, 24];
  const base = llamaLike({
    ...plain,
    name: 'mixtral',
    architecture: 'MixtralForCausalLM',
    type: 'mixtral',
    inner,
    config: { num_local_experts: experts, num_experts_per_tok: 2 },
    metadata: { '.expert_count': u32(experts), '.expert_used_count': u32(2) },
  });
  const weights = base.weights.filter((w) => !w.name.includes('.mlp.'));
  const expert = (l: number, e: number, w: string): string =>
    `model.layers.${l}.block_sparse_moe.experts.${e}.${w}.weight`;
  for (let l = 0; l < 2; l++) {
    weights.push({
      name: `model.layers.${l}.block_sparse_moe.gate.weight`,
      shape: [experts, hidden],
      scale: 0.5,
      gguf: `blk.${l}.ffn_gate_inp.weight`,
    });
    for (let e = 0; e < experts; e++) {
      weights.push({ name: expert(l, e, 'w1'), shape: [inner, hidden] });
      weights.push({ name: expert(l, e, 'w3'), shape: [inner, hidden] });
      weights.push({ name: expert(l, e, 'w2'), shape: [hidden, inner] });
    }
  }
  const stacked = { w1: 'ffn_gate_exps', w3: 'ffn_up_exps', w2: 'ffn_down_exps' };
  return {
    ...base,
    weights,
    gguf: {
      metadata: base.gguf?.metadata ?? {},
      more: (values) =>
        Object.fromEntries(
          [0, 1].flatMap((l) =>
            Object.entries(stacked).map(([w, name]) => {
              const parts = Array.from({ length: experts }, (_, e) => values(expert(l, e, w)));
              const data = Float32Array.from(parts.flatMap((p) => [...p.data]));
              return [`blk.${l}.${name}.weight`, { shape: [experts, ...(parts[0]?.shape ?? [])], data }];
            }),
          ),
        ),
    },
  };
}
