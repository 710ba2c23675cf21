import { describe, expect, it } from 'vitest';
import { constrain, regex, vocabularyFromBytes, vocabularyFromTokenizerJson } from '../../grammars/index.ts';
import { AlignedSampler } from '../../grammars/sampling/aligned.ts';
import { ByteModel, END } from '../../grammars/sampling/bytes.ts';
import { healPrompt, withPrefix } from '../../grammars/sampling/healing.ts';
import { infill } from '../../grammars/sampling/infill.ts';

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) / 0x800000;
  };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('grammar-aligned sampling', () => {
  // A model over a, b, end: most mass begins with a, but nearly all of it is lost there under the grammar.
  const vocabulary = vocabularyFromBytes(['a', 'b', null], { special: { end: 2 }, eos: ['end'] });
  const probabilities = (prefix: readonly number[]): number[] =>
    prefix.length === 0
      ? [0.8, 0.2, 0]
      : prefix.length < 3
        ? prefix[0] === 0
          ? [0.05, 0.9, 0.05]
          : [0.45, 0.45, 0.1]
        : [0, 0, 1];
  const grammar = regex(/(aaa|b[ab]{2})/);
  const members = ['aaa', 'baa', 'bab', 'bba', 'bbb'];

  function exact(word: string): number {
    const tokens = Array.from(word, (char) => 'ab'.indexOf(char));
    return [...tokens, 2].reduce((product, token, i) => product * (probabilities(tokens.slice(0, i))[token] ?? 0), 1);
  }

  it('follows the model under the grammar where masking alone does not', () => {
    const total = members.reduce((sum, word) => sum + exact(word), 0);
    const sampler = new AlignedSampler();
    const random = generator(3);
    const drawn = (count: number): Map<string, number> => {
      const counts = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        const sample = sampler.begin();
        const matcher = grammar.matcher(vocabulary);
        const tokens: number[] = [];
        while (!matcher.done) {
          const logits = sample.adjust(Float32Array.from(probabilities(tokens), Math.log), matcher);
          const weights = Array.from(logits, Math.exp);
          let at = random() * weights.reduce((a, b) => a + b, 0);
          const token = weights.findIndex((weight) => (at -= weight) < 0);
          sample.take(token);
          matcher.commit(token);
          if (token < 2) tokens.push(token);
        }
        sample.finish();
        const word = tokens.map((token) => 'ab'[token]).join('');
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      return counts;
    };
    drawn(400);
    expect(sampler.mass).toBeCloseTo(total, 6);
    expect(sampler.samples).toBe(400);
    const counts = drawn(20_000);
    for (const word of members)
      expect(Math.abs((counts.get(word) ?? 0) / 20_000 - exact(word) / total)).toBeLessThan(0.015);
    // Masking alone would begin with a four times in five; the grammar keeps hardly any of that mass.
    expect(exact('aaa') / total).toBeLessThan(0.02);
  });
});

