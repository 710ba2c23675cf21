import { describe, expect, it } from 'vitest';
import { constrain, vocabularyFromBytes } from '../../grammars/index.ts';
import type { JsonAcceptor } from '../../grammars/json/acceptor.ts';
import { JsonMasks } from '../../grammars/json/masks/masks.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { InfcError } from '../../runtime/errors.ts';
import { random } from './json-fixtures.ts';

/** INFC_NUMBERS=400 for a long run. */
const SCHEMAS = Number(process.env.INFC_NUMBERS ?? 60);
const seed = Number(process.env.INFC_SEED ?? 20261128);

type Schema = { readonly [key: string]: Json };

const next = random(seed);
const below = (n: number): number => Math.floor(next() * n);
const pick = <T>(list: readonly [T, ...T[]]): T => list[below(list.length)] ?? list[0];

function atom(): Schema {
  return pick<() => Schema>([
    () => ({ multipleOf: pick([1, 2, 3, 4, 5, 6, 7, 10, 0.5, 0.25, 1.5, 12]) }),
    () => ({ minimum: below(60) - 30 }),
    () => ({ maximum: below(60) - 30 }),
    () => ({ exclusiveMinimum: below(40) - 20 }),
    () => ({ exclusiveMaximum: below(40) - 20 }),
    () => ({ enum: Array.from({ length: below(6) + 1 }, () => (below(400) - 200) / pick([1, 2, 4, 10])) }),
    () => ({ const: below(50) - 25 }),
    () => ({ type: 'integer' }),
  ])();
}

function schemaOf(depth: number): Schema {
  const inner = (): Schema => schemaOf(depth - 1);
  if (depth === 0) return atom();
  return pick<() => Schema>([
    atom,
    () => ({ allOf: [inner(), inner()] }),
    () => ({ anyOf: [inner(), inner()] }),
    () => ({ not: inner() }),
    () => ({ oneOf: [inner(), inner(), inner()] }),
  ])();
}

/** The meaning of these keywords for a number of at most three decimals. */
function holds(schema: Schema, x: number): boolean {
  const list = (value: Json | undefined): Schema[] => (Array.isArray(value) ? (value as Schema[]) : []);
  return Object.entries(schema).every(([keyword, value]) => {
    switch (keyword) {
      case 'multipleOf':
        return Number.isInteger(Math.round(x * 1000) / Math.round(Number(value) * 1000));
      case 'minimum':
        return x >= Number(value);
      case 'maximum':
        return x <= Number(value);
      case 'exclusiveMinimum':
        return x > Number(value);
      case 'exclusiveMaximum':
        return x < Number(value);
      case 'enum':
        return Array.isArray(value) && value.includes(x);
      case 'const':
        return value === x;
      case 'type':
        return value === 'number' || Number.isInteger(x);
      case 'allOf':
        return list(value).every((s) => holds(s, x));
      case 'anyOf':
        return list(value).some((s) => holds(s, x));
      case 'oneOf':
        return list(value).filter((s) => holds(s, x)).length === 1;
      case 'not':
        return !holds(value as Schema, x);
      default:
        throw new Error(keyword);
    }
  });
}

const candidates: number[] = [];
for (let x = -160; x <= 160; x++) candidates.push(x / 4, (x * 3) / 10, x / 100);

