import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../compiler/diagnostics.ts';
import { openArtifact, vocabularyFromTokenizerJson } from '../../grammars/index.ts';
import { infc } from './capture.ts';

describe('infc constrain', () => {
  let folder = '';
  const tokenizer = JSON.stringify({
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(Array.from('{}"name: a1[],', (char, id) => [char, id])),
      merges: [],
    },
    added_tokens: [{ id: 20, content: '</s>', special: true }],
  });

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'infc-constrain-'));
    const schema = {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 3 } },
      required: ['name'],
      additionalProperties: false,
    };
    await writeFile(path.join(folder, 'person.json'), JSON.stringify(schema));
    await writeFile(
      path.join(folder, 'never.json'),
      JSON.stringify({ allOf: [{ type: 'string' }, { type: 'number' }] }),
    );
    await writeFile(path.join(folder, 'broken.json'), '{');
    await writeFile(path.join(folder, 'sum.gbnf'), 'root ::= [0-9]+ ("+" root)?');
    await writeFile(path.join(folder, 'tokenizer.json'), tokenizer);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('checks schemas and grammars', async () => {
    const good = await infc(['constrain', 'check', 'person.json', '--json'], folder);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ exact: true, satisfiable: true });
    expect((await infc(['constrain', 'check', 'never.json'], folder)).code).toBe(exitCodes.badInput);
    const grammar = await infc(['constrain', 'check', 'sum.gbnf'], folder);
    expect(grammar.out).toContain('shortest text takes 1 byte.');
  });

  it('says what is ignored once, what helps, and where JSON is wrong', async () => {
    const one = { type: 'string', markdownDescription: 'x', minLenght: 2 };
    const schema = { properties: { a: one, b: { ...one, pattern: '(a)\\1' }, c: one } };
    await writeFile(path.join(folder, 'odd.json'), JSON.stringify(schema));
    const { out, code } = await infc(['constrain', 'check', 'odd.json'], folder);
    expect(code).toBe(exitCodes.badInput);
    expect(out.match(/minLenght/g)).toHaveLength(2);
    expect(out).toMatch(/\/properties\/.\/minLenght and 2 other places: no draft has a keyword 'minLenght'/);
    expect(out).toMatch(/\/properties\/b\/pattern +INFC500\d[\s\S]*fix: /);
    await writeFile(path.join(folder, 'comma.json'), '{\n  "type": "object",\n');
    expect((await infc(['constrain', 'check', 'comma.json'], folder)).err).toContain('line 3, column 1');
  });

  it('compiles to an artifact that opens', async () => {
    const { code, out } = await infc(
      ['constrain', 'compile', 'person.json', '--vocab', 'tokenizer.json', '--complete', '--json'],
      folder,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ output: 'person.infg', complete: true });
    const machine = openArtifact(
      await readFile(path.join(folder, 'person.infg')),
      vocabularyFromTokenizerJson(tokenizer),
    );
    const end = machine.run(machine.start, new TextEncoder().encode('{"name":"a"}'));
    expect(machine.accepts(end)).toBe(true);
  });

  it('says how far compiling is, and leaves no file when it is interrupted', async () => {
    const compile = ['constrain', 'compile', 'person.json', '--vocab', 'tokenizer.json', '-o', 'stopped.infg'];
    const stop = new AbortController();
    const said: string[] = [];
    const progress = (text: string): void => {
      said.push(text);
      if (said.length === 5) stop.abort();
    };
    const { code, err } = await infc(compile, folder, [], { signal: stop.signal, progress });
    expect(code).toBe(exitCodes.interrupted);
    expect(err).toContain('INFC8090');
    expect(said).toHaveLength(5);
    expect(said[0]).toMatch(/^states: \d+ of \d+$/);
    expect((await readdir(folder)).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  it('explains where a text goes wrong', async () => {
    const wrong = await infc(['constrain', 'explain', 'person.json', '--text', '{"name": 1}', '--json'], folder);
    expect(wrong.code).toBe(exitCodes.disagreement);
    expect(JSON.parse(wrong.out)).toMatchObject({ status: 'rejected', offset: 9, expected: ['"\\""'] });
    expect((await infc(['constrain', 'explain', 'sum.gbnf', '--text', '1+'], folder)).out).toContain('at least 1 more');
  });

  it('counts and explains tokens with a vocabulary', async () => {
    const checked = await infc(['constrain', 'check', 'person.json', '--vocab', 'tokenizer.json', '--json'], folder);
    expect(JSON.parse(checked.out)).toMatchObject({ exact: true, firstTokens: 1, minTokens: 12 });
    const walk = ['constrain', 'explain', 'person.json', '--vocab', 'tokenizer.json', '--text'];
    const good = await infc([...walk, '{"name":', '--json'], folder);
    expect(JSON.parse(good.out)).toMatchObject({ status: 'prefix', allowed: 2, forced: [], minTokensToEnd: 4 });
    const wrong = await infc([...walk, '{"name":1'], folder);
    expect(wrong.code).toBe(exitCodes.disagreement);
    expect(wrong.out).toContain('number 8 of the text');
    expect((await infc([...walk, '{é'], folder)).err).toContain('INFC5204');
  });

  it('refuses to compile what it cannot honour, and says where, wherever it is', async () => {
    const schema = { properties: { deep: { items: { properties: { a: { pattern: '(a)\\1' } } } } } };
    await writeFile(path.join(folder, 'inexact.json'), JSON.stringify(schema));
    const { err } = await infc(['constrain', 'compile', 'inexact.json', '--vocab', 'tokenizer.json'], folder);
    expect(err).toMatch(/INFC5005.*\/properties\/deep\/items\/properties\/a\/pattern/s);
    const lint = await infc(['constrain', 'check', 'inexact.json'], folder);
    expect(lint.code).toBe(exitCodes.badInput);
  });

  it('reads UTF-8 with or without its mark, and refuses what is not UTF-8 rather than read other characters', async () => {
    const schema = '{"const":"é"}';
    await writeFile(path.join(folder, 'mark.json'), `\ufeff${schema}`);
    expect((await infc(['constrain', 'check', 'mark.json'], folder)).out).toContain('takes 4 bytes.');
    await writeFile(path.join(folder, 'mark.regex'), '\ufeffa\n');
    expect((await infc(['constrain', 'check', 'mark.regex'], folder)).out).toContain('takes 1 byte.');
    for (const [name, text] of [
      ['latin1.json', schema],
      ['latin1.gbnf', 'root ::= "é"'],
    ] as const) {
      await writeFile(path.join(folder, name), text, 'latin1');
      const { code, err } = await infc(['constrain', 'check', name], folder);
      expect([code, err]).toEqual([exitCodes.badInput, expect.stringMatching(/INFC5016.*UTF-8/)]);
    }
  });

  it('warns of a vocabulary whose end token is not known', async () => {
    await writeFile(path.join(folder, 'endless.json'), tokenizer.replace('</s>', '<done>'));
    const check = ['constrain', 'check', 'person.json', '--vocab', 'endless.json'];
    expect((await infc(check, folder)).err).toMatch(/warning.*endless\.json.*--eos/);
    const { out, err } = await infc([...check, '--eos', '<done>'], folder);
    expect([out, err]).toEqual([expect.stringContaining('1 token may come first'), '']);
  });

  it.each([
    ['check', '--text', 'explain'],
    ['check', '-o', 'compile'],
    ['explain', '--states', 'compile'],
    ['compile', '--text', 'explain'],
  ])('%s takes no %s', async (action, option, owner) => {
    const { code, err } = await infc(['constrain', action, 'person.json', option, 'x'], folder);
    expect([code, err]).toEqual([
      exitCodes.usage,
      expect.stringMatching(new RegExp(`${action} takes no .*${owner}`, 's')),
    ]);
  });

  it('names what is missing or broken', async () => {
    expect((await infc(['constrain', 'chek', 'person.json'], folder)).err).toContain("Did you mean 'check'?");
    expect((await infc(['constrain', 'compile', 'person.json'], folder)).err).toContain('--vocab');
    expect((await infc(['constrain', 'check', 'broken.json'], folder)).err).toContain('INFC5016');
    expect((await infc(['constrain', 'check', 'x.txt'], folder)).code).toBe(exitCodes.usage);
    await mkdir(path.join(folder, 'folder.json'));
    expect((await infc(['constrain', 'check', 'folder.json'], folder)).err).toContain('INFC8005');
    const vocab = await infc(['constrain', 'compile', 'person.json', '--vocab', 'broken.json'], folder);
    expect(vocab.err).toMatch(/INFC5201.*broken\.json/s);
    await writeFile(path.join(folder, 'typo.json'), '{"minLenght":1}');
    expect((await infc(['constrain', 'check', 'typo.json'], folder)).out).toContain("Did you mean 'minLength'?");
  });
});
