import type { Architecture } from '../architecture.ts';
import { llamaShaped, windowOf } from '../transformer/llama-shape.ts';

/** Qwen 3: llama with RMS norms of the queries and keys of each head. */
export const qwen3: Architecture = {
  names: ['Qwen3ForCausalLM'],
  gguf: [{ architecture: 'qwen3' }],
  describe(config, weights, options) {
    const from = config.number('max_window_layers', 0);
    const slides = config.flag('use_sliding_window', false);
    return llamaShaped(config, weights, options, {
      architecture: 'Qwen3ForCausalLM',
      qkNorm: true,
      attention: (layer) => (slides ? windowOf(config, layer, layer >= from) : {}),
    });
  },
};
