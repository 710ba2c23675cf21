import type { Architecture } from '../architecture.ts';
import { llamaShaped, windowOf } from '../transformer/llama-shape.ts';

/** Mistral: llama with a sliding window in every layer (Jiang et al. 2023); later ones have none. Its GGUF files are llama's. */
export const mistral: Architecture = {
  names: ['MistralForCausalLM'],
  describe: (config, weights, options) =>
    llamaShaped(config, weights, options, {
      architecture: 'MistralForCausalLM',
      attention: (layer) => windowOf(config, layer, true),
    }),
};
