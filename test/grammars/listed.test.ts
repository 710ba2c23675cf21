import { describe, expect, it } from 'vitest';
import { constrain } from '../../grammars/index.ts';
import { canonical } from '../../grammars/json/formula/terms.ts';
import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import { JSON_TEXTS, random, vocabularyOf } from './json-fixtures.ts';
import { randomWalk } from './random-walk.ts';

const vocabulary = vocabularyOf(JSON_TEXTS);
const seed = Number(process.env.INFC_RANDOM_SEED ?? Date.now() % 1_000_000);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const SCALARS: readonly Json[] = [null, true, false, 0, 1, 10, 12, -0.5, 1e21, 1e-7, 'a', 'ab', '', 'né"\\\n', '名'];
const NAMES = ['a', 'b', 'ab', 'c', 'é"', '__proto__'];

function randomValue(next: () => number, depth: number): Json {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const kind = depth === 0 ? 0 : next();
  if (kind < 0.5) return pick(SCALARS);
  const size = Math.floor(next() * 4);
  if (kind < 0.75) return Array.from({ length: size }, () => randomValue(next, depth - 1));
  return JSON.parse(
    `{${[...new Set(Array.from({ length: size }, () => pick(NAMES)))]
      .map((name) => `${JSON.stringify(name)}:${JSON.stringify(randomValue(next, depth - 1))}`)
      .join()}}`,
  );
}

