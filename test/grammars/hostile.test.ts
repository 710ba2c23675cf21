import { describe, expect, it } from 'vitest';
import { constrain, grammar, regex, tools } from '../../grammars/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { JSON_TEXTS, vocabularyOf } from './json-fixtures.ts';

const vocabulary = vocabularyOf(JSON_TEXTS);

function failure(run: () => unknown): InfcError {
  try {
    run();
  } catch (error) {
    if (error instanceof InfcError) return error;
    throw error;
  }
  throw new Error('no error');
}

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);
const map = (n: number, entry: (i: number) => [string, unknown]): object => Object.fromEntries(range(n).map(entry));
const nest = (n: number, wrap: (inner: object) => object): object =>
  range(n).reduce<object>((inner) => wrap(inner), { type: 'string' });
const parameters = (n: number): object => ({
  type: 'object',
  properties: map(n, (j) => [
    `p${j}`,
    [{ type: 'string' }, { type: 'integer', minimum: j }, { enum: ['a', `c${j}`] }][j % 3],
  ]),
  required: ['p0', 'p1'],
});

/** Compiles, asks for masks, and takes a few tokens; the code of the error if there is one. */
function walk(schema: unknown, order: 'any' | 'schema'): string {
  try {
    const matcher = constrain(schema, { order }).matcher(vocabulary);
    for (let step = 0; step < 5; step++) {
      const words = matcher.mask();
      const token = range(256).find((t) => t > 0x20 && ((words[t >>> 5] ?? 0) >>> (t & 31)) & 1);
      if (token === undefined) break;
      matcher.commit(token);
    }
    return '';
  } catch (error) {
    if (!(error instanceof InfcError)) throw error;
    expect(error.code).toMatch(/^INFC5\d{3}$/);
    expect(error.place.pointer).toBeTypeOf('string');
    if (error.code === 'INFC5021') expect(error.place.keyword).not.toBe('');
    expect(error.place.keyword).toBeTypeOf('string');
    expect(error.reason).not.toBe('');
    expect(error.fix).not.toBeUndefined();
    return error.code;
  }
}

describe('hostile schemas', () => {
  it.each<[string, object, string?]>([
    [
      'oneOf nested 16 deep',
      nest(16, (inner) => ({
        oneOf: ['a', 'b'].map((k) => ({ type: 'object', properties: { [k]: inner }, required: [k] })),
      })),
    ],
    [
      'oneOf nested 16 deep, alternatives alike',
      nest(16, (s) => ({ oneOf: [s, { type: 'object', properties: { a: s } }, { type: 'array', items: s }] })),
      'INFC5021',
    ],
    ['an enum of 5,383 texts', { enum: range(5383).map((i) => `value ${i * 7919}`) }],
    ['an enum of 5,383 objects', { enum: range(5383).map((i) => ({ id: i, name: `n${i}` })) }],
    ['an enum of 5,383 arrays', { enum: range(5383).map((i) => [i, `n${i}`]) }],
    ['3,000 alternatives of one text', { anyOf: range(3000).map((i) => ({ const: `v${i}` })) }],
    [
      '3,000 alternatives of objects',
      { anyOf: range(3000).map((i) => ({ type: 'object', properties: { k: { const: i } }, required: ['k'] })) },
    ],
    ['an enum of 5,383 numbers', { type: 'integer', enum: range(5383).map((i) => (i * 7919) % 100_003) }],
    [
      'a megabyte of properties',
      { properties: map(9000, (i) => [`property ${i}`, { type: 'string', description: 'x'.repeat(80) }]) },
    ],
    ['repeats nested four deep', { type: 'string', pattern: '^(?:(?:(?:a{0,65536}b){0,65536}c){0,65536}d){0,65536}$' }],
    ['repeats of repeats', { type: 'string', pattern: '((((a{0,65536}){0,65536}){0,65536}){0,65536})' }],
    [
      '500 tools of 20 parameters',
      {
        oneOf: range(500).map((i) => ({
          type: 'object',
          properties: { name: { const: `tool_${i}` }, arguments: parameters(20) },
          required: ['name', 'arguments'],
          additionalProperties: false,
        })),
      },
    ],
    [
      '40 overlapping alternatives',
      {
        oneOf: range(40).map((i) => ({
          type: 'object',
          properties: map(8, (j) => [`k${(i + j) % 12}`, { type: j % 2 ? 'string' : 'integer' }]),
          required: [`k${i % 12}`],
        })),
      },
      'INFC5021',
    ],
    [
      'overlapping name patterns',
      {
        patternProperties: map(12, (i) => [
          `[${'abcdefghijklmnop'.slice(i, i + 5)}].*${i % 3}`,
          { maxLength: i, maximum: i },
        ]),
      },
      'INFC5021',
    ],
    ['2,000 levels of allOf', nest(2000, (inner) => ({ allOf: [inner] })), 'INFC5024'],
    [
      '20 thousand levels of properties',
      nest(20_000, (inner) => ({ type: 'object', properties: { a: inner }, required: ['a'] })),
      'INFC5024',
    ],
    ['a text of a megabyte', { const: 'x'.repeat(1_000_000) }],
    ['a million characters at least', { type: 'string', minLength: 1_000_000 }],
    [
      'multiples of many primes',
      { allOf: [7, 11, 13, 17, 19, 23, 29, 31].map((n) => ({ type: 'integer', multipleOf: n })) },
    ],
    [
      'names that UTF-8 cannot spell',
      { type: 'object', properties: { '\ud800': {} }, required: ['\ud800'] },
      'INFC5010',
    ],
  ])('%s', (_, schema, refusal) => {
    const before = process.cpuUsage();
    const codes = [walk(schema, 'schema'), walk(schema, 'any')];
    const { user, system } = process.cpuUsage(before);
    expect(codes.every((code) => code === '' || code === refusal)).toBe(true);
    // Ten times the aim of 100 ms for each of the two: test machines are slow and shared.
    expect((user + system) / 1000).toBeLessThan(2000);
  });

  it('500 tools', () => {
    const before = process.cpuUsage();
    const definitions = Object.fromEntries(range(500).map((i) => [`tool_${i}`, { input: parameters(20) }]));
    const matcher = tools(definitions, { choice: 'required' }).matcher(vocabulary);
    matcher.mask();
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(1500);
  });
});

