import { describe, expect, it } from 'vitest';
import { grammar, vocabularyFromBytes } from '../../grammars/index.ts';
import type { Decoder } from '../../runtime/generate/decoder.ts';
import { allows, type MaskSource } from '../../runtime/generate/masks.ts';
import { beam } from '../../runtime/generate/strategies/beam.ts';
import { diverseBeam } from '../../runtime/generate/strategies/diverse-beam.ts';
import { greedy } from '../../runtime/generate/strategies/greedy.ts';
import { lookUp, promptLookup } from '../../runtime/generate/strategies/prompt-lookup.ts';
import { sample } from '../../runtime/generate/strategies/sample.ts';
import { speculative } from '../../runtime/generate/strategies/speculative.ts';
import type { Finish, Request, Strategy } from '../../runtime/generate/strategy.ts';
import { chiSquare, Toy } from './toy.ts';

const request = (more: Partial<Request> = {}): Request => ({
  prompt: [1, 2, 1],
  maxTokens: 24,
  eos: [],
  sampling: {},
  ...more,
});

async function write(
  strategy: Strategy,
  decoder: Decoder,
  wanted: Request,
): Promise<{ tokens: number[]; finish: Finish; pieces: number }> {
  const run = strategy.run(decoder, wanted);
  const tokens: number[] = [];
  for (let pieces = 0; ; pieces++) {
    const next = await run.next();
    if (next.done) return { tokens, finish: next.value, pieces };
    tokens.push(...next.value.map((e) => e.token));
  }
}

/** Texts of `a`, `b` and `c` (tokens 0, 1, 2; 5 ends) of two or three letters, over a vocabulary of six tokens. */
const vocabulary = vocabularyFromBytes(['a', 'b', 'c', 'd', 'ab', null], { eos: [5], special: { end: 5 } });
const masksOf = async (): Promise<() => MaskSource> => {
  const g = await grammar({ gbnf: 'root ::= [abc] [abc] [abc]?' });
  return () => g.matcher(vocabulary);
};

describe('greedy and sampling', () => {
  it('greedy takes the likeliest token each time and ends at an end token', async () => {
    const toy = new Toy(7);
    const { tokens, finish } = await write(greedy, toy, request());
    const text = [1, 2, 1];
    for (const t of tokens) {
      const logits = toy.logits(text);
      expect(logits[t]).toBe(Math.max(...logits));
      text.push(t);
    }
    expect([tokens.length, finish]).toEqual([24, 'length']);
    const eos = tokens[5] ?? 0;
    const cut = await write(greedy, toy, request({ eos: [eos] }));
    expect(cut.tokens).toEqual(tokens.slice(0, tokens.indexOf(eos) + 1));
    expect(cut.finish).toBe('end');
  });

  it('all say what no token of the vocabulary spells', async () => {
    const g = await grammar({ gbnf: 'root ::= [ab] [ab] "x"' });
    for (const strategy of [greedy, sample, beam(), diverseBeam()])
      await expect(write(strategy, new Toy(7), request({ masks: g.matcher(vocabulary), eos: [5] }))).rejects.toThrow(
        /INFC5017.*needs one of "x"/,
      );
  });

  it('sampling follows the distribution of texts', async () => {
    const toy = new Toy(4, 64, 2);
    await expectTexts(toy, sample, 3, 12_000);
  });

  it('gives log probabilities of the model itself', async () => {
    const toy = new Toy(5);
    const run = greedy.run(toy, request({ logprobs: 2, maxTokens: 3 }));
    const text = [1, 2, 1];
    for (let next = await run.next(); !next.done; next = await run.next()) {
      for (const { token, logprob, top } of next.value) {
        const p = toy.probabilities(text);
        expect(logprob).toBeCloseTo(Math.log(p[token] ?? 0), 5);
        expect(top?.map((t) => t.token)).toEqual([...p.keys()].sort((a, b) => (p[b] ?? 0) - (p[a] ?? 0)).slice(0, 2));
        text.push(token);
      }
    }
  });

  it('obeys masks and takes forced tokens together', async () => {
    const g = await grammar({ gbnf: 'root ::= "abab" [cd]' });
    const encode = (text: string) => Array.from(text, (c) => 'abcd'.indexOf(c));
    const toy = new Toy(6);
    const { tokens, finish } = await write(greedy, toy, request({ masks: g.matcher({ ...vocabulary, encode }) }));
    expect(
      tokens
        .slice(0, -1)
        .map((t) => ['a', 'b', 'c', 'd', 'ab'][t])
        .join(''),
    ).toMatch(/^abab[cd]$/);
    expect([tokens.at(-1), finish]).toEqual([5, 'end']);
    expect(toy.runs).toBeLessThan(1 + tokens.length - 1);
  });

  it('ends where the context does, or slides on and keeps its beginning', async () => {
    const short = await write(greedy, new Toy(5, 8), request());
    expect([short.tokens.length, short.finish]).toEqual([6, 'context']);
    const toy = new Toy(5, 8);
    const slid = await write(greedy, toy, request({ overflow: { keep: 1 } }));
    expect([slid.tokens.length, slid.finish, toy.tokens[0]]).toEqual([24, 'length', 1]);
    expect(toy.tokens.length).toBeLessThanOrEqual(8);
    // The toy looks at two tokens only, so forgetting the others changes nothing.
    expect(slid.tokens).toEqual((await write(greedy, new Toy(5), request())).tokens);
    const long = await write(
      greedy,
      new Toy(5, 8),
      request({ prompt: [1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 2, 1], overflow: { keep: 1 } }),
    );
    expect(long.tokens.slice(0, 5)).toEqual(
      (await write(greedy, new Toy(5), request({ prompt: [2, 1] }))).tokens.slice(0, 5),
    );
  });

  it('keeps what the decoder holds of a prompt', async () => {
    const toy = new Toy(5);
    await write(greedy, toy, request({ prompt: [1, 2, 3, 4, 1, 2], maxTokens: 1 }));
    expect(toy.taken).toBe(6);
    await write(greedy, toy, request({ prompt: [1, 2, 3, 4, 1, 3, 3], maxTokens: 1 }));
    expect(toy.taken).toBe(8);
  });
});

