import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Random } from '../../runtime/generate/random.ts';

/** Special tokens of the tiny tokenizer; the 256 bytes come first. */
export const SPECIAL = ['<s>', '</s>', '<|user|>', '<|end|>'] as const;
const VOCABULARY = 256 + SPECIAL.length;

export const CHAT_TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{% if m['role'] not in ['user', 'assistant', 'system'] %}{{ raise_exception('unknown role ' + m['role']) }}{% endif %}<|user|>{{ m['role'] }}: {{ m['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|user|>assistant: {% endif %}";

/** GPT-2's letters for bytes: printable ones stand for themselves, the rest follow from U+0100 on. */
function byteLetters(): string[] {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}

/** A tokenizer of single bytes and the special tokens. */
export const tokenizerJson = (special: readonly string[] = SPECIAL): Record<string, unknown> => ({
  version: '1.0',
  added_tokens: special.map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [256], tokens: ['<s>'] } },
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: Object.fromEntries(byteLetters().map((c, b) => [c, b])), merges: [] },
});

export const tokenizerConfig = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  bos_token: '<s>',
  eos_token: { content: '</s>' },
  tokenizer_class: 'GPT2Tokenizer',
  chat_template: CHAT_TEMPLATE,
  ...more,
});

export interface TinyOptions {
  readonly context?: number;
  readonly seed?: number;
  /** A layer that adds nothing to the states. */
  readonly idle?: number;
  /** A key-value head of layer 1 that adds nothing. */
  readonly idleHead?: number;
  /** Leave out the tokenizer, or parts of it. */
  readonly tokenizer?: Readonly<Record<string, unknown>> | null;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Writes the folder of a llama with random weights and a tokenizer of bytes: what it says means nothing, but always the same. */
export async function writeTinyModel(folder: string, o: TinyOptions = {}): Promise<string> {
  const { context = 128, seed = 1 } = o;
  const [hidden, inner, heads, kvHeads] = [16, 24, 4, 2];
  const shapes: Record<string, readonly number[]> = {
    'model.embed_tokens.weight': [VOCABULARY, hidden],
    'model.norm.weight': [hidden],
    'lm_head.weight': [VOCABULARY, hidden],
  };
  for (const layer of [0, 1]) {
    const name = `model.layers.${layer}`;
    Object.assign(shapes, {
      [`${name}.input_layernorm.weight`]: [hidden],
      [`${name}.self_attn.q_proj.weight`]: [hidden, hidden],
      [`${name}.self_attn.k_proj.weight`]: [(hidden * kvHeads) / heads, hidden],
      [`${name}.self_attn.v_proj.weight`]: [(hidden * kvHeads) / heads, hidden],
      [`${name}.self_attn.o_proj.weight`]: [hidden, hidden],
      [`${name}.post_attention_layernorm.weight`]: [hidden],
      [`${name}.mlp.gate_proj.weight`]: [inner, hidden],
      [`${name}.mlp.up_proj.weight`]: [inner, hidden],
      [`${name}.mlp.down_proj.weight`]: [hidden, inner],
    });
  }
  await mkdir(folder, { recursive: true });
  const write = (name: string, value: unknown) => writeFile(path.join(folder, name), JSON.stringify(value));
  await writeFile(path.join(folder, 'model.safetensors'), safetensors(shapes, seed, o));
  await write('config.json', {
    architectures: ['LlamaForCausalLM'],
    hidden_size: hidden,
    intermediate_size: inner,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    num_hidden_layers: 2,
    vocab_size: VOCABULARY,
    max_position_embeddings: context,
    tie_word_embeddings: false,
    bos_token_id: 256,
    eos_token_id: 257,
  });
  if (o.tokenizer === null) return folder;
  await write('tokenizer.json', o.tokenizer ?? tokenizerJson());
  await write('tokenizer_config.json', o.config ?? tokenizerConfig());
  return folder;
}

function safetensors(
  shapes: Readonly<Record<string, readonly number[]>>,
  seed: number,
  { idle, idleHead }: TinyOptions,
): Uint8Array {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const end = at + shape.reduce((n, d) => n * d, 4);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header).padEnd(JSON.stringify(header).length + 8, ' '));
  const padded = text.subarray(0, text.length - (text.length % 8));
  const random = new Random(seed);
  const values = Float32Array.from({ length: at / 4 }, () => random.next() * 2 - 1);
  const start = (name: string): number => ((header[name] as { data_offsets: [number] }).data_offsets[0] ?? 0) / 4;
  for (const part of idle === undefined ? [] : ['self_attn.o_proj', 'mlp.down_proj']) {
    const name = `model.layers.${idle}.${part}.weight`;
    const count = (shapes[name] ?? []).reduce((n, d) => n * d, 1);
    values.fill(0, start(name), start(name) + count);
  }
  const output = 'model.layers.1.self_attn.o_proj.weight';
  const width = shapes[output]?.[1] ?? 0;
  for (let row = 0; idleHead !== undefined && row < width; row++) {
    const from = start(output) + row * width + (idleHead * width) / 2;
    values.fill(0, from, from + width / 2);
  }
  const bytes = new Uint8Array(8 + padded.length + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded.length), true);
  bytes.set(padded, 8);
  bytes.set(new Uint8Array(values.buffer), 8 + padded.length);
  return bytes;
}
