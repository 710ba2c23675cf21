import { describe, expect, it } from 'vitest';
import { constrain } from '../../grammars/constrain.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
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
});
