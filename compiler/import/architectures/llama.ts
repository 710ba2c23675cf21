import { type Architecture, headWeight } from '../architecture.ts';
import { attention } from '../transformer/attention.ts';
import { block } from '../transformer/block.ts';
import { embedding, languageHead } from '../transformer/embedding.ts';
import { activationOf, gatedMlp } from '../transformer/mlp.ts';
import { contextOf } from '../transformer/model.ts';
import { ropeOf } from '../transformer/rope.ts';
import { linear } from '../transformer/weights.ts';

/** Llama 1 to 3 and models of the same shape (SmolLM). */
export const llama: Architecture = {
  names: ['LlamaForCausalLM'],
  describe(config, weights, options) {
    const heads = config.count('num_attention_heads');
    const hidden = config.count('hidden_size');
    const kvHeads = config.count('num_key_value_heads', heads);
    if (heads % kvHeads !== 0)
      throw config.unsupported('num_key_value_heads', `${heads} heads do not divide among them`);
    const headDim = config.count('head_dim', hidden / heads);
    const inner = config.count('intermediate_size');
    const vocabulary = config.count('vocab_size');
    const positions = config.count('max_position_embeddings', 2048);
    const eps = config.number('rms_norm_eps', 1e-6);
    const activation = activationOf(config, 'hidden_act', 'silu');
    const attentionBias = { bias: config.flag('attention_bias', false) };
    const mlpBias = { bias: config.flag('mlp_bias', false) };
    const rope = ropeOf(config, headDim, { context: contextOf(positions, options) });
    const table = weights.has('model.embed_tokens.weight') ? 'model.embed_tokens.weight' : 'lm_head.weight';
    const norm = (path: string) => ({ kind: 'rms' as const, path, eps });
    return {
      architecture: 'LlamaForCausalLM',
      kind: 'decoder',
      vocabulary,
      positions,
      embed: embedding({ weight: table, vocabulary, hidden }),
      layers: Array.from({ length: config.count('num_hidden_layers') }, (_, layer) => {
        const path = `model.layers.${layer}`;
        const [self, mlp] = [`${path}.self_attn`, `${path}.mlp`];
        return block({
          path,
          inputNorm: norm(`${path}.input_layernorm`),
          mixer: attention({
            ...{ path: self, layer, heads, kvHeads, headDim, rope },
            query: linear(`${self}.q_proj`, attentionBias),
            key: linear(`${self}.k_proj`, attentionBias),
            value: linear(`${self}.v_proj`, attentionBias),
            output: linear(`${self}.o_proj`, attentionBias),
          }),
          mlpNorm: norm(`${path}.post_attention_layernorm`),
          mlp: gatedMlp({
            ...{ path: mlp, inner, activation },
            gate: linear(`${mlp}.gate_proj`, mlpBias),
            up: linear(`${mlp}.up_proj`, mlpBias),
            down: linear(`${mlp}.down_proj`, mlpBias),
          }),
        });
      }),
      head: languageHead({
        norm: norm('model.norm'),
        projection: { weight: headWeight(config, weights, table) },
        vocabulary,
      }),
    };
  },
};
