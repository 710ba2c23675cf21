import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Expression, Grammar } from '../../grammars/cfg/grammar.ts';
import { literal } from '../../grammars/cfg/grammar.ts';
import { compileGrammar } from '../../grammars/cfg/index.ts';
import { parseEbnf } from '../../grammars/frontends/ebnf.ts';
import { parseGbnf } from '../../grammars/frontends/gbnf.ts';
import { parseLark } from '../../grammars/frontends/lark.ts';
import { regexAcceptor } from '../../grammars/regex/acceptor.ts';
import { createRegexEngine } from '../../grammars/regex/index.ts';
import { textFiles } from '../conformance/tar.ts';
import { Earley } from './earley.ts';
import { sampleGrammars } from './sample-grammars.ts';

const shared = process.env.INFC_SHARED ?? join(import.meta.dirname, '../../../shared');
const archive = join(shared, 'conformance/grammars-dev.tar.gz');

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

function randomExpression(random: (below: number) => number, names: readonly string[], depth: number): Expression {
  const kind = random(depth === 0 ? 4 : 8);
  if (kind < 2) return literal(['a', 'b', 'c', 'ab'][random(4)] ?? 'a');
  if (kind < 4) return { type: 'rule', name: names[random(names.length)] ?? '' };
  const sub = (): Expression => randomExpression(random, names, depth - 1);
  if (kind < 6) return { type: 'sequence', items: Array.from({ length: random(4) }, sub) };
  if (kind === 6) return { type: 'choice', items: [sub(), sub(), ...(random(3) === 0 ? [sub()] : [])] };
  const min = random(2);
  return { type: 'repeat', item: sub(), min, max: [min + 1, Number.POSITIVE_INFINITY][random(2)] ?? 1 };
}

function accepted(grammar: Grammar): (text: string) => { accepted: boolean; viable: boolean } {
  const engine = createRegexEngine();
  const acceptor = regexAcceptor(engine, compileGrammar(engine, grammar).lang);
  const encoder = new TextEncoder();
  return (text) => {
    let state = acceptor.start;
    for (const byte of encoder.encode(text)) state = acceptor.step(state, byte);
    return { accepted: acceptor.accepts(state), viable: state !== 0 };
  };
}