describe(`numbers under random schemas (seed ${seed})`, () => {
  it('are accepted exactly when they satisfy them, and every prefix can be finished', () => {
    for (let n = 0; n < SCHEMAS; n++) {
      const schema = { type: 'number', allOf: [schemaOf(3), schemaOf(2)] };
      const label = JSON.stringify(schema);
      const allowed = candidates.filter((x) => holds(schema, x));
      let constraint: ReturnType<typeof constrain>;
      try {
        constraint = constrain(schema);
      } catch (error) {
        expect([label, error instanceof InfcError && error.code]).toEqual([label, 'INFC5010']);
        expect([label, allowed]).toEqual([label, []]);
        continue;
      }
      const accepted = candidates.filter((x) => constraint.accepts(String(x)));
      expect([label, accepted]).toEqual([label, allowed]);
      const { acceptor } = constraint;
      for (let walk = 0; walk < 4; walk++) {
        let state = acceptor.start;
        let text = '';
        const step = (choose: (bytes: readonly number[]) => number | undefined): boolean => {
          const bytes = Array.from({ length: 256 }, (_, b) => b).filter((b) => acceptor.step(state, b) !== 0);
          const byte = choose(bytes);
          if (byte === undefined) return false;
          text += String.fromCharCode(byte);
          state = acceptor.step(state, byte);
          return true;
        };
        for (let i = 0; i < 10; i++) if (!step((bytes) => bytes[below(bytes.length)])) break;
        // The bound on what is left is kept: some byte makes it smaller, until the text may end.
        while (!acceptor.accepts(state)) {
          const left = acceptor.shortest(state);
          const went = step((bytes) => bytes.find((b) => acceptor.shortest(acceptor.step(state, b)) < left));
          expect([label, text, went]).toEqual([label, text, true]);
        }
        const value = JSON.parse(text);
        // Others are beyond what the oracle's arithmetic decides.
        if (Math.abs(value) < 1e6 && Number.isInteger(value * 1000))
          expect([label, text, holds(schema, value)]).toEqual([label, text, true]);
      }
    }
  });

  it('have the masks that trying every token gives, bounds of any length and digits of any number at once', () => {
    // Long ones after one digit only: the others have subtrees as high as those of tokenizers.
    const digits = (n: number): string => String(9 * 10 ** n + below(10 ** n));
    const tokens = [
      ...Array.from({ length: 256 }, (_, b) => Uint8Array.of(b)),
      ...Array.from({ length: 1110 }, (_, n) => String(n).padStart(n < 1000 ? 3 : 1, '0')),
      ...Array.from({ length: 90 }, (_, n) => String(10 + n)),
      ...Array.from({ length: 60 }, (_, n) => digits(3 + (n % 12))),
      ...[
        '-1',
        '-0',
        '0.',
        '.5',
        '00',
        '1,',
        '7]',
        '0]',
        '1e',
        'e5',
        '.0',
        '.000000',
        '10]',
        ',1',
        ' 12',
        '[3',
        'null',
        'true,',
      ],
    ];
    const vocabulary = vocabularyFromBytes([...tokens, null], { special: { '</s>': tokens.length }, eos: ['</s>'] });
    const bound = (): number =>
      (below(4) === 0 ? -1 : 1) * pick([below(60), below(1000), below(70_000), 2 ** 31 - 1, below(300) / 100]);
    let opened = 0;
    for (let n = 0; n < SCHEMAS; n++) {
      const edge: Schema = pick<Schema>([
        { minimum: bound() },
        { minimum: 0, maximum: Math.abs(bound()) },
        { maximum: bound() },
      ]);
      // Plain in any schema, or not.
      const item = pick<Schema>([
        { type: pick(['integer', 'number']), ...edge },
        { type: 'number', allOf: [edge, schemaOf(1)] },
      ]);
      const schema = { type: 'array', minItems: 1, items: item, uniqueItems: below(3) === 0 };
      let acceptor: JsonAcceptor;
      try {
        ({ acceptor } = openSchema(schema, { order: 'any', whitespace: 'json', escapes: 'any' }));
      } catch (error) {
        if (!(error instanceof InfcError)) throw error;
        continue;
      }
      opened++;
      const masks = new JsonMasks(acceptor, vocabulary);
      let state = acceptor.run(acceptor.start, Uint8Array.of(0x5b));
      let text = '[';
      for (let i = 0; i < 6 && state !== 0; i++) {
        const mask = masks.mask(state);
        const right = vocabulary.bytes.flatMap((bytes, token) =>
          bytes && acceptor.run(state, bytes) !== 0 ? [token] : [],
        );
        const found = vocabulary.bytes.flatMap((bytes, token) => (bytes && masks.pool.has(mask, token) ? [token] : []));
        expect([JSON.stringify(schema), text, found]).toEqual([JSON.stringify(schema), text, right]);
        const next = right.filter((token) => token > 0x20);
        const token = next[below(next.length)] ?? 0;
        const bytes = vocabulary.bytes[token] ?? new Uint8Array();
        text += String.fromCharCode(...bytes);
        state = acceptor.run(state, bytes);
      }
    }
    expect(opened).toBeGreaterThan(SCHEMAS / 2);
  });
});
