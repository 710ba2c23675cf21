import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { compile, writeArtifact } from '../../compiler/compile.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { Registry } from '../../compiler/plugin.ts';
import { constrain, regex } from '../../grammars/index.ts';
import {
  beam,
  diverseBeam,
  type GenerateOptions,
  type LanguageModel,
  load,
  type Output,
  openSequences,
  promptLookup,
} from '../../runtime/generate/index.ts';
import { LanguageModel as Generator } from '../../runtime/generate/language-model.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import { load as loadModel } from '../../runtime/index.ts';
import { fromSafetensors } from '../oracle/run-tiny.ts';
import { tinyModels } from '../oracle/tiny/index.ts';
import { writeTinyModel } from './tiny-model.ts';

const Person = constrain({
  type: 'object',
  properties: { name: { type: 'string', maxLength: 6 }, age: { type: 'integer', minimum: 0, maximum: 150 } },
  required: ['name', 'age'],
  additionalProperties: false,
});
const prompts = [
  'The quick brown fox',
  'A',
  'The quick brown dog jumps',
  'Another one',
  'Elsewhere: ',
  'The quick',
  'A',
  'A',
];

const registry = new Registry([builtin]);
let dir = '';
let alone: LanguageModel;
let together: LanguageModel;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'infc-batch-'));
  await writeTinyModel(path.join(dir, 'tiny'));
  await writeArtifact(await compile(path.join(dir, 'tiny')), path.join(dir, 'one'));
  await writeArtifact(await compile(path.join(dir, 'tiny'), { batch: 4 }), path.join(dir, 'four'));
  alone = await load(path.join(dir, 'one'), { threads: 1 });
  together = await load(path.join(dir, 'four'), { threads: 1 });
}, 120_000);

afterAll(async () => {
  await alone?.dispose();
  await together?.dispose();
  if (dir) await rm(dir, { recursive: true, force: true });
});

/** Counts the runs of a model by entry. */
function counted(model: LanguageModel): Map<string, number> {
  const runs = new Map<string, number>();
  const run = model.model.run.bind(model.model);
  model.model.run = (inputs, options) => {
    runs.set(options?.entry ?? '', (runs.get(options?.entry ?? '') ?? 0) + 1);
    return run(inputs, options);
  };
  return runs;
}