describe('bytes under tokens', () => {
  const merges = ['t h', 'th e', 'th i', 'thi n', 'i n', 'Ã ©', 'e r', 'the r'];
  const letters = [...'theinragc ', 'Ã', '©', 'Ĺ', 'ł', 'Ģ'].map((char) => (char === ' ' ? 'Ġ' : char));
  const tokens = [...letters, ...merges.map((merge) => merge.replace(' ', ''))];
  const vocabulary = vocabularyFromTokenizerJson({
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
    added_tokens: [{ id: 40, content: '</s>', special: true }],
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    decoder: { type: 'ByteLevel' },
  });
  const corpus: readonly (readonly [string, number])[] = [
    ['the thin', 5],
    ['there', 3],
    ['thing', 2],
    ['thé', 4],
    ['in the car', 1],
    ['t', 2],
  ];

  /** The model that this corpus trains, exactly. */
  function model(prefix: readonly number[]): Float32Array {
    const mass = new Float32Array(41);
    for (const [line, weight] of corpus) {
      const ids = [...(vocabulary.encode?.(line) ?? []), 40];
      if (prefix.every((id, i) => ids[i] === id))
        mass[ids[prefix.length] ?? 0] = (mass[ids[prefix.length] ?? 0] ?? 0) + weight;
    }
    const total = mass.reduce((a, b) => a + b, 0);
    return mass.map((share) => Math.log(share / total));
  }

  it('have exactly the probabilities of the texts themselves', async () => {
    const bytes = new ByteModel(vocabulary, model);
    for (const [line] of corpus) {
      const whole = utf8(line);
      for (let cut = 0; cut <= whole.length; cut++) {
        const prefix = whole.subarray(0, cut);
        const expected = new Float64Array(257);
        let total = 0;
        for (const [other, weight] of corpus) {
          const otherBytes = utf8(other);
          if (!prefix.every((byte, i) => otherBytes[i] === byte)) continue;
          const next = otherBytes[cut] ?? END;
          expected[next] = (expected[next] ?? 0) + weight;
          total += weight;
        }
        const found = await bytes.next(prefix);
        expected.forEach((share, byte) => {
          expect([line, cut, byte, found[byte]]).toEqual([line, cut, byte, expect.closeTo(share / total, 5)]);
        });
      }
    }
  });

  it('are exact where a pre-tokenizer looks ahead after white space', async () => {
    const double = vocabularyFromTokenizerJson({
      model: { type: 'BPE', vocab: { Ġ: 0, a: 1, b: 2, ĠĠ: 3, ab: 4 }, merges: ['Ġ Ġ', 'a b'] },
      added_tokens: [{ id: 5, content: '</s>', special: true }],
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      decoder: { type: 'ByteLevel' },
    });
    // 'a  ' ends in one token of two spaces, 'a  b' has two tokens there.
    expect([double.encode?.('a  '), double.encode?.('a  b')]).toEqual([
      [1, 3],
      [1, 0, 0, 2],
    ]);
    const lines = ['a  ', 'a  b', 'a  ab', 'a  a'].map((line) => [...(double.encode?.(line) ?? []), 5]);
    const even = new ByteModel(double, (prefix) => {
      const fit = lines.filter((ids) => prefix.every((id, i) => ids[i] === id));
      return Float32Array.from({ length: 6 }, (_, id) =>
        Math.log(fit.filter((ids) => ids[prefix.length] === id).length / fit.length),
      );
    });
    const next = await even.next(utf8('a  '));
    expect([next[END], next[0x61], next[0x62]]).toEqual([0.25, 0.5, 0.25].map((share) => expect.closeTo(share, 6)));
  });

  it('heal the end of a prompt', () => {
    const encode = (line: string): number[] => vocabulary.encode?.(line) ?? [];
    const healed = healPrompt(vocabulary, encode('a th'));
    expect(healed.tokens.map((id) => tokens[id])).toEqual(['a', 'Ġ']);
    expect(text(healed.prefix)).toBe('th');
    expect(healPrompt(vocabulary, encode('a c')).prefix).toHaveLength(0);
    const matcher = withPrefix(healed.prefix, regex(/(e|in)( car)?/)).matcher(vocabulary);
    const allowed = tokens.filter((_, id) => matcher.allows(id));
    expect(allowed.sort()).toEqual(['t', 'th', 'the', 'thi', 'thin']);
    matcher.commit(tokens.indexOf('thin'));
    expect(matcher.accepting).toBe(true);
  });
});

describe('infilling', () => {
  it('finds the shortest fills of several holes, or proves that there are none', () => {
    const { acceptor } = regex(/[a-c]+=\d{2,4};(x|yy)+/);
    expect(infill(acceptor, [{}, '=', {}, ';', {}])?.map(text)).toEqual(['a', '00', 'x']);
    expect(infill(acceptor, ['a', {}, '7;', { min: 3 }])?.map(text)).toEqual(['=0', 'xxx']);
    expect(infill(acceptor, ['abc=1', { max: 1 }, ';y', { max: 1 }])?.map(text)).toEqual(['0', 'y']);
    expect(infill(acceptor, ['abc=', { max: 1 }, ';', {}])).toBeUndefined();
    expect(infill(acceptor, [{}, 'z', {}])).toBeUndefined();
  });

  it('works inside JSON documents', () => {
    const { acceptor } = constrain(
      {
        type: 'object',
        properties: { n: { type: 'integer', minimum: 10, maximum: 40 }, ok: { type: 'boolean' } },
        required: ['n', 'ok'],
        additionalProperties: false,
      },
      { whitespace: 'compact' },
    );
    const fills = infill(acceptor, ['{"n":', {}, ',"ok":', {}, '}'])?.map(text);
    expect(fills?.[1]).toBe('true');
    expect(Number(fills?.[0])).toBeGreaterThanOrEqual(10);
    expect(infill(acceptor, ['{"n":5', { max: 0 }, ',', {}])).toBeUndefined();
    expect(() => infill(acceptor, [{ min: 50 }], { budget: 20 })).toThrow(/INFC5602/);
  });
});
