import { commonMetadata, f32, randomTokens, type TinyModel, type TinyWeight, u32, VOCABULARY } from '../tiny-model.ts';
import { bias, norm } from './llama.ts';

const [hidden, heads, layers, inner] = [32, 4, 2, 64];
const dense = (hf: string, gguf: string, inputs: number, outputs: number): TinyWeight[] => [
  { name: `${hf}.weight`, shape: [outputs, inputs], gguf: `${gguf}.weight` },
  bias(`${hf}.bias`, outputs, `${gguf}.bias`),
];
const layerNorm = (hf: string, gguf: string): TinyWeight[] => [
  norm(`${hf}.weight`, hidden, `${gguf}.weight`),
  bias(`${hf}.bias`, hidden, `${gguf}.bias`),
];

/** An encoder; `pooling` is what sentence-transformers' 1_Pooling/config.json says. */
const bert = (name: string, pooling: 'mean' | 'cls'): TinyModel => ({
  name,
  oracle: 'torch',
  embedding: pooling,
  tokens: randomTokens(name, 12),
  config: {
    architectures: ['BertModel'],
    model_type: 'bert',
    hidden_act: 'gelu',
    hidden_size: hidden,
    intermediate_size: inner,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    max_position_embeddings: 64,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    vocab_size: VOCABULARY,
    bos_token_id: 0,
    eos_token_id: 1,
    sentence_transformers: { pooling },
  },
  weights: [
    { name: 'embeddings.word_embeddings.weight', shape: [VOCABULARY, hidden], scale: 1, gguf: 'token_embd.weight' },
    { name: 'embeddings.position_embeddings.weight', shape: [64, hidden], scale: 0.5, gguf: 'position_embd.weight' },
    { name: 'embeddings.token_type_embeddings.weight', shape: [2, hidden], scale: 0.5, gguf: 'token_types.weight' },
    ...layerNorm('embeddings.LayerNorm', 'token_embd_norm'),
    ...Array.from({ length: layers }, (_, l) => {
      const path = `encoder.layer.${l}`;
      return [
        ...dense(`${path}.attention.self.query`, `blk.${l}.attn_q`, hidden, hidden),
        ...dense(`${path}.attention.self.key`, `blk.${l}.attn_k`, hidden, hidden),
        ...dense(`${path}.attention.self.value`, `blk.${l}.attn_v`, hidden, hidden),
        ...dense(`${path}.attention.output.dense`, `blk.${l}.attn_output`, hidden, hidden),
        ...layerNorm(`${path}.attention.output.LayerNorm`, `blk.${l}.attn_output_norm`),
        ...dense(`${path}.intermediate.dense`, `blk.${l}.ffn_up`, hidden, inner),
        ...dense(`${path}.output.dense`, `blk.${l}.ffn_down`, inner, hidden),
        ...layerNorm(`${path}.output.LayerNorm`, `blk.${l}.layer_output_norm`),
      ];
    }).flat(),
  ],
  gguf: {
    metadata: commonMetadata(
      'bert',
      { context: 64, hidden, layers, inner, heads, kvHeads: heads },
      {
        '.attention.layer_norm_epsilon': f32(1e-12),
        '.attention.causal': { type: 'bool', value: false },
        '.pooling_type': u32(pooling === 'mean' ? 1 : 2),
        'tokenizer.ggml.token_type_count': u32(2),
      },
    ),
  },
});

export const bertModels: readonly TinyModel[] = [bert('bert-mean', 'mean'), bert('bert-cls', 'cls')];