/** One of the ways to write a value: names in any order, now and then a space. */
function write(next: () => number, value: Json): string {
  const gap = next() < 0.3 ? ' ' : '';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((x: Json) => write(next, x)).join(`,${gap}`)}]`;
  const entries = Object.entries<Json>(value as { readonly [key: string]: Json }).sort(() => next() - 0.5);
  return `{${entries.map(([name, x]) => `${JSON.stringify(name)}:${gap}${write(next, x)}`).join(`,${gap}`)}}`;
}

/** Arrays and objects, more than are kept as alternatives. */
function randomList(next: () => number): Json[] {
  const base = randomValue(next, 2);
  const values = Array.from({ length: 40 }, (_, i) => {
    const value = randomValue(next, 3);
    // Many agree in what comes first.
    if (Array.isArray(value)) return i % 2 ? [base, ...value] : value;
    return value !== null && typeof value === 'object' && i % 2 ? { first: base, ...value } : value;
  });
  return values;
}

describe('listed texts', () => {
  it('go on from one that is whole with an escape', () => {
    const vocabulary = vocabularyOf(['ab', 'ab\\"', 'b\\"', 'é名', 'ab"', 'é名\u{10437}', '\u{10438}"', 'é\\']);
    for (const list of [
      ['ab', 'ab"c'],
      ['é名"', 'é名', 'é名\u{10437}', 'é名\u{10438}', 'é\\'],
    ]) {
      const acceptor = constrain({ enum: list }).acceptor;
      const matcher = constrain({ enum: list }).matcher(vocabulary);
      const text = new TextEncoder().encode(JSON.stringify(list[0]));
      let state = acceptor.start;
      for (const byte of text.subarray(0, -1)) {
        const words = matcher.mask();
        vocabulary.bytes.forEach((bytes, token) => {
          if (!bytes) return;
          const next = bytes.reduce((at, byte) => acceptor.step(at, byte), state);
          expect(((words[token >>> 5] ?? 0) >>> (token & 31)) & 1).toBe(next === 0 ? 0 : 1);
        });
        matcher.commit(byte);
        state = acceptor.step(state, byte);
      }
    }
  });
});

describe('listed arrays and objects', () => {
  it(`are taken in every spelling, and nothing else is (seed ${seed})`, () => {
    const next = random(seed);
    for (let round = 0; round < 12; round++) {
      const values = randomList(next);
      const texts = new Set(values.map(canonical));
      const others = randomList(next).filter((value) => !texts.has(canonical(value)));
      // Beside other demands: the values that satisfy these; or values that are not listed.
      const narrowing = { maxItems: 2, minProperties: 1, properties: { first: {}, a: { type: ['number', 'string'] } } };
      const narrow = constrain(narrowing, { order: 'any', whitespace: 'json' });
      for (const order of ['any', 'schema'] as const) {
        const options = { order, whitespace: 'json' } as const;
        const listed = constrain({ enum: values }, options);
        const both = constrain({ enum: values, ...narrowing }, options);
        const either = constrain({ anyOf: [{ enum: values }, { type: 'array', maxItems: 0 }] }, options);
        for (const value of values) {
          if (order === 'schema') {
            // In declared order there is one way.
            const { acceptor } = listed;
            const run = (state: number, text: string): number => bytewise(acceptor, state, utf8.encode(text));
            const found = spellings({ run }, acceptor.start, value);
            expect([JSON.stringify(value), found.length]).toEqual([JSON.stringify(value), 1]);
            expect(acceptor.accepts(found[0] ?? 0)).toBe(true);
            continue;
          }
          const text = write(next, value);
          expect([text, listed.accepts(text)]).toEqual([text, true]);
          expect([text, either.accepts(text)]).toEqual([text, true]);
          expect([text, both.accepts(text)]).toEqual([text, narrow.accepts(text)]);
        }
        for (const value of others) {
          const text = write(next, value);
          expect([text, listed.accepts(text), both.accepts(text)]).toEqual([text, false, false]);
          expect([text, either.accepts(text)]).toEqual([text, Array.isArray(value) && value.length === 0]);
        }
      }
    }
  });

  it(`have masks that say what bytes do, and no dead ends (seed ${seed})`, () => {
    const next = random(seed + 1);
    for (let round = 0; round < 8; round++) {
      const values = randomList(next);
      for (const order of ['any', 'schema'] as const) {
        const constraint = constrain({ type: ['array', 'object'], enum: values }, { order });
        const texts = new Set(values.map(canonical));
        const { acceptor } = constraint;
        const machine = constraint.masks(vocabulary);
        for (let walk = 0; walk < 4; walk++) {
          const pieces = randomWalk(next, constraint, vocabulary, undefined);
          let state = acceptor.start;
          for (const piece of pieces) {
            const words = machine.pool.view(machine.mask(state));
            vocabulary.bytes.forEach((bytes, token) => {
              const expected = bytes ? bytewise(acceptor, state, bytes) !== 0 : acceptor.accepts(state);
              const bit = (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
              if (bit !== expected) throw new Error(`token ${token} after ${Buffer.concat(pieces)}: ${bit}`);
            });
            state = bytewise(acceptor, state, piece);
          }
          expect(texts).toContain(canonical(JSON.parse(Buffer.concat(pieces).toString())));
        }
        for (let walk = 0; walk < 2; walk++) {
          const pieces = randomWalk(next, constraint, vocabulary, constraint.matcher(vocabulary).minTokensToEnd() + 3);
          expect(texts).toContain(canonical(JSON.parse(Buffer.concat(pieces).toString())));
        }
      }
    }
  });

  it('are told apart from what one of several alternatives takes', () => {
    const values = Array.from({ length: 40 }, (_, i) => ({ id: i, name: `n${i}` }));
    const one = constrain(
      { oneOf: [{ enum: values }, { properties: { id: { type: 'integer', minimum: 36 } }, required: ['id'] }] },
      { order: 'any' },
    );
    expect([one.accepts('{"id":5,"name":"n5"}'), one.accepts('{"name":"n37","id":37}')]).toEqual([true, false]);
    expect([one.accepts('{"id":37,"name":"n3"}'), one.accepts('{"id":5,"name":"n6"}')]).toEqual([true, false]);
    const few = values.slice(0, 20);
    const not = constrain({ not: { enum: few }, enum: values }, { order: 'any' });
    expect([not.accepts('{"name":"n5","id":5}'), not.accepts('{"id":25,"name":"n25"}')]).toEqual([false, true]);
    const many = values.concat(values.map((x) => ({ ...x, more: 1 })));
    const other = constrain({ type: 'object', not: { enum: many } }, { order: 'any' });
    for (const value of many) expect(other.accepts(JSON.stringify(value))).toBe(false);
    for (const text of ['{"name":"n5","id":6}', '{"id":5,"name":"n5","more":2}', '{"id":5}', '{}', '{"more":1}'])
      expect(other.accepts(text)).toBe(true);
    const unique = constrain({ uniqueItems: true, items: { enum: values }, minItems: 39 });
    expect(unique.accepts(JSON.stringify(values))).toBe(true);
    expect(unique.accepts(JSON.stringify([...values.slice(1), values[7]]))).toBe(false);
  });
});

const utf8 = new TextEncoder();

function bytewise(acceptor: Acceptor, from: number, bytes: Uint8Array): number {
  let state = from;
  for (const byte of bytes) state = acceptor.step(state, byte);
  return state;
}

/** Of the ways to order a value's names those that are taken, as the states after them. */
function spellings({ run }: { run(state: number, text: string): number }, state: number, value: Json): number[] {
  if (value === null || typeof value !== 'object') return [run(state, JSON.stringify(value))].filter(Boolean);
  const array = Array.isArray(value);
  const entries = Object.entries<Json>(value as { readonly [key: string]: Json });
  const go = (from: number, left: readonly [string, Json][]): number[] => {
    if (left.length === 0) return [run(from, array ? ']' : '}')].filter(Boolean);
    const comma = left.length < entries.length ? ',' : '';
    return (array ? left.slice(0, 1) : left).flatMap((entry) => {
      const before = run(from, array ? comma : `${comma}${JSON.stringify(entry[0])}:`);
      if (before === 0) return [];
      const rest = left.filter((other) => other !== entry);
      return spellings({ run }, before, entry[1]).flatMap((after) => go(after, rest));
    });
  };
  const open = run(state, array ? '[' : '{');
  return open === 0 ? [] : go(open, entries);
}
