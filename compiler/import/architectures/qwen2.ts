import type { Architecture } from '../architecture.ts';
import { llamaShaped, windowOf } from '../transformer/llama-shape.ts';

/** Qwen 2 and 2.5: llama with biases of query, key and value; where configured, upper layers have a sliding window. */
export const qwen2: Architecture = {
  names: ['Qwen2ForCausalLM'],
  gguf: [{ architecture: 'qwen2' }],
  describe(config, weights, options) {
    const from = config.number('max_window_layers', 0);
    const slides = config.flag('use_sliding_window', false);
    return llamaShaped(config, weights, options, {
      architecture: 'Qwen2ForCausalLM',
      qkvBias: true,
      attention: (layer) => (slides ? windowOf(config, layer, layer >= from) : {}),
    });
  },
};
