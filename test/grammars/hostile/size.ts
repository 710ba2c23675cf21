import { begin, type Hostile, map, nest, range, schema } from './case.ts';

const overlapping = map(12, (i) => [`[${'abcdefghijklmnop'.slice(i, i + 5)}].*${i % 3}`, { maxLength: i, maximum: i }]);

/** Schemas that are large or deep. */
export const SIZE: readonly Hostile[] = [
  schema(
    'a megabyte of properties',
    () => ({ properties: map(9000, (i) => [`property ${i}`, { type: 'string', description: 'x'.repeat(80) }]) }),
    () => ({ 'property 17': 'x', 'property 8123': 'y' }),
  ),
  schema(
    '900 kB of nested definitions',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(3000, (i) => [
        `d${i}`,
        {
          type: 'object',
          title: 't'.repeat(100),
          properties: {
            next: { $ref: `#/$defs/d${(i * 7 + 1) % 3000}` },
            list: { type: 'array', items: { $ref: `#/$defs/d${(i * 13 + 5) % 3000}` } },
            id: { type: 'integer', minimum: i },
          },
          additionalProperties: false,
        },
      ]),
    }),
    () => range(40).reduce<unknown>((inner) => ({ next: inner, list: [{}], id: 99_999 }), {}),
  ),
  schema(
    '100,000 properties',
    () => ({ properties: map(100_000, (i) => [`p${i}`, { type: 'integer' }]) }),
    () => ({ p17: 1, p81234: 2 }),
  ),
  schema(
    '100,000 required properties',
    () => ({ required: range(100_000).map((i) => `p${i}`) }),
    begin('{"p0": 1, "p1": 2, "p'),
    'INFC5021',
  ),
  schema(
    '1,000 patterns of names',
    () => ({ patternProperties: map(1000, (i) => [`^p${i}_`, { type: 'integer', minimum: i }]) }),
    () => ({ p17_x: 20 }),
    'INFC5006',
    'INFC5021',
  ),
  schema('overlapping name patterns', () => ({ patternProperties: overlapping }), undefined, 'INFC5021'),
  schema(
    'a chain of 10,000 references',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(10_000, (i) => [`d${i}`, i === 9999 ? { type: 'string' } : { $ref: `#/$defs/d${i + 1}` }]),
    }),
    () => 'x',
    'INFC5024',
  ),
  schema(
    '500 schemas that depend on names',
    () => ({
      dependentSchemas: map(500, (i) => [`k${i}`, { properties: { [`v${i}`]: { type: 'string' } } }]),
    }),
    () => ({ v17: 'x', k17: 1 }),
    'INFC5021',
  ),
  schema(
    '5,000 names that depend on names',
    () => ({ dependentRequired: map(5000, (i) => [`k${i}`, [`k${i + 1}`]]) }),
    () => ({ k4999: 1, k5000: 1 }),
    'INFC5021',
  ),
  schema('2,000 levels of allOf', () => nest(2000, (inner) => ({ allOf: [inner] })), undefined, 'INFC5024'),
  schema(
    '10,000 levels of properties',
    () => nest(10_000, (inner) => ({ type: 'object', properties: { a: inner }, required: ['a'] })),
    begin('{"a": {"a": {"a": '),
    'INFC5024',
  ),
  schema(
    '10,000 levels of items',
    () => nest(10_000, (inner) => ({ type: 'array', items: inner })),
    begin('[[[['),
    'INFC5024',
  ),
  schema(
    'a constant 10,000 levels deep',
    () => ({ const: range(10_000).reduce<unknown>((x) => [x], 1) }),
    begin('[[['),
    'INFC5024',
  ),
  schema(
    '10,000 anchors and identifiers',
    () => ({
      $ref: '#a9999',
      $defs: map(10_000, (i) => [`d${i}`, { $anchor: `a${i}`, type: 'integer', minimum: i }]),
    }),
    () => 12_345,
  ),
  schema(
    'a tree of 50 rules that refer to each other',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(50, (i) => [
        `d${i}`,
        {
          anyOf: [
            { type: 'integer', minimum: i },
            { type: 'object', properties: map(50, (j) => [`k${j}`, { $ref: `#/$defs/d${(i + j) % 50}` }]) },
          ],
        },
      ]),
    }),
    () => range(20).reduce<unknown>((inner, i) => ({ k1: inner, [`k${i + 2}`]: 99 }), 99),
  ),
];
