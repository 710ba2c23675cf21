import type { Architecture } from '../architecture.ts';
import { llamaRope, llamaShaped, llamaSizes, windowOf } from '../transformer/llama-shape.ts';
import { contextOf } from '../transformer/model.ts';
import { ropeOf } from '../transformer/rope.ts';
import { gemmaGguf, gemmaShape } from './gemma2.ts';

/** Gemma 3, text (technical report, 2025): norms of queries and keys; five layers with a window and a rope of their own to each without. */
export const gemma3: Architecture = {
  names: ['Gemma3ForCausalLM'],
  gguf: [gemmaGguf('gemma3', 62)],
  describe(config, weights, options) {
    const sizes = llamaSizes(config);
    const global = llamaRope(config, sizes, options);
    const local = ropeOf(config, sizes.headDim, {
      context: contextOf(sizes.positions, options),
      theta:
        config.section('rope_parameters')?.section('sliding_attention')?.number('rope_theta') ??
        config.number('rope_local_base_freq', 10000),
      unscaled: true,
    });
    const pattern = config.count('sliding_window_pattern', 6);
    return llamaShaped(config, weights, options, {
      ...gemmaShape(config),
      architecture: 'Gemma3ForCausalLM',
      qkNorm: true,
      attention: (layer) => {
        const window = windowOf(config, layer, (layer + 1) % pattern !== 0);
        return {
          scale: config.number('query_pre_attn_scalar', 256) ** -0.5,
          rope: window.window === undefined ? global : local,
          ...window,
        };
      },
    });
  },
};
