import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../compiler/diagnostics.ts';
import { tokenizerConfig, writeTinyModel } from '../generate/tiny-model.ts';
import { infc } from './capture.ts';

let dir = '';
const json = async (...argv: string[]) => JSON.parse((await infc([...argv, '--json'], dir)).out);
const write = (name: string, value: unknown) => writeFile(path.join(dir, name), JSON.stringify(value));

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'infc-generate-'));
  await writeTinyModel(path.join(dir, 'tiny'));
  const compiled = await infc(['compile', 'tiny', '-o', 'out'], dir);
  expect(compiled.err).toBe('');
  await write('messages.json', [{ role: 'user', content: 'hi' }]);
  await write('person.json', {
    type: 'object',
    properties: { age: { type: 'integer', minimum: 0, maximum: 99 } },
    required: ['age'],
    additionalProperties: false,
  });
}, 60_000);

afterAll(() => (dir ? rm(dir, { recursive: true, force: true }) : undefined));

describe('infc generate', () => {
  it('goes on from a text, ids or a conversation; streams text, or gives one JSON document', async () => {
    const whole = await json('generate', 'out', '--prompt', 'Hi', '--max-tokens', '8');
    expect(whole).toMatchObject({ ok: true, finish: 'length', usage: { promptTokens: 3, newTokens: 8 } });
    const streamed = await infc(['generate', 'out', '--prompt', 'Hi', '--max-tokens', '8'], dir);
    expect(streamed.out).toBe(whole.text);
    expect(streamed.err).toMatch(/memory: weights .*, cache [\s\S]*3 tokens in, 8 out/);
    const ids = await json('generate', 'out', '--prompt-ids', '256, 72,105', '--max-tokens', '8');
    expect(ids.tokens).toEqual(whole.tokens);
    const talk = await json('generate', 'out', '--messages', 'messages.json', '--max-tokens', '4');
    expect(talk.usage.promptTokens).toBe(23);
  });

  it('obeys a schema, a grammar or a regular expression, and the seed', async () => {
    const argv = ['generate', 'out', '--prompt', 'x', '--temperature', '1', '--max-tokens', '40'];
    for (const seed of ['1', '2', '3']) {
      const made = await json(...argv, '--schema', 'person.json', '--seed', seed);
      expect(made).toMatchObject({ finish: 'end', seed: Number(seed), value: { age: expect.any(Number) } });
      expect((await json(...argv, '--schema', 'person.json', '--seed', seed)).text).toBe(made.text);
    }
    await writeFile(path.join(dir, 'words.gbnf'), 'root ::= ("yes" | "no") "."');
    expect((await json(...argv, '--grammar', 'words.gbnf')).value).toMatch(/^(yes|no)\.$/);
    expect((await json(...argv, '--regex', '[ab]{3}')).value).toMatch(/^[ab]{3}$/);
  });

  it('knows the strategies, and compiles a model that is not compiled', async () => {
    const argv = ['--prompt', 'Hi', '--max-tokens', '8'];
    const greedy = await json('generate', 'out', ...argv);
    for (const more of [
      ['--strategy', 'prompt-lookup'],
      ['--draft', 'tiny'],
      ['--strategy', 'beam', '--beams', '1'],
    ])
      expect((await json('generate', 'out', ...argv, ...more)).tokens).toEqual(greedy.tokens);
    expect((await json('generate', 'tiny', ...argv)).tokens).toEqual(greedy.tokens);
  });

  it('says what is wrong with bad input, with a fix', async () => {
    await write('judge.json', [{ role: 'judge', content: 'hm' }]);
    await write('nothing.json', { messages: [{ role: 'user' }] });
    await write('impossible.json', { type: 'string', const: 3 });
    await writeFile(path.join(dir, 'broken.json'), '{');
    await writeTinyModel(path.join(dir, 'untold'), { config: tokenizerConfig({ bos_token: undefined }) });
    await writeTinyModel(path.join(dir, 'malformed'), { config: tokenizerConfig({ chat_template: '{% if %}' }) });
    const told = await json('compile', 'malformed', '-o', 'malformed-out');
    expect(told.warnings.map((w: { code: string }) => w.code)).toEqual(['INFC6425']);
    await writeTinyModel(path.join(dir, 'speechless'), { tokenizer: null });
    const long = Array.from({ length: 200 }, () => 7).join(',');
    const cases: [string, string[]][] = [
      ['INFC8003', ['out']],
      ['INFC8003', ['out', '--prompt', 'x', '--prompt-ids', '1']],
      ['INFC8003', ['out', '--prompt-ids', '1,x']],
      ['INFC8003', ['out', '--prompt', 'x', '--temperature', 'hot']],
      ['INFC8003', ['out', '--prompt', 'x', '--strategy', 'gready']],
      ['INFC8003', ['out', '--prompt', 'x', '--overflow', 'wrap']],
      ['INFC8003', ['out', '--prompt', 'x', '--regex', 'a', '--schema', 'person.json']],
      ['INFC8005', ['nowhere', '--prompt', 'x']],
      ['INFC8031', ['out', '--messages', 'nothing.json']],
      ['INFC8031', ['out', '--messages', 'broken.json']],
      ['INFC6401', ['out', '--prompt-ids', long]],
      ['INFC6402', ['out', '--prompt-ids', '1,999']],
      ['INFC6404', ['out', '--prompt', 'x', '--top-p', '2']],
      ['INFC6420', ['speechless', '--prompt', 'x']],
      ['INFC6425', ['malformed', '--messages', 'messages.json']],
      ['INFC6426', ['out', '--messages', 'judge.json']],
      ['INFC6427', ['untold', '--messages', 'messages.json']],
      ['INFC5016', ['out', '--prompt', 'x', '--schema', 'broken.json']],
      ['INFC5010', ['out', '--prompt', 'x', '--schema', 'impossible.json']],
    ];
    for (const [code, argv] of cases) {
      const { error, ok } = await json('generate', ...argv);
      expect([argv.join(' '), ok, error.code, error.fix]).toEqual([
        argv.join(' '),
        false,
        code,
        expect.stringMatching(/\w/),
      ]);
    }
    const slid = await json('generate', 'out', '--prompt-ids', long, '--overflow', 'slide', '--max-tokens', '3');
    expect(slid.usage.newTokens).toBe(3);
  });
});

