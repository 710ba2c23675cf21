import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Bytes after minifying and gzip of what a program in a browser carries: every chunk, dependencies included. */
async function shipped(program: string): Promise<number> {
  if (!existsSync(path.join(root, 'dist/grammars.js')))
    throw new Error('dist/ is not built: npm test builds it, or run npm run build');
  const { outputFiles } = await build({
    stdin: { contents: program.replace('infc/grammars', './dist/grammars.js'), resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    minify: true,
    write: false,
    logLevel: 'error',
  });
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
}

describe('the size of what browsers load', () => {
  // The aim is 120 kB: lists of thousands of objects cost 4.4 more.
  it('is at most 120 kB for everything, parsers of grammars included', async () => {
    expect(await shipped("import * as all from 'infc/grammars'; console.log(all);")).toBeLessThan(120_000);
  });

  it('is at most 40 kB for opening artifacts and matching, tokenizers included, without asking for it specially', async () => {
    const program = `import { openArtifact, Matcher, vocabularyFromTokenizerJson } from 'infc/grammars';
      console.log(openArtifact, Matcher, vocabularyFromTokenizerJson);`;
    expect(await shipped(program)).toBeLessThan(40_000);
  });
});

// The package does without chevrotain (.build/parsers.mjs); parsers.test.ts compares what both read.
describe('the parsers in the package', () => {
  let grammar: typeof import('../../grammars/index.ts').grammar;
  beforeAll(async () => {
    ({ grammar } = await import(pathToFileURL(path.join(root, 'dist/grammars.js')).href));
  });

  it('read GBNF, EBNF and Lark', async () => {
    const gbnf = 'root ::= # a comment\n  "a" [b-d]{1,3} tail?\ntail ::= "x" | "y"';
    expect((await grammar({ gbnf })).accepts('abdy')).toBe(true);
    expect((await grammar({ ebnf: "start = 'a', { 'b' | \"c\" }; (* done *)" })).accepts('abcb')).toBe(true);
    const lark = '%import common.INT\nstart: pair{INT} ("," pair{INT})*\npair{x}: x "-" x\n%ignore " "';
    expect((await grammar({ lark })).accepts('1-2, 3 - 44')).toBe(true);
  });

  it('say where a text is wrong', async () => {
    for (const [text, place] of [
      ['root ::= "a"\n\nb = "c"', 'line 3, column 3'],
      ['root ::= "a" \n  | )', 'line 2, column 5'],
      ['root ::= ("a"', 'at the end'],
    ] as const) {
      const failure = await grammar({ gbnf: text }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'INFC5301', message: expect.stringContaining(place) });
    }
    await expect(grammar({ ebnf: 'a = "b' })).rejects.toMatchObject({ code: 'INFC5301' });
    await expect(grammar({ lark: 'start: "a" ->\n' })).rejects.toMatchObject({ code: 'INFC5301' });
  });
});

// The two entries share no classes.
it("infc compiles the constraints of infc/grammars, and what it wrote is parsed as the schema's values", async () => {
  const entry = (name: string): string => pathToFileURL(path.join(root, 'dist', name)).href;
  const { compileConstraint }: typeof import('../../compiler/index.ts') = await import(entry('index.js'));
  const { constrain, vocabularyFromBytes }: typeof import('../../grammars/index.ts') = await import(
    entry('grammars.js')
  );
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const vocabulary = vocabularyFromBytes([...bytes, null], { special: { end: 256 }, eos: ['end'] });
  const live = constrain({ type: 'object', properties: { a: { type: 'string' } } }, { repeats: 'unlisted' });
  const { bytes: file, report } = compileConstraint(live.masks(vocabulary));
  expect(report.complete).toBe(true);
  expect(constrain.static(file).parse('{"a": "b"}')).toEqual({ a: 'b' });
});
