import { expect, it } from 'vitest';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { llama3 } from './vocabularies.ts';

/** Patterns whose masks are found in ways of their own, and beginnings of texts. */
const CASES: readonly [schema: { readonly [key: string]: unknown }, texts: readonly string[]][] = [
  // Lengths in buckets, where a member may have any length.
  [{ pattern: '[0-9a-fA-F]+', minLength: 12, maxLength: 12 }, ['', 'zzz', 'zzzzzzzzzz', 'a', 'zzzzzzzzzzz']],
  // Members of even length begin with a, of odd length with b: no state takes all lengths.
  [{ pattern: '^(?:a(?:..)*.|b(?:..)*)$', minLength: 12, maxLength: 12 }, ['', 'a', 'axyz']],
  [{ pattern: '^(?:a(?:..)*.|b(?:..)*)$', minLength: 5, maxLength: 30 }, ['', 'b', 'axyz']],
  // Loops that end in states which take few characters.
  [{ pattern: '^....-..-..T..:..:..(?:(?:\\+|-)..:..|Z)$' }, ['', '202', '2020-01-0', '2020-01-01T01:01:0']],
  [{ pattern: '^[^/]{3,9}/.{2}é$' }, ['', 'ab', 'abcdefgh', 'abcd/', 'abcd/x']],
  // Counted words.
  [
    { pattern: '^(?:\\S+\\s+){0,9}\\S+$', minLength: 1, maxLength: 60 },
    ['', 'one two ', 'a b c d e f g ', 'a b c d e f g h i j'],
  ],
  [
    { pattern: '^(?:\\S+\\s+){0,49}\\S+$', minLength: 1, maxLength: 40 },
    ['', 'one two three', 'one two three four five six '],
  ],
  // States that include one another.
  [{ format: 'regex' }, ['', '^', '^[', '^[a', '^[a-z', '^[a-zA-', '(a|b', 'a{1', '\\']],
];

it('are those of the automaton, token by token', async () => {
  const { vocabulary } = await llama3();
  const wrong: string[] = [];
  let bits = 0;
  for (const [schema, texts] of CASES) {
    const { acceptor } = openSchema(
      { type: 'string', ...schema },
      { order: 'any', whitespace: 'json', escapes: 'any' },
    );
    const masks = new JsonMasks(acceptor, vocabulary);
    for (const text of texts) {
      const state = masks.run(masks.start, new TextEncoder().encode(JSON.stringify(text).slice(0, -1)));
      expect(state, text).toBeGreaterThan(0);
      const { pool } = masks;
      const words = pool.view(masks.mask(state));
      vocabulary.bytes.forEach((bytes, token) => {
        const allowed = (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
        if (bytes) bits++;
        if (bytes && allowed !== acceptor.takes(state, bytes))
          wrong.push(`${JSON.stringify(schema)} after '${text}': ${new TextDecoder().decode(bytes)} ${allowed}`);
      });
    }
  }
  expect(bits).toBeGreaterThan(4_000_000);
  expect(wrong.slice(0, 20)).toEqual([]);
}, 120_000);
