import type { Architecture } from '../architecture.ts';
import { attention } from '../transformer/attention.ts';
import { block } from '../transformer/block.ts';
import { embedding } from '../transformer/embedding.ts';
import { activationOf, plainMlp } from '../transformer/mlp.ts';
import type { Norm } from '../transformer/norm.ts';
import { type Pooling, pooled, poolings } from '../transformer/pooling.ts';
import { linear } from '../transformer/weights.ts';

/** `pooling_type` of GGUF files. */
const GGUF_POOLING: readonly Pooling[] = ['none', 'mean', 'cls', 'last'];

/**
 * BERT (Devlin et al. 2018) as an encoder of texts: every token sees all, norms come after the sums, one token type. How the tokens'
 * vectors become one is said by sentence-transformers' files; without them it is their mean.
 */
export const bert: Architecture = {
  names: ['BertModel', 'BertForMaskedLM', 'BertForPreTraining'],
  gguf: [
    {
      architecture: 'bert',
      config: (keys) => ({
        hidden_act: 'gelu',
        type_vocab_size: keys.file.tensors.get('token_types.weight')?.shape[0] ?? 2,
        sentence_transformers: { pooling: GGUF_POOLING[keys.optionalNumber('.pooling_type') ?? 1] },
      }),
      tensors: {
        'embeddings.word_embeddings': 'token_embd',
        'embeddings.position_embeddings': 'position_embd',
        'embeddings.token_type_embeddings': 'token_types',
        'embeddings.LayerNorm': 'token_embd_norm',
        'encoder.layer.#.attention.self.query': 'blk.#.attn_q',
        'encoder.layer.#.attention.self.key': 'blk.#.attn_k',
        'encoder.layer.#.attention.self.value': 'blk.#.attn_v',
        'encoder.layer.#.attention.output.dense': 'blk.#.attn_output',
        'encoder.layer.#.attention.output.LayerNorm': 'blk.#.attn_output_norm',
        'encoder.layer.#.intermediate.dense': 'blk.#.ffn_up',
        'encoder.layer.#.output.dense': 'blk.#.ffn_down',
        'encoder.layer.#.output.LayerNorm': 'blk.#.layer_output_norm',
      },
    },
  ],
  describe(config, weights) {
    const [hidden, heads] = [config.count('hidden_size'), config.count('num_attention_heads')];
    if (hidden % heads !== 0)
      throw config.unsupported('num_attention_heads', `${hidden} elements do not divide among them`);
    if (config.string('position_embedding_type', 'absolute') !== 'absolute')
      throw config.unsupported('position_embedding_type', 'only absolute positions are supported');
    const vocabulary = config.count('vocab_size');
    const positions = config.positions('max_position_embeddings', 512);
    const inner = config.count('intermediate_size');
    const activation = activationOf(config, 'hidden_act', 'gelu');
    const eps = config.number('layer_norm_eps', 1e-12);
    const root = weights.has('bert.embeddings.word_embeddings.weight') ? 'bert.' : '';
    const norm = (path: string): Norm => ({ kind: 'layer', path, eps, bias: true });
    const dense = (path: string) => linear(path, { bias: true });
    const tables = `${root}embeddings`;
    const said = config.section('sentence_transformers');
    const pooling = said?.string('pooling', 'mean') ?? 'mean';
    const how = poolings.find((p) => p === pooling);
    if (!how)
      throw (
        said?.unsupported('pooling', `one of ${poolings.join(', ')} is needed`) ?? config.unsupported('pooling', '')
      );
    return {
      architecture: 'BertModel',
      kind: 'encoder',
      vocabulary,
      positions,
      embed: embedding({
        ...{ weight: `${tables}.word_embeddings.weight`, vocabulary, hidden },
        positions: { weight: `${tables}.position_embeddings.weight`, count: positions },
        added: [
          { weight: `${tables}.token_type_embeddings.weight`, count: config.count('type_vocab_size', 2), row: 0 },
        ],
        norm: norm(`${tables}.LayerNorm`),
      }),
      layers: Array.from({ length: config.parts('num_hidden_layers') }, (_, layer) => {
        const path = `${root}encoder.layer.${layer}`;
        const self = `${path}.attention.self`;
        return block({
          path,
          postNorm: true,
          mixer: attention({
            ...{ path: self, layer, heads, kvHeads: heads, headDim: hidden / heads, bidirectional: true },
            query: dense(`${self}.query`),
            key: dense(`${self}.key`),
            value: dense(`${self}.value`),
            output: dense(`${path}.attention.output.dense`),
          }),
          mixerNorm: norm(`${path}.attention.output.LayerNorm`),
          mlp: plainMlp({
            ...{ path, inner, activation },
            up: dense(`${path}.intermediate.dense`),
            down: dense(`${path}.output.dense`),
          }),
          outputNorm: norm(`${path}.output.LayerNorm`),
        });
      }),
      head: pooled({ pooling: how, normalize: said?.flag('normalize', false) ?? false }),
    };
  },
};
