import Ajv2020 from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { InfcError } from '../../runtime/errors.ts';
import { random } from './json-fixtures.ts';

/** Walks through each schema in each order. */
const WALKS = Number(process.env.INFC_WALKS ?? 6);

/** Schemas whose items or names run out: what is written first must leave enough for what comes later. */
const SCARCE: readonly Json[] = [
  { type: 'array', items: { enum: ['a', 'bbbb', 'cccccc'] }, uniqueItems: true, minItems: 2 },
  { type: 'array', items: { enum: ['a', 'bb', null, 1, true] }, uniqueItems: true, minItems: 5 },
  { type: 'array', items: { type: 'integer' }, uniqueItems: true, minItems: 12, maxItems: 30 },
  { type: 'array', items: { type: 'string', pattern: '^x*$' }, uniqueItems: true, minItems: 5 },
  { type: 'array', items: { type: ['boolean', 'null'] }, uniqueItems: true, minItems: 3 },
  { type: 'array', prefixItems: [{ enum: ['a', 'b'] }, { enum: ['a'] }], uniqueItems: true, minItems: 2 },
  {
    type: 'array',
    prefixItems: [{ enum: ['a', 'b', 'cc'] }, { enum: ['a', 'b'] }, { const: 'a' }, { type: 'integer', minimum: 5 }],
    items: { type: 'integer', minimum: 4, maximum: 7 },
    uniqueItems: true,
    minItems: 6,
  },
  // One of two ways to go on can do without what the other needs.
  {
    type: 'array',
    uniqueItems: true,
    anyOf: [
      { prefixItems: [{ enum: [1, 2] }, { const: 2 }], minItems: 2 },
      { prefixItems: [{ enum: [1, 2] }, { const: 1 }], minItems: 2 },
    ],
  },
  { type: 'array', items: { enum: [1, 2, 3] }, uniqueItems: true, minItems: 2, contains: { const: 3 } },
  {
    type: 'array',
    items: { enum: [1, 2, 33] },
    uniqueItems: true,
    maxItems: 2,
    contains: { minimum: 2 },
    minContains: 2,
  },
  { type: 'array', uniqueItems: true, minItems: 2, contains: { type: 'string' }, minContains: 3, maxContains: 4 },
  { type: 'array', uniqueItems: true, items: { type: 'array', items: { enum: [0, 1] }, maxItems: 0 }, minItems: 1 },
  // Several kinds of items are counted.
  {
    type: 'array',
    uniqueItems: true,
    items: { enum: ['a', 'b', 'c'] },
    allOf: [{ contains: { const: 'a' } }, { contains: { const: 'b' } }],
  },
  {
    type: 'array',
    uniqueItems: true,
    items: { enum: [1, 2, 3, 44] },
    maxItems: 2,
    allOf: [
      { contains: { enum: [1, 2] }, maxContains: 1 },
      { contains: { enum: [2, 3] }, minContains: 2 },
    ],
  },
  { type: 'array', uniqueItems: true, minItems: 1, items: { enum: ['a', 'b'] }, not: { items: { const: 'a' } } },
  // A single item is different from all others, however few values it has.
  {
    type: 'array',
    uniqueItems: true,
    minItems: 1,
    maxItems: 1,
    items: { type: 'object', properties: { a: { type: 'boolean' } }, additionalProperties: false },
  },
  // Objects without end, in which the first property has few values.
  {
    type: 'array',
    uniqueItems: true,
    minItems: 3,
    items: {
      type: 'object',
      properties: {
        a: { type: 'object', properties: { b: { type: 'boolean' } }, additionalProperties: false },
        c: { type: 'string' },
      },
      required: ['a'],
      additionalProperties: false,
    },
  },
  { type: 'array', uniqueItems: true, minItems: 5, items: { type: 'string', maxLength: 2, pattern: '^[ab]*$' } },
  { type: 'object', propertyNames: { pattern: '^[ab]$' }, minProperties: 2 },
  { type: 'object', propertyNames: { pattern: '^(a|bbbb)$' }, minProperties: 2 },
  // The cheapest names have line breaks: "a\n" is shorter than "aaaa".
  { type: 'object', propertyNames: { allOf: [{ pattern: 'a' }, { not: { pattern: '^.{1,3}$' } }] }, minProperties: 4 },
  { type: 'object', additionalProperties: { type: 'null' }, minProperties: 4 },
  { type: 'object', propertyNames: { pattern: '^[ab]$' }, not: { additionalProperties: { type: 'string' } } },
  { type: 'object', propertyNames: { pattern: '^a$' }, not: { additionalProperties: { type: 'string' } } },
  {
    type: 'object',
    propertyNames: { pattern: '^[a-c]$' },
    properties: { c: { type: 'integer' } },
    allOf: [
      { not: { additionalProperties: { type: 'string' } } },
      { not: { additionalProperties: { type: 'integer' } } },
    ],
  },
  {
    type: 'object',
    patternProperties: { '^[ab]$': { type: 'integer' }, '^[bc]$': { maximum: 3 } },
    additionalProperties: false,
    minProperties: 3,
  },
  { type: 'object', propertyNames: { enum: ['one', 'two', 'three'] }, minProperties: 2, required: ['three'] },
  {
    type: 'object',
    propertyNames: { pattern: '^[a-e]$' },
    minProperties: 3,
    required: ['a'],
    anyOf: [{ required: ['c'] }, { required: ['b'] }],
  },
  // One of many, told by a tag that may come last; one of them by a pattern.
  { type: 'object', required: ['tag'], allOf: ['k', 'l', 'm', 'n', 'o', 'p', 'q', 'r'].map((tag) => tagged(tag)) },
  { type: 'object', allOf: ['k', 'l', 'm', 'n', 'o'].map((tag) => tagged(tag)) },
  {
    oneOf: [
      ...['k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v'].map((tag) => ({
        properties: { tag: { enum: [tag] }, own: { type: 'array', items: { enum: [tag] } } },
        required: ['tag', 'own'],
      })),
      { properties: { tag: { type: 'string', pattern: '^[+]' } }, required: ['tag'] },
    ],
    type: 'object',
  },
  // Many patterns that never match together.
  {
    type: 'object',
    minProperties: 2,
    additionalProperties: false,
    patternProperties: Object.fromEntries([...'abcdefghijklmnopq'].map((x) => [`^${x} `, { type: 'integer' }])),
  },
  // One number will do, and none of those that begin with most digits.
  {
    type: 'object',
    patternProperties: {
      a: { allOf: [{ multipleOf: 6.75 }, { multipleOf: 19 }, { multipleOf: 9.5 }, { multipleOf: 2.125 }] },
      b: { not: { anyOf: [2, 6.5, 5, 7, 11, 37].map((multipleOf) => ({ multipleOf })) } },
      c: { exclusiveMinimum: -100000 },
      d: { exclusiveMaximum: -10000 },
      e: { not: { const: -78489 } },
    },
    required: ['abcde26163'],
  },
];

