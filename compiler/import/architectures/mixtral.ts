import type { Architecture } from '../architecture.ts';
import { llamaShaped, llamaSizes, windowOf } from '../transformer/llama-shape.ts';
import { activationOf, gatedMlp } from '../transformer/mlp.ts';
import { mixtureOfExperts } from '../transformer/moe.ts';
import { linear } from '../transformer/weights.ts';
import { llamaGguf } from './llama.ts';

/** Mixtral (Jiang et al. 2024): Mistral with a mixture of experts for MLP. Its GGUF files are llama's with experts. */
export const mixtral: Architecture = {
  names: ['MixtralForCausalLM'],
  gguf: [
    {
      ...llamaGguf,
      when: (keys) => (keys.optionalNumber('.expert_count') ?? 0) > 0,
      tensors: {
        ...llamaGguf.tensors,
        'model.layers.#.block_sparse_moe.gate': 'blk.#.ffn_gate_inp',
        'model.layers.#.block_sparse_moe.experts.@.w1': 'blk.#.ffn_gate_exps',
        'model.layers.#.block_sparse_moe.experts.@.w2': 'blk.#.ffn_down_exps',
        'model.layers.#.block_sparse_moe.experts.@.w3': 'blk.#.ffn_up_exps',
      },
    },
  ],
  describe(config, weights, options) {
    const { inner } = llamaSizes(config);
    const activation = activationOf(config, 'hidden_act', 'silu');
    const [count, used] = [config.parts('num_local_experts'), config.count('num_experts_per_tok')];
    if (used > count) throw config.unsupported('num_experts_per_tok', `there are ${count} experts`);
    return llamaShaped(config, weights, options, {
      architecture: 'MixtralForCausalLM',
      attention: (layer) => windowOf(config, layer, true),
      mlp: (layerPath) => {
        const path = `${layerPath}.block_sparse_moe`;
        return mixtureOfExperts({
          ...{ path, count, used, normalized: true },
          router: linear(`${path}.gate`),
          expert: (e) => {
            const own = `${path}.experts.${e}`;
            return gatedMlp({
              ...{ path: own, inner, activation },
              gate: linear(`${own}.w1`),
              up: linear(`${own}.w3`),
              down: linear(`${own}.w2`),
            });
          },
        });
      },
    });
  },
};