describe('context-free grammars', () => {
  it('agree with an Earley parser on random grammars, left recursion and ambiguity included', () => {
    const random = generator(3);
    let compared = 0;
    let accepting = 0;
    for (let round = 0; round < 400; round++) {
      const names = ['s', 't', 'u'].slice(0, 1 + random(3));
      const rules = new Map(names.map((name) => [name, randomExpression(random, names, 3)] as const));
      const grammar: Grammar = { start: 's', rules };
      const engine = createRegexEngine();
      const { lang, unproductive } = compileGrammar(engine, grammar);
      const acceptor = regexAcceptor(engine, lang);
      const oracle = new Earley(grammar);
      for (let i = 0; i < 40; i++) {
        const text = Array.from({ length: random(7) }, () => 'abc'[random(3)]).join('');
        let state = acceptor.start;
        for (const char of text) state = acceptor.step(state, char.charCodeAt(0));
        const reference = oracle.recognize(text);
        const shown = [JSON.stringify([...rules]), text];
        expect([...shown, acceptor.accepts(state)]).toEqual([...shown, reference.accepted]);
        // An unproductive rule keeps Earley going where nothing can complete.
        if (unproductive.length === 0) expect([...shown, state !== 0]).toEqual([...shown, reference.viable]);
        compared++;
        if (reference.accepted) accepting++;
      }
    }
    expect(compared).toBeGreaterThan(10_000);
    expect(accepting).toBeGreaterThan(800);
  }, 120_000);

  it('knows the shortest completion exactly', () => {
    const random = generator(11);
    for (let round = 0; round < 60; round++) {
      const names = ['s', 't'];
      const grammar: Grammar = {
        start: 's',
        rules: new Map(names.map((name) => [name, randomExpression(random, names, 2)] as const)),
      };
      const engine = createRegexEngine();
      const acceptor = regexAcceptor(engine, compileGrammar(engine, grammar).lang);
      let state = acceptor.start;
      for (let i = 0; i < 5 && state !== 0; i++) {
        const limit = acceptor.shortest(state);
        // Breadth-first over the acceptor's own steps: the first accepting level is the distance.
        let level = new Set([state]);
        let distance = 0;
        while (distance <= 6 && ![...level].some((at) => acceptor.accepts(at))) {
          level = new Set(
            [...level].flatMap((at) =>
              ['a', 'b', 'c'].map((char) => acceptor.step(at, char.charCodeAt(0))).filter((next) => next !== 0),
            ),
          );
          distance++;
        }
        if (distance <= 6)
          expect([JSON.stringify([...grammar.rules]), i, limit]).toEqual([
            JSON.stringify([...grammar.rules]),
            i,
            distance,
          ]);
        else expect(limit).toBeGreaterThan(6);
        state = acceptor.step(state, 97 + random(3));
      }
    }
  });

  it('agree with an Earley parser on real grammars and mutated members', async () => {
    const arithmetic = parseGbnf(
      'root ::= expr ("=" expr)?\nexpr ::= expr [-+] term | term\nterm ::= term "*" factor | factor\nfactor ::= [0-9]+ | "(" expr ")" # left-recursive',
    );
    const json = parseGbnf(
      'root ::= v\nv ::= "{" (p ("," p)*)? "}" | "[" (v ("," v)*)? "]" | "1" | "\\"" [^"\\\\]* "\\""\np ::= "\\"" [a-z]* "\\":" v',
    );
    const iso = parseEbnf(
      'list = "(", [ item, { ",", item } ], ")" ; item = 2 * "a" | list | letter ; letter = ("x" | "y" | "z") - "y" ;',
    );
    const random = generator(5);
    for (const [grammar, seeds] of [
      [arithmetic, ['1+2*(3-4)=7', '((1))', '12*3', '1=1']],
      [json, ['{"a":[1,"x",{}],"b":{"c":1}}', '[[],[1,1]]', '"q"']],
    ] as const) {
      const oracle = new Earley(grammar);
      const accept = accepted(grammar);
      for (let i = 0; i < 300; i++) {
        let text: string = seeds[random(seeds.length)] ?? '';
        for (let edits = random(3); edits > 0; edits--) {
          const at = random(text.length + 1);
          text = text.slice(0, at) + (random(2) ? (text[random(text.length)] ?? '') : '') + text.slice(at + random(2));
        }
        expect([text, accept(text)]).toEqual([text, oracle.recognize(text)]);
      }
    }
    const accept = accepted(iso);
    expect(accept('(aa,(x,z),())').accepted).toBe(true);
    expect(accept('(y').viable).toBe(false);
    expect(accept('(a,').viable).toBe(false);
  });

  it('reads Lark: templates, imports, ranges, flags, repeats and ignored text', async () => {
    const grammar = await parseLark(
      `
      // a comment
      start: "SELECT"i _list{column, ","} ["WHERE" cond] -> query
      _list{item, sep}: item (sep item)*
      !column: NAME | "*"
             | NUMBER
      ?cond: NAME "=" (NUMBER | /'[^']*'/) ~ 1..2
      NAME: ("a".."z" | "_")+
      %import common.INT -> NUMBER
      %import .words.EXTRA
      %ignore /[ \\t]+/
      %ignore EXTRA
      `,
      { resolve: (path) => (path === 'words' ? 'EXTRA: "/*" INNER "*/"\nINNER: /[a-z ]*/\n' : undefined) },
    );
    const accept = accepted(grammar);
    for (const text of ['select a', 'SeLeCt  foo , *,12 /* hi */ WHERE x = 1', "selecta,bWHEREx='q''r'"])
      expect([text, accept(text).accepted]).toEqual([text, true]);
    for (const text of ['select', 'select a,', 'select a where b = 1', 'select a WHERE x = 1 2 3'])
      expect([text, accept(text).accepted]).toEqual([text, false]);
  });

  it('names what is wrong and where', async () => {
    expect(() => parseGbnf('root ::= "a" |\n  ( "b"')).toThrow(/INFC5301.*GBNF/);
    expect(() => parseGbnf('root ::= "a"\nroot ::= "b"')).toThrow(/INFC5303.*root/);
    await expect(parseLark('start: "a" b')).rejects.toThrow(/INFC5302.*'b'/);
    await expect(parseLark('start: A\nA: "x" B\nB: A')).rejects.toThrow(/INFC5303/);
    await expect(parseLark('%import foo.bar\nstart: bar')).rejects.toThrow(/INFC5305.*foo/);
    const engine = createRegexEngine();
    const missing = parseGbnf('root ::= other');
    expect(() => compileGrammar(engine, missing)).toThrow(/INFC5302.*'other'/);
    const endless = parseGbnf('root ::= "a" root');
    expect(compileGrammar(engine, endless)).toMatchObject({ lang: engine.empty, unproductive: ['root'] });
  });

  it.skipIf(!existsSync(archive))(
    `loads every sample grammar and walks it without a dead end (needs ${archive})`,
    async () => {
      const random = generator(1);
      let loaded = 0;
      for (const [path, grammar] of await sampleGrammars(new Map(textFiles(archive)))) {
        const engine = createRegexEngine();
        const acceptor = regexAcceptor(engine, compileGrammar(engine, grammar).lang);
        let state = acceptor.start;
        for (let i = 0; i < 60; i++) {
          const next = Array.from({ length: 256 }, (_, byte) => acceptor.step(state, byte)).filter((to) => to !== 0);
          if (next.length === 0) {
            expect([path, acceptor.accepts(state)]).toEqual([path, true]);
            break;
          }
          state = next[random(next.length)] ?? 0;
        }
        expect(acceptor.shortest(state)).toBeLessThan(Number.POSITIVE_INFINITY);
        loaded++;
      }
      expect(loaded).toBeGreaterThan(50);
    },
    120_000,
  );
});
