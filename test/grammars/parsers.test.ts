import { build } from 'esbuild';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as ebnf from '../../grammars/frontends/ebnf.ts';
import * as gbnf from '../../grammars/frontends/gbnf.ts';
import * as lark from '../../grammars/frontends/lark-syntax.ts';

/** INFC_RUNS=100000 for a long run, INFC_SEED to repeat one. */
const numRuns = Number(process.env.INFC_RUNS ?? 300);
const seed = Number(process.env.INFC_SEED ?? Date.now() % 1e9);

const KINDS = ['parseGbnf', 'parseEbnf', 'parseLarkSyntax'] as const;
type Parsers = Pick<typeof gbnf & typeof ebnf & typeof lark, (typeof KINDS)[number]>;
const full: Parsers = { ...gbnf, ...ebnf, ...lark };

const TEXTS: Record<(typeof KINDS)[number], readonly string[]> = {
  parseGbnf: [
    'root ::= # a comment\n  "a" [b-d]{1,3} tail?\ntail ::= "x" | \'y\' ;',
    'root ::= ("a" | . | () ) [^\\]x]{2,} b*+ {3} | b\nb-1 ::= "\\n\\u0041" ( root )?\n',
    'a ::= "b"{,3} "a" {0,2} | ((("x")))\nroot ::= a | b b::= "q"',
  ],
  parseEbnf: [
    "start = 'a', { 'b' | \"c\" }; (* done *)",
    'a = 2 * b, [ `x` ] | ; b-c = ("x" / "y" ! `z`) - "x" .\n',
    'list = "(", [ item, { ",", item } ], ")" ; item = 3*"a" | | list ;',
  ],
  parseLarkSyntax: [
    '%import common.INT\nstart: pair{INT} ("," pair{INT})*\npair{x, y}: x "-" x\n%ignore " "',
    '?start.2: a -> one\n   | b~2..3 c~4 -> two // a comment\n%declare A B\n%import .other.path (X, Y)\n%import a.b -> C\n!_b: "a".."z" /re(x)?\\/y/i [x] +\n',
    'a: %json {"x": ["}", {}]} b~3\nb: (%json\n{\n} | "c")\n',
    '\n%override x: | "a"i\n%extend y{p}: (a | [b c*])? \\\n  z\nA.-3: /a/ | "b" -> c\n\n',
  ],
};
const WRONG: typeof TEXTS = {
  parseGbnf: ['root ::= "a"\n\nb = "c"', 'root ::= "a" \n  | )', 'root ::= ("a"', 'root "a"', '| x', '', 'a ::= [b-a]'],
  parseEbnf: [
    "a = 'x' 'y' } ;",
    "a = 'b', ;",
    'a = [ b',
    "a 'b'",
    'a = 3 * ;',
    'a = - b;',
    "a = 'b",
    'a = ? anything ? ;',
    'a = "x" | , ;',
  ],
  parseLarkSyntax: [
    ...['start: "a" ->\n', 'start: x y |\n]', 'start: a{b\n', '%ignore ~\n', 'start: ("a" | b~ )\n', '%declare\n'],
    ...[
      '%import\n',
      '%import a.b (',
      '%import a -> \n',
      'a{}: b',
      ')',
      'a: x~3..1',
      '%override %ignore',
      'a: %json',
      'a: %json [1]',
      'a: %json {"a" 5}',
      'a: %json { {',
    ],
  ],
};

/** Pieces of a text that lexers may take for tokens. */
const pieces = (text: string): readonly string[] =>
  text.match(/%?[\w-]+|"[^"]*"|'[^']*'|\[[^\]\n]*\]|::=|->|\.\.|\s+|[\s\S]/g) ?? [];

const said = (parse: (text: string) => unknown, text: string): unknown => {
  try {
    return { value: parse(text) };
  } catch (error) {
    // Both have classes of errors of their own.
    const { code, message } = Object(error);
    return { code, message };
  }
};

// The package reads grammars with a small parser, by tables that chevrotain makes for it (.build/parsers.mjs).
describe('the parsers that the package carries', () => {
  let lean: Parsers;
  beforeAll(async () => {
    const { leanParsers } = (await import('../../.build/parsers.mjs' as string)) as { leanParsers: object };
    const exports = ['gbnf', 'ebnf', 'lark-syntax'].map((name) => `export * from './grammars/frontends/${name}.ts';`);
    const { outputFiles } = await build({
      ...leanParsers,
      stdin: { contents: exports.join('\n'), resolveDir: new URL('../..', import.meta.url).pathname },
      bundle: true,
      format: 'esm',
      write: false,
    });
    const code = outputFiles.map(({ text }) => text).join('');
    expect(code).not.toContain('node_modules');
    lean = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
  });

  it.each(KINDS)('%s makes of every text what it does on chevrotain', (kind) => {
    const values = TEXTS[kind].map((text) => said(full[kind], text));
    expect(values).toEqual(TEXTS[kind].map(() => ({ value: expect.anything() })));
    expect(TEXTS[kind].map((text) => said(lean[kind], text))).toEqual(values);
    for (const text of WRONG[kind]) {
      const error = said(full[kind], text);
      expect(error).toMatchObject({ code: expect.stringMatching(/^INFC53/) });
      expect(said(lean[kind], text)).toEqual(error);
    }
  });

  it.each(KINDS)(`%s does so for ${numRuns} changed texts (seed ${seed})`, (kind) => {
    const all = [...TEXTS[kind], ...WRONG[kind]].flatMap(pieces);
    const piece = fc.constantFrom(...all);
    const change = fc.record({ at: fc.nat(200), remove: fc.nat(2), add: fc.array(piece, { maxLength: 2 }) });
    const counts = new Map<string, number>();
    const property = fc.property(
      fc.constantFrom(...TEXTS[kind]),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (text, changes) => {
        const parts = [...pieces(text)];
        for (const { at, remove, add } of changes) parts.splice(at % (parts.length + 1), remove, ...add);
        const changed = parts.join('');
        const expected = said(full[kind], changed);
        expect(said(lean[kind], changed)).toEqual(expected);
        const { message = 'valid' } = Object(expected);
        const sort = /valid|Redundant|of type|one of these|at least one|unexpected/.exec(message)?.[0] ?? 'other';
        counts.set(sort, (counts.get(sort) ?? 0) + 1);
      },
    );
    fc.assert(property, { numRuns, seed });
    // Each sort of text was among them.
    for (const sort of ['valid', 'of type', kind === 'parseLarkSyntax' ? 'one of these' : 'Redundant'])
      expect([sort, counts.get(sort) ?? 0]).toEqual([sort, expect.toSatisfy((count: number) => count > 0)]);
  });
});
