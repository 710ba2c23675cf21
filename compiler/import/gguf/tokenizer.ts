import { TIKTOKEN_PATTERNS } from '../../../grammars/tokenizer/index.ts';
import { InfcError } from '../../../runtime/errors.ts';
import type { TokenizerFiles } from '../../ir/graph.ts';
import type { GgufKeys } from './keys.ts';

/** `enum llama_token_type`. */
const [UNKNOWN, CONTROL, USER] = [2, 3, 4];

/** How byte-pair tokenizers cut a text first, by `tokenizer.ggml.pre` (llama.cpp, src/llama-vocab.cpp). */
const CUTS: readonly { readonly names: readonly string[]; readonly pattern?: string; readonly digits?: true }[] = [
  { names: ['default', 'gpt-2', 'phi-2', 'jina-es', 'jina-de', 'olmo', 'gigachat', 'mpt', 'trillion'] },
  { names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'], digits: true },
  { names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'dbrx', 'smaug-bpe'], pattern: TIKTOKEN_PATTERNS.cl100k },
  {
    names: ['qwen2', 'deepseek-r1-qwen', 'stablelm2', 'hunyuan', 'megrez'],
    pattern: TIKTOKEN_PATTERNS.cl100k.replace('\\p{N}{1,3}', '\\p{N}'),
  },
  { names: ['gpt-4o', 'llama4'], pattern: TIKTOKEN_PATTERNS.o200k },
];

/**
 * The tokenizer that a GGUF file's `tokenizer.*` keys describe, as the tokenizer.json and tokenizer_config.json it was made from. `beside`, the
 * tokenizer in the file's folder, or nothing when there is none, or of a kind that those files have no word for. Throws INFC1136 for an unknown way to cut texts.
 */
export function tokenizerFromGguf(keys: GgufKeys, beside?: TokenizerFiles): TokenizerFiles | undefined {
  const kind = keys.optionalString('tokenizer.ggml.model');
  if (kind === undefined || !keys.has('tokenizer.ggml.tokens')) return beside;
  if (kind === 'gpt2' && beside && !cutOf(keys)) return beside;
  const tokens = keys.strings('tokenizer.ggml.tokens');
  const model =
    kind === 'gpt2'
      ? byteLevel(keys, tokens)
      : kind === 'llama'
        ? scored(keys, tokens)
        : kind === 'bert'
          ? words(keys, tokens)
          : undefined;
  if (!model) return beside;
  const types = keys.has('tokenizer.ggml.token_type') ? keys.numbers('tokenizer.ggml.token_type') : [];
  const added = tokens.flatMap((content, id) => {
    const type = types[id] ?? 1;
    if (type !== UNKNOWN && type !== CONTROL && type !== USER) return [];
    return [
      { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: type !== USER },
    ];
  });
  const special = (key: string): string | undefined => {
    const id = keys.optionalNumber(`tokenizer.ggml.${key}_token_id`);
    return id === undefined ? undefined : tokens[id];
  };
  const [bos, eos] = [special('bos'), special('eos')];
  const config = {
    ...named('bos_token', bos),
    ...named('eos_token', eos),
    ...named('unk_token', special('unknown')),
    ...named('pad_token', special('padding')),
    ...named('sep_token', special('seperator') ?? special('separator')),
    ...named('cls_token', special('cls')),
    ...named('mask_token', special('mask')),
    ...named('chat_template', keys.optionalString('tokenizer.chat_template')),
    clean_up_tokenization_spaces: false,
  };
  const tokenizer = { version: '1.0', truncation: null, padding: null, added_tokens: added, ...model };
  return { tokenizer: JSON.stringify(tokenizer), config: JSON.stringify(config) };
}

const named = (key: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [key]: value };

