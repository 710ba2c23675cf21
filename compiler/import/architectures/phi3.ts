import type { Architecture } from '../architecture.ts';
import { llamaShaped, llamaSizes, windowOf } from '../transformer/llama-shape.ts';
import type { Projection } from '../transformer/weights.ts';

/** Phi-3 and 3.5: llama whose query, key and value, and whose gate and up projections are one weight each. */
export const phi3: Architecture = {
  names: ['Phi3ForCausalLM'],
  gguf: [
    {
      architecture: 'phi3',
      tensors: {
        'model.layers.#.self_attn.qkv_proj': 'blk.#.attn_qkv',
        'model.layers.#.mlp.gate_up_proj': 'blk.#.ffn_up',
      },
    },
  ],
  describe(config, weights, options) {
    const { heads, kvHeads, headDim, inner } = llamaSizes(config);
    const [q, kv] = [heads * headDim, kvHeads * headDim];
    const part = (weight: string, of: number, start: number, length: number): Projection => ({
      weight,
      rows: { of, start, length },
    });
    return llamaShaped(config, weights, options, {
      architecture: 'Phi3ForCausalLM',
      projections: (path) => {
        const rows = (start: number, length: number) => part(`${path}.qkv_proj.weight`, q + 2 * kv, start, length);
        return { query: rows(0, q), key: rows(q, kv), value: rows(q + kv, kv) };
      },
      gateAndUp: (path) => {
        const rows = (start: number) => part(`${path}.gate_up_proj.weight`, 2 * inner, start, inner);
        return { gate: rows(0), up: rows(inner) };
      },
      attention: (layer) => windowOf(config, layer, true),
    });
  },
};
