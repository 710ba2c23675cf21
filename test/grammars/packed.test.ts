import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as sources from '../../grammars/index.ts';
import * as formats from '../../grammars/tools/formats/index.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';

const dist = new URL('../../dist/', import.meta.url);
const vocabulary = vocabularyOf(JSON_TEXTS);

/** A random walk: its tokens, with every mask, and what is told at its end. */
function walk(matcher: sources.Matcher, next: () => number): unknown {
  const steps: unknown[] = [];
  for (let i = 0; i < 40 && !matcher.done; i++) {
    const words = matcher.mask();
    const allowed = vocabulary.bytes.flatMap((_, t) => (((words[t >>> 5] ?? 0) >>> (t & 31)) & 1 ? [t] : []));
    const token = allowed[Math.floor(next() * allowed.length)] ?? -1;
    steps.push(words.join(), token);
    matcher.commit(token);
  }
  return [steps, matcher.minTokensToEnd(), matcher.forced(), matcher.explain(0x41)];
}

/** All that is asked of a package, in an order that does not change. */
async function answers(grammars: typeof sources, tools: typeof formats): Promise<readonly unknown[]> {
  const found: unknown[] = [Object.keys(grammars).sort()];
  const next = random(11);
  for (const { schema } of SCHEMAS) {
    for (const order of ['schema', 'any'] as const)
      found.push(walk(grammars.constrain(schema, { order }).matcher(vocabulary, { maxTokens: 400 }), next));
    found.push(grammars.constrain.check(schema));
  }
  for (const format of Object.values(tools.TOOL_FORMATS)) {
    const calls = grammars.tools({ f: { input: { type: 'object' } } }, { format, reasoning: { mode: 'optional' } });
    found.push(walk(calls.matcher(vocabulary), next));
  }
  for (const pattern of [/(?!x)[a-z]{2,5}-\d+(?<=[02468])/, /^(?:foo|bar){2,7}$/i, /\p{Lu}\w*\b/u])
    found.push(walk(grammars.regex(pattern).matcher(vocabulary), next));
  for (const input of [
    { gbnf: 'root ::= "a" item+\nitem ::= [0-9]+ | "(" root ")"' },
    { ebnf: 'start = "a", { "b" | "c" } ;' },
    { lark: 'start: "a" x+ ("," x)*\nx: /[0-9]+/ | "(" start ")"\n%ignore " "' },
  ])
    found.push(walk((await grammars.grammar(input)).matcher(vocabulary), next));
  found.push(grammars.infill(grammars.regex(/a{3}b/), ['a', { min: 1, max: 1 }, 'b']));
  const partial = grammars.constrain({ type: 'object' }).partial();
  partial.push('{"a":[1,{"b":"x');
  found.push(partial.value, partial.completedPointers());
  return found;
}

describe('the package for browsers, in which names are short', () => {
  it('gives what its sources give', async () => {
    if (!existsSync(new URL('grammars.js', dist)))
      throw new Error('dist/ is not built: npm test builds it, or run npm run build');
    const load = (file: string): Promise<unknown> => import(pathToFileURL(fileURLToPath(new URL(file, dist))).href);
    const grammars = (await load('grammars.js')) as typeof sources;
    const tools = (await load('grammars/tools.js')) as typeof formats;
    const expected = await answers(sources, formats);
    for (const [i, answer] of (await answers(grammars, tools)).entries()) expect([i, answer]).toEqual([i, expected[i]]);
  }, 60_000);
});
