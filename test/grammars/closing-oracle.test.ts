import Ajv2020 from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choice, constrain, grammar, regex, vocabularyFromBytes } from '../../grammars/index.ts';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { ClosingMasks } from '../../grammars/matching/closing.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import { type ToolOptions, tools } from '../../grammars/tools/tools.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { random } from './json-fixtures.ts';

const SEED = Number(process.env.INFC_SEED ?? 55_103);
const STATES = Number(process.env.INFC_STATES ?? 400);
const RUNS = Number(process.env.INFC_WALKS ?? 20);

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

/** The state after a token; 0 after one that cannot come, and after an end token. */
function after(machine: TokenMachine, state: number, token: number): number {
  const bytes = machine.vocabulary.bytes[token];
  if (bytes) return bytes.length > 0 ? machine.run(state, bytes) : 0;
  return machine.vocabulary.eos.includes(token) ? 0 : (machine.special?.(state, token) ?? 0);
}

/** Fewest tokens of a text, the end token included, by trying all tokens, shorter texts first; undefined where so many states do not tell. */
function fewest(machine: TokenMachine, most: number): number | undefined {
  const met = new Set([machine.start]);
  for (let level = [machine.start], tokens = 1; ; tokens++) {
    if (level.some((state) => machine.accepts(state))) return tokens;
    const below: number[] = [];
    for (const state of level)
      for (let token = 0; token < machine.vocabulary.size; token++) {
        const next = after(machine, state, token);
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
  const { endings } = closing;
  const text: number[] = [];
  for (let state = machine.start, left = limit; ; left--) {
    const bound = endings.tokens(endings.places.of(state));
    // Under every limit that the bound allows there is a token that keeps it.
    if (machine.pool.isEmpty(closing.mask(state, bound)) || left < bound)
      throw new Error(`dead end after ${Buffer.from(text).toString()}: ${bound} tokens at least, ${left} left`);
    const allowed = listed(machine.pool.view(closing.mask(state, left)));
    const token = allowed[Math.floor(next() * allowed.length)] ?? -1;
    if (machine.vocabulary.eos.includes(token)) return Buffer.from(text).toString();
    text.push(...(machine.vocabulary.bytes[token] ?? []));
    state = after(machine, state, token);
  }
}

function listed(words: Uint32Array): number[] {
  return [...words].flatMap((word, w) =>
    Array.from({ length: 32 }, (_, bit) => bit).flatMap((bit) => ((word >>> bit) & 1 ? [w * 32 + bit] : [])),
  );
}

/** Every byte, tokens over borders, and tags that are tokens. */
const special = { '</s>': 300, '<think>': 301, '</think>': 302, '<tool_call>': 303, '</tool_call>': 304 };
const TEXTS = ['{"name', '": "', '","', '":{"', 'arguments', '}}', '"}', '":', 'ab', '))', '(a', ', ', 'a, ', 'so'];
const table = Array.from({ length: 305 }, (_, id) => {
  if (id < 256) return Uint8Array.of(id);
  const text = TEXTS[id - 256];
  return text === undefined ? (id < 300 ? new Uint8Array(0) : null) : Buffer.from(text);
});
const bytes = vocabularyFromBytes(table, { special, eos: ['</s>'] });

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
    // A longer text may take fewer tokens than the one of fewest bytes: by three at most, of 180 schemas.
    expect(told.known).toBeGreaterThan(0);
    expect(told.above).toBeLessThan(6);
  });

  it.each<[string, () => Promise<{ masks(vocabulary: Vocabulary): TokenMachine; accepts(text: string): boolean }>]>([
    ['a pattern', async () => regex(/(ab|c){2,4}x?|"[a-c]{3,}"/)],
    ['a pattern with look-ahead', async () => regex(/(?=.*b)[a-c]{2,6}/)],
    ['a choice', async () => choice(['abba', 'ab', 'abc1', 'x'])],
    ['GBNF', () => grammar({ gbnf: 'root ::= "(" root ")" root | [a-c]+' })],
    ['EBNF', () => grammar({ ebnf: "start = item, { ', ', item }, ';'; item = 'a' | '(', item, item, ')';" })],
    ['Lark', () => grammar({ lark: 'start: pair ("," pair)+\npair: "(" WORD ")"\nWORD: /[a-c]{2}/\n%ignore " "' })],
  ])('%s: the bound is the truth here, and every walk ends in time', async (_, open) => {
    const constraint = await open();
    const machine = constraint.masks(bytes);
    const { endings } = ClosingMasks.of(machine);
    const bound = endings.tokens(endings.places.of(machine.start));
    expect(bound).toBe(fewest(machine, 20_000));
    const next = random(SEED);
    for (let n = 0; n < 30; n++) {
      const text = walk(next, machine, bound + n);
      expect([text, constraint.accepts(text)]).toEqual([text, true]);
    }
  });

  const definitions = {
    look: {
      input: { type: 'object', properties: { at: { type: 'string' }, n: { type: 'integer' } }, required: ['at'] },
    },
  };
  it.each<[string, ToolOptions]>([
    ['a call', { choice: 'required' }],
    ['no call', { choice: 'none' }],
    ['thoughts', { reasoning: { mode: 'optional' }, choice: 'required' }],
    ['few thoughts before text', { reasoning: { mode: 'open', maxTokens: 9 }, choice: 'none' }],
    ['few thoughts before a call', { reasoning: { mode: 'required', maxTokens: 17 }, choice: 'required' }],
    [
      'few thoughts before an object',
      { reasoning: { mode: 'required', maxTokens: 17 }, output: constrain(definitions.look.input) },
    ],
  ])('tools, %s: both limits are kept, and every walk ends in time', (_, options) => {
    const set = tools(definitions, options);
    const next = random(SEED);
    for (const vocabulary of [
      bytes,
      vocabularyFromBytes(table.slice(0, 300).concat(null), { special: { '</s>': 300 }, eos: ['</s>'] }),
    ]) {
      const machine = set.masks(vocabulary);
      const { endings } = ClosingMasks.of(machine);
      const bound = endings.tokens(endings.places.of(machine.start));
      for (let n = 0; n < 12; n++) walk(next, machine, bound + Math.floor(next() * n * 2));
      expect(() => set.matcher(vocabulary, { maxTokens: bound - 1 })).toThrow(
        bound > 1 ? `takes ${bound} tokens` : 'INFC5011',
      );
    }
  });

  it('what is taken back or forked has the masks that it had', async () => {
    const schema = {
      type: 'object',
      required: ['a', 'ab', 'b', 'abc'],
      properties: { a: { type: 'object', minProperties: 1 } },
    };
    const next = random(SEED);
    for (const constraint of [
      constrain(schema, { order: 'any' }),
      await grammar({ gbnf: 'root ::= "(" root ")" root | [a-c]+' }),
    ])
      for (const closing of ['masks', 'lazily'] as const) {
        const least = constraint.matcher(bytes).minTokensToEnd();
        expect(() => constraint.matcher(bytes, { maxTokens: least - 1 })).toThrow(
          `takes ${least} tokens, more than maxTokens ${least - 1}`,
        );
        for (let n = 0; n < 8; n++) {
          const matcher = constraint.matcher(bytes, { maxTokens: least + n, closing });
          const seen: number[][] = [];
          for (let turn = 0; !matcher.done; turn++) {
            const now = listed(matcher.closingMask());
            expect(listed(matcher.fork().closingMask())).toEqual(now);
            seen[matcher.length] ??= now;
            expect(now).toEqual(seen[matcher.length]);
            const fork = matcher.fork();
            const other = now[Math.floor(next() * now.length)] ?? -1;
            expect(fork.tryCommit(other)).toBe(true);
            // Back over a few tokens now and then, and another way.
            if (turn < 30 && next() < 0.3) {
              const back = Math.floor(next() * (matcher.length + 1));
              matcher.rollback(back);
              seen.length = matcher.length + 1;
            } else if (!matcher.tryCommit(now[Math.floor(next() * now.length)] ?? -1))
              throw new Error('a token of the mask is not taken');
            else seen.length = matcher.length;
          }
          expect(matcher.length).toBeLessThanOrEqual(least + n);
        }
      }
  });
});
