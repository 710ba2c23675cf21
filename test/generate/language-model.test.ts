import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partBytes } from '../../compiler/cli/compile.ts';
import { compile, writeArtifact } from '../../compiler/compile.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { constrain, regex } from '../../grammars/index.ts';
import { type LanguageModel, load, promptLookup, speculative } from '../../runtime/generate/index.ts';
import { writeTinyModel } from './tiny-model.ts';

const Person = constrain({
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 150 } },
  required: ['name', 'age'],
  additionalProperties: false,
});

let dir = '';
let model: LanguageModel;
let plain: LanguageModel;
let parts: URL;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'infc-lm-'));
  await writeTinyModel(path.join(dir, 'tiny'));
  await writeTinyModel(path.join(dir, 'plain'), { tokenizer: null, context: 48 });
  await writeArtifact(
    await compile(path.join(dir, 'tiny'), { strategies: ['beam', 'prompt-lookup'] }),
    path.join(dir, 'out'),
  );
  await writeArtifact(await compile(path.join(dir, 'plain')), path.join(dir, 'plain-out'));
  parts = pathToFileURL(`${dir}/out/`);
  model = await load(path.join(dir, 'out'), { threads: 1 });
  plain = await load(path.join(dir, 'plain-out'), { threads: 1 });
}, 120_000);

afterAll(async () => {
  await model?.dispose();
  await plain?.dispose();
  if (dir) await rm(dir, { recursive: true, force: true });
});

