import type { Architecture, HfConfig } from '../architecture.ts';
import type { GgufFamily } from '../gguf/family.ts';
import { type LlamaShape, llamaShaped, windowOf } from '../transformer/llama-shape.ts';
import { activationOf } from '../transformer/mlp.ts';

/** What Gemma 2 and 3 share: scaled embeddings, norms before and after mixer and MLP, scales stored around zero, a tanh GELU. */
export const gemmaShape = (config: HfConfig): Omit<LlamaShape, 'architecture'> => ({
  activation: activationOf(config, 'hidden_activation', 'gelu_pytorch_tanh'),
  // llama.cpp's converter adds the one.
  norm: { plusOne: !config.flag('gguf', false) },
  norms: {
    inputNorm: 'input_layernorm',
    mixerNorm: 'post_attention_layernorm',
    mlpNorm: 'pre_feedforward_layernorm',
    outputNorm: 'post_feedforward_layernorm',
  },
  tied: true,
  embeddingScale: Math.sqrt(config.count('hidden_size')),
});

/** `largestLayers`: layers of the 27B model, the one whose queries are scaled otherwise. */
export const gemmaGguf = (architecture: string, largestLayers: number): GgufFamily => ({
  architecture,
  tensors: {
    'model.layers.#.post_attention_layernorm': 'blk.#.post_attention_norm',
    'model.layers.#.pre_feedforward_layernorm': 'blk.#.ffn_norm',
    'model.layers.#.post_feedforward_layernorm': 'blk.#.post_ffw_norm',
  },
  config: (_, { num_hidden_layers: layers, hidden_size: hidden, num_attention_heads: heads, head_dim }) => ({
    // Files do not say it; the 27B model scales by hidden / heads, the others by the size of a head.
    query_pre_attn_scalar: layers === largestLayers ? Number(hidden) / Number(heads) : head_dim,
  }),
});

/** Gemma 2 (technical report, 2024): soft caps of scores and logits, a sliding window in every other layer. */
export const gemma2: Architecture = {
  names: ['Gemma2ForCausalLM'],
  gguf: [gemmaGguf('gemma2', 46)],
  describe: (config, weights, options) =>
    llamaShaped(config, weights, options, {
      ...gemmaShape(config),
      architecture: 'Gemma2ForCausalLM',
      ...(config.has('final_logit_softcapping') ? { softCap: config.number('final_logit_softcapping') } : {}),
      attention: (layer) => ({
        scale: config.number('query_pre_attn_scalar', 256) ** -0.5,
        ...(config.has('attn_logit_softcapping') ? { softCap: config.number('attn_logit_softcapping') } : {}),
        ...windowOf(config, layer, layer % 2 === 0),
      }),
    }),
};