/** What a tag says of another property. */
function tagged(tag: string): Json {
  const own = { type: 'object', properties: { [tag]: { type: 'integer' }, all: {} }, additionalProperties: false };
  return {
    if: { properties: { tag: { enum: [tag] } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
    then: { properties: { tag: { type: 'string' }, own }, required: ['own'] },
  };
}

/** Exactly one of many alternatives that share names; of those without the name that tells it, each can be broken in many ways. */
const KINDS: Json = {
  oneOf: [
    { properties: { name: { type: 'string' }, bindings: { type: 'array' } }, additionalProperties: false },
    ...['run', 'image', 'file', 'project', 'function', 'repository', 'include'].map((kind) => ({
      type: 'object',
      properties: Object.fromEntries(
        ['name', kind, `${kind}Args`, 'env', 'args', 'replicas', 'bindings'].map((name) => [name, { type: 'string' }]),
      ),
      required: ['name', kind],
    })),
  ],
};

describe.each(SCARCE.map((schema) => [JSON.stringify(schema), schema] as const))('%s', (_, schema) => {
  it.each(['any', 'schema'] as const)(
    'in %s order: the shortest way out is one byte shorter after some byte',
    (order) => {
      const { acceptor } = openSchema(schema, { order, whitespace: 'compact', escapes: 'minimal' });
      const validate = new Ajv2020({ strict: false }).compile(schema as object);
      const next = random(7);
      for (let n = 0; n < WALKS; n++) {
        let state = acceptor.start;
        const text: number[] = [];
        for (const most = next() * 30; text.length < most || !acceptor.accepts(state); ) {
          const left = acceptor.shortest(state);
          const ways: { byte: number; to: number }[] = [];
          let least = Number.POSITIVE_INFINITY;
          for (let byte = 0; byte < 256; byte++) {
            const to = acceptor.step(state, byte);
            if (to === 0) continue;
            ways.push({ byte, to });
            least = Math.min(least, acceptor.shortest(to));
          }
          const written = Buffer.from(text).toString();
          if (acceptor.accepts(state) && ways.length === 0) break;
          expect([written, least < Number.POSITIVE_INFINITY && (left === 0 || least < left)]).toEqual([written, true]);
          const short = ways.filter(({ to }) => acceptor.shortest(to) < left);
          const from = text.length < most || short.length === 0 ? ways : short;
          const way = from[Math.floor(next() * from.length)];
          if (!way) throw new Error(`dead end after ${written}`);
          text.push(way.byte);
          state = way.to;
        }
        const document = Buffer.from(text).toString();
        // Beyond what Ajv's numbers tell apart.
        if (/\d{15}|[eE]/.test(document)) continue;
        expect([document, validate(JSON.parse(document))]).toEqual([document, true]);
      }
    },
  );
});

it('finds the cheapest of many ways to satisfy exactly one alternative', () => {
  const schema = { type: 'array', minItems: 1, items: KINDS };
  const { acceptor } = openSchema(schema, { order: 'any', whitespace: 'compact' });
  const after = (text: string): number =>
    acceptor.shortest(Buffer.from(text).reduce((state, byte) => acceptor.step(state, byte), acceptor.start));
  expect(after('[{"other":0')).toBe(',"name":"","run":""}]'.length);
  expect(after('[{"')).toBe('name":""}]'.length);
});

it('tells alternatives by a tag that comes after what it decides on', () => {
  const tags = Array.from({ length: 40 }, (_, i) => `t${i}`);
  const { acceptor } = openSchema({ type: 'object', required: ['tag'], allOf: tags.map(tagged) }, { order: 'any' });
  const after = (text: string): number =>
    Buffer.from(text).reduce((state, byte) => (state === 0 ? 0 : acceptor.step(state, byte)), acceptor.start);
  expect(acceptor.shortest(after('{"own":{"t7":1}'))).toBe(',"tag":0}'.length);
  expect(after('{"own":{"t7":1},"tag":"t8"')).toBe(0);
  expect(acceptor.accepts(after('{"own":{"all":1},"tag":"t8"}'))).toBe(true);
  expect(acceptor.accepts(after('{"own":{"t7":1},"tag":"other","name":0}'))).toBe(true);
});

it('a shortest end that was given up leaves no trace', () => {
  const open = (budget: number) =>
    openSchema({ type: 'array', minItems: 1, items: KINDS }, { order: 'any', whitespace: 'compact', budget }).acceptor;
  const text = Buffer.from('[{"other":0');
  const whole = open(1e6);
  const bytes = whole.shortest(text.reduce((state, byte) => whole.step(state, byte), whole.start));
  let failed = 0;
  // What was found before is kept: with every try the rest is less.
  for (let budget = 1; budget < 400; budget += 7) {
    try {
      const tried = open(budget);
      const state = text.reduce((from, byte) => tried.step(from, byte), tried.start);
      for (let n = 0; n < 20; n++) {
        try {
          expect(tried.shortest(state)).toBe(bytes);
          break;
        } catch (error) {
          if (!(error instanceof InfcError)) throw error;
          failed++;
        }
      }
    } catch (error) {
      // Less than the way there takes.
      if (!(error instanceof InfcError)) throw error;
    }
  }
  expect(failed).toBeGreaterThan(0);
});

describe('what has no value', () => {
  it.each<[string, Json]>([
    [
      'two values for three items',
      { type: 'array', items: { enum: [1, 2] }, minItems: 3, uniqueItems: true, contains: { const: 1 } },
    ],
    [
      'three values wanted of two items',
      {
        type: 'array',
        items: { enum: [1, 2, 3] },
        maxItems: 2,
        uniqueItems: true,
        allOf: [{ contains: { const: 1 } }, { contains: { minimum: 2 }, minContains: 2 }],
      },
    ],
    [
      'two items need one value',
      { type: 'array', prefixItems: [{ const: 1 }, { const: 1 }], minItems: 2, uniqueItems: true },
    ],
    [
      'all items equal, two of them',
      { type: 'array', minItems: 2, uniqueItems: true, not: { contains: { not: { const: 5 } } } },
    ],
    [
      'more wanted than there are',
      {
        type: 'array',
        items: { type: ['string', 'null'] },
        uniqueItems: true,
        contains: { type: 'null' },
        minContains: 2,
      },
    ],
    [
      'two names for three properties, one of which must come',
      { type: 'object', propertyNames: { pattern: '^[ab]$' }, minProperties: 3, required: ['a'] },
    ],
    ['two names for three properties', { type: 'object', propertyNames: { pattern: '^[ab]$' }, minProperties: 3 }],
  ])('%s', (_, schema) => {
    expect(openSchema(schema, {}).acceptor.start).toBe(0);
  });
});
