import Ajv2020 from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { ClosingMasks } from '../../grammars/matching/closing.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { random } from './json-fixtures.ts';

const SEED = Number(process.env.INFC_SEED ?? 55_103);
const STATES = Number(process.env.INFC_STATES ?? 600);
const RUNS = Number(process.env.INFC_WALKS ?? 40);

/** The characters that shortest texts are made of, a few more, and tokens over every kind of border: few enough to follow all texts. */
const TOKENS = [
  ...[...'{}[]":,0123abcxé\\ '],
  ...[
    '{"',
    '":',
    '","',
    ',"',
    '"}',
    '}}',
    '":{"',
    '"a":1,"',
    '"b',
    'aa',
    'ab":',
    '[1',
    ',2',
    '"a":1}',
    '":1',
    '":0,"',
    '":{"":0}',
    '{"":',
    '""}',
  ],
];
const vocabulary: Vocabulary = {
  bytes: [...TOKENS.map((text) => Buffer.from(text)), null],
  size: TOKENS.length + 1,
  eos: [TOKENS.length],
  special: new Map([['</s>', TOKENS.length]]),
  hash: 'closing',
};

type Schema = { readonly [key: string]: Json };
const NAMES = ['a', 'b', 'ab', 'abc', 'é', 'x"'];
const VALUES: readonly Json[] = [
  true,
  { const: 1 },
  { type: 'integer' },
  { enum: ['aa', 'b', 12] },
  { type: 'object', minProperties: 1 },
  { type: 'string', minLength: 2 },
  { type: 'array', uniqueItems: true, minItems: 2, items: { enum: [1, 22, 3] } },
  { type: 'array', uniqueItems: true, minItems: 2, items: { type: 'integer' } },
];
const name = fc.constantFrom(...NAMES);
const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 1 });

/** An object with keywords that say which names come, how many, and what follows from them. */
function objects(depth: number): fc.Arbitrary<Json> {
  const value: fc.Arbitrary<Json> =
    depth === 0
      ? fc.constantFrom(...VALUES)
      : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...VALUES) }, { weight: 2, arbitrary: objects(depth - 1) });
  const keywords = fc.record({
    type: fc.constant('object'),
    properties: fc.dictionary(name, value, { maxKeys: 5 }),
    required: fc.uniqueArray(name, { maxLength: 5 }),
    minProperties: sometimes(fc.integer({ min: 0, max: 4 })),
    maxProperties: sometimes(fc.integer({ min: 3, max: 5 })),
    dependentRequired: sometimes(fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), { maxKeys: 2 })),
    patternProperties: sometimes(fc.dictionary(fc.constantFrom('^a', 'b$', '^.b'), value, { maxKeys: 2 })),
    additionalProperties: sometimes(fc.oneof(fc.constant(false), value)),
    propertyNames: sometimes(
      fc.constantFrom<Json>({ pattern: '^[ab]{1,3}$' }, { maxLength: 2 }, { enum: ['a', 'b', 'é', 'abc'] }),
    ),
  });
  return keywords.map(
    (schema) => Object.fromEntries(Object.entries(schema).filter(([, v]) => v !== undefined)) as Schema,
  );
}

/** Fewest tokens of a text, the end token included, by trying all tokens, shorter texts first; undefined where so many states do not tell. */
function fewest(machine: TokenMachine, most: number): number | undefined {
  const met = new Set([machine.start]);
  for (let level = [machine.start], tokens = 1; ; tokens++) {
    if (level.some((state) => machine.accepts(state))) return tokens;
    const below: number[] = [];
    for (const state of level)
      for (const bytes of vocabulary.bytes) {
        const next = bytes ? machine.run(state, bytes) : 0;
        if (next === 0 || met.has(next)) continue;
        met.add(next);
        below.push(next);
      }
    if (met.size > most || below.length === 0) return undefined;
    level = below;
  }
}

/** Follows random tokens of the masks, from a limit to the end. */
function walk(next: () => number, machine: TokenMachine, limit: number): string {
  const closing = ClosingMasks.of(machine);
  const text: number[] = [];
  for (let state = machine.start, left = limit; ; left--) {
    const { endings } = closing;
    const bound = endings.tokens(endings.places.of(state));
    // Under every limit that the bound allows there is a token that keeps it.
    if (machine.pool.isEmpty(closing.mask(state, bound)) || left < bound)
      throw new Error(`dead end after ${Buffer.from(text).toString()}: ${bound} tokens at least, ${left} left`);
    const allowed = listed(machine.pool.view(closing.mask(state, left)));
    const bytes = vocabulary.bytes[allowed[Math.floor(next() * allowed.length)] ?? -1];
    if (!bytes) return Buffer.from(text).toString();
    text.push(...bytes);
    state = machine.run(state, bytes);
  }
}

const listed = (words: Uint32Array): number[] =>
  vocabulary.bytes.map((_, t) => t).filter((t) => ((words[t >>> 5] ?? 0) >>> (t & 31)) & 1);

describe(`texts that end in time, against all tokens (seed ${SEED})`, () => {
  it('JSON: the bound is never below the truth, and from every state some token keeps it', () => {
    const next = random(SEED);
    const told = { known: 0, exact: 0, above: 0 };
    const property = fc.property(
      objects(1),
      fc.constantFrom('any', 'schema'),
      fc.constantFrom('compact', 'json', 'bounded'),
      (schema, order, whitespace) => {
        let machine: TokenMachine;
        try {
          const { acceptor } = openSchema(schema, { order, whitespace, escapes: 'minimal' });
          machine = new JsonMasks(acceptor, vocabulary);
        } catch (error) {
          if (error instanceof InfcError) return;
          throw error;
        }
        if (machine.start === 0) return;
        const { endings } = ClosingMasks.of(machine);
        const bound = endings.tokens(endings.places.of(machine.start));
        const truth = fewest(machine, STATES);
        if (truth !== undefined) {
          told.known++;
          if (truth === bound) told.exact++;
          told.above = Math.max(told.above, bound - truth);
          expect(bound).toBeGreaterThanOrEqual(truth);
        }
        const validate = new Ajv2020({ strict: false }).compile(schema as object);
        for (let n = 0; n < 8; n++) {
          const document = walk(next, machine, bound + Math.floor(next() * n * 2));
          // More digits than doubles have are beyond what Ajv decides.
          if (!/\d[eE]|\d{15}/.test(document))
            expect([document, validate(JSON.parse(document))]).toEqual([document, true]);
        }
      },
    );
    fc.assert(property, { numRuns: RUNS, seed: SEED });
    console.log(told);
    expect(told.known).toBeGreaterThan(0);
  });
});
