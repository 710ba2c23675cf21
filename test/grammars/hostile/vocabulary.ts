import { begin, type Hostile, map, nest, range, schema } from './case.ts';

/** The rest of the vocabulary of JSON Schema. */
export const VOCABULARY: readonly Hostile[] = [
  schema(
    'unevaluatedProperties after 100 alternatives',
    () => ({
      anyOf: range(100).map((i) => ({ properties: { [`a${i}`]: { type: 'integer' } }, required: [`a${i}`] })),
      unevaluatedProperties: false,
    }),
    () => ({ a17: 5 }),
    'INFC5002',
  ),
  schema(
    'names of an enum of 5,383 texts',
    () => ({ type: 'object', propertyNames: { enum: range(5383).map((i) => `n${i}`) }, minProperties: 2 }),
    () => ({ n1000: 1, n1234: 2 }),
  ),
  schema(
    'nearly all names of an enum of 5,383 texts',
    () => ({ type: 'object', propertyNames: { enum: range(5383).map((i) => `n${i}`) }, minProperties: 5000 }),
    begin('{"n0": 1, "n1": 2, "n10": 3'),
    'INFC5021',
  ),
  schema(
    'every format',
    () => ({
      anyOf: [
        'date-time',
        'date',
        'time',
        'duration',
        'email',
        'idn-email',
        'hostname',
        'idn-hostname',
        'ipv4',
        'ipv6',
        'uri',
        'uri-reference',
        'iri',
        'iri-reference',
        'uuid',
        'uri-template',
        'json-pointer',
        'relative-json-pointer',
        'regex',
      ].map((format) => ({ type: 'string', format })),
    }),
    () => '2020-01-01',
  ),
  schema(
    'prototypes as names',
    () => ({
      properties: { __proto__: { type: 'integer' }, constructor: { type: 'integer' } },
      enum: [JSON.parse('{"__proto__": 1, "constructor": 2}')],
    }),
    begin('{"__proto__": 1, "constructor": 2}'),
  ),
  schema(
    'an allOf of 30 anyOfs of objects',
    () => ({
      type: 'object',
      allOf: range(30).map((i) => ({
        anyOf: range(3).map((j) => ({ properties: { [`p${i}`]: { const: j } }, required: [`p${i}`] })),
      })),
    }),
    () => map(30, (i) => [`p${i}`, i % 3]),
  ),
  schema(
    '5,000 required properties',
    () => ({
      type: 'object',
      properties: map(5000, (i) => [`p${i}`, { type: 'integer' }]),
      required: range(5000).map((i) => `p${i}`),
    }),
    begin('{"p0": 1, "p1": 2, "p'),
  ),
  schema(
    'ten texts of 500 kB',
    () => ({ enum: range(10).map((i) => `${'xé'.repeat(250_000)}${i}`) }),
    begin(`"${'xé'.repeat(400)}`),
  ),
  schema(
    'names of a pattern that counts to 2^20',
    () => ({ patternProperties: { '(.*a){20}': { type: 'integer' }, '^(a|a|aa)*b$': { type: 'string' } } }),
    begin('{"aab": "x", "aaa'),
  ),
  schema(
    'a ring of dynamic references',
    () => ({
      $dynamicRef: '#a',
      $defs: {
        a: { $dynamicAnchor: 'a', allOf: [{ $dynamicRef: '#b' }] },
        b: { $dynamicAnchor: 'b', allOf: [{ $dynamicRef: '#a' }] },
      },
    }),
    undefined,
    'INFC5022',
  ),
  schema(
    'an object within itself',
    () => {
      const ring: { type: string; properties: Record<string, unknown>; required: string[] } = {
        type: 'object',
        properties: {},
        required: ['self'],
      };
      ring.properties.self = ring;
      return ring;
    },
    undefined,
    'INFC5010',
  ),

  schema(
    'a ladder of 200 dynamic references',
    () => ({
      $id: 'https://example.com/0',
      $ref: 'rung0',
      $defs: map(200, (i) => [
        `d${i}`,
        {
          $id: `rung${i}`,
          $dynamicAnchor: 'node',
          properties: { [`k${i}`]: { $dynamicRef: '#node' } },
          ...(i < 199 && { $ref: `rung${i + 1}` }),
        },
      ]),
    }),
    () => ({ k7: { k9: { k199: {} } } }),
    'INFC5024',
  ),
  schema(
    'unevaluatedProperties over anyOf nested 6 deep',
    () => ({
      ...nest(
        6,
        (inner) => ({
          anyOf: [inner, { properties: { a: { type: 'string' } }, required: ['a'] }, { properties: { b: inner } }],
        }),
        { properties: { c: { type: 'integer' } } },
      ),
      unevaluatedProperties: false,
    }),
    () => ({ c: 5 }),
    'INFC5002',
    'INFC5021',
  ),
  schema(
    'a web of 60 schemas that depend on names',
    () => ({
      dependentSchemas: map(60, (i) => [
        `k${i}`,
        {
          required: [`k${(i * 7 + 1) % 60}`],
          dependentSchemas: { [`k${(i * 11 + 3) % 60}`]: { properties: { [`k${i}`]: { maximum: i } } } },
        },
      ]),
    }),
    begin('{"k'),
    'INFC5021',
  ),
  schema(
    'patterns of names times names times other names',
    () => ({
      type: 'object',
      patternProperties: map(9, (i) => [
        `[${'abcdefghijklm'.slice(i, i + 4)}]{${i + 1}}`,
        { type: ['integer', 'string'] },
      ]),
      propertyNames: {
        anyOf: [{ pattern: '^(?:[a-f]+x)+$' }, { minLength: 3, pattern: 'm' }, { enum: ['', 'q', 'a'] }],
      },
      additionalProperties: { type: 'array', maxItems: 2 },
    }),
    begin('{"'),
    'INFC5021',
    'INFC5006',
  ),
  schema(
    'different items counted in three ways',
    () => ({
      type: 'array',
      uniqueItems: true,
      items: { type: 'integer', minimum: 0, maximum: 400 },
      allOf: [2, 3, 5].map((n) => ({ contains: { multipleOf: n }, minContains: 40, maxContains: 60 })),
    }),
    begin('[0, 30, 1'),
    'INFC5021',
    'INFC5006',
  ),
];
