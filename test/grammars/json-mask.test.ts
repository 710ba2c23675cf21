import { describe, expect, it } from 'vitest';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import { openSchema } from '../../grammars/json/session.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { llama3 } from '../conformance/vocabularies.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';

/** Compares every bit of a mask with byte-wise acceptance; returns the next state of a random allowed token. */
function check(masks: JsonMasks, vocabulary: Vocabulary, state: number, next: () => number): number {
  const words = masks.pool.view(masks.mask(state));
  const allowed: number[] = [];
  let wrong = '';
  for (let token = 0; token < vocabulary.size; token++) {
    const bytes = vocabulary.bytes[token];
    const expected = bytes
      ? bytes.length > 0 && masks.acceptor.takes(state, bytes)
      : vocabulary.eos.includes(token) && masks.accepts(state);
    const actual = (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
    if (expected !== actual) wrong += ` ${token}:${JSON.stringify(Buffer.from(bytes ?? []).toString())}`;
    if (actual && bytes) allowed.push(token);
  }
  expect(wrong).toBe('');
  if (allowed.length === 0) return masks.start;
  const bytes = vocabulary.bytes[allowed[Math.floor(next() * allowed.length)] ?? 0] ?? new Uint8Array(0);
  const after = masks.run(state, bytes);
  // A token at once leads where its bytes lead one by one.
  expect(bytes.reduce((at, byte) => masks.step(at, byte), state)).toBe(after);
  return after;
}

describe('masks equal byte-wise acceptance', () => {
  const vocabulary = vocabularyOf(JSON_TEXTS);
  it.each(SCHEMAS)('small vocabulary: $name', ({ schema }) => {
    const next = random(3);
    for (const options of [
      { order: 'any', whitespace: 'json', escapes: 'any' },
      { order: 'schema', whitespace: 'bounded', escapes: 'minimal' },
    ] as const) {
      const masks = new JsonMasks(openSchema(schema, options).acceptor, vocabulary);
      for (let walk = 0; walk < 12; walk++) {
        let state = masks.start;
        for (let step = 0; step < 25 && state !== 0; step++) state = check(masks, vocabulary, state, next);
      }
    }
  });

  it('the 128k Llama 3 vocabulary', async () => {
    const llama = await llama3();
    const next = random(5);
    for (const { schema, valid } of SCHEMAS) {
      const masks = new JsonMasks(
        openSchema(schema, { order: 'any', whitespace: 'json', escapes: 'any' }).acceptor,
        llama,
      );
      // Along a real document, at three places of it.
      const tokens = llama.encode(valid[valid.length - 1] ?? 'null');
      const places = new Set([0, 1, 2].map(() => Math.floor(next() * (tokens.length + 1))));
      let state = masks.start;
      for (let at = 0; at <= tokens.length; at++) {
        if (places.has(at)) check(masks, llama, state, next);
        const token = tokens[at];
        if (token !== undefined) state = masks.run(state, llama.bytes[token] ?? new Uint8Array(0));
      }
    }
  }, 120_000);
});
