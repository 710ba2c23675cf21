import type { Json } from '../../grammars/json/schema/document.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

/** A deterministic source of numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** All 256 bytes, the given texts, and one end token. */
export function vocabularyOf(texts: readonly string[]): Vocabulary {
  const encoder = new TextEncoder();
  const bytes: (Uint8Array | null)[] = Array.from({ length: 256 }, (_, b) => Uint8Array.of(b));
  for (const text of new Set(texts)) if (encoder.encode(text).length > 1) bytes.push(encoder.encode(text));
  const eos = bytes.push(null) - 1;
  return { size: bytes.length, bytes, eos: [eos], special: new Map([['</s>', eos]]), hash: `test-${bytes.length}` };
}

/** Texts that tokenizers really merge: JSON punctuation with content, words, digits, halves of characters. */
export const JSON_TEXTS: readonly string[] = [
  ...[
    '{"',
    '":',
    '": "',
    '", "',
    '"}',
    '"]',
    '},{',
    '}, {',
    '["',
    '[]',
    '{}',
    '":{"',
    '":["',
    ',"',
    ', "',
    '"',
    '\\"',
    '\\n',
    '\\u',
    '\\u00',
    '":"',
    '":1',
    '}}',
    ']]',
    '\n  ',
    '\n    ',
    '  ',
    '": ',
    '":true',
    '":null,"',
  ],
  ...[
    'true',
    'false',
    'null',
    'name',
    'age',
    'ab',
    'abc',
    'b"',
    'a":',
    'é',
    '日本',
    '日',
    '😀',
    'kind',
    'cat',
    'dog',
    '"cat"',
    '"a"',
    '"b":',
    '-',
    '-1',
    '0.',
    '.5',
    '10',
    '100',
    '12',
    '123',
    '99',
    'e',
    'e1',
    'E+',
    '1e',
    '2024',
    '-0',
  ],
];

