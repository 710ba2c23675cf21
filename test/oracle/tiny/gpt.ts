import {
  commonMetadata,
  f32,
  randomTokens,
  type TinyModel,
  type TinyWeight,
  u32,
  type Values,
  VOCABULARY,
} from '../tiny-model.ts';
import { bias, norm } from './llama.ts';

const [hidden, heads, layers, inner] = [32, 4, 2, 64];
const sizes = { context: 64, hidden, layers, inner, heads, kvHeads: heads };

const transposed = ({ shape, data }: Values): Values => {
  const [rows = 1, columns = 1] = shape;
  return { shape: [columns, rows], data: data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)] ?? 0) };
};

/** A projection with a bias, [inputs, outputs]. */
const conv1d = (hf: string, gguf: string, inputs: number, outputs: number): TinyWeight[] => [
  {
    name: `${hf}.weight`,
    shape: [inputs, outputs],
    scale: inputs ** -0.5,
    gguf: `${gguf}.weight`,
    convert: transposed,
  },
  bias(`${hf}.bias`, outputs, `${gguf}.bias`),
];
const layerNorm = (hf: string, gguf: string): TinyWeight[] => [
  norm(`${hf}.weight`, hidden, `${gguf}.weight`),
  bias(`${hf}.bias`, hidden, `${gguf}.bias`),
];

export const gpt2: TinyModel = {
  name: 'gpt2',
  oracle: 'torch',
  tokens: randomTokens('gpt2', 12),
  config: {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    activation_function: 'gelu_new',
    n_embd: hidden,
    n_head: heads,
    n_layer: layers,
    n_positions: 64,
    n_ctx: 64,
    n_inner: inner,
    layer_norm_epsilon: 1e-5,
    vocab_size: VOCABULARY,
    bos_token_id: 0,
    eos_token_id: 1,
  },
  weights: [
    { name: 'transformer.wte.weight', shape: [VOCABULARY, hidden], scale: 0.5, gguf: 'token_embd.weight' },
    { name: 'transformer.wpe.weight', shape: [64, hidden], scale: 0.5, gguf: 'position_embd.weight' },
    ...layerNorm('transformer.ln_f', 'output_norm'),
    ...Array.from({ length: layers }, (_, l) => [
      ...layerNorm(`transformer.h.${l}.ln_1`, `blk.${l}.attn_norm`),
      ...conv1d(`transformer.h.${l}.attn.c_attn`, `blk.${l}.attn_qkv`, hidden, 3 * hidden),
      ...conv1d(`transformer.h.${l}.attn.c_proj`, `blk.${l}.attn_output`, hidden, hidden),
      ...layerNorm(`transformer.h.${l}.ln_2`, `blk.${l}.ffn_norm`),
      ...conv1d(`transformer.h.${l}.mlp.c_fc`, `blk.${l}.ffn_up`, hidden, inner),
      ...conv1d(`transformer.h.${l}.mlp.c_proj`, `blk.${l}.ffn_down`, inner, hidden),
    ]).flat(),
  ],
  gguf: { metadata: commonMetadata('gpt2', sizes, { '.attention.layer_norm_epsilon': f32(1e-5) }) },
};

/** Rows of the fused projection from [head, q|k|v, d] to [q|k|v, head, d], as the converter orders them. */
const byPart = ({ shape, data }: Values): Values => {
  const d = hidden / heads;
  const row = data.length / (shape[0] ?? 1);
  const out = new Float32Array(data.length);
  for (let h = 0; h < heads; h++)
    for (let part = 0; part < 3; part++)
      for (let i = 0; i < d; i++) {
        const from = (h * 3 + part) * d + i;
        out.set(data.subarray(from * row, (from + 1) * row), ((part * heads + h) * d + i) * row);
      }
  return { shape, data: out };
};
const dense = (
  hf: string,
  gguf: string,
  inputs: number,
  outputs: number,
  convert?: (v: Values) => Values,
): TinyWeight[] => [
  { name: `${hf}.weight`, shape: [outputs, inputs], gguf: `${gguf}.weight`, ...(convert ? { convert } : {}) },
  { ...bias(`${hf}.bias`, outputs, `${gguf}.bias`), ...(convert ? { convert } : {}) },
];

const neox = (name: string, parallel: boolean): TinyModel => ({
  name,
  oracle: 'torch',
  tokens: randomTokens(name, 12),
  config: {
    architectures: ['GPTNeoXForCausalLM'],
    model_type: 'gpt_neox',
    hidden_act: 'gelu',
    hidden_size: hidden,
    intermediate_size: inner,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    max_position_embeddings: 64,
    rotary_pct: 0.5,
    rotary_emb_base: 10000,
    layer_norm_eps: 1e-5,
    use_parallel_residual: parallel,
    vocab_size: VOCABULARY,
    tie_word_embeddings: false,
    bos_token_id: 0,
    eos_token_id: 1,
  },
  weights: [
    { name: 'gpt_neox.embed_in.weight', shape: [VOCABULARY, hidden], scale: 1, gguf: 'token_embd.weight' },
    { name: 'embed_out.weight', shape: [VOCABULARY, hidden], gguf: 'output.weight' },
    ...layerNorm('gpt_neox.final_layer_norm', 'output_norm'),
    ...Array.from({ length: layers }, (_, l) => {
      const path = `gpt_neox.layers.${l}`;
      return [
        ...layerNorm(`${path}.input_layernorm`, `blk.${l}.attn_norm`),
        ...layerNorm(`${path}.post_attention_layernorm`, `blk.${l}.ffn_norm`),
        ...dense(`${path}.attention.query_key_value`, `blk.${l}.attn_qkv`, hidden, 3 * hidden, byPart),
        ...dense(`${path}.attention.dense`, `blk.${l}.attn_output`, hidden, hidden),
        ...dense(`${path}.mlp.dense_h_to_4h`, `blk.${l}.ffn_up`, hidden, inner),
        ...dense(`${path}.mlp.dense_4h_to_h`, `blk.${l}.ffn_down`, inner, hidden),
      ];
    }).flat(),
  ],
  gguf: {
    metadata: commonMetadata('gptneox', sizes, {
      '.attention.layer_norm_epsilon': f32(1e-5),
      '.rope.dimension_count': u32(4),
      '.use_parallel_residual': { type: 'bool', value: parallel },
    }),
  },
});

export const gptModels: readonly TinyModel[] = [gpt2, neox('neox', true), neox('neox-serial', false)];
