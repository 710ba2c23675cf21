import type { GgufKeys } from './keys.ts';
import type { GgufFile } from './reader.ts';
import { constantOf } from './weights.ts';

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
  // Weights come as llama.cpp's converter leaves them.
  const values: Record<string, unknown> = { gguf: true };
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
  const { file } = keys;
  const [divisors, long, short] = ['rope_freqs', 'rope_factors_long', 'rope_factors_short'].map((name) =>
    smallTensor(file, `${name}.weight`),
  );
  if (divisors) return { rope_type: 'divisors', divisors };
  const number = (key: string): number | undefined => keys.optionalNumber(`.rope.scaling.${key}`);
  const given = keys.optionalString('.rope.scaling.type') ?? 'none';
  const factor = number('factor') ?? keys.optionalNumber('.rope.scale_linear');
  const attention = number('attn_factor');
  const original = number('original_context_length');
  const type = long ? 'longrope' : given;
  if (type === 'none' && (factor === undefined || factor === 0 || factor === 1)) return undefined;
  // llama.cpp multiplies YaRN's own factor by this one.
  const yarn = type === 'yarn' && attention !== undefined ? attention * (1 + 0.1 * Math.log(factor ?? 1)) : attention;
  const values = {
    rope_type: type === 'none' ? 'linear' : type,
    factor,
    original_max_position_embeddings: original,
    attention_factor: yarn,
    beta_fast: number('yarn_beta_fast'),
    beta_slow: number('yarn_beta_slow'),
    long_factor: long,
    short_factor: short,
  };
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined));
}

/** Values of an f32 tensor that says what config.json says elsewhere. */
function smallTensor(file: GgufFile, name: string): readonly number[] | undefined {
  const t = file.tensors.get(name);
  if (!t) return undefined;
  const bytes = constantOf(file, t, name, { tensor: name }).read();
  return t.type.dtype === 'f32' ? Array.from(new Float32Array(bytes.slice().buffer)) : undefined;
}
