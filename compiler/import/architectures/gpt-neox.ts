import { type Architecture, type HfConfig, headWeight } from '../architecture.ts';
import type { RowOrder } from '../gguf/weights.ts';
import { attention } from '../transformer/attention.ts';
import { block } from '../transformer/block.ts';
import { embedding, languageHead } from '../transformer/embedding.ts';
import { activationOf, plainMlp } from '../transformer/mlp.ts';
import { contextOf } from '../transformer/model.ts';
import type { Norm } from '../transformer/norm.ts';
import { ropeOf } from '../transformer/rope.ts';
import { linear } from '../transformer/weights.ts';

/** Rows of the fused projection are [head, q|k|v, d]; llama.cpp's converter makes them [q|k|v, head, d]. */
function fusedByHead(config: HfConfig): RowOrder {
  const [hidden, heads] = [config.count('hidden_size'), config.count('num_attention_heads')];
  const d = hidden / heads;
  return (row) => {
    const [head, part, i] = [Math.floor(row / (3 * d)), Math.floor(row / d) % 3, row % d];
    return part * hidden + head * d + i;
  };
}

/** GPT-NeoX and Pythia (Black et al. 2022): mixer and MLP side by side, rotary positions for part of each head, query, key and value in one. */
export const gptNeox: Architecture = {
  names: ['GPTNeoXForCausalLM'],
  gguf: [
    {
      architecture: 'gptneox',
      config: (keys, c) => ({
        hidden_act: 'gelu',
        use_parallel_residual: keys.flag('.use_parallel_residual') ?? true,
        rotary_pct: (keys.number('.rope.dimension_count') * Number(c.num_attention_heads)) / Number(c.hidden_size),
        rotary_emb_base: c.rope_theta ?? 10000,
      }),
      tensors: {
        'gpt_neox.embed_in': 'token_embd',
        'gpt_neox.final_layer_norm': 'output_norm',
        embed_out: 'output',
        'gpt_neox.layers.#.input_layernorm': 'blk.#.attn_norm',
        'gpt_neox.layers.#.post_attention_layernorm': 'blk.#.ffn_norm',
        'gpt_neox.layers.#.attention.query_key_value': { tensor: 'blk.#.attn_qkv', rows: fusedByHead },
        'gpt_neox.layers.#.attention.dense': 'blk.#.attn_output',
        'gpt_neox.layers.#.mlp.dense_h_to_4h': 'blk.#.ffn_up',
        'gpt_neox.layers.#.mlp.dense_4h_to_h': 'blk.#.ffn_down',
      },
    },
  ],
  describe(config, weights, options) {
    const [hidden, heads] = [config.count('hidden_size'), config.count('num_attention_heads')];
    if (hidden % heads !== 0)
      throw config.unsupported('num_attention_heads', `${hidden} elements do not divide among them`);
    const headDim = hidden / heads;
    const vocabulary = config.count('vocab_size');
    const positions = config.positions('max_position_embeddings', 2048);
    const inner = config.count('intermediate_size');
    const activation = activationOf(config, 'hidden_act', 'gelu');
    const eps = config.number('layer_norm_eps', 1e-5);
    const bias = { bias: config.flag('attention_bias', true) };
    const norm = (path: string): Norm => ({ kind: 'layer', path, eps, bias: true });
    const rope = ropeOf(config, headDim, {
      context: contextOf(positions, options),
      width: Math.floor(headDim * config.number('rotary_pct', 0.25)),
      theta: config.number('rotary_emb_base', 10000),
    });
    const table = 'gpt_neox.embed_in.weight';
    return {
      architecture: 'GPTNeoXForCausalLM',
      kind: 'decoder',
      vocabulary,
      positions,
      embed: embedding({ weight: table, vocabulary, hidden }),
      layers: Array.from({ length: config.parts('num_hidden_layers') }, (_, layer) => {
        const path = `gpt_neox.layers.${layer}`;
        const part = (i: number) =>
          linear(`${path}.attention.query_key_value`, {
            ...bias,
            rows: { of: 3 * hidden, start: i * headDim, length: headDim, blocks: heads, every: 3 * headDim },
          });
        return block({
          path,
          parallel: config.flag('use_parallel_residual', true),
          inputNorm: norm(`${path}.input_layernorm`),
          mixer: attention({
            ...{ path: `${path}.attention`, layer, heads, kvHeads: heads, headDim, rope },
            ...{ query: part(0), key: part(1), value: part(2) },
            output: linear(`${path}.attention.dense`, bias),
          }),
          mlpNorm: norm(`${path}.post_attention_layernorm`),
          mlp: plainMlp({
            ...{ path: `${path}.mlp`, inner, activation },
            up: linear(`${path}.mlp.dense_h_to_4h`, { bias: true }),
            down: linear(`${path}.mlp.dense_4h_to_h`, { bias: true }),
          }),
        });
      }),
      head: languageHead({
        norm: norm('gpt_neox.final_layer_norm'),
        projection: { weight: headWeight(config, weights, table, { head: 'embed_out.weight' }) },
        vocabulary,
      }),
    };
  },
};
