import { afterAll, describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import type { Program } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { type Player, player } from '../conformance/onnx-targets.ts';
import { randomOf, type TinyLlama, tinyLlama } from '../kit/tiny-llama.ts';

const registry = new Registry([builtin]);
const small: TinyLlama = { layers: 2, hidden: 64, heads: 4, kvHeads: 2, inner: 48, vocabulary: 61, positions: 512 };

const build = (kv: string, context: number, t: TinyLlama = small): Program => {
  const p = importHf(tinyLlama(t), registry, {}, { kv, context });
  verifyProgram(p, registry);
  return p;
};

const ids = (list: readonly number[]): HostTensor => ({
  dtype: 'i64',
  shape: [1, list.length],
  data: BigInt64Array.from(list, BigInt),
});

const players: Player[] = [];
afterAll(async () => {
  for (const p of players) await p.dispose();
});

/** A text model on Wasm: feeds tokens and gives the logits of the last. */
async function textModel(program: Program) {
  const model = await player(await compile(program));
  players.push(model);
  let past = 0;
  return {
    feed: async (entry: string, tokens: readonly number[], signal?: AbortSignal): Promise<number[]> => {
      const { logits } = await model.run({ input_ids: ids(tokens) }, entry, { past }, signal);
      past += tokens.length;
      if (!logits || !isTensor(logits)) throw new Error('no logits');
      return Array.from(logits.data, Number).slice(-small.vocabulary);
    },
    back: (length: number) => {
      past = length;
    },
    reset: () => {
      past = 0;
      model.reset();
    },
  };
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));

const random = randomOf(3);
const text = Array.from({ length: 200 }, () => Math.floor(random() * small.vocabulary));

describe('contiguous KV cache', () => {
  it('gives the same logits however the text is cut, goes back, and outlives a cancelled run', async () => {
    const model = await textModel(build('contiguous', 160));
    const whole = await model.feed('prefill', text.slice(0, 100));
    model.back(0);
    for (const t of text.slice(0, 99)) await model.feed('decode', [t]);
    expect(distance(await model.feed('decode', text.slice(99, 100)), whole)).toBeLessThan(1e-4);
    // Another text in between, then back to the first.
    await model.feed('prefill', [1, 2, 3]);
    model.back(60);
    const cancelled = new AbortController();
    cancelled.abort();
    await expect(model.feed('prefill', text.slice(60, 100), cancelled.signal)).rejects.toThrow(/INFC6010/);
    await model.feed('prefill', text.slice(60, 84));
    // Laid out for fewer tokens than a prefill, whose logits it would have room for otherwise.
    await expect(model.feed('verify', text.slice(83, 100))).rejects.toThrow(/INFC6009.*at most 16 tokens/);
    expect(distance(await model.feed('verify', text.slice(84, 100)), whole)).toBeLessThan(1e-4);
  });

  it('has room for its context and not a token more', async () => {
    const model = await textModel(build('contiguous', 130));
    await model.feed('prefill', text.slice(0, 128));
    await expect(model.feed('prefill', text.slice(128, 131))).rejects.toThrow(/INFC6009/);
    await model.feed('prefill', text.slice(128, 129));
    const last = await model.feed('decode', text.slice(129, 130));
    await expect(model.feed('decode', [0])).rejects.toThrow(/INFC6007/);
    model.reset();
    await model.feed('prefill', text.slice(0, 65));
    expect(distance(await model.feed('prefill', text.slice(65, 130)), last)).toBeLessThan(1e-4);
    model.reset();
    await expect(model.feed('prefill', text.slice(0, 129))).rejects.toThrow(/INFC6007/);
  });
});