describe('a language model', () => {
  it('streams pieces that make up the text of its result, the same for the same seed', async () => {
    const options = { maxTokens: 20, temperature: 1, topK: 40, seed: 7 };
    const stream = model.stream('Once', options);
    let text = '';
    const tokens: number[] = [];
    for await (const piece of stream) {
      text += piece.text;
      tokens.push(...piece.tokens.map((t) => t.token));
    }
    const result = await stream.result();
    expect([result.text, result.tokens]).toEqual([text, tokens]);
    expect(result.seed).toBe(7);
    expect(result.usage).toMatchObject({ promptTokens: 5, newTokens: tokens.length });
    const again = await model.generate('Once', options);
    expect(again.tokens).toEqual(tokens);
    expect(again.usage.reusedTokens).toBe(4);
    const chosen = await model.generate('Once', { maxTokens: 20, temperature: 1 });
    expect((await model.generate('Once', { maxTokens: 20, temperature: 1, seed: chosen.seed })).tokens).toEqual(
      chosen.tokens,
    );
  });

  it('takes conversations and ids, and gives ids without a tokenizer', async () => {
    const ids = model.encode([{ role: 'user', content: 'hi' }]);
    const talk = await model.generate([{ role: 'user', content: 'hi' }], { maxTokens: 5 });
    expect((await model.generate(ids, { maxTokens: 5 })).tokens).toEqual(talk.tokens);
    const { text, tokens } = await plain.generate(ids, { maxTokens: 5 });
    // The same weights: a tokenizer changes nothing.
    expect([text, tokens]).toEqual(['', talk.tokens]);
  });

  it('writes values of its constraint, typed, within the limit of tokens', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { value, finish } = await model.generate('A person: ', {
        output: Person,
        temperature: 1,
        seed,
        maxTokens: 60,
      });
      const name: string = value.name;
      const age: number = value.age;
      expect(finish).toBe('end');
      expect([...name].length).toBeLessThanOrEqual(8);
      expect(age).toBeLessThanOrEqual(150);
    }
    const date = await model.generate('On ', { output: regex('[0-9]{4}-[0-9]{2}'), seed: 1 });
    const written: string = date.value;
    expect(written).toMatch(/^\d{4}-\d{2}$/);
    const none: undefined = (await model.generate('x', { maxTokens: 1 })).value;
    expect(none).toBe(undefined);
  });

  it('ends before a stop string', async () => {
    const { text } = await model.generate('abc', { maxTokens: 30 });
    const stop = text.slice(8, 10);
    const cut = await model.generate('abc', { maxTokens: 30, stop: [stop] });
    expect(cut.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(cut.finish).toBe('stop');
  });

  it('does batches, taking common beginnings once', async () => {
    const prompts = ['The quick brown fox', 'Another', 'The quick brown dog'];
    const together = await model.batch(prompts, { maxTokens: 6 });
    for (const [i, p] of prompts.entries())
      expect(together[i]?.tokens).toEqual((await model.generate(p, { maxTokens: 6 })).tokens);
    expect(Math.max(...together.map((r) => r.usage.reusedTokens))).toBeGreaterThanOrEqual(17);
  });

  it('speculates with another model, and runs several generations at once', async () => {
    const want = await model.generate('Once upon', { maxTokens: 16 });
    const drafted = await model.generate('Once upon', {
      maxTokens: 16,
      strategy: speculative({ draft: plain.decoder() }),
    });
    expect(drafted.tokens).toEqual(want.tokens);
    const [a, b] = await Promise.all([
      model.generate('Once upon', { maxTokens: 16, strategy: promptLookup() }),
      model.generate('Elsewhere', { maxTokens: 16 }),
    ]);
    expect(a.tokens).toEqual(want.tokens);
    expect(b.tokens).toEqual((await model.generate('Elsewhere', { maxTokens: 16 })).tokens);
  });

  it('stays usable after it was cancelled, at any place', async () => {
    const want = await model.generate('Once', { maxTokens: 12 });
    for (let at = 0; at < 6; at++) {
      const controller = new AbortController();
      let seen = 0;
      const run = async (): Promise<void> => {
        for await (const _ of model.stream('Twice as much', { maxTokens: 12, signal: controller.signal }))
          if (seen++ === at) controller.abort();
      };
      await expect(run()).rejects.toMatchObject({ code: 'INFC6010' });
      expect((await model.generate('Once', { maxTokens: 12 })).tokens).toEqual(want.tokens);
    }
    for await (const _ of model.stream('Left early')) break;
    expect((await model.generate('Once', { maxTokens: 12 })).tokens).toEqual(want.tokens);
    const stopped = new AbortController();
    stopped.abort();
    await expect(model.generate('x', { signal: stopped.signal })).rejects.toMatchObject({ code: 'INFC6010' });
  });

  it('refuses what it cannot do, with a fix', async () => {
    const long = new Array<number>(60).fill(3);
    const cases: [string, () => Promise<unknown>][] = [
      ['INFC6401', () => plain.generate(long)],
      ['INFC6402', () => plain.generate([1, 2, 9999])],
      ['INFC6403', () => plain.generate([])],
      ['INFC6404', () => plain.generate([1], { temperature: -1 })],
      ['INFC6404', () => plain.generate([1], { maxTokens: 0 })],
      ['INFC6420', () => plain.generate('text')],
      ['INFC6420', () => plain.generate([{ role: 'user', content: 'text' }])],
      ['INFC6421', () => plain.generate([1], { output: Person })],
      ['INFC6413', () => model.generate('a', { output: Person, stop: ['{'], maxTokens: 60 })],
      ['INFC5011', () => model.generate('a', { output: Person, maxTokens: 3 })],
    ];
    for (const [code, act] of cases)
      await expect(act(), code).rejects.toMatchObject({ code, fix: expect.stringMatching(/\w/) });
    const slid = await plain.generate(long, { overflow: 'slide', maxTokens: 40 });
    expect(slid.tokens.length).toBe(40);
    expect((await plain.generate(long.slice(0, 40))).finish).toBe('context');
  });
});

