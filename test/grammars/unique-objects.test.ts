import Ajv2020 from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import { Matcher } from '../../grammars/matching/matcher.ts';
import { JSON_TEXTS, random, vocabularyOf } from './json-fixtures.ts';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));

/** The texts an acceptor takes, of at most `most` bytes; every state on the way must lead to one. */
function language(acceptor: Acceptor, most: number): Set<string> {
  const texts = new Set<string>();
  const walk = (state: number, text: string): boolean => {
    let alive = acceptor.accepts(state);
    if (alive) texts.add(text);
    if (text.length >= most) throw new Error(`longer than ${most}: ${text}`);
    for (let byte = 0x20; byte < 0x7f; byte++) {
      const next = acceptor.step(state, byte);
      if (next !== 0) alive = walk(next, text + String.fromCharCode(byte)) || alive;
    }
    if (!alive) throw new Error(`dead end: ${text}`);
    return alive;
  };
  walk(acceptor.start, '');
  return texts;
}

/** Every spelling of objects with some of these properties, in the order given and in any. */
function objects(properties: readonly (readonly [string, readonly Json[]])[], any: boolean): string[] {
  const found: string[] = [];
  const add = (left: readonly (readonly [string, readonly Json[]])[], parts: readonly string[]): void => {
    found.push(`{${parts.join()}}`);
    left.forEach(([name, values], i) => {
      const later = any ? left.filter((_, k) => k !== i) : left.slice(i + 1);
      for (const value of values) add(later, [...parts, `${JSON.stringify(name)}:${JSON.stringify(value)}`]);
    });
  };
  add(properties, []);
  return found;
}

type Properties = readonly (readonly [string, readonly Json[]])[];
/** Items with few values: what is said of them and which there are. */
const FEW: readonly { readonly schema: Json; readonly properties: Properties; readonly items?: number }[] = [
  {
    schema: { required: ['a', 'b'] },
    properties: [
      ['a', ['x', 'y']],
      ['b', [null, true]],
    ],
  },
  {
    schema: { required: ['a'] },
    properties: [
      ['a', ['x', 'xy']],
      ['b', [true, false]],
    ],
    items: 2,
  },
  {
    schema: { required: ['b'] },
    properties: [
      ['a', ['x']],
      ['b', [{ c: true }, { c: null }, {}]],
    ],
    items: 2,
  },
  {
    schema: { required: ['a', 'b'] },
    properties: [
      ['a', [['x'], ['x', 'y']]],
      ['b', ['x', 'y']],
    ],
    items: 2,
  },
  {
    schema: { minProperties: 1, maxProperties: 1 },
    properties: [
      ['a', ['x', 'y']],
      ['b', [false, true]],
    ],
  },
  {
    schema: { required: ['a', 'b'], not: { properties: { a: { const: 'x' }, b: { const: true } } } },
    properties: [
      ['a', ['x', 'y']],
      ['b', [false, true]],
    ],
  },
  {
    schema: { required: ['a'], if: { properties: { a: { const: 'x' } } }, else: { required: ['b'] } },
    properties: [
      ['a', ['x', 'y']],
      ['b', [false, true]],
    ],
    items: 2,
  },
];