/** Schemas over every keyword family, each with a few satisfying and breaking documents. */
export const SCHEMAS: readonly {
  readonly name: string;
  readonly schema: Json;
  readonly valid: readonly string[];
  readonly invalid: readonly string[];
}[] = [
  {
    name: 'any',
    schema: true,
    valid: ['1', '"a"', '{"a":[1,{}]}', 'null'],
    invalid: ['', '{', '[1,]', '01', '"\n"', '{"a":1,"a":2}'],
  },
  {
    name: 'object',
    schema: {
      type: 'object',
      properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', minimum: 0, maximum: 120 } },
      required: ['name'],
      additionalProperties: false,
    },
    valid: ['{"name":"a"}', '{"age":120,"name":"é"}', '{"name":"x","age":0}'],
    invalid: ['{}', '{"name":""}', '{"name":"a","age":121}', '{"name":"a","b":1}', '{"name":"a","age":1.5}'],
  },
  {
    name: 'listed texts that need escapes',
    schema: {
      type: 'object',
      properties: { 'a"b': { enum: ['né"e\n', 'né\\', 'né/', '"', '\u0001x'] }, 'a\\': {}, 'a"': { const: '\n' } },
      additionalProperties: { enum: ['"', 'a"b'] },
    },
    valid: ['{"a\\"b":"né\\"e\\n"}', '{"a\\"":"\\n","x":"a\\"b"}', '{"a\\\\":1,"a\\"b":"\\""}'],
    invalid: ['{"a\\"b":"né"}', '{"a"b":"x"}', '{"x":"a"b"}', '{"a\\"":"\n"}'],
  },
  {
    name: 'discriminated oneOf',
    schema: {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'cat' }, lives: { type: 'integer' } },
          required: ['kind', 'lives'],
        },
        {
          type: 'object',
          properties: { kind: { const: 'dog' }, name: { type: 'string' } },
          required: ['kind', 'name'],
        },
      ],
    },
    valid: ['{"kind":"cat","lives":9}', '{"lives":1,"kind":"cat"}', '{"kind":"dog","name":""}'],
    invalid: ['{"kind":"cat"}', '{"kind":"cow","lives":9}', '{"lives":1}'],
  },
  {
    name: 'overlapping oneOf',
    schema: { oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] },
    valid: ['2', '3', '4', '9', '-3'],
    invalid: ['6', '0', '12', '"a"'],
  },
  {
    name: 'not and if',
    schema: {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      required: ['a'],
      not: { required: ['c'] },
      if: { properties: { a: { const: 'x' } } },
      // biome-ignore lint/suspicious/noThenProperty: a JSON Schema keyword
      then: { required: ['b'] },
      else: { properties: { b: false } },
    },
    valid: ['{"a":"x","b":1}', '{"a":"y"}', '{"b":2,"a":"x"}'],
    invalid: ['{"a":"x"}', '{"a":"y","b":1}', '{"a":"y","c":1}'],
  },
  {
    name: 'arrays',
    schema: {
      type: 'array',
      prefixItems: [{ type: 'integer' }, { enum: ['a', 'b'] }],
      items: { type: 'boolean' },
      minItems: 1,
      maxItems: 4,
      contains: { const: true },
    },
    valid: ['[1,"a",true]', '[1,"b",false,true]'],
    invalid: ['[]', '[1,"a"]', '[1,"c",true]', '[1,"a",true,true,true]', '[1,"a",false,false]'],
  },
  {
    name: 'unique items',
    schema: { type: 'array', items: { enum: ['a', 'b', 'ab'] }, uniqueItems: true, minItems: 2 },
    valid: ['["a","b"]', '["ab","b","a"]'],
    invalid: ['["a","a"]', '["a"]', '["a","b","a"]'],
  },
  {
    name: 'numbers',
    schema: { type: 'number', minimum: -1.5, exclusiveMaximum: 100, multipleOf: 0.25 },
    valid: ['-1.5', '0', '99.75', '0.5', '12.250'],
    invalid: ['100', '-1.75', '0.3', '99.8'],
  },
  {
    name: 'patterns',
    schema: {
      type: 'object',
      patternProperties: { '^a': { type: 'integer' }, b$: { minimum: 10 } },
      additionalProperties: { type: 'string', pattern: '^[a-c]+$', maxLength: 4 },
      minProperties: 1,
      maxProperties: 3,
    },
    valid: ['{"a":1}', '{"ab":10}', '{"c":"abc"}', '{"xb":"s"}'],
    invalid: ['{}', '{"a":"1"}', '{"ab":9}', '{"c":"d"}', '{"c":"abcab"}'],
  },
  {
    name: 'listed names beside patterns',
    schema: {
      type: 'object',
      properties: {
        ab: { type: 'integer' },
        'a/b': { type: 'boolean' },
        ca: { type: 'string' },
        b: { type: 'null' },
        'x"': { type: 'integer' },
      },
      patternProperties: { '^b': { type: ['integer', 'null'] }, '^c[ab]$': { minLength: 1 }, '^ab.*': { minimum: 2 } },
      required: ['ab'],
      additionalProperties: false,
    },
    valid: ['{"ab":2}', '{"ca":"a","b":null,"cb":"b","ab":3,"abc":"x"}', '{"ba":1,"a/b":true,"ab":2,"x\\"":0}'],
    invalid: ['{"ab":1}', '{"ab":2,"b":1}', '{"ab":2,"cc":1}', '{"ab":2,"ca":""}', '{"ab":2,"cb":1,"cb":1}'],
  },
  {
    name: 'recursion',
    schema: {
      $ref: '#/$defs/t',
      $defs: {
        t: {
          type: 'object',
          properties: { v: { type: 'integer' }, kids: { type: 'array', items: { $ref: '#/$defs/t' } } },
          required: ['v'],
          additionalProperties: false,
        },
      },
    },
    valid: ['{"v":1}', '{"kids":[{"v":2,"kids":[]}],"v":1}'],
    invalid: ['{}', '{"v":1,"kids":[{}]}', '{"v":1,"kids":{}}'],
  },
  {
    name: 'names and dependencies',
    schema: {
      type: 'object',
      propertyNames: { maxLength: 3 },
      dependentRequired: { a: ['b'] },
      dependentSchemas: { c: { properties: { b: { type: 'string' } } } },
      properties: { b: { type: ['string', 'null'] } },
      additionalProperties: { type: 'integer' },
    },
    valid: ['{}', '{"a":1,"b":null}', '{"c":1,"b":"s"}'],
    invalid: ['{"a":1}', '{"abcd":1}', '{"c":1,"b":null}'],
  },
  {
    name: 'different short strings',
    schema: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 6 }, uniqueItems: true, maxItems: 4 },
    valid: ['[]', '["a","ab"]', '["abc","abcdef","a","b"]', '["é","é\\n"]'],
    invalid: ['["a","a"]', '[""]', '["abcdefg"]', '["abcdef","x","abcdef"]', '["a","b","c","d","e"]'],
  },
  {
    name: 'different items, some wanted',
    schema: {
      type: 'array',
      items: { type: 'string' },
      uniqueItems: true,
      allOf: [{ contains: { const: 'ab' } }, { contains: { enum: ['ab', 'c'] }, minContains: 2 }],
    },
    valid: ['["ab","c"]', '["x","c","abc","ab"]'],
    invalid: ['["ab"]', '["c","x"]', '["ab","ab"]', '["ab","x","c","x"]'],
  },
  {
    name: 'unevaluated beside many alternatives',
    schema: {
      type: 'object',
      required: ['kind'],
      properties: { kind: { type: 'integer' } },
      oneOf: Array.from({ length: 12 }, (_, i) => ({
        properties: { kind: { const: i }, [`only${i}`]: { type: 'null' }, shared: { const: i } },
      })),
      patternProperties: { '^x-': true },
      unevaluatedProperties: { const: 'other' },
    },
    valid: ['{"kind":3}', '{"only3":null,"kind":3,"x-y":1}', '{"kind":11,"shared":11,"only2":"other"}'],
    invalid: ['{"kind":12}', '{"kind":3,"only4":null}', '{"only3":1,"kind":3}', '{"kind":3,"shared":4}'],
  },
  {
    name: 'unevaluated',
    schema: {
      type: 'object',
      allOf: [{ properties: { a: { type: 'integer' } } }],
      anyOf: [
        { properties: { b: { const: 1 } }, required: ['b'] },
        { properties: { c: true }, required: ['c'] },
      ],
      unevaluatedProperties: false,
    },
    valid: ['{"a":1,"b":1}', '{"c":0}', '{"b":1,"c":2}'],
    invalid: ['{"a":1}', '{"b":2}', '{"b":1,"d":1}'],
  },
  {
    name: 'enum of anything',
    schema: { enum: [1, 1.5, 'a', null, true, [1, 'x'], { k: [null] }, {}] },
    valid: ['1', '1.0', '1.5', '"a"', 'null', 'true', '[1,"x"]', '{"k":[null]}', '{}'],
    invalid: ['2', 'false', '[1]', '{"k":[]}', '"b"'],
  },
  {
    name: 'texts with quotes and escapes',
    schema: {
      type: 'object',
      properties: {
        'a"b': { enum: ['"x', 'x"', '\\', '\n', 'a\tb', 'xy'] },
        '"': { enum: ['"', 'a'] },
        ab: { type: 'integer' },
      },
    },
    valid: ['{"a\\"b":"\\"x","\\"":"\\""}', '{"a\\"b":"a\\tb","ab":1}'],
    invalid: ['{"a\\"b":""}', '{"\\"":"b"}'],
  },
  {
    name: 'names with quotes only',
    schema: {
      type: 'object',
      properties: { 'a"b': { type: 'integer' }, '"': { type: 'null' }, a: {} },
      additionalProperties: false,
    },
    valid: ['{"a\\"b":1,"\\"":null}'],
    invalid: ['{"":null}', '{"ab":1}'],
  },
  {
    name: 'pattern with length bounds',
    schema: { type: 'string', pattern: '^[a-c]+(-[a-c]+)*$', minLength: 2, maxLength: 6 },
    valid: ['"ab"', '"a-b-c"', '"aaaaaa"'],
    invalid: ['"a"', '"a-"', '"aaaaaaa"', '"ab-"'],
  },
  {
    name: 'long bounded pattern',
    schema: {
      type: 'object',
      properties: { s: { type: 'string', pattern: '^[a-zé]+(/[a-z]+)*$', maxLength: 60 } },
      required: ['s'],
    },
    valid: ['{"s":"abé/b"}', '{"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}'],
    invalid: ['{"s":"a/"}', '{"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}'],
  },
  {
    name: 'counted format',
    schema: {
      type: 'array',
      items: { type: 'string', pattern: '^[a-z0-9]{1,20}(@[a-z]{1,9}){0,2}$', minLength: 3, maxLength: 25 },
    },
    valid: ['[]', '["abc"]', '["a@b","abc123@dog@cat"]'],
    invalid: ['["ab"]', '["a@"]', '["aaaaaaaaaaaaaaaaaaaaa"]'],
  },
];
