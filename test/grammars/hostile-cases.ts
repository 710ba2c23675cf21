import type { CancelSignal } from '../../grammars/cancel.ts';
import { constrain, type Matcher, tools } from '../../grammars/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { range, TEXTS } from './hostile-texts.ts';

/** Something that makes matchers. */
interface Opened {
  matcher(vocabulary: Vocabulary): Matcher;
}

/** Input made to take long, or much memory, or to crash. */
export interface Hostile {
  readonly name: string;
  /** Makes the input; the time that takes is nobody's fault. Opening it is what counts. */
  make(): (options: HostileOptions) => Opened | Promise<Opened>;
  /** A text of the constraint, or how one begins. */
  text?(): string;
  /** Whether it is a JSON Schema, whose errors have a JSON pointer. */
  readonly schema?: boolean;
  /** The errors that may be the answer. */
  readonly refusals: readonly string[];
}

/** How each case is opened. */
export interface HostileOptions {
  readonly order: 'schema' | 'any';
  readonly signal?: CancelSignal;
}

type Json = Readonly<Record<string, unknown>>;

const map = (n: number, entry: (i: number) => [string, unknown]): Json => Object.fromEntries(range(n).map(entry));
const nest = (n: number, wrap: (inner: object) => object, inner: object = { type: 'string' }): object =>
  range(n).reduce<object>((x) => wrap(x), inner);
const parameters = (n: number): object => ({
  type: 'object',
  properties: map(n, (j) => [
    `p${j}`,
    [{ type: 'string' }, { type: 'integer', minimum: j }, { enum: ['a', `c${j}`] }][j % 3],
  ]),
  required: ['p0', 'p1'],
});
const point = (i: number): Json => ({ id: i, name: `n${i}`, at: [i % 7, { x: (i * 7919) % 1009 }] });
const overlapping = map(12, (i) => [`[${'abcdefghijklmnop'.slice(i, i + 5)}].*${i % 3}`, { maxLength: i, maximum: i }]);

/** Linters take an object with this property for a promise. */
const THEN = 'then';

/** A schema, a text that it admits (or the start of one) and the refusals that will do. */
function schema(name: string, make: () => unknown, text?: () => unknown, ...refusals: string[]): Hostile {
  return {
    name,
    make: () => {
      const made = make();
      return (options) => constrain(made, options);
    },
    ...(text && {
      text: () => {
        const value = text();
        return typeof value === 'function' ? String(value()) : JSON.stringify(value);
      },
    }),
    schema: true,
    refusals,
  };
}

/** The start of a text, as it is. */
const begin = (text: string) => () => () => text;

