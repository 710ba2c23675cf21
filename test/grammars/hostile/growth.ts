import { constrain, vocabularyFromTiktoken } from '../../../grammars/index.ts';
import { begin, type Hostile, map, nest, range, schema } from './case.ts';

const PRIMES = range(114).filter((n) => n > 1 && range(n).every((k) => k < 2 || n % k !== 0));
const definitions = (n: number, last: object, one: (next: object) => object): object => ({
  $ref: '#/$defs/d0',
  $defs: map(n, (i) => [`d${i}`, i === n - 1 ? last : one({ $ref: `#/$defs/d${i + 1}` })]),
});

/** Input of which states, scopes or figures multiply: where a limit of tokens asks for the shortest ends, too. */
export const GROWTH: readonly Hostile[] = [
  ...['patternProperties', 'dependentSchemas', 'dependencies'].map((keyword) =>
    schema(
      `10,000 levels of ${keyword}`,
      () => nest(10_000, (inner) => ({ [keyword]: { a: inner } })),
      begin('{"'),
      'INFC5024',
    ),
  ),
  schema(
    '100,000 levels within enum',
    () => ({ enum: [range(100_000).reduce<unknown>((x) => [x], 1)] }),
    undefined,
    'INFC5024',
  ),
  schema(
    'definitions that double 60 times',
    () => definitions(60, { type: 'string' }, (next) => ({ allOf: [next, next] })),
    () => 'x',
  ),
  schema(
    'definitions that double 60 times, and their negations',
    () => definitions(60, { type: 'string', minLength: 3 }, (next) => ({ anyOf: [next, { not: next }] })),
    () => 7,
  ),
  schema(
    'pairs of pairs, 60 levels',
    () =>
      definitions(60, { type: 'string' }, (next) => ({
        type: 'array',
        prefixItems: [next, next],
        minItems: 2,
        items: false,
      })),
    begin('[[[['),
  ),
  schema(
    'ten properties of ten properties, 40 levels',
    () =>
      definitions(40, { const: 1 }, (next) => ({
        type: 'object',
        properties: map(10, (j) => [`p${j}`, next]),
        required: range(10).map((j) => `p${j}`),
      })),
    begin('{"p0": {"p0"'),
  ),
  schema(
    '30 resources that refer to each other, each with a dynamic anchor',
    () => ({
      $id: 'https://example.com/root',
      $dynamicAnchor: 'node',
      anyOf: range(30).map((i) => ({ $ref: `s${i}` })),
      $defs: map(30, (i) => [
        `s${i}`,
        {
          $id: `s${i}`,
          $dynamicAnchor: 'node',
          properties: map(30, (j) => [`p${j}`, { $ref: `s${(i + j) % 30}` }]),
          items: { $dynamicRef: '#node' },
        },
      ]),
    }),
    () => ({ p3: { p4: [{ p5: {} }] } }),
  ),
  schema(
    'different items of an enum of 2,000 numbers',
    () => ({ type: 'array', uniqueItems: true, minItems: 2000, items: { enum: range(2000) } }),
    begin('[1, 2'),
  ),
  schema(
    'multiples of 30 primes',
    () => ({ type: 'integer', allOf: PRIMES.map((multipleOf) => ({ multipleOf })) }),
    begin('62'),
  ),
  schema(
    'a multiple of units from 1e-300 to 1e300',
    () => ({ type: 'number', allOf: [3e-300, 7e300, 1.1].map((multipleOf) => ({ multipleOf })) }),
    undefined,
    'INFC5006',
  ),
  schema(
    'bounds of 1e308 and a multiple of 1e-300',
    () => ({ type: 'number', minimum: 1e307, maximum: 1e308, multipleOf: 1e-300 }),
    begin('20'),
  ),
  schema('constants of 300 digits', () => ({ enum: range(1000).map((i) => 1.2345e300 * (i + 1)) }), begin('12')),
  schema(
    'an enum of 5,383 decimals',
    () => ({ enum: range(5383).map((i) => i / 7919) }),
    () => 4000 / 7919,
  ),
  schema(
    '400 of 500 optional properties',
    () => ({ properties: map(500, (i) => [`p${i}`, true]), additionalProperties: false, minProperties: 400 }),
    begin('{"p0": 1'),
  ),
  schema(
    '1,500 required properties beside 20,000 others',
    () => ({ required: range(1500).map((i) => `a${i}`), properties: map(20_000, (i) => [`b${i}`, {}]) }),
    begin('{"b0": 1'),
  ),
  schema(
    'a name of a megabyte',
    () => ({
      properties: { ['n'.repeat(1_000_000)]: { type: 'integer' } },
      additionalProperties: false,
      minProperties: 1,
    }),
    begin('{"nnnn'),
  ),
  schema(
    'texts with a common beginning',
    () => ({ enum: range(2000).map((i) => `${'ab'.repeat(200)}${i}`) }),
    begin(`"${'ab'.repeat(100)}`),
  ),
  schema(
    'a thousand classes of characters',
    () => ({
      type: 'string',
      pattern: `^${range(1000)
        .map((i) => `[${String.fromCharCode(0x100 + 3 * i)}-\\u{${(0x3000 + 7 * i).toString(16)}}]?`)
        .join('')}$`,
    }),
    begin('"'),
    'INFC5021',
  ),
  schema(
    'names of prototypes in references and constants',
    () =>
      JSON.parse(
        '{"$ref":"#/$defs/__proto__","$defs":{"__proto__":{"type":"object","properties":{"__proto__":{"$ref":"#/$defs/constructor"}},"required":["__proto__"]},"constructor":{"const":{"__proto__":1,"constructor":2}}}}',
      ),
    begin('{"__proto__": {"__proto__": 1, "constructor": 2}'),
  ),
  schema(
    'a keyword ~standard that is null',
    () => ({ '~standard': null, type: 'string' }),
    () => 'x',
  ),
  {
    name: 'a .tiktoken file with a token of a megabyte',
    make: () => {
      const tokens = [...range(128).map((i) => String.fromCharCode(i)), 'a'.repeat(1_000_000)];
      const file = tokens.map((token, i) => `${btoa(token)} ${i}`).join('\n');
      return ({ order, signal }) => {
        const opened = constrain({ type: 'string' }, { order, ...(signal && { signal }) });
        const vocabulary = vocabularyFromTiktoken(file);
        return { matcher: (_, limits) => opened.matcher(vocabulary, limits) };
      };
    },
    refusals: [],
  },
];
