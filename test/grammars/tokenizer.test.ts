import { describe, expect, it } from 'vitest';
import {
  roundTripFailure,
  vocabularyFromBytes,
  vocabularyFromTiktoken,
  vocabularyFromTokenizerJson,
} from '../../grammars/tokenizer/index.ts';
import { llama2, llama3, o200k } from './vocabularies.ts';

const TEXTS = [
  '{"name": "Zoë", "age": 42, "日本": [1.5e3, true]}',
  "I'll say: DON'T  do   that!\n\n\tIt's 3,141,592 — naïve café…\r\n",
  'emoji 👩‍👩‍👧‍👦 🏳️‍🌈 and Ünïcödé, русский, العربية, עברית, हिन्दी',
  'function f(x) { return x ** 2 / 0xff; } // done\n    indented',
  '<|not special|> <s> </s> <0x41> ▁',
];

/** 1 MB of mixed scripts, from the texts above and a walk over the planes. */
function mixed(size: number): string {
  const parts: string[] = [];
  let length = 0;
  for (let i = 0; length < size; i++) {
    const base = [0x20, 0xc0, 0x400, 0x5d0, 0x900, 0x3041, 0x4e00, 0xac00, 0x1f300][i % 9] ?? 0x20;
    const text =
      TEXTS[i % TEXTS.length] +
      String.fromCodePoint(...Array.from({ length: 20 }, (_, j) => base + ((i * 7 + j) % 60))) +
      (i % 3 ? ' ' : '\n');
    parts.push(text);
    length += text.length;
  }
  return parts.join('');
}

describe('vocabularies', () => {
  it('byte-level BPE: encodes as llama3-tokenizer-js does and round-trips 1 MB', async () => {
    const { vocabulary, reference } = await llama3();
    expect(vocabulary.size).toBe(128_256);
    expect(vocabulary.eos).toEqual([128_001, 128_009]);
    expect(vocabulary.bytes[128_000]).toBeNull();
    for (const text of TEXTS) expect(vocabulary.encode?.(text)).toEqual(reference(text));
    expect(roundTripFailure(vocabulary, mixed(1 << 20))).toBeUndefined();
  }, 60_000);

  it('SentencePiece BPE with byte fallback: encodes as llama-tokenizer-js does and round-trips 1 MB', async () => {
    const { vocabulary, reference } = await llama2();
    expect(vocabulary.size).toBe(32_000);
    expect(vocabulary.bytes[3]).toEqual(Uint8Array.of(0));
    expect(vocabulary.eos).toEqual([2]);
    for (const text of TEXTS.slice(0, 4)) expect(vocabulary.encode?.(text)).toEqual(reference(text));
    // SentencePiece cannot tell its own space sign from a space.
    expect(roundTripFailure(vocabulary, mixed(1 << 20).replaceAll('▁', '_'))).toBeUndefined();
  }, 60_000);

  it('tiktoken ranks: encodes as gpt-tokenizer does and round-trips 1 MB', async () => {
    const vocabulary = o200k();
    const { encode } = await import('gpt-tokenizer/encoding/o200k_base');
    for (const text of TEXTS) expect(vocabulary.encode?.(text)).toEqual(encode(text, { disallowedSpecial: new Set() }));
    expect(roundTripFailure(vocabulary, mixed(1 << 20))).toBeUndefined();
    expect(vocabulary.eos).toEqual([199_999]);
  }, 60_000);

  it('Unigram takes the likeliest pieces, WordPiece the longest', () => {
    const unigram = vocabularyFromTokenizerJson({
      model: {
        type: 'Unigram',
        unk_id: 0,
        vocab: [
          ['<unk>', 0],
          ['▁', -2],
          ['▁a', -3],
          ['b', -3],
          ['ab', -3.5],
          ['▁ab', -9],
          ['c', -4],
        ],
      },
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
      decoder: { type: 'Metaspace', replacement: '▁' },
    });
    expect(unigram.encode?.('abc ab')).toEqual([1, 4, 6, 1, 4]);
    expect(unigram.bytes[2]).toEqual(new TextEncoder().encode(' a'));
    expect(unigram.bytes[0]).toBeNull();
    const words = vocabularyFromTokenizerJson({
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        vocab: { '[UNK]': 0, un: 1, '##aff': 2, '##able': 3, '##a': 4, u: 5 },
      },
      normalizer: { type: 'BertNormalizer', lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      decoder: { type: 'WordPiece', prefix: '##' },
    });
    expect(words.encode?.('Unaffable')).toEqual([1, 2, 3]);
    expect(words.encode?.('x')).toEqual([0]);
    expect(words.bytes[1]).toEqual(new TextEncoder().encode(' un'));
  });

  it('spells added tokens as decoders do', () => {
    const added = [
      { id: 1, content: '▁▁', special: false, normalized: false },
      { id: 2, content: '<tool é>', special: false },
      { id: 3, content: '<eos>', special: true },
    ];
    const replace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
    const gemma = vocabularyFromTokenizerJson({
      added_tokens: added,
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      decoder: { type: 'Sequence', decoders: [replace, { type: 'ByteFallback' }, { type: 'Fuse' }] },
      model: { type: 'BPE', byte_fallback: true, vocab: { '▁': 0, '▁▁': 1 }, merges: [] },
    });
    const texts = [' ', '  ', '<tool é>'].map((text) => new TextEncoder().encode(text));
    expect(gemma.bytes).toEqual([...texts, null]);
    expect(roundTripFailure(gemma, '   ')).toBeUndefined();
    const byteLevel = vocabularyFromTokenizerJson({
      added_tokens: added,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: { Ġ: 0 }, merges: [] },
    });
    expect(byteLevel.bytes[0]).toEqual(Uint8Array.of(0x20));
    expect(byteLevel.bytes[2]).toEqual(new TextEncoder().encode('<tool é>'));
  });

  it('hashes the byte table, stably', () => {
    const table = ['a', 'b', new Uint8Array([0xff]), null];
    const one = vocabularyFromBytes(table, { special: { end: 3 }, eos: ['end'] });
    expect(vocabularyFromBytes([...table], { special: { end: 3 }, eos: [3] }).hash).toBe(one.hash);
    expect(
      vocabularyFromBytes(['a', 'c', new Uint8Array([0xff]), null], { special: { end: 3 }, eos: [3] }).hash,
    ).not.toBe(one.hash);
    expect(vocabularyFromBytes(table, { special: { end: 3 } }).hash).not.toBe(one.hash);
    expect(one.hash).toMatch(/^[0-9a-f]{32}$/);
  });

  it('names what is wrong with a file', () => {
    expect(() => vocabularyFromTokenizerJson('{')).toThrow(/INFC5201/);
    expect(() => vocabularyFromTokenizerJson({ model: { type: 'WordLevel', vocab: {} } })).toThrow(/INFC5202/);
    expect(() => vocabularyFromTokenizerJson({ model: { type: 'BPE', vocab: { a: -1 } } })).toThrow(/INFC5201/);
    expect(() => vocabularyFromTiktoken('!!! 0')).toThrow(/INFC5201/);
    expect(() => vocabularyFromBytes(['a'], { eos: ['zzz'] })).toThrow(/INFC5203/);
  });
});
