import Ajv2020 from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { openSchema } from '../../grammars/json/session.ts';
import { random, SCHEMAS } from './json-fixtures.ts';

const encoder = new TextEncoder();

function accepts(session: ReturnType<typeof openSchema>, text: string): boolean {
  const { acceptor } = session;
  const state = acceptor.run(acceptor.start, encoder.encode(text));
  return state !== 0 && acceptor.accepts(state);
}

describe.each(SCHEMAS)('JSON constraint: $name', ({ schema, valid, invalid }) => {
  const any = openSchema(schema, { order: 'any', whitespace: 'json', escapes: 'any' });

  it('accepts valid documents and no invalid ones', () => {
    for (const text of valid) expect(accepts(any, text), text).toBe(true);
    for (const text of invalid) expect(accepts(any, text), text).toBe(false);
  });

  it('takes every spelling that JSON allows', () => {
    for (const text of valid) {
      const spaced = JSON.stringify(JSON.parse(text), null, 3).replace(/"a/g, '"\u0061');
      expect(JSON.parse(spaced)).toEqual(JSON.parse(text));
      expect(
        accepts(
          any,
          ` ${spaced}
`,
        ),
        spaced,
      ).toBe(true);
    }
  });

  it.each(['any', 'schema'] as const)(
    'never reaches a dead end in %s order, and ends in documents Ajv accepts',
    (order) => {
      const { acceptor } = openSchema(schema, { order, whitespace: 'bounded', escapes: 'minimal' });
      const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object | boolean);
      const next = random(7);
      for (let walk = 0; walk < 12; walk++) {
        let state = acceptor.start;
        const bytes: number[] = [];
        for (let step = 0; step < 40; step++) {
          const options: [number, number][] = [];
          for (let byte = 0; byte < 256; byte++) {
            const to = acceptor.step(state, byte);
            if (to !== 0) options.push([byte, to]);
          }
          expect(options.length > 0 || acceptor.accepts(state), Buffer.from(bytes).toString()).toBe(true);
          // Letters and digits outnumber structure: choose a kind of byte first.
          const plain = options.filter(([b]) => b > 0x20 && b < 0x7f && !/[a-zA-Z0-9]/.test(String.fromCharCode(b)));
          const pick = plain.length > 0 && next() < 0.5 ? plain : options;
          const choice = pick[Math.floor(next() * pick.length)];
          if (!choice) break;
          bytes.push(choice[0]);
          state = choice[1];
        }
        // Then the shortest way out: each byte must bring the end one byte nearer.
        for (let left = acceptor.shortest(state); !acceptor.accepts(state); left = acceptor.shortest(state)) {
          let best: [number, number] | undefined;
          for (let byte = 0; byte < 256; byte++) {
            const to = acceptor.step(state, byte);
            if (to !== 0 && (best === undefined || acceptor.shortest(to) < acceptor.shortest(best[1])))
              best = [byte, to];
          }
          if (!best || acceptor.shortest(best[1]) >= left) throw new Error(`stuck at ${Buffer.from(bytes).toString()}`);
          bytes.push(best[0]);
          state = best[1];
        }
        const text = Buffer.from(bytes).toString();
        // Ajv divides in floating point: large exponents are beyond it.
        if (!/\d[eE]/.test(text)) expect(validate(JSON.parse(text)), text).toBe(true);
      }
    },
  );
});

describe('escapes', () => {
  it('begin only where a character can still come', () => {
    const session = openSchema(
      { type: 'string', pattern: '^[a-c]{1,9}(@[a-c]{1,9})*$', maxLength: 4 },
      { escapes: 'any', whitespace: 'compact' },
    );
    const stateOf = (text: string): number => session.acceptor.run(session.acceptor.start, encoder.encode(text));
    expect(stateOf('"ab@a\\')).toBe(0);
    expect(stateOf('"ab@\\u006')).not.toBe(0);
    expect(stateOf('"ab@\\u004')).toBe(0);
    expect(stateOf('"ab\\u004')).not.toBe(0);
  });

  it('and bounds beside a pattern count in the shortest end', () => {
    const { acceptor } = openSchema({ type: 'string', pattern: '^[a-c]+(-[a-c]+)*$', minLength: 3, maxLength: 6 }, {});
    const left = (text: string): number => acceptor.shortest(acceptor.run(acceptor.start, encoder.encode(text)));
    expect(['"', '"a', '"a-', '"a-b', '"abc"'].map(left)).toEqual([4, 3, 2, 1, 0]);
  });
});

describe('order and whitespace', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'integer' }, c: { type: 'integer' } },
    required: ['a', 'c'],
  } as const;

  it('keeps the declared order and lets optional properties be left out', () => {
    const session = openSchema(schema, { order: 'schema', whitespace: 'compact' });
    for (const text of ['{"a":1,"c":2}', '{"a":1,"b":0,"c":2}', '{"a":1,"c":2,"x":null}'])
      expect(accepts(session, text), text).toBe(true);
    for (const text of ['{"c":2,"a":1}', '{"a":1,"x":0,"c":2}', '{"a":1,"c":2,"b":0}', '{"a": 1,"c":2}'])
      expect(accepts(session, text), text).toBe(false);
  });

  it('bounds whitespace to what printers write', () => {
    const session = openSchema(schema, { order: 'any', whitespace: 'bounded' });
    const value = { a: 1, c: { d: [1, [], {}] } };
    const loose = openSchema(true, { whitespace: 'bounded' });
    for (const space of [undefined, 1, 2, '\t']) expect(accepts(loose, JSON.stringify(value, null, space))).toBe(true);
    expect(accepts(session, '{"a":1, "c": 2}')).toBe(true);
    for (const text of ['{"a":1,  "c":2}', '{"a":1,\n\n"c":2}', ' {"a":1,"c":2}', '{"a" :1,"c":2}'])
      expect(accepts(session, text), text).toBe(false);
  });
});
