import { f32, type TinyModel, type TinyWeight, u32, type Values } from '../tiny-model.ts';
import { llamaLike, norm } from './llama.ts';

const plusOne = ({ shape, data }: Values): Values => ({ shape, data: data.map((v) => v + 1) });

/** Scales are stored around zero by Hugging Face, around one by llama.cpp. */
const shifted = (w: TinyWeight): TinyWeight =>
  w.name.includes('norm') ? { ...w, center: 0, scale: 0.2, convert: plusOne } : w;

function gemma(base: TinyModel, layers: number, hidden: number): TinyModel {
  const weights = base.weights
    .filter((w) => !w.name.includes('post_attention_layernorm'))
    .map((w) => (w.name === 'model.embed_tokens.weight' ? { ...w, scale: 0.3 } : w));
  for (let l = 0; l < layers; l++) {
    const hf = `model.layers.${l}`;
    weights.push(
      norm(`${hf}.post_attention_layernorm.weight`, hidden, `blk.${l}.post_attention_norm.weight`),
      norm(`${hf}.pre_feedforward_layernorm.weight`, hidden, `blk.${l}.ffn_norm.weight`),
      norm(`${hf}.post_feedforward_layernorm.weight`, hidden, `blk.${l}.post_ffw_norm.weight`),
    );
  }
  return { ...base, weights: weights.map(shifted), oracle: 'torch', sameProgram: false };
}

const shared = { hidden: 32, heads: 4, kvHeads: 2, headDim: 16, tied: true } as const;
const window = { '.attention.sliding_window': u32(4) };

export const gemmaModels: readonly TinyModel[] = [
  gemma(
    llamaLike({
      ...shared,
      name: 'gemma2',
      architecture: 'Gemma2ForCausalLM',
      type: 'gemma2',
      gguf: 'gemma2',
      config: {
        hidden_act: 'gelu_pytorch_tanh',
        hidden_activation: 'gelu_pytorch_tanh',
        query_pre_attn_scalar: 16,
        attn_logit_softcapping: 5,
        final_logit_softcapping: 3,
        sliding_window: 4,
      },
      metadata: { ...window, '.attn_logit_softcapping': f32(5), '.final_logit_softcapping': f32(3) },
    }),
    2,
    32,
  ),
  gemma(
    llamaLike({
      ...shared,
      name: 'gemma3',
      architecture: 'Gemma3ForCausalLM',
      type: 'gemma3_text',
      gguf: 'gemma3',
      layers: 6,
      qkNorm: true,
      config: {
        hidden_activation: 'gelu_pytorch_tanh',
        query_pre_attn_scalar: 16,
        sliding_window: 4,
        sliding_window_pattern: 6,
        rope_theta: 1000000,
        rope_local_base_freq: 10000,
        rope_scaling: { rope_type: 'linear', factor: 8 },
      },
      metadata: {
        ...window,
        '.rope.freq_base': f32(1000000),
        '.rope.scaling.type': { type: 'string', value: 'linear' },
        '.rope.scaling.factor': f32(8),
      },
    }),
    6,
    32,
  ),
];
