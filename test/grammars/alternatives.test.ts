import { describe, expect, it } from 'vitest';
import { constrain } from '../../grammars/index.ts';

const REFUSED = -1;

/** Bytes of the shortest end after a text; Infinity where there is none, and `REFUSED` where a byte of it cannot come. */
function left(schema: unknown, text: string): number {
  const { acceptor } = constrain(schema as object, { order: 'any', whitespace: 'compact' });
  let state = acceptor.start;
  for (const byte of new TextEncoder().encode(text)) state = acceptor.step(state, byte);
  return state === 0 ? REFUSED : acceptor.shortest(state);
}

const KINDS = Array.from({ length: 41 }, (_, i) => `Kind${String.fromCharCode(65 + (i % 26))}${i}`);

describe('oneOf of many objects', () => {
  it('is told apart by patterns of one text, those that nothing requires included', () => {
    const oneOf = KINDS.map((kind, i) => ({
      type: 'object',
      properties: { kind: { type: 'string', pattern: `^${kind}$` }, source: {}, [`own${i % 7}`]: { type: 'number' } },
      ...(i % 8 === 7 ? {} : { required: ['kind', 'source'] }),
      additionalProperties: false,
    }));
    const schema = { type: 'object', additionalProperties: { oneOf } };
    // KindH7 requires nothing, and no other of its kind has own0.
    expect(left(schema, '{"a":{"source":')).toBe('0,"own0":0}}'.length);
    expect(left(schema, '{"a":{"own6":')).toBe('0,"kind":"KindG6","source":0}}'.length);
    expect(left(schema, '{"a":{"kind":"KindH7"')).toBe('}}'.length);
  });

  it('has only those alternatives whose values exist, though they are too many to be compiled at once', () => {
    const impossible: readonly unknown[] = [
      false,
      { type: 'integer', minimum: 5, maximum: 4 },
      { $ref: '#/$defs/loop' },
    ];
    const oneOf = KINDS.map((kind, i) => {
      const a =
        i % 10 < 3 ? impossible[i % 10] : i % 2 ? { type: 'array', items: false } : { type: 'integer', minimum: i };
      const values = { type: 'object', properties: { a, b: { multipleOf: 3 } }, required: ['a'] };
      return { type: 'object', properties: { kind: { const: kind }, values }, required: ['kind', 'values'] };
    });
    const loop = { type: 'object', properties: { loop: { $ref: '#/$defs/loop' } }, required: ['loop'] };
    KINDS.forEach((kind, i) => {
      const least = left({ oneOf, $defs: { loop } }, `{"kind":"${kind}"`);
      expect([kind, least]).toEqual([kind, i % 10 < 3 ? REFUSED : `,"values":{"a":${i % 2 ? '[]' : i}}}`.length]);
    });
  });

  it('has a shortest end found first by leaving names out, where all are open and required names tell them apart', () => {
    const shared = ['env', 'bindings', 'volumes'].map((name) => [
      name,
      {
        type: 'array',
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, value: { type: 'string' } },
          required: ['name'],
          additionalProperties: false,
        },
      },
    ]);
    const oneOf = ['executable', 'azureFunction', 'image', 'dockerFile', 'project', 'repository', 'include'].map(
      (kind, i) => ({
        type: 'object',
        properties: {
          name: { type: 'string' },
          [kind]: { type: 'string' },
          ...Object.fromEntries(shared),
          args: { type: 'string' },
          [`own${i}`]: { type: 'boolean' },
          replicas: { type: 'integer' },
        },
        required: ['name', kind],
      }),
    );
    expect(left({ oneOf }, '{"')).toBe('name":"","image":""}'.length);
    expect(left({ oneOf }, '{"env":0,"')).toBe(REFUSED);
  });

  it('is told apart by a name that is required beside it', () => {
    const oneOf = KINDS.map((kind) => ({
      type: 'object',
      properties: {
        kind: { type: 'string', enum: [kind] },
        data: { type: 'object', required: ['a', kind], additionalProperties: { type: 'string' } },
      },
    }));
    const plain = { type: 'object', required: ['data', 'kind'], allOf: [{ properties: { name: {} } }, { oneOf }] };
    expect(left(plain, '{"data":{"a":"","KindZ25":""},"name":0,')).toBe('"kind":"KindZ25"}'.length);
    expect(left(plain, '{"data":')).toBe('{"a":"","KindA0":""},"kind":"KindA0"}'.length);
    const behind = { allOf: [{ $ref: '#/$defs/any' }], type: 'object', required: ['kind'], $defs: { any: { oneOf } } };
    expect(left(behind, '{"data":{"a":"","KindZ25":""},"name":0,')).toBe('"kind":"KindZ25"}'.length);
  });
});