describe('the artifact of a language model', () => {
  it('loads by itself, without infc, and carries the strategies asked for', async () => {
    const own = await import(new URL('model.js', parts).href);
    expect(Object.keys(own).sort()).toEqual(['InfcError', 'beam', 'load', 'loadModel', 'promptLookup', 'tensor']);
    const g = await own.load({ threads: 1 });
    const want = await model.generate('Once', { maxTokens: 8 });
    expect((await g.generate('Once', { maxTokens: 8 })).tokens).toEqual(want.tokens);
    expect((await g.generate('Once', { maxTokens: 8, strategy: own.promptLookup() })).tokens).toEqual(want.tokens);
    expect((await g.generate('Once', { maxTokens: 8, strategy: own.beam({ beams: 1 }) })).tokens).toEqual(want.tokens);
    expect((await g.generate('A person:', { output: Person, maxTokens: 60, seed: 1 })).value).toHaveProperty('age');
    await expect(g.generate([])).rejects.toBeInstanceOf(own.InfcError);
    await g.dispose();
  });

  it('has types that give a constraint its value', async () => {
    await writeFile(
      path.join(dir, 'good.ts'),
      `import { beam, load } from './out/model.js';
declare const Person: { matcher(v: unknown, o?: { maxTokens?: number }): never; parse(text: string): { name: string; age: number } };
declare const Line: { matcher(v: unknown): never };
export async function use(signal: AbortSignal): Promise<void> {
  await using g = await load({ threads: 1 });
  const stream = g.stream([{ role: 'user', content: 'hi' }], { output: Person, signal });
  for await (const piece of stream) console.log(piece.text, piece.tokens[0]?.logprob);
  const age: number = (await stream.result()).value.age;
  const line: string = (await g.generate('x', { output: Line, strategy: beam({ beams: 2 }) })).value;
  const none: undefined = (await g.generate([1, 2])).value;
  console.log(age, line, none);
}
`,
    );
    const bad = [
      "(await g.generate('x', { output: Person })).value.length;",
      "g.generate({ text: 'x' });",
      "g.stream('x', { topk: 1 });",
    ];
    for (const [i, line] of bad.entries())
      await writeFile(
        path.join(dir, `bad-${i}.ts`),
        `import { load } from './out/model.js';\ndeclare const Person: { matcher(v: unknown): never; parse(text: string): { age: number } };\nexport const g = await load();\n${line}\n`,
      );
    const files = ['good.ts', ...bad.map((_, i) => `bad-${i}.ts`)];
    const compilerOptions = {
      ...{ strict: true, noEmit: true, target: 'es2022', module: 'esnext', skipLibCheck: false },
      ...{ moduleResolution: 'bundler', lib: ['es2023', 'dom', 'esnext.disposable'], types: [] },
    };
    await writeFile(path.join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', dir]).catch(
      (e: { stdout: string }) => e,
    );
    expect(stdout).not.toMatch(/good\.ts|model\.d\.ts/);
    expect(new Set([...stdout.matchAll(/(bad-\d)\.ts\(/g)].map((m) => m[1])).size).toBe(bad.length);
  }, 60_000);

  it.each(['f32', 'q8', 'q4'])('takes at most 60 kB gzipped without weights and tokenizer (%s)', async (quant) => {
    const [target] = (await compile(path.join(dir, 'tiny'), { quant })).targets;
    const files = (await target?.files()) ?? [];
    const parts = partBytes(files);
    const total = parts
      .filter((p) => p.part !== 'tokenizer' && p.part !== 'weights')
      .reduce((n, p) => n + (p.gzip ?? 0), 0);
    expect(parts.map((p) => p.part)).toContain('tokenizer');
    expect(total).toBeLessThan(60_000);
    const generate = files.find((f) => f.name === 'generate.js');
    expect(generate && gzipSync(contentsOf(generate)).length).toBeLessThan(10_000);
  });

  it('is told what it lacks when compiling', async () => {
    const compilation = await compile(path.join(dir, 'tiny'), { strategies: ['bem'] });
    await expect(compilation.targets[0]?.files()).rejects.toMatchObject({
      code: 'INFC8906',
      fix: expect.stringContaining('beam'),
    });
    await writeFile(path.join(dir, 'tiny/chat_template.json'), '{');
    await expect(compile(path.join(dir, 'tiny'))).rejects.toMatchObject({ code: 'INFC1076' });
    await rm(path.join(dir, 'tiny/chat_template.json'));
  });
});