describe('contradictions', () => {
  it.each<[string, object, string]>([
    ['allOf', { allOf: [{ type: 'string' }, { type: 'number' }] }, '/allOf'],
    ['bounds', { type: 'integer', minimum: 5, maximum: 3 }, '/minimum'],
    [
      'deep inside',
      {
        type: 'object',
        properties: { a: { items: { type: 'string', minLength: 3, maxLength: 2 }, minItems: 1, type: 'array' } },
        required: ['a'],
      },
      '/properties/a/items/minLength',
    ],
    [
      'recursion without base case',
      {
        $ref: '#/$defs/a',
        $defs: { a: { type: 'object', properties: { n: { $ref: '#/$defs/a' } }, required: ['n'] } },
      },
      '/$defs/a/properties/n/$ref',
    ],
    ['pattern', { type: 'string', allOf: [{ pattern: '^a' }, { pattern: '^b' }] }, '/allOf'],
    ['a false property', { type: 'object', properties: { a: false }, required: ['a'] }, '/properties/a'],
    ['too few values', { type: 'array', uniqueItems: true, minItems: 3, items: { type: 'boolean' } }, '/uniqueItems'],
  ])('%s: the error points at the keyword', (_, schema, pointer) => {
    const { code, place } = failure(() => constrain(schema));
    expect([code, place.pointer]).toEqual(['INFC5010', pointer]);
    expect(constrain.check(schema)).toMatchObject({ satisfiable: false, contradiction: { pointer } });
  });
});

describe('cancelling', () => {
  const cancelled = { aborted: true, reason: new Error('no longer wanted') };

  it('stops before, between and within questions', () => {
    expect(failure(() => constrain({ type: 'string' }, { signal: cancelled })).code).toBe('INFC5023');
    expect(failure(() => constrain({ type: 'string' }, { signal: AbortSignal.abort() })).code).toBe('INFC5023');
    const controller = new AbortController();
    const matcher = constrain({ type: 'array' }, { signal: controller.signal }).matcher(vocabulary);
    matcher.mask();
    matcher.commit(0x5b);
    controller.abort('stop');
    expect(failure(() => matcher.mask()).code).toBe('INFC5023');
    expect(failure(() => matcher.mask()).cause).toBe('stop');
    // A clock that runs out while one question is being decided.
    let looks = 0;
    const late = {
      get aborted() {
        return ++looks > 3;
      },
    };
    const hard = {
      patternProperties: map(12, (i) => [`[${'abcdefghijklmnop'.slice(i, i + 5)}].*${i % 3}`, { maxLength: i }]),
    };
    const code = failure(() => {
      const walking = constrain(hard, { signal: late }).matcher(vocabulary);
      for (const byte of '{"a') walking.commit(byte.charCodeAt(0));
    }).code;
    expect(code).toBe('INFC5023');
  });

  it('stops regular expressions, grammars and tools', async () => {
    expect(failure(() => regex('a|b', { signal: cancelled })).code).toBe('INFC5023');
    await expect(grammar({ gbnf: 'root ::= "a"' }, { signal: cancelled })).rejects.toMatchObject({ code: 'INFC5023' });
    expect(failure(() => tools({ f: { input: {} } }, { json: { signal: cancelled } })).code).toBe('INFC5023');
  });
});