describe('sliding KV cache', () => {
  it('is exact while the text fits', async () => {
    const [a, b] = [await textModel(build('contiguous', 60)), await textModel(build('sliding', 60))];
    expect(
      distance(await b.feed('prefill', text.slice(0, 41)), await a.feed('prefill', text.slice(0, 41))),
    ).toBeLessThan(1e-4);
    for (let i = 41; i < 60; i++)
      expect(distance(await b.feed('decode', [text[i] ?? 0]), await a.feed('decode', [text[i] ?? 0]))).toBeLessThan(
        1e-4,
      );
  });

  it('then sees the first tokens and the last ones as one text, for ever', async () => {
    // With one layer keys and values depend on their own token alone: the shortened text gives the same.
    const one = { ...small, layers: 1 };
    const context = 24;
    const [exact, model] = [
      await textModel(build('contiguous', 64, one)),
      await textModel(build('sliding', context, one)),
    ];
    await model.feed('prefill', text.slice(0, 20));
    let at = 20;
    // Runs up to the chunk, and over the wrap of the ring.
    for (const n of [1, 1, 3, 1, 1, 1, 24, 1, 7, 1, 24, 1, 1, 24, 24, 1]) {
      const logits = await model.feed(n === 1 ? 'decode' : 'prefill', text.slice(at, at + n));
      at += n;
      exact.reset();
      const shown = at <= context ? text.slice(0, at) : [...text.slice(0, 4), ...text.slice(at - context + 4, at)];
      expect(distance(logits, await exact.feed('prefill', shown))).toBeLessThan(2e-4);
    }
  });

  it('forgets drafts up to a chunk long', async () => {
    const model = await textModel(build('sliding', 24));
    let at = 0;
    for (; at < 120; at += 24) await model.feed('prefill', text.slice(at, at + 24));
    await model.feed('verify', [5, 6, 7, 8, 9, 10, 11]);
    model.back(at);
    const logits = await model.feed('decode', [text[at] ?? 0]);
    const other = await textModel(build('sliding', 24));
    for (at = 0; at < 120; at += 24) await other.feed('prefill', text.slice(at, at + 24));
    expect(distance(logits, await other.feed('decode', [text[at] ?? 0]))).toBeLessThan(1e-5);
  });
});

describe('8-bit KV cache', () => {
  it('takes 0.28 of the memory and stays near', async () => {
    const [f32, q8] = [build('contiguous', 160), build('q8', 160)];
    // 16 elements a head here, so one scale for 16 codes.
    expect((q8.generation?.stateBytes ?? 1) / (f32.generation?.stateBytes ?? 1)).toBeCloseTo(20 / 64, 3);
    const wide = { ...small, hidden: 128, heads: 2, kvHeads: 1 };
    const share =
      (build('q8', 160, wide).generation?.stateBytes ?? 1) /
      (build('contiguous', 160, wide).generation?.stateBytes ?? 1);
    expect(share).toBeCloseTo(0.28125, 5);
    const [a, b] = [await textModel(f32), await textModel(q8)];
    let worst = distance(await a.feed('prefill', text.slice(0, 128)), await b.feed('prefill', text.slice(0, 128)));
    for (const t of text.slice(128, 150))
      worst = Math.max(worst, distance(await a.feed('decode', [t]), await b.feed('decode', [t])));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(0.1);
  });

  it('means on Wasm what the reference says', async () => {
    const program = build('q8', 40);
    const states = new Map<string, HostTensor>();
    const model = await textModel(build('q8', 40));
    let past = 0;
    for (const [entry, n] of [
      ['prefill', 9],
      ['decode', 1],
      ['verify', 5],
      ['prefill', 25],
    ] as const) {
      const tokens = text.slice(past, past + n);
      const options = { ops: registry, host: () => undefined, states, symbols: { past } };
      const out = evaluate(program, entry, { input_ids: ids(tokens) }, options).logits;
      const expected = out && isTensor(out) ? Array.from(out.data, Number).slice(-small.vocabulary) : [];
      expect(distance(await model.feed(entry, tokens), expected)).toBeLessThan(2e-2);
      past += n;
    }
  });
});

it('names the policies when asked for another', () => {
  expect(() => build('paged', 40)).toThrow(/INFC1091.*contiguous, sliding, q8/);
  expect(() => build('contiguous', 0)).toThrow(/INFC1092/);
});