export const HOSTILE: readonly Hostile[] = [
  // Alternatives.
  schema(
    'oneOf nested 16 deep',
    () =>
      nest(16, (inner) => ({
        oneOf: ['a', 'b'].map((k) => ({ type: 'object', properties: { [k]: inner }, required: [k] })),
      })),
    () => range(16).reduce<unknown>((inner, i) => ({ [i % 2 ? 'a' : 'b']: inner }), 'x'),
  ),
  schema(
    'oneOf nested 16 deep, alternatives alike',
    () => nest(16, (s) => ({ oneOf: [s, { type: 'object', properties: { a: s } }, { type: 'array', items: s }] })),
    undefined,
    'INFC5021',
  ),
  schema(
    '40 overlapping alternatives',
    () => ({
      oneOf: range(40).map((i) => ({
        type: 'object',
        properties: map(8, (j) => [`k${(i + j) % 12}`, { type: j % 2 ? 'string' : 'integer' }]),
        required: [`k${i % 12}`],
      })),
    }),
    undefined,
    'INFC5021',
  ),
  schema(
    '3,000 alternatives of one text',
    () => ({ anyOf: range(3000).map((i) => ({ const: `v${i}` })) }),
    () => 'v2345',
  ),
  schema(
    '3,000 alternatives of objects',
    () => ({
      anyOf: range(3000).map((i) => ({ type: 'object', properties: { k: { const: i } }, required: ['k'] })),
    }),
    () => ({ k: 2345, other: [1] }),
  ),
  schema(
    '3,000 alternatives of objects, exactly one',
    () => ({
      oneOf: range(3000).map((i) => ({
        type: 'object',
        properties: { k: { const: `k${i}` }, v: { type: 'integer', minimum: i } },
        required: ['k'],
        additionalProperties: false,
      })),
    }),
    () => ({ k: 'k2345', v: 2346 }),
  ),
  schema(
    '500 tools of 20 parameters',
    () => ({
      oneOf: range(500).map((i) => ({
        type: 'object',
        properties: { name: { const: `tool_${i}` }, arguments: parameters(20) },
        required: ['name', 'arguments'],
        additionalProperties: false,
      })),
    }),
    () => ({ name: 'tool_432', arguments: { p0: 'x', p1: 7, p2: 'c2', p4: 5, other: {} } }),
  ),
  {
    name: '500 tools',
    make: () => {
      const definitions = Object.fromEntries(range(500).map((i) => [`tool_${i}`, { input: parameters(20) }]));
      return (json) => tools(definitions, { choice: 'required', json });
    },
    text: () =>
      '<tool_call>\n{"name": "tool_432", "arguments": {"p0": "x", "p1": 7, "p2": "c2", "p4": 5}}\n</tool_call>',
    refusals: [],
  },
  schema(
    '500 conditions one after the other',
    () => ({
      type: 'object',
      allOf: range(500).map((i) => ({
        if: { properties: { kind: { const: `k${i}` } }, required: ['kind'] },
        [THEN]: { required: [`r${i}`] },
      })),
    }),
    () => ({ kind: 'k77', r77: 1 }),
    'INFC5021',
  ),
  schema(
    '500 conditions, each within the else of another',
    () =>
      nest(
        500,
        (inner) => ({ if: { required: ['a'] }, [THEN]: { properties: { a: { type: 'string' } } }, else: inner }),
        {},
      ),
    () => ({ a: 'x' }),
    'INFC5021',
  ),
  schema(
    'not of not, 1,001 levels',
    () => nest(1001, (inner) => ({ not: inner })),
    () => 5,
  ),
  // Listed values.
  schema(
    'an enum of 5,383 texts',
    () => ({ enum: range(5383).map((i) => `value ${i * 7919}`) }),
    () => `value ${4000 * 7919}`,
  ),
  schema(
    'an enum of 5,383 numbers',
    () => ({ type: 'integer', enum: range(5383).map((i) => (i * 7919) % 100_003) }),
    () => (4000 * 7919) % 100_003,
  ),
  schema(
    'an enum of 5,383 objects',
    () => ({ enum: range(5383).map((i) => ({ id: i, name: `n${i}` })) }),
    () => ({ id: 4000, name: 'n4000' }),
  ),
  schema(
    'an enum of 5,383 arrays',
    () => ({ enum: range(5383).map((i) => [i, `n${i}`]) }),
    () => [4000, 'n4000'],
  ),
  schema(
    'an enum of 5,383 values within values',
    () => ({ enum: range(5383).map(point) }),
    () => point(4000),
  ),
  schema(
    'an enum of 5,383 values of every type',
    () => ({
      enum: range(5383).map((i) => [null, true, i, `n${i}`, [i, [i]], { [`k${i % 9}`]: i }][i % 6]),
    }),
    () => [4000, [4000]],
  ),
  schema(
    'an enum of 5,383 objects with names of their own',
    () => ({ enum: range(5383).map((i) => ({ [`k${i}`]: i, z: i })) }),
    () => ({ z: 4000, k4000: 4000 }),
  ),
  schema(
    'anything but 5,383 objects',
    () => ({ not: { enum: range(5383).map((i) => ({ id: i, name: `n${i}` })) } }),
    () => ({ id: 4000, name: 'n400' }),
    'INFC5006',
  ),
  schema(
    'what two enums of 5,383 objects have in common',
    () => ({ allOf: [0, 2000].map((from) => ({ enum: range(5383).map((i) => ({ id: i + from })) })) }),
    () => ({ id: 4000 }),
  ),
  schema(
    'an enum of 5,383 objects beside keywords',
    () => ({
      type: 'object',
      properties: { id: { type: 'integer', maximum: 100 } },
      enum: range(5383).map((i) => ({ id: i, name: `n${i}` })),
    }),
    () => ({ id: 40, name: 'n40' }),
  ),
  schema(
    'different items of an enum of 5,383 objects',
    () => ({ type: 'array', uniqueItems: true, items: { enum: range(5383).map((i) => ({ id: i })) }, minItems: 3 }),
    () => [{ id: 4000 }, { id: 4001 }, { id: 3 }],
    'INFC5006',
  ),
  schema(
    'different items of an enum of 5,383 texts',
    () => ({ type: 'array', uniqueItems: true, items: { enum: range(5383).map((i) => `n${i}`) }, minItems: 5000 }),
    begin(JSON.stringify(range(40).map((i) => `n${i * 7}`)).slice(0, -1)),
    'INFC5006',
  ),
  schema(
    '500 constants of 5,383 items',
    () => ({ enum: range(20).map((i) => range(5383).map((j) => i * j)) }),
    () => range(300),
  ),
  // Size and depth.
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
  // Numbers that are large or small.
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
  // Patterns.
  schema(
    'repeats nested four deep',
    () => ({ type: 'string', pattern: '^(?:(?:(?:a{0,65536}b){0,65536}c){0,65536}d){0,65536}$' }),
    () => 'aaabcdbcd',
  ),
  schema(
    'repeats of repeats',
    () => ({ type: 'string', pattern: '((((a{0,65536}){0,65536}){0,65536}){0,65536})' }),
    () => 'aaa',
  ),
  schema(
    'repeats of repeats of choices',
    () => ({ type: 'string', pattern: '^((((a|ab|abc){1,65536}|b){1,65536}|ca){1,65536}){1,65536}$' }),
    () => 'aababcbca',
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'an alternation of 5,000 words',
    () => ({
      type: 'string',
      pattern: `^(?:${range(5000)
        .map((i) => `w${(i * 7919) % 100_003}x`)
        .join('|')})$`,
    }),
    () => `w${(1234 * 7919) % 100_003}x`,
  ),
  schema(
    'an alternation of 5,000 words, twice',
    () => ({
      type: 'string',
      pattern: `^(?:${range(5000)
        .map((i) => `w${(i * 7919) % 100_003}x`)
        .join('|')}){2}$`,
    }),
    () => `w${(1234 * 7919) % 100_003}x`.repeat(2),
  ),
  schema(
    'classes of Unicode, a thousand times',
    () => ({ type: 'string', pattern: '^[\\p{L}\\p{N}\\p{Sc}]{1000,2000}[^\\p{Script=Greek}]{3}$' }),
    begin('"abc déf'.replace(' ', '')),
  ),
  schema(
    'an automaton of 2^30 states',
    () => ({ type: 'string', pattern: '^(?:a|b)*a(?:a|b){30}$' }),
    () => 'ba'.repeat(16),
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'an automaton of 2^30 states, and its complement',
    () => ({ type: 'string', not: { pattern: '^(?:a|b)*a(?:a|b){30}$' }, pattern: '^[ab]*$' }),
    () => `bb${'bb'.repeat(15)}`,
    'INFC5104',
    'INFC5021',
  ),
  schema(
    '50 look-aheads',
    () => ({
      type: 'string',
      pattern: `^${range(50)
        .map((i) => `(?=.*${String.fromCharCode(0x4e00 + i)})`)
        .join('')}.*$`,
    }),
    begin('"abc'),
    'INFC5104',
    'INFC5021',
  ),
  schema(
    'groups nested 5,000 deep',
    () => ({ type: 'string', pattern: `${'('.repeat(5000)}a${')'.repeat(5000)}` }),
    () => 'a',
    'INFC5024',
    'INFC5005',
  ),
  schema(
    'a pattern of a megabyte',
    () => ({ type: 'string', pattern: `^${'ab?[c-e]'.repeat(125_000)}$` }),
    begin('"abcad'),
    'INFC5024',
    'INFC5005',
    'INFC5021',
  ),
  schema('a back-reference', () => ({ type: 'string', pattern: '(a)\\1' }), undefined, 'INFC5005'),
  schema('an invalid pattern', () => ({ type: 'string', pattern: '(a' }), undefined, 'INFC5005'),
  schema(
    '100 invalid patterns among names',
    () => ({ patternProperties: map(100, (i) => [`(${i}`, {}]) }),
    undefined,
    'INFC5005',
  ),
  // Contradictions.
  schema(
    'allOf that contradicts itself',
    () => ({ allOf: [{ type: 'string' }, { type: 'number' }] }),
    undefined,
    'INFC5010',
  ),
  schema(
    'allOf that contradicts itself, 1,000 ways',
    () => ({
      allOf: range(1000).map((i) => ({
        type: 'object',
        properties: { [`a${i}`]: { type: i % 2 ? 'string' : 'number' } },
        required: ['a0'],
        maxProperties: 0,
      })),
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'patterns that exclude each other',
    () => ({
      type: 'string',
      allOf: range(26).map((i) => ({ pattern: `^[^${'abcdefghijklmnopqrstuvwxyz'[i]}]*$` })),
      pattern: '^[a-z]+$',
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'recursion without a base case',
    () => ({
      $ref: '#/$defs/a',
      $defs: { a: { type: 'object', properties: { n: { $ref: '#/$defs/a' } }, required: ['n'] } },
    }),
    undefined,
    'INFC5010',
  ),
  schema(
    'recursion without a base case, over 1,000 definitions',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(1000, (i) => [
        `d${i}`,
        { type: 'object', properties: { n: { $ref: `#/$defs/d${(i + 1) % 1000}` } }, required: ['n'] },
      ]),
    }),
    undefined,
    'INFC5010',
    'INFC5024',
  ),
  schema('a reference to itself', () => ({ $ref: '#' }), undefined, 'INFC5022'),
  schema(
    'a circle of 1,000 references',
    () => ({
      $ref: '#/$defs/d0',
      $defs: map(1000, (i) => [`d${i}`, { allOf: [{ $ref: `#/$defs/d${(i + 1) % 1000}` }] }]),
    }),
    undefined,
    'INFC5022',
    'INFC5024',
  ),
  schema(
    'names that UTF-8 cannot spell',
    () => ({ type: 'object', properties: { '\ud800': {} }, required: ['\ud800'] }),
    undefined,
    'INFC5010',
  ),
  schema(
    'texts that UTF-8 cannot spell',
    () => ({ enum: range(5000).map((i) => `\udc00${i}`) }),
    undefined,
    'INFC5010',
  ),
  schema(
    '5,000 keywords of the wrong type',
    () => ({ properties: map(5000, (i) => [`p${i}`, { minLength: 'x' }]), required: ['p7'] }),
    undefined,
    'INFC5001',
  ),
  // The rest of the vocabulary of JSON Schema.
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
  // Cases that others would think of.
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
  ...TEXTS,
];
