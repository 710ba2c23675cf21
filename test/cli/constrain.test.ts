import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
    expect(grammar.out).toContain('shortest text takes 1 bytes');
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

  it('explains where a text goes wrong', async () => {
    const wrong = await infc(['constrain', 'explain', 'person.json', '--text', '{"name": 1}', '--json'], folder);
    expect(wrong.code).toBe(exitCodes.disagreement);
    expect(JSON.parse(wrong.out)).toMatchObject({ status: 'rejected', offset: 9, expected: ['"\\""'] });
    expect((await infc(['constrain', 'explain', 'sum.gbnf', '--text', '1+'], folder)).out).toContain('at least 1 more');
  });

  it('names what is missing or broken', async () => {
    expect((await infc(['constrain', 'chek', 'person.json'], folder)).err).toContain("Did you mean 'check'?");
    expect((await infc(['constrain', 'compile', 'person.json'], folder)).err).toContain('--vocab');
    expect((await infc(['constrain', 'check', 'broken.json'], folder)).err).toContain('INFC5016');
    expect((await infc(['constrain', 'check', 'x.txt'], folder)).code).toBe(exitCodes.usage);
  });
});
