import { describe, expect, it } from 'vitest';
import { constrain, grammar, regex, tools, type Vocabulary, vocabularyFromBytes } from '../../grammars/index.ts';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { Ahead } from '../../grammars/matching/ahead.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import { warmUp } from '../../grammars/warm-up.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';

const vocabulary = vocabularyOf(JSON_TEXTS);

/** The states whose masks were asked for. */
function asked(machine: TokenMachine): { readonly machine: TokenMachine; readonly states: Set<number> } {
  const states = new Set<number>();
  const mask = (state: number): number => {
    states.add(state);
    return machine.mask(state);
  };
  return { machine: Object.assign(Object.create(machine) as TokenMachine, { mask }), states };
}

describe('work ahead', () => {
  it('finds the masks of a text with every property in the declared order', () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        born: { type: 'object', properties: { year: { type: 'integer' } }, additionalProperties: false },
        alive: { type: 'boolean' },
        tags: { type: 'array', items: { enum: ['b', 'a'] } },
      },
      additionalProperties: false,
    } as const;
    for (const order of ['schema', 'any'] as const) {
      const masks = new JsonMasks(openSchema(schema, { order }).acceptor, vocabulary);
      const { machine, states } = asked(masks);
      expect(new Ahead(machine, machine.start).work(10_000)).toBe(true);
      // Byte by byte: every state of this text between two tokens was looked at, and its end.
      const text = new TextEncoder().encode('{"name":"","born":{"year":0},"alive":true,"tags":["a"]}');
      const end = masks.run(masks.start, text);
      expect(masks.accepts(end)).toBe(true);
      expect(states).toContain(end);
      const along = new Set([masks.start]);
      for (let i = 1; i <= text.length; i++) along.add(masks.run(masks.start, text.subarray(0, i)));
      expect([...states].filter((state) => !along.has(state))).toEqual([]);
    }
  });

  it.each(SCHEMAS)('changes no answer: $name', ({ schema, valid }) => {
    const prepared = constrain(schema).matcher(vocabulary);
    while (!prepared.prepare(0));
    const next = random(11);
    for (const text of valid.slice(0, 4)) {
      const plain = constrain(schema).matcher(vocabulary);
      const matcher = prepared.fork();
      for (const byte of new TextEncoder().encode(text)) {
        expect(matcher.mask()).toEqual(plain.mask());
        expect(matcher.accepting).toBe(plain.accepting);
        const took = plain.tryCommit(byte);
        expect(matcher.tryCommit(byte)).toBe(took);
        if (!took) break;
        if (next() < 0.1) matcher.prepare(1);
      }
    }
    expect(prepared.length).toBe(0);
  });

  it('goes on where it was, and from the new place after a token', () => {
    const matcher = constrain({ type: 'array', items: { type: 'integer' }, minItems: 40 }).matcher(vocabulary);
    let calls = 1;
    while (!matcher.prepare(0)) calls++;
    expect(calls).toBeGreaterThan(40);
    expect(matcher.prepare(0)).toBe(true);
    matcher.commit('['.charCodeAt(0));
    expect(matcher.prepare(0)).toBe(false);
  });

  it('ends with recursive schemas, other grammars, calls of tools, and after the end', async () => {
    const recursive = { $id: 'urn:tree', type: 'object', properties: { child: { $ref: '#' } }, required: [] };
    expect(constrain(recursive).matcher(vocabulary).prepare(10_000)).toBe(true);
    expect(
      regex(/\d{3}-[a-z]+/)
        .matcher(vocabulary)
        .prepare(10_000),
    ).toBe(true);
    expect((await grammar({ gbnf: 'root ::= "a" root "b" | "c"' })).matcher(vocabulary).prepare(10_000)).toBe(true);
    const get = { input: { type: 'object', properties: { key: { type: 'string' } } } };
    const call = asked(tools({ get }, { choice: 'required' }).masks(vocabulary));
    expect(new Ahead(call.machine, call.machine.start).work(10_000)).toBe(true);
    const written = call.machine.run(
      call.machine.start,
      new TextEncoder().encode('<tool_call>\n{"name": "get", "arguments": {"key":"'),
    );
    expect(call.states).toContain(written);
    const done = constrain({ const: 1 }).matcher(vocabulary);
    done.commit('1'.charCodeAt(0));
    done.commit(vocabulary.eos[0] ?? -1);
    expect(done.prepare()).toBe(true);
  });

  it('stops when it is cancelled', () => {
    const control = new AbortController();
    const object = { type: 'object', properties: { a: { type: 'string', pattern: '^(a|b)*c$' } }, required: ['a'] };
    const matcher = constrain(object, { signal: control.signal }).matcher(vocabulary);
    matcher.prepare(0);
    control.abort();
    expect(() => matcher.prepare(10_000)).toThrow(/INFC5023/);
  });
});

describe('warming up', () => {
  it('goes on piece by piece, is done once for each vocabulary, and changes no answer', () => {
    const ours = vocabularyOf(JSON_TEXTS);
    let calls = 1;
    while (!warmUp(ours, 0)) calls++;
    expect(calls).toBeGreaterThan(50);
    expect(warmUp(ours, 0)).toBe(true);
    const schema = { type: 'object', properties: { a: { type: 'string', format: 'date' } }, required: ['a'] };
    expect(constrain(schema).matcher(ours).mask()).toEqual(constrain(schema).matcher(vocabulary).mask());
  });

  it('is content with a vocabulary that cannot spell JSON, and refuses what is none', () => {
    expect(warmUp(vocabularyFromBytes([Uint8Array.of(0x61), null], { special: { '</s>': 1 }, eos: ['</s>'] }))).toBe(
      true,
    );
    expect(() => warmUp({} as Vocabulary)).toThrow(/INFC5206/);
  });
});