/** Which special tokens begin and end a text. */
function framed(keys: GgufKeys, tokens: readonly string[], begin: string, end: string, always: boolean): object | null {
  const token = (key: string): { id: string; ids: number[] } | undefined => {
    const id = keys.optionalNumber(`tokenizer.ggml.${key}_token_id`);
    const text = id === undefined ? undefined : tokens[id];
    return id === undefined || text === undefined ? undefined : { id: text, ids: [id] };
  };
  const first = (keys.flag('tokenizer.ggml.add_bos_token') ?? always) ? token(begin) : undefined;
  const last = (keys.flag('tokenizer.ggml.add_eos_token') ?? (always && end !== 'eos')) ? token(end) : undefined;
  if (!first && !last) return null;
  const item = ({ id }: { id: string }) => ({ SpecialToken: { id, type_id: 0 } });
  const used = [first, last].filter((t) => t !== undefined);
  return {
    type: 'TemplateProcessing',
    single: [...(first ? [item(first)] : []), { Sequence: { id: 'A', type_id: 0 } }, ...(last ? [item(last)] : [])],
    pair: [],
    special_tokens: Object.fromEntries(used.map((t) => [t.id, { ...t, tokens: [t.id] }])),
  };
}

const vocabularyOf = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]));

const preOf = (keys: GgufKeys): string => keys.optionalString('tokenizer.ggml.pre') ?? 'default';
const cutOf = (keys: GgufKeys) => CUTS.find((c) => c.names.includes(preOf(keys)));

/** GPT-2's kind: letters stand for bytes, merges are listed. */
function byteLevel(keys: GgufKeys, tokens: readonly string[]): object {
  const pre = preOf(keys);
  const cut = cutOf(keys);
  if (!cut)
    throw new InfcError('INFC1136', `'tokenizer.ggml.pre' is '${pre}', a way to cut texts that infc does not know`, {
      file: keys.file.source.name,
      fix: "Put the model's tokenizer.json and tokenizer_config.json beside the file",
    });
  const bytes = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: cut.pattern === undefined,
  };
  const before = cut.pattern
    ? [{ type: 'Split', pattern: { Regex: cut.pattern }, behavior: 'Isolated', invert: false }]
    : cut.digits
      ? [{ type: 'Digits', individual_digits: true }]
      : [];
  return {
    normalizer: null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...before, bytes] },
    post_processor: framed(keys, tokens, 'bos', 'eos', /^llama|^falcon3/.test(pre)),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: vocabularyOf(tokens),
      merges: keys.strings('tokenizer.ggml.merges').map((pair) => pair.split(' ')),
      ignore_merges: /^llama-bpe|^llama3|^llama-v3|^falcon3/.test(pre),
    },
  };
}

/** SentencePiece's kind: whatever pair makes the best scored token merges first; unknown characters are bytes. */
function scored(keys: GgufKeys, tokens: readonly string[]): object {
  const scores = keys.numbers('tokenizer.ggml.scores');
  const ids = vocabularyOf(tokens);
  const merges: { readonly pair: readonly [string, string]; readonly score: number; readonly order: number }[] = [];
  tokens.forEach((token, id) => {
    // The cut must not part a surrogate pair: it goes by characters.
    const letters = [...token];
    for (let at = 1; at < letters.length; at++) {
      const [left, right] = [letters.slice(0, at).join(''), letters.slice(at).join('')];
      if (Object.hasOwn(ids, left) && Object.hasOwn(ids, right))
        merges.push({ pair: [left, right], score: scores[id] ?? 0, order: id });
    }
  });
  merges.sort((a, b) => b.score - a.score || a.order - b.order || (ids[a.pair[0]] ?? 0) - (ids[b.pair[0]] ?? 0));
  const prefix = keys.flag('tokenizer.ggml.add_space_prefix') ?? true;
  const unknown = keys.optionalNumber('tokenizer.ggml.unknown_token_id') ?? 0;
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: framed(keys, tokens, 'bos', 'eos', true),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: 'BPE',
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: ids,
      merges: merges.map((m) => m.pair),
    },
  };
}

/** BERT's kind: llama.cpp marks the beginnings of words with '▁', the original marks continuations with '##'. */
function words(keys: GgufKeys, tokens: readonly string[]): object {
  const original = tokens.map((t) => (t.startsWith('▁') ? t.slice(1) : /^\[.*\]$/.test(t) ? t : `##${t}`));
  const unknown = keys.optionalNumber('tokenizer.ggml.unknown_token_id');
  const lower = !original.some((t) => /^[A-Z]/.test(t));
  return {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: lower,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: framed(
      keys,
      original,
      keys.has('tokenizer.ggml.cls_token_id') ? 'cls' : 'bos',
      keys.has('tokenizer.ggml.seperator_token_id') ? 'seperator' : 'eos',
      true,
    ),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown === undefined ? '[UNK]' : original[unknown],
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: vocabularyOf(original),
    },
  };
}