describe('a batch of prompts', () => {
  it.each([
    ['greedy', {}],
    ['sampling with a seed', { temperature: 1, topK: 30, seed: 5 }],
    ['a repetition penalty', { repetitionPenalty: 1.3 }],
    ['a schema', { output: Person, temperature: 1, seed: 3, maxTokens: 60 }],
    ['a regular expression', { output: regex('[a-c]{4}[0-9]{2,9}') }],
    ['beams', { strategy: beam({ beams: 3 }) }],
    ['more beams than sequences', { strategy: beam({ beams: 6 }), maxTokens: 9 }],
    ['diverse beams', { strategy: diverseBeam({ beams: 4, groups: 2 }) }],
    ['beams under a schema', { output: Person, strategy: beam({ beams: 3 }), maxTokens: 60 }],
    ['drafts', { strategy: promptLookup() }],
    ['sliding', { overflow: 'slide', maxTokens: 150 }],
  ] satisfies [string, GenerateOptions<Output | undefined>][])(
    'gives each the tokens that it has alone: %s',
    async (_, options) => {
      const settings: GenerateOptions<Output | undefined> = { maxTokens: 16, ...options };
      const texts = (settings.maxTokens ?? 0) > 60 ? prompts.slice(0, 3) : prompts;
      const got = await together.batch(texts, settings);
      for (const [i, prompt] of texts.entries()) {
        const want = await alone.generate(prompt, settings);
        expect([got[i]?.tokens, got[i]?.finish], prompt).toEqual([want.tokens, want.finish]);
        expect(got[i]?.value).toEqual(want.value);
      }
    },
  );

  it('takes a step of all in one run, and what beginnings have in common once', async () => {
    const model = await load(path.join(dir, 'four'), { threads: 1 });
    const runs = counted(model);
    const results = await model.batch(prompts.slice(0, 4), { maxTokens: 12, logprobs: 1 });
    // Four prompts, then eleven steps: one prompt may be a step late.
    expect((runs.get('batch') ?? 0) + (runs.get('decode') ?? 0)).toBeLessThanOrEqual(14);
    expect(runs.get('prefill')).toBe(4);
    expect(Math.max(...results.map((r) => r.usage.reusedTokens))).toBeGreaterThanOrEqual(16);
    const one = await alone.generate(prompts[2] ?? '', { maxTokens: 12, logprobs: 1 });
    expect(one.tokens).toEqual(results[2]?.tokens);
    runs.clear();
    await model.generate('Once', { maxTokens: 10, strategy: beam({ beams: 4 }) });
    expect(runs.get('batch')).toBe(9);
    await model.dispose();
  });

  it('ends as a whole when one fails, and is usable after', async () => {
    const bad = [...prompts.slice(0, 2), 'x'.repeat(400), ...prompts.slice(2)];
    await expect(together.batch(bad, { maxTokens: 8 })).rejects.toMatchObject({ code: 'INFC6401' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    await expect(together.batch(prompts, { maxTokens: 100, signal: controller.signal })).rejects.toMatchObject({
      code: 'INFC6010',
    });
    expect(await together.batch([])).toEqual([]);
    const [again] = await together.batch(['A'], { maxTokens: 8 });
    expect(again?.tokens).toEqual((await alone.generate('A', { maxTokens: 8 })).tokens);
  });
});

describe('generations at the same time', () => {
  it('may be cancelled, left or paused one by one', async () => {
    const want = await Promise.all(prompts.map((p) => alone.generate(p, { maxTokens: 14 })));
    const controller = new AbortController();
    let [seen, read] = [0, 0];
    const cancelled = (async () => {
      for await (const _ of together.stream('To be cancelled', { maxTokens: 90, signal: controller.signal }))
        if (seen++ === 5) controller.abort();
    })();
    const left = (async () => {
      for await (const _ of together.stream('To be left', { maxTokens: 90 })) if (read++ > 9) break;
    })();
    const slow = (async () => {
      const tokens: number[] = [];
      for await (const piece of together.stream('A', { maxTokens: 14 })) {
        tokens.push(...piece.tokens.map((t) => t.token));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return tokens;
    })();
    const others = prompts.map((p) => together.generate(p, { maxTokens: 14 }));
    await expect(cancelled).rejects.toMatchObject({ code: 'INFC6010' });
    await left;
    expect(await slow).toEqual(want[1]?.tokens);
    for (const [i, other] of others.entries()) expect((await other).tokens).toEqual(want[i]?.tokens);
  });
});

const families = tinyModels.filter((m) =>
  /^(llama|llama-dynamic|mistral-window|mixtral|gemma2|gemma3|phi3|gpt2|neox|rwkv.*)$/.test(m.name),
);

describe.each(families.map((m) => [m.name, m] as const))('%s', (_, tiny) => {
  it.each(tiny.name === 'llama' ? ['contiguous', 'q8'] : ['contiguous'])(
    'writes the same in a batch over a cache that is %s',
    { timeout: 60_000 },
    async (kv) => {
      const open = async (batch: number) => {
        const { targets } = await compile(fromSafetensors(tiny, registry, 'F32', { kv, batch }));
        const { plan, files } = targets[0]?.assembled ?? {};
        if (!plan?.generation || !files) throw new Error('nothing was compiled');
        const hostOps = Object.fromEntries(plan.host.map((op) => [op, hostFunctions(op)]));
        const contents = Object.fromEntries(files.map((f) => [f.name, contentsOf(f)]));
        const model = await loadModel({ plan, files: contents, hostOps } as never, { threads: 1 });
        return new Generator(model, plan.generation, undefined, openSequences(model, plan.generation));
      };
      const [one, many] = [await open(1), await open(3)];
      const ids = [tiny.tokens.slice(0, 4), tiny.tokens.slice(3, 10), tiny.tokens.slice(0, 2), [1]];
      for (const strategy of [undefined, beam({ beams: 3 })]) {
        const options = { maxTokens: 10, temperature: 0, ...(strategy ? { strategy } : {}) };
        const want: (readonly number[])[] = [];
        for (const p of ids) want.push((await one.generate(p, options)).tokens);
        expect((await many.batch(ids, options)).map((r) => r.tokens)).toEqual(want);
      }
      await one.dispose();
      await many.dispose();
    },
  );
});