describe('many conditions', () => {
  it('leave a shortest end that is found without trying all of their combinations', () => {
    const kinds = KINDS.slice(0, 20);
    const schema = {
      type: 'object',
      properties: { kind: { enum: kinds } },
      allOf: kinds.map((kind) => ({
        if: { properties: { kind: { const: kind } } },
        // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
        then: { required: ['name', 'data'], properties: { data: { type: 'object', required: [kind, 'all'] } } },
      })),
    };
    expect(left(schema, '{')).toBe('"name":0,"data":{"KindA0":0,"all":0},"kind":"KindA0"}'.length);
  });
});

describe('oneOf that refers to itself', () => {
  it('is not read while its alternatives are compared', () => {
    const tree = {
      oneOf: [
        { type: 'object', properties: { left: { $ref: '#/$defs/tree' } }, required: ['left'] },
        { type: 'object', properties: { right: { $ref: '#/$defs/tree' } }, required: ['right'] },
        { type: 'object', properties: { leaf: { const: 'x' } }, required: ['leaf'], minProperties: 1 },
      ],
    };
    expect(left({ $ref: '#/$defs/tree', $defs: { tree } }, '{"left":')).toBe('{"leaf":"x"}}'.length);
  });
});

describe('numbers that many multiples decide', () => {
  it('have a shortest end that is found soon', () => {
    const schema = {
      type: 'number',
      allOf: [
        { oneOf: [{ multipleOf: 33 }, { multipleOf: 12 }, { multipleOf: 77 }] },
        { oneOf: [{ not: { anyOf: [{ multipleOf: 6 }, { multipleOf: 7 }] } }, { multipleOf: 44 }] },
        { oneOf: [{ not: { multipleOf: 11 } }, { multipleOf: 13 }] },
        { not: { multipleOf: 8 } },
      ],
    };
    // 429 = 3 * 11 * 13.
    expect(left(schema, '')).toBe(3);
    expect(left(schema, '4')).toBe(2);
    expect(left(schema, '-')).toBe(3);
  });

  it('have one where there are more states than anyone would search', () => {
    const schema = {
      type: 'number',
      allOf: [
        { anyOf: [{ multipleOf: 33 }, { multipleOf: 12 }, { multipleOf: 77 }] },
        { anyOf: [{ not: { anyOf: [{ multipleOf: 6 }, { multipleOf: 7 }] } }, { multipleOf: 44 }] },
        { anyOf: [{ not: { multipleOf: 11 } }, { multipleOf: 13 }] },
        { not: { multipleOf: 429 } },
      ],
      exclusiveMaximum: -100000,
    };
    // 100100 = 25 * 4 * 7 * 11 * 13.
    expect(left(schema, '')).toBe('-100100'.length);
    expect(left(schema, '-100')).toBe('100'.length);
  });

  it('may be shorter with an exponent', () => {
    expect(left({ type: 'integer', minimum: 9000 }, '')).toBe(3);
    expect(left({ type: 'integer', minimum: 9000, multipleOf: 7 }, '')).toBe('7e4'.length);
    expect(left({ type: 'integer', minimum: 9000, multipleOf: 11 }, '')).toBe(4);
    expect(left({ type: 'number', minimum: 1e20 }, '1')).toBe(3);
  });
});
