import type { GgufKeys } from './keys.ts';

/** Values of a config.json. */
export type ConfigValues = Readonly<Record<string, unknown>>;

/** Keys that are numbers under another name. */
const NUMBERS: readonly (readonly [gguf: string, hf: string])[] = [
  ['.context_length', 'max_position_embeddings'],
  ['.embedding_length', 'hidden_size'],
  ['.block_count', 'num_hidden_layers'],
  ['.feed_forward_length', 'intermediate_size'],
  ['.attention.head_count', 'num_attention_heads'],
  ['.attention.head_count_kv', 'num_key_value_heads'],
  ['.attention.key_length', 'head_dim'],
  ['.attention.layer_norm_rms_epsilon', 'rms_norm_eps'],
  ['.attention.layer_norm_epsilon', 'layer_norm_eps'],
  ['.attention.sliding_window', 'sliding_window'],
  ['.attn_logit_softcapping', 'attn_logit_softcapping'],
  ['.final_logit_softcapping', 'final_logit_softcapping'],
  ['.rope.freq_base', 'rope_theta'],
  ['.expert_count', 'num_local_experts'],
  ['.expert_used_count', 'num_experts_per_tok'],
  ['tokenizer.ggml.bos_token_id', 'bos_token_id'],
  ['tokenizer.ggml.eos_token_id', 'eos_token_id'],
  ['tokenizer.ggml.padding_token_id', 'pad_token_id'],
];

/**
 * The config.json that says what the metadata say, in the names most families share; a family adds what is its own. Sizes that GGUF files
 * leave to the tensors (the vocabulary, whether the head is the embedding) are read from those.
 */
export function ggufConfig(keys: GgufKeys): ConfigValues {
  const { tensors } = keys.file;
  const values: Record<string, unknown> = {};
  for (const [from, to] of NUMBERS) {
    const n = keys.optionalNumber(from);
    if (n !== undefined) values[to] = n;
  }
  values.vocab_size = tensors.get('token_embd.weight')?.shape[0] ?? keys.optionalNumber('.vocab_size');
  values.tie_word_embeddings = !tensors.has('output.weight');
  const scaling = ropeScaling(keys);
  if (scaling) values.rope_scaling = scaling;
  return values;
}

function ropeScaling(keys: GgufKeys): ConfigValues | undefined {
  const type = keys.optionalString('.rope.scaling.type') ?? 'none';
  const number = (key: string): number | undefined => keys.optionalNumber(`.rope.scaling.${key}`);
  const factor = number('factor') ?? keys.optionalNumber('.rope.scale_linear');
  if (type === 'none' && (factor === undefined || factor === 0 || factor === 1)) return undefined;
  const original = number('original_context_length');
  return {
    rope_type: type === 'none' ? 'linear' : type,
    ...(factor === undefined ? {} : { factor }),
    ...(original === undefined ? {} : { original_max_position_embeddings: original }),
    ...Object.fromEntries(
      (
        [
          ['attention_factor', number('attn_factor')],
          ['beta_fast', number('yarn_beta_fast')],
          ['beta_slow', number('yarn_beta_slow')],
        ] as const
      ).filter(([, v]) => v !== undefined),
    ),
  };
}
