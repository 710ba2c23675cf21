import { describe, expect, it } from 'vitest';
import { GgufKeys } from '../../compiler/import/gguf/keys.ts';
import type { GgufValue } from '../../compiler/import/gguf/metadata.ts';
import { tokenizerFromGguf } from '../../compiler/import/gguf/tokenizer.ts';
import { openText } from '../../runtime/text/codec.ts';

const texts = [
  'Once upon a time, there was a little girl named Lily.',
  "  Don't split   spaces wrongly!\n\n\tTabs too.  ",
  'Zahlen 12345678 und Ümläute, 日本語のテキスト, emoji 👩‍🚀🎉.',
  'function f(x) { return x**2 + 3.14; } // <html>&amp;</html>',
  '',
];

const keysOf = (values: Readonly<Record<string, GgufValue>>): GgufKeys =>
  new GgufKeys({
    source: { name: 'model.gguf', bytes: 0, read: () => new Uint8Array() },
    version: 3,
    metadata: new Map(Object.entries({ 'general.architecture': 'llama', ...values })),
    tensors: new Map(),
  });

const open = (keys: GgufKeys) => {
  const files = tokenizerFromGguf(keys);
  if (!files) throw new Error('there is a tokenizer');
  return openText(JSON.parse(files.tokenizer), JSON.parse(files.config), []);
};

describe('tokenizers of GGUF files', () => {
  it('of SentencePiece, by scores: as llama-tokenizer-js splits', async () => {
    const { default: oracle } = await import('llama-tokenizer-js');
    const tokens: readonly string[] = oracle.vocabById;
    // Llama's scores fall by one with each merged token; bytes come before them.
    const text = open(
      keysOf({
        'tokenizer.ggml.model': 'llama',
        'tokenizer.ggml.tokens': { type: 'string', values: tokens },
        'tokenizer.ggml.scores': { type: 'f32', values: tokens.map((_, i) => (i < 259 ? 0 : 259 - i)) },
        'tokenizer.ggml.token_type': {
          type: 'i32',
          values: tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)),
        },
        'tokenizer.ggml.bos_token_id': 1,
        'tokenizer.ggml.eos_token_id': 2,
        'tokenizer.ggml.unknown_token_id': 0,
      }),
    );
    for (const t of texts.filter((t) => t !== '')) {
      const ids: number[] = oracle.encode(t);
      expect(text.encode(t, true), t).toEqual(ids);
    }
    expect(text.leadingSpace).toBe(true);
  });

  it('of byte pairs: as llama3-tokenizer-js splits, with its special tokens and template', async () => {
    const { default: oracle } = await import('llama3-tokenizer-js');
    const tokens = oracle.vocabById;
    const ids = new Map(tokens.map((t, i) => [t, i]));
    const merges = mergesOf(tokens, ids);
    const text = open(
      keysOf({
        'tokenizer.ggml.model': 'gpt2',
        'tokenizer.ggml.pre': 'llama-bpe',
        'tokenizer.ggml.tokens': { type: 'string', values: tokens },
        'tokenizer.ggml.merges': { type: 'string', values: merges },
        'tokenizer.ggml.token_type': { type: 'i32', values: tokens.map((_, i) => (i >= 128_000 ? 3 : 1)) },
        'tokenizer.ggml.bos_token_id': 128_000,
        'tokenizer.ggml.eos_token_id': 128_009,
        'tokenizer.chat_template':
          '{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}',
      }),
    );
    for (const t of texts) expect(text.encode(t, true), t).toEqual(oracle.encode(t, { bos: true, eos: false }));
    const prompt = text.render([{ role: 'user', content: 'hi' }]);
    expect(text.encode(prompt, false)).toEqual(oracle.encode(prompt, { bos: false, eos: false }));
  }, 120_000);

  it('are left out when there are none, and named when unknown', () => {
    expect(tokenizerFromGguf(keysOf({}))).toBeUndefined();
    const list = { type: 'string', values: ['a'] };
    expect(
      tokenizerFromGguf(keysOf({ 'tokenizer.ggml.model': 'rwkv', 'tokenizer.ggml.tokens': list })),
    ).toBeUndefined();
    const odd = { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'nobody', 'tokenizer.ggml.tokens': list };
    expect(() => tokenizerFromGguf(keysOf(odd))).toThrow(/INFC1136.*'nobody'/);
    const beside = { tokenizer: '{}', config: '{}' };
    expect(tokenizerFromGguf(keysOf(odd), beside)).toBe(beside);
  });

  it('of words: continuations get their marks back', () => {
    const text = open(
      keysOf({
        'tokenizer.ggml.model': 'bert',
        'tokenizer.ggml.tokens': {
          type: 'string',
          values: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁play', 'ing', '▁a', '▁!'],
        },
        'tokenizer.ggml.token_type': { type: 'i32', values: [3, 3, 3, 3, 1, 1, 1, 1] },
        'tokenizer.ggml.cls_token_id': 2,
        'tokenizer.ggml.seperator_token_id': 3,
        'tokenizer.ggml.unknown_token_id': 1,
      }),
    );
    expect(text.encode('Playing a!', true)).toEqual([2, 4, 5, 6, 7, 3]);
    expect(text.encode('other', true)).toEqual([2, 1, 3]);
  });
});

/** `left right` for every merge in order of rank: a token's parts are what byte pairs of lower rank leave of it. */
function mergesOf(tokens: readonly string[], ids: ReadonlyMap<string, number>): string[] {
  return tokens.slice(0, 128_000).flatMap((token, rank) => {
    if (token.length < 2) return [];
    let parts = [...token];
    for (;;) {
      let best = -1;
      let least = rank;
      for (let i = 0; i + 1 < parts.length; i++) {
        const id = ids.get((parts[i] ?? '') + (parts[i + 1] ?? ''));
        if (id !== undefined && id < least) [best, least] = [i, id];
      }
      if (best < 0) break;
      parts = [...parts.slice(0, best), (parts[best] ?? '') + (parts[best + 1] ?? ''), ...parts.slice(best + 2)];
    }
    return parts.length === 2 ? [`${parts[0]} ${parts[1]}`] : [];
  });
}