describe('infc chat', () => {
  it('answers line by line, keeps what was said, and forgets it on /reset', async () => {
    const talk = await infc(['chat', 'out', '--max-tokens', '6', '--json'], dir, [
      'hi',
      'and?',
      '',
      '/reset',
      'hi',
      '/exit',
      'no',
    ]);
    expect([talk.code, talk.err]).toEqual([exitCodes.ok, '']);
    const answers = talk.out.split('\n').map((line) => JSON.parse(line));
    expect(answers.length).toBe(3);
    expect(answers[2].text).toBe(answers[0].text);
    expect(answers[1].usage.reusedTokens).toBeGreaterThan(20);
    const bare = await infc(['chat', 'speechless'], dir, ['hi']);
    expect(bare.err).toContain('INFC6420');
  });
});

describe('infc compile --drop-layers and --drop-heads', () => {
  it('finds the layer that adds nothing, and the model says the same without it', async () => {
    await writeTinyModel(path.join(dir, 'idle'), { idle: 1 });
    await writeFile(path.join(dir, 'text.txt'), 'Once upon a time there was a text that is long enough.');
    const found = await infc(
      ['compile', 'idle', '-o', 'less', '--drop-layers', 'auto:1', '--calibrate', 'text.txt'],
      dir,
    );
    expect(found.err).toBe('');
    expect(found.out).toMatch(/0 +0\.[0-9]{4}\n +1 +0\.0000 +left out/);
    const argv = ['--prompt', 'Hi', '--max-tokens', '8'];
    const { tokens } = await json('generate', 'idle', ...argv);
    expect((await json('generate', 'less', ...argv)).tokens).toEqual(tokens);
    expect((await infc(['verify', 'less'], dir)).code).toBe(exitCodes.ok);
  });

  it('finds the head that adds nothing, and the model says the same without it', async () => {
    await writeTinyModel(path.join(dir, 'idle-head'), { idleHead: 1 });
    const found = await infc(
      ['compile', 'idle-head', '-o', 'fewer', '--drop-heads', 'auto:1', '--calibrate', 'text.txt'],
      dir,
    );
    expect(found.err).toBe('');
    expect(found.out).toMatch(/1:0 +100\.0 %\n +1:1 +0\.0 % +left out/);
    const argv = ['--prompt', 'Hi', '--max-tokens', '8'];
    const { tokens } = await json('generate', 'idle-head', ...argv);
    expect((await json('generate', 'fewer', ...argv)).tokens).toEqual(tokens);
    expect((await infc(['verify', 'fewer'], dir)).code).toBe(exitCodes.ok);
  });

  it.each([
    ['layers', '7', 'INFC1096'],
    ['layers', '0,1', 'INFC1096'],
    ['layers', 'auto:2', 'INFC1096'],
    ['layers', 'first', 'INFC8003'],
    ['heads', '0:2', 'INFC1098'],
    ['heads', '2:0', 'INFC1098'],
    ['heads', '0:0,0:1', 'INFC1098'],
    ['heads', 'auto:3', 'INFC1098'],
    ['heads', '1', 'INFC8003'],
  ])('--drop-%s %s fails with %s', async (what, drop, code) => {
    const r = await infc(['compile', 'tiny', '-o', 'bad', `--drop-${what}`, drop, '--calibrate', 'text.txt'], dir);
    expect(r.err).toContain(code);
  });
});