/** Compares how often each text of up to `length` tokens comes with its exact probability, masks renormalising at each token. */
async function expectTexts(
  toy: Toy,
  strategy: Strategy,
  length: number,
  runs: number,
  masks?: () => MaskSource,
): Promise<void> {
  const prompt = [1, 2, 1];
  const expected = new Map<string, number>();
  const visit = (text: readonly number[], p: number, source: MaskSource | undefined): void => {
    if (text.length === length || source?.done) {
      expected.set(text.join(), runs * p);
      return;
    }
    const mask = source?.mask().slice();
    const all = toy.probabilities([...prompt, ...text]).map((q, t) => (allows(mask, t) ? q : 0));
    const total = all.reduce((a, b) => a + b, 0);
    all.forEach((q, t) => {
      if (q === 0) return;
      const next = source?.fork();
      next?.tryCommit(t);
      visit([...text, t], (p * q) / total, next);
    });
  };
  visit([], 1, masks?.());
  const counts = new Map<string, number>();
  for (let seed = 0; seed < runs; seed++) {
    const sampling = { temperature: 1, seed };
    const { tokens } = await write(strategy, toy, request({ sampling, maxTokens: length, masks: masks?.() }));
    expect(expected.has(tokens.join())).toBe(true);
    counts.set(tokens.join(), (counts.get(tokens.join()) ?? 0) + 1);
  }
  // Texts with few expected counts are joined, as Pearson's test asks.
  const joined = { counts: [0], expected: [0] };
  for (const [text, e] of expected) {
    const c = counts.get(text) ?? 0;
    if (e >= 5) {
      joined.counts.push(c);
      joined.expected.push(e);
    } else {
      joined.counts[0] = (joined.counts[0] ?? 0) + c;
      joined.expected[0] = (joined.expected[0] ?? 0) + e;
    }
  }
  const { statistic, limit } = chiSquare(joined.counts, joined.expected);
  expect(statistic).toBeLessThan(limit);
}

