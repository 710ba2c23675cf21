import { describe, expect, it } from 'vitest';
import { constrain, type Matcher, regex, tools } from '../../grammars/index.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';

const vocabulary = vocabularyOf(JSON_TEXTS);
const seed = Number(process.env.INFC_RANDOM_SEED ?? Date.now() % 1_000_000);

const listed = { enum: Array.from({ length: 30 }, (_, i) => ({ id: i, tags: [`t${i % 3}`, i % 5] })) };
const sources: readonly { readonly name: string; make(): { matcher(v: typeof vocabulary): Matcher } }[] = [
  ...SCHEMAS.map(({ name, schema }) => ({ name, make: () => constrain(schema, { order: 'any' }) })),
  { name: 'a list of objects', make: () => constrain(listed) },
  { name: 'a regular expression', make: () => regex(/(?!x)[a-z]{2,5}-\d+(?<=[02468])/) },
  { name: 'tools', make: () => tools({ f: { input: { type: 'object' } }, g: { input: listed } }) },
];

/** Tokens of a random walk, and the words of the masks on the way as one number each. */
interface Walk {
  readonly tokens: readonly number[];
  readonly masks: readonly number[];
}

const hash = (words: Uint32Array): number => words.reduce((h, w) => (Math.imul(h ^ w, 0x01000193) + 1) | 0, 17);
const allowedIn = (words: Uint32Array): number[] =>
  vocabulary.bytes.flatMap((_, t) => (((words[t >>> 5] ?? 0) >>> (t & 31)) & 1 ? [t] : []));

function walk(next: () => number, matcher: Matcher): Walk {
  const tokens: number[] = [];
  const masks: number[] = [];
  while (!matcher.done && tokens.length < 25) {
    const words = matcher.mask();
    masks.push(hash(words));
    const allowed = allowedIn(words);
    const token = allowed[Math.floor(next() * allowed.length)] ?? -1;
    tokens.push(token);
    matcher.commit(token);
  }
  return { tokens, masks };
}

describe('matchers share no state', () => {
  it(`of one constraint or of several, however their steps are mixed (seed ${seed})`, () => {
    const next = random(seed);
    const alone = sources.map(({ make }) => walk(next, make().matcher(vocabulary)));
    // Two matchers of each constraint and one of another that says the same, all of them open at once.
    const open = sources.flatMap(({ name, make }, i) => {
      const shared = make();
      const expected = alone[i] ?? { tokens: [], masks: [] };
      return [shared, shared, make()].map((one) => ({ name, expected, at: 0, matcher: one.matcher(vocabulary) }));
    });
    for (let live = open; live.length > 0; live = live.filter((x) => x.at < x.expected.tokens.length)) {
      const one = live[Math.floor(next() * live.length)];
      if (!one) break;
      const { expected, matcher } = one;
      expect([one.name, one.at, hash(matcher.mask())]).toEqual([one.name, one.at, expected.masks[one.at]]);
      // Now and then a copy goes astray, or the matcher itself, which is taken back.
      if (next() < 0.3) walk(next, matcher.fork());
      if (next() < 0.3) {
        const before = matcher.length;
        walk(next, matcher);
        matcher.rollback(matcher.length - before);
      }
      matcher.commit(expected.tokens[one.at++] ?? -1);
    }
  });
});