describe('different objects', () => {
  it.each(FEW)(
    'of few: exactly those arrays come, and none is begun in vain: $schema $properties',
    ({ schema, properties, items: most = 3 }) => {
      const item = {
        type: 'object',
        properties: Object.fromEntries(properties.map(([name, values]) => [name, { enum: values }])),
        additionalProperties: false,
        ...(schema as object),
      };
      for (const bounds of [{ maxItems: most }, { minItems: 2, maxItems: most }]) {
        const array = { type: 'array', items: item, uniqueItems: true, ...bounds };
        const validate = new Ajv2020({ strict: false }).compile(array);
        for (const order of ['schema', 'any'] as const) {
          const all = objects(properties, order === 'any').filter((text) => validate([JSON.parse(text), 0]) || text);
          const valid = all.filter((text) => new Ajv2020({ strict: false }).validate(item, JSON.parse(text)));
          let arrays = [''];
          const expected = new Set<string>();
          for (let n = 0; n <= most; n++) {
            for (const text of arrays) if (validate(JSON.parse(`[${text}]`))) expected.add(`[${text}]`);
            arrays = arrays.flatMap((text) => valid.map((next) => (text === '' ? next : `${text},${next}`)));
          }
          const { acceptor } = openSchema(array, { order, whitespace: 'compact', escapes: 'minimal' });
          const found = language(acceptor, 400);
          expect([...found].filter((text) => !expected.has(text))).toEqual([]);
          expect([...expected].filter((text) => !found.has(text))).toEqual([]);
        }
      }
    },
  );

  it('of endlessly many: hundreds of them come, and no mask lets one come again', () => {
    const item = {
      type: 'object',
      properties: { name: { type: 'string' }, id: { type: 'integer' }, on: { type: 'boolean' } },
      required: ['name', 'id', 'on'],
      additionalProperties: false,
    };
    const values = Array.from({ length: 150 }, (_, i) => ({ name: `name ${i >> 2}`, id: i >> 1, on: i % 2 === 0 }));
    const vocabulary = vocabularyOf(JSON_TEXTS);
    for (const order of ['schema', 'any'] as const) {
      const { acceptor } = openSchema({ type: 'array', items: item, uniqueItems: true }, { order });
      const matcher = new Matcher(acceptor.masks(vocabulary));
      for (const byte of Buffer.from(JSON.stringify(values).slice(0, -1))) matcher.commit(byte);
      for (const byte of Buffer.from(',{"name":"name 7","id":14')) matcher.commit(byte);
      // Both were there, with `on` and without: the number must go on.
      expect(matcher.explain(0x2c).reason).toContain('"0"');
      expect(matcher.explain(0x30).allowed).toBe(true);
    }
  });

  it(`of endlessly many: masks are those of the bytes, and walks end in arrays that Ajv accepts (seed ${seed})`, () => {
    const next = random(seed);
    const vocabulary = vocabularyOf([...JSON_TEXTS, 'ab', '"a', 'a"', '{"a":"', '","b":', '"},{"a":"', '1,"']);
    const schemas: Json[] = [
      {
        properties: { a: { type: 'string', maxLength: 2, pattern: '^[ab]*$' }, b: { type: 'boolean' } },
        required: ['a', 'b'],
        additionalProperties: false,
      },
      {
        properties: { a: { enum: ['a', 'b', 'ab'] }, b: { type: 'integer', minimum: 0, maximum: 11 } },
        required: ['a'],
        additionalProperties: false,
      },
      { properties: { a: { type: 'string', maxLength: 1 } }, required: ['a'] },
      {
        properties: {
          a: { type: 'object', properties: { c: { enum: [1, 2] } }, required: ['c'], additionalProperties: false },
          b: { type: ['null', 'boolean'] },
        },
        required: ['b'],
        additionalProperties: false,
      },
    ];
    for (const schema of schemas)
      for (const order of ['schema', 'any'] as const) {
        const array = { type: 'array', items: { type: 'object', ...(schema as object) }, uniqueItems: true };
        const validate = new Ajv2020({ strict: false }).compile(array);
        const { acceptor } = openSchema(array, { order, whitespace: 'compact', escapes: 'minimal' });
        for (let walk = 0; walk < 3; walk++) {
          const machine = acceptor.masks(vocabulary);
          const matcher = new Matcher(machine, { maxTokens: 150 });
          let state = acceptor.start;
          let text = '';
          while (!matcher.done) {
            const words = matcher.mask();
            const free = machine.pool.view(machine.mask(state));
            const allowed: number[] = [];
            vocabulary.bytes.forEach((bytes, token) => {
              const to = bytes?.reduce((at, byte) => acceptor.step(at, byte), state);
              const bit = (((free[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
              if (bit !== (bytes ? to !== 0 : acceptor.accepts(state)))
                throw new Error(`token ${token} after ${text}: ${bit}`);
              if ((((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1) allowed.push(token);
            });
            // Names and texts that were there come again often.
            const token = allowed[Math.floor(next() * allowed.length)] ?? -1;
            if (token < 0) throw new Error(`dead end: ${text}`);
            matcher.commit(token);
            const bytes = vocabulary.bytes[token];
            if (!bytes) break;
            text += Buffer.from(bytes).toString('latin1');
            state = bytes.reduce((at, byte) => acceptor.step(at, byte), state);
          }
          expect([text, validate(JSON.parse(Buffer.from(text, 'latin1').toString()))]).toEqual([text, true]);
        }
      }
  });
});