describe('speculation is lossless', () => {
  const drafts = (toy: Toy): [string, Strategy][] => [
    ['prompt lookup', promptLookup({ guesses: 5, ngram: 2 })],
    ['a draft model that is often right', speculative({ draft: new Toy(toy.vocabulary, 64, 1, 1.7), guesses: 3 })],
    ['a draft model that is wrong', speculative({ draft: new Toy(toy.vocabulary, 64, 99), guesses: 3 })],
  ];

  it('gives the tokens of greedy, in fewer runs when the draft is good', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const plain = new Toy(7, 64, seed);
      const want = await write(greedy, plain, request());
      for (const [name, strategy] of drafts(plain)) {
        const toy = new Toy(7, 64, seed);
        const got = await write(strategy, toy, request());
        expect([name, got.tokens, got.finish]).toEqual([name, want.tokens, want.finish]);
        const eos = want.tokens[7] ?? 0;
        const cut = await write(strategy, new Toy(7, 64, seed), request({ eos: [eos] }));
        expect([name, cut.tokens, cut.finish]).toEqual([
          name,
          want.tokens.slice(0, want.tokens.indexOf(eos) + 1),
          'end',
        ]);
        if (name.includes('right') && seed === 1) expect(toy.runs).toBeLessThan(plain.runs / 2);
      }
    }
  });

  it('gives the tokens of greedy up to the end of the context and when sliding', async () => {
    for (const overflow of [undefined, { keep: 1 }]) {
      const want = await write(greedy, new Toy(7, 12), request({ overflow }));
      for (const [name, strategy] of drafts(new Toy(7))) {
        const got = await write(strategy, new Toy(7, 12), request({ overflow }));
        expect([name, got.tokens, got.finish]).toEqual([name, want.tokens, want.finish]);
      }
    }
  });

  it('prompt lookup gives the tokens of sampling with the same seed', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const sampling = { temperature: 0.5, topK: 4, repetitionPenalty: 1.1, seed };
      const want = await write(sample, new Toy(6, 64, 3), request({ sampling }));
      const got = await write(promptLookup({ ngram: 1 }), new Toy(6, 64, 3), request({ sampling }));
      expect(got.tokens).toEqual(want.tokens);
    }
  });

  it('a draft model leaves the distribution of texts as it is', async () => {
    const toy = new Toy(4, 64, 2);
    await expectTexts(toy, speculative({ draft: new Toy(4, 64, 2, 1), guesses: 2 }), 3, 12_000);
    await expectTexts(toy, speculative({ draft: new Toy(4, 64, 5, 3), guesses: 3 }), 3, 12_000);
  });

  it('also under masks', async () => {
    const masks = await masksOf();
    const toy = new Toy(6, 64, 2);
    for (const strategy of [promptLookup({ ngram: 1 }), speculative({ draft: new Toy(6, 64, 1), guesses: 3 })]) {
      const want = await write(greedy, toy, request({ masks: masks() }));
      expect((await write(strategy, toy, request({ masks: masks() }))).tokens).toEqual(want.tokens);
    }
    await expectTexts(toy, sample, 4, 6000, masks);
    await expectTexts(toy, speculative({ draft: new Toy(6, 64, 4), guesses: 3 }), 4, 6000, masks);
  });

  it('looks for the longest ending that came before', () => {
    expect(lookUp([1, 2, 3, 9, 2, 3], 2, 3)).toEqual([9, 2]);
    expect(lookUp([5, 1, 2, 7, 1, 2], 4, 2)).toEqual([7, 1, 2]);
    expect(lookUp([1, 2, 3], 4, 3)).toEqual([]);
  });

  it('takes a model for the draft as well as one of its sequences', async () => {
    const draft = new Toy(6);
    const model = { decoder: () => draft };
    const plain = await write(speculative({ draft: new Toy(6) }), new Toy(6), request());
    expect(await write(speculative({ draft: model }), new Toy(6), request())).toEqual(plain);
    expect(draft.tokens.length).toBeGreaterThan(0);
  });

  it('refuses a draft of another vocabulary', async () => {
    const strategy = speculative({ draft: new Toy(5) });
    await expect(write(strategy, new Toy(6), request())).rejects.toThrow('INFC6406');
  });
});

describe('beam search', () => {
  it('with one beam is greedy', async () => {
    const want = await write(greedy, new Toy(6), request({ maxTokens: 9 }));
    expect((await write(beam({ beams: 1 }), new Toy(6), request({ maxTokens: 9 }))).tokens).toEqual(want.tokens);
  });

  it('with enough beams finds the likeliest text of all', async () => {
    for (const seed of [1, 2, 3]) {
      const toy = new Toy(4, 64, seed);
      let best = { score: Number.NEGATIVE_INFINITY, text: [] as readonly number[] };
      const visit = (text: readonly number[], score: number): void => {
        const done = text.at(-1) === 3 || text.length === 4;
        if (done && score / text.length > best.score) best = { score: score / text.length, text };
        if (!done) toy.probabilities([1, 2, 1, ...text]).forEach((p, t) => visit([...text, t], score + Math.log(p)));
      };
      visit([], 0);
      const got = await write(beam({ beams: 4 ** 3 }), toy, request({ maxTokens: 4, eos: [3] }));
      expect(got.tokens).toEqual(best.text);
    }
  });

  it('obeys masks', async () => {
    const masks = await masksOf();
    const got = await write(beam({ beams: 3 }), new Toy(6, 64, 2), request({ masks: masks(), eos: [5] }));
    expect(got.tokens.at(-1)).toBe(5);
    expect(
      got.tokens
        .slice(0, -1)
        .map((t) => ['a', 'b', 'c', 'd', 'ab'][t])
        .join(''),
    ).toMatch(/^[abc]{2,3}$/);
  });

  it('in groups avoids the tokens of earlier groups', async () => {
    const plain = await write(beam({ beams: 2 }), new Toy(6, 64, 4), request({ maxTokens: 6 }));
    const none = await write(
      diverseBeam({ beams: 4, groups: 2, diversity: 0 }),
      new Toy(6, 64, 4),
      request({ maxTokens: 6 }),
    );
    expect(none.tokens).toEqual(plain.tokens);
    const groups = await write(
      diverseBeam({ beams: 2, groups: 2, diversity: 100 }),
      new Toy(6, 64, 4),
      request({ maxTokens: 1 }),
    );
    expect(groups.tokens).toEqual((await write(greedy, new Toy(6, 64, 4), request({ maxTokens: 1 }))).tokens);
  });

  it('gives tokens as soon as all texts agree on them', async () => {
    const { pieces, tokens } = await write(beam({ beams: 2 }), new Toy(6, 64, 1, 6), request({ maxTokens: 16 }));
    expect(tokens.length).toBe(16);
    expect(pieces).toBeGreaterThan(1);
  });
});
