import { begin, type Hostile, schema } from './case.ts';

/** Schemas with numbers that are large or small. */
export const NUMBERS: readonly Hostile[] = [
  schema('a text of a megabyte', () => ({ const: 'x'.repeat(1_000_000) }), begin(`"${'x'.repeat(2000)}`)),
  schema('a million characters at least', () => ({ type: 'string', minLength: 1_000_000 }), begin('"xyz and more')),
  schema('a billion characters at least', () => ({ type: 'string', minLength: 1e9 }), begin('"xyz and more')),
  schema(
    'a billion characters of a pattern',
    () => ({ type: 'string', minLength: 1e9, pattern: '^[a-z ]*$' }),
    begin('"xyz and more'),
  ),
  schema(
    'a billion items at least',
    () => ({ type: 'array', minItems: 1e9, items: { type: 'integer' } }),
    begin('[1, 2, 3'),
  ),
  schema(
    'a billion items at most',
    () => ({ type: 'array', maxItems: 1e9, items: { enum: ['a', 'b'] } }),
    () => ['a', 'b'],
  ),
  schema('a million properties at least', () => ({ type: 'object', minProperties: 1e6 }), begin('{"a": 1, "b": 2')),
  schema(
    'a million of 10 items counted',
    () => ({ type: 'array', contains: { type: 'integer' }, minContains: 1e6, maxContains: 1e7 }),
    begin('[1, 2, "x"'),
    'INFC5021',
    'INFC5024',
  ),
  schema(
    'multiples of many primes',
    () => ({ allOf: [7, 11, 13, 17, 19, 23, 29, 31].map((n) => ({ type: 'integer', multipleOf: n })) }),
    () => 6_685_349_671,
  ),
  schema(
    'multiples of 1e-300',
    () => ({ type: 'number', multipleOf: 1e-300 }),
    () => 1.5,
    'INFC5021',
    'INFC5002',
  ),
  schema(
    'multiples of 1e-9',
    () => ({ type: 'number', multipleOf: 1e-9, maximum: 3 }),
    () => 1.123456789,
  ),
  schema(
    'multiples of 1e300',
    () => ({ type: 'number', multipleOf: 1e300, minimum: 1 }),
    undefined,
    'INFC5021',
    'INFC5002',
  ),
  schema(
    'different multiples in a narrow range',
    () => ({
      type: 'array',
      uniqueItems: true,
      minItems: 1000,
      items: { type: 'number', minimum: 0, maximum: 1, multipleOf: 1e-6 },
    }),
    begin('[0.5, 0.25, 0.125'),
    'INFC5006',
  ),

  schema(
    'multiples of seven decimals between large bounds',
    () => ({
      type: 'number',
      minimum: 1e15,
      maximum: 1e15 + 1000,
      allOf: [0.1, 0.7, 0.03, 1.1e-7, 1.3e-9, 17e-11, 0.19].map((multipleOf) => ({ multipleOf })),
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'multiples of the largest and the smallest numbers',
    () => ({
      anyOf: [5e-324, 1.7976931348623157e308, 2 ** 53, 2 ** -52].map((multipleOf) => ({ type: 'number', multipleOf })),
    }),
    () => 0,
    'INFC5002',
    'INFC5006',
    'INFC5021',
  ),
  schema(
    '2^53 characters at least',
    () => ({ type: 'string', minLength: 2 ** 53, pattern: '[0-9]', maxLength: 2 ** 53 }),
    begin('"x7'),
  ),
  schema(
    '2^53 items and properties at least',
    () => ({
      anyOf: [
        { type: 'array', minItems: 2 ** 53 },
        { type: 'object', minProperties: 2 ** 53, maxProperties: 2 ** 53 },
      ],
    }),
    begin('{"a": [], "b": {'),
  ),
];
