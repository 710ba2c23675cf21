import { type Architecture, headWeight } from '../architecture.ts';
import { attention } from '../transformer/attention.ts';
import { block } from '../transformer/block.ts';
import { embedding, languageHead } from '../transformer/embedding.ts';
import { activationOf, plainMlp } from '../transformer/mlp.ts';
import type { Norm } from '../transformer/norm.ts';
import { linear } from '../transformer/weights.ts';

/** GPT-2 (Radford et al. 2019): learned positions, layer norms, one weight for query, key and value, weights stored [inputs, outputs]. */
export const gpt2: Architecture = {
  names: ['GPT2LMHeadModel'],
  gguf: [
    {
      architecture: 'gpt2',
      config: (_, c) => ({
        n_embd: c.hidden_size,
        n_head: c.num_attention_heads,
        n_layer: c.num_hidden_layers,
        n_positions: c.max_position_embeddings,
        n_inner: c.intermediate_size,
        layer_norm_epsilon: c.layer_norm_eps,
      }),
      tensors: {
        'transformer.wte': 'token_embd',
        'transformer.wpe': 'position_embd',
        'transformer.ln_f': 'output_norm',
        'transformer.h.#.ln_1': 'blk.#.attn_norm',
        'transformer.h.#.attn.c_attn': 'blk.#.attn_qkv',
        'transformer.h.#.attn.c_proj': 'blk.#.attn_output',
        'transformer.h.#.ln_2': 'blk.#.ffn_norm',
        'transformer.h.#.mlp.c_fc': 'blk.#.ffn_up',
        'transformer.h.#.mlp.c_proj': 'blk.#.ffn_down',
      },
    },
  ],
  describe(config, weights) {
    const [hidden, heads] = [config.count('n_embd'), config.count('n_head')];
    if (hidden % heads !== 0) throw config.unsupported('n_head', `${hidden} elements do not divide among them`);
    const headDim = hidden / heads;
    const inner = config.has('n_inner') ? config.count('n_inner') : 4 * hidden;
    const vocabulary = config.count('vocab_size');
    const positions = config.positions('n_positions', config.positions('n_ctx', 1024));
    const eps = config.number('layer_norm_epsilon', 1e-5);
    const activation = activationOf(config, 'activation_function', 'gelu_new');
    const byLayer = config.flag('scale_attn_by_inverse_layer_idx', false);
    const unscaled = !config.flag('scale_attn_weights', true);
    // The first published files have no prefix.
    const root = weights.has('wte.weight') ? '' : 'transformer.';
    const table = `${root}wte.weight`;
    const norm = (path: string): Norm => ({ kind: 'layer', path, eps, bias: true });
    // llama.cpp's converter has turned them around.
    const stored = { transposed: !config.flag('gguf', false), bias: true };
    return {
      architecture: 'GPT2LMHeadModel',
      kind: 'decoder',
      vocabulary,
      positions,
      embed: embedding({
        weight: table,
        vocabulary,
        hidden,
        positions: { weight: `${root}wpe.weight`, count: positions },
      }),
      layers: Array.from({ length: config.parts('n_layer') }, (_, layer) => {
        const path = `${root}h.${layer}`;
        const part = (i: number) =>
          linear(`${path}.attn.c_attn`, { ...stored, rows: { of: 3 * hidden, start: i * hidden, length: hidden } });
        return block({
          path,
          inputNorm: norm(`${path}.ln_1`),
          mixer: attention({
            ...{ path: `${path}.attn`, layer, heads, kvHeads: heads, headDim },
            ...{ query: part(0), key: part(1), value: part(2) },
            output: linear(`${path}.attn.c_proj`, stored),
            scale: (unscaled ? 1 : headDim ** -0.5) / (byLayer ? layer + 1 : 1),
          }),
          mlpNorm: norm(`${path}.ln_2`),
          mlp: plainMlp({
            ...{ path: `${path}.mlp`, inner, activation },
            up: linear(`${path}.mlp.c_fc`, stored),
            down: linear(`${path}.mlp.c_proj`, stored),
          }),
        });
      }),
      head: languageHead({
        norm: norm(`${root}ln_f`),
        projection: { weight: headWeight(config, weights, table, { tied: config.flag('tie_word_embeddings', true) }) },
        vocabulary,
      }),
    };
  },
};
