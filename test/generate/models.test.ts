import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { type CompileOptions, compile, writeArtifact } from '../../compiler/compile.ts';
import { measureDamage } from '../../compiler/compress/damage.ts';
import { beam, LanguageModel, promptLookup } from '../../runtime/generate/index.ts';
import { openSequences } from '../../runtime/generate/open-decoder.ts';
import { load } from '../../runtime/index.ts';
import { hasModels, modelsFolder } from '../kit/models.ts';
import { root } from '../kit/root.ts';

const golden = (name: string) => JSON.parse(readFileSync(path.join(modelsFolder, name, 'golden.json'), 'utf8'));
const folders: string[] = [];

/** Compiles a model of the shared folder and opens its generator. */
async function open(file: string, options: CompileOptions = {}): Promise<LanguageModel> {
  const folder = await mkdtemp(path.join(tmpdir(), 'infc-generate-'));
  folders.push(folder);
  await writeArtifact(await compile(path.join(modelsFolder, file), options), folder);
  const model = await load(folder, { threads: 1 });
  const { generation } = model.plan;
  if (!generation) throw new Error('the plan does not say how to generate');
  return new LanguageModel(model, generation, undefined, openSequences(model, generation));
}

afterAll(() => Promise.all(folders.map((f) => rm(f, { recursive: true, force: true }))));

describe.skipIf(!hasModels)('llama-story-655k under schemas of MaskBench', () => {
  it('writes nothing that ajv refuses (a sample; npm run conformance:generate does a thousand)', async () => {
    const seed = process.env.INFC_SEED ?? '1';
    const argv = [
      'test/conformance/run.mjs',
      'generate',
      '--schemas',
      '10',
      '--runs',
      '10',
      '--tokens',
      '80',
      '--seed',
      seed,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: root }).catch(
      (e: { stdout: string }) => e,
    );
    expect(stdout, `seed ${seed}`).toMatch(/^(9|10) of 10 texts valid by ajv.* 0 wrong;/m);
  });
});

describe.skipIf(!hasModels)('models that others trained give their golden tokens', () => {
  it('llama-story-655k', async () => {
    await using g = await open('llama-story-655k');
    for (const story of Object.values<{ prompt_ids_with_bos: number[]; greedy_ids: number[] }>(
      golden('llama-story-655k'),
    )) {
      const { tokens } = await g.generate(story.prompt_ids_with_bos, { maxTokens: story.greedy_ids.length });
      expect(tokens).toEqual(story.greedy_ids);
    }
  });
  it('rwkv-tiny, whose state cannot be rewound, says the same when speculating and by one beam', async () => {
    await using g = await open('rwkv-tiny/tiny-rwkv-4v0-660K.safetensors');
    const prompt = [...new TextEncoder().encode('The cat and the cat')];
    const { tokens } = await g.generate(prompt, { maxTokens: 12 });
    for (const strategy of [promptLookup(), beam({ beams: 1 })])
      expect((await g.generate(prompt, { maxTokens: 12, strategy })).tokens).toEqual(tokens);
  });

  it('capp-gpt, from its safetensors', async () => {
    await using g = await open('capp-gpt');
    const { prompt_ids, greedy_ids } = golden('capp-gpt');
    expect((await g.generate(prompt_ids)).tokens).toEqual(greedy_ids);
  });

  it('capp-gpt, an ONNX export with caches, from a cache of no tokens', async () => {
    await using g = await open('capp-gpt/model.onnx');
    const { prompt_ids, greedy_ids } = golden('capp-gpt');
    const { tokens, finish } = await g.generate(prompt_ids);
    expect(tokens).toEqual(greedy_ids);
    expect(finish).toBe('end');
  });
});

describe.skipIf(!hasModels)('llama-story-655k with --quant q8', () => {
  it('names the same likeliest token at 99 of 100 places of stories', { timeout: 120_000 }, async () => {
    await using whole = await open('llama-story-655k');
    await using small = await open('llama-story-655k', { quant: 'q8' });
    // Its own golden stories, and 20 that the uncompressed model tells at a temperature of 0.7: 3,500 places.
    const stories = Object.values<{ prompt_ids_with_bos: number[]; greedy_ids: number[] }>(golden('llama-story-655k'));
    const texts = stories.map((s) => [...s.prompt_ids_with_bos, ...s.greedy_ids]);
    for (let seed = 1; seed <= 20; seed++) {
      const prompt = stories[seed % stories.length]?.prompt_ids_with_bos ?? [1];
      const { tokens } = await whole.generate(prompt, { maxTokens: 160, temperature: 0.7, seed });
      texts.push([...prompt, ...tokens]);
    }
    const damage = await measureDamage(whole.model, small.model, { kind: 'tokens', texts });
    if (damage.kind !== 'tokens') throw new TypeError('no language models');
    expect(damage.positions).toBeGreaterThan(2000);
    expect(damage.top1).toBeGreaterThanOrEqual(0.99);
    expect(damage.kl).toBeLessThan(2e-4);
  });
});
