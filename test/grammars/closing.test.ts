import { describe, expect, it } from 'vitest';
import { constrain, type Matcher } from '../../grammars/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { JSON_TEXTS, random, vocabularyOf } from './json-fixtures.ts';
import { RandomSchemas } from './random-schema.ts';

const vocabulary = vocabularyOf([
  ...JSON_TEXTS,
  '"a":1,"a',
  '","',
  '"],["',
  'aa',
  'ab":',
  '"b":2',
  '1,2',
  'é"',
  'éé',
  'aé',
  'name":"',
]);
const SEED = 20_260;

function listed(words: Uint32Array): number[] {
  return vocabulary.bytes.map((_, t) => t).filter((t) => ((words[t >>> 5] ?? 0) >>> (t & 31)) & 1);
}

/** The tokens after which what ends soonest still fits, one by one: what masks under a limit have to be. */
function inTime(free: Matcher, left: number): number[] {
  return listed(free.mask()).filter((token) => {
    const after = free.fork();
    after.commit(token);
    return after.minTokensToEnd() <= left - 1;
  });
}

describe(`maxTokens (seed ${SEED})`, () => {
  const next = random(SEED);
  const schemas = new RandomSchemas(next);
  const cases: [string, unknown][] = [
    ['open object', { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }],
    ['counted names', { type: 'object', minProperties: 3, additionalProperties: { type: 'integer' } }],
    ['different items', { type: 'array', uniqueItems: true, minItems: 3, items: { type: 'string' } }],
    [
      'different items of a few',
      { type: 'array', uniqueItems: true, minItems: 3, items: { enum: ['a', 'bbbbbbbb', 'cc'] } },
    ],
    [
      'lists in lists',
      { type: 'array', minItems: 1, items: { type: 'array', items: { type: 'string' }, uniqueItems: true } },
    ],
    [
      'counted characters',
      {
        type: 'object',
        properties: { a: { maxLength: 5, type: 'string' }, b: { type: 'string', minLength: 2, maxLength: 30 } },
        required: ['a', 'b'],
        additionalProperties: { type: 'string', pattern: '^[a-c]{0,9}$' },
      },
    ],
    [
      'long ends',
      { anyOf: [{ const: 1 }, { type: 'object', properties: { a: { const: 'x'.repeat(30) } }, required: ['a'] }] },
    ],
    [
      'names in any order',
      {
        type: 'object',
        properties: {
          a: { enum: ['aa', 'b'] },
          ab: { type: 'array', items: { type: 'integer' }, minItems: 2 },
          abc: {},
          name: { type: 'object', properties: { a: {}, name: {}, ab: { const: 12 } }, required: ['a', 'ab', 'name'] },
          b: {},
          é: {},
          'n"': {},
        },
        required: ['a', 'ab', 'abc', 'name', 'other', 'é'],
      },
    ],
    ...Array.from({ length: 12 }, (_, i): [string, unknown] => [`random ${i}`, schemas.schema()]),
  ];

  it.each(cases)('%s: masks have what still ends in time, no more and no less, and every walk ends', (name, schema) => {
    for (const options of [{}, { order: 'any', whitespace: 'json', escapes: 'any' }] as const) {
      let constraint: ReturnType<typeof constrain>;
      try {
        constraint = constrain(schema, options);
      } catch (error) {
        // Some random schemas have no value.
        if (name.startsWith('random') && error instanceof InfcError && error.code === 'INFC5010') continue;
        throw error;
      }
      const least = constraint.matcher(vocabulary).minTokensToEnd();
      for (let walk = 0; walk < 4; walk++) {
        const maxTokens = least + Math.floor(next() * 14);
        const matcher = constraint.matcher(vocabulary, { maxTokens });
        const free = constraint.matcher(vocabulary);
        while (!matcher.done) {
          const allowed = listed(matcher.mask());
          if (walk === 0) expect(allowed).toEqual(inTime(free, maxTokens - matcher.length));
          const token = allowed[Math.floor(next() * allowed.length)];
          if (token === undefined) throw new Error(`dead end after ${matcher.length} of ${maxTokens} tokens`);
          matcher.commit(token);
          free.commit(token);
        }
        expect(matcher.length).toBeLessThanOrEqual(maxTokens);
      }
    }
  });
});
