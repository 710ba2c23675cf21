import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { type Constraint, constrain } from '../../grammars/constrain.ts';
import type { Matcher } from '../../grammars/matcher.ts';
import { PartialJson } from '../../grammars/partial.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';
import { RandomSchemas } from './random-schema.ts';
import { llama3 } from './vocabularies.ts';

/** INFC_WALKS=10000 for a long run, INFC_SEED to repeat one. */
const WALKS = Number(process.env.INFC_WALKS ?? 25);
const seed = Number(process.env.INFC_SEED ?? 20261128);
/** Walks through one schema. */
const EACH = 5;

const next = random(seed);
const schemas = new RandomSchemas(next);

/** A random token of the mask; of the first ones (single bytes, punctuation) half of the time. */
function choose(matcher: Matcher, size: number): number {
  const words = matcher.mask();
  const short = next() < 0.5;
  for (let tries = 0; tries < 200; tries++) {
    const token = schemas.below(short ? Math.min(size, 300) : size);
    if ((((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1) return token;
  }
  const from = schemas.below(words.length);
  for (let i = 0; i < words.length; i++) {
    const at = (from + i) % words.length;
    const word = words[at] ?? 0;
    if (word !== 0) return at * 32 + 31 - Math.clz32(word & -word);
  }
  return -1;
}

/** Takes random tokens until the text ends or there are enough; then, without a limit of tokens, the bytes that end it soonest. */
function walk(constraint: Constraint, vocabulary: Vocabulary, maxTokens: number | undefined): Uint8Array[] {
  const matcher = constraint.matcher(vocabulary, maxTokens === undefined ? {} : { maxTokens });
  const pieces: Uint8Array[] = [];
  const { acceptor } = constraint;
  let state = acceptor.start;
  const take = (token: number): void => {
    matcher.commit(token);
    const bytes = vocabulary.bytes[token];
    if (!bytes) return;
    pieces.push(bytes);
    for (const byte of bytes) state = acceptor.step(state, byte);
  };
  const most = schemas.below(60);
  while (!matcher.done && (maxTokens !== undefined || matcher.length < most)) {
    const token = choose(matcher, vocabulary.size);
    if (token < 0) throw new Error(`dead end after ${Buffer.concat(pieces).toString()}`);
    take(token);
  }
  while (!acceptor.accepts(state)) {
    const left = acceptor.shortest(state);
    const byte = Array.from({ length: 256 }, (_, b) => b).find(
      (b) => acceptor.shortest(acceptor.step(state, b)) < left,
    );
    if (byte === undefined) throw new Error(`no way out after ${Buffer.concat(pieces).toString()}`);
    take(singles(vocabulary)[byte] ?? -1);
  }
  if (!matcher.done) matcher.commit(vocabulary.eos[0] ?? -1);
  return pieces;
}

const singleBytes = new WeakMap<Vocabulary, readonly number[]>();
function singles(vocabulary: Vocabulary): readonly number[] {
  let list = singleBytes.get(vocabulary);
  if (!list) {
    const found: number[] = [];
    vocabulary.bytes.forEach((bytes, id) => {
      if (bytes?.length === 1) found[bytes[0] ?? 0] = id;
    });
    list = found;
    singleBytes.set(vocabulary, list);
  }
  return list;
}

/** RFC 5321's Mailbox, written apart from infc's. */
function isMailbox(text: string): boolean {
  const at = text.lastIndexOf('@');
  const atom = "[\\w!#$%&'*+/=?^`{|}~-]+";
  const local = new RegExp(`^(?:"(?:[ !#-\\[\\]-~]|\\\\[ -~])*"|${atom}(?:\\.${atom})*)$`);
  const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
  const domain = new RegExp(`^(?:\\[.*\\]|${label}(?:\\.${label})*)$`, 'i');
  return local.test(text.slice(0, at)) && domain.test(text.slice(at + 1));
}

describe(`random walks over allowed tokens (seed ${seed})`, () => {
  it(`${WALKS} walks never reach a dead end, and end in documents that Ajv accepts`, async () => {
    const large = (await llama3()).vocabulary;
    const small = vocabularyOf(JSON_TEXTS);
    // Ajv divides in floating point: multiples of decimal fractions need slack.
    const ajv = new Ajv2020({ strict: false, logger: false, multipleOfPrecision: 6 });
    addFormats(ajv);
    // Ajv's wants a dot in the domain, RFC 5321 does not (nor does MaskBench).
    ajv.addFormat('email', isMailbox);
    let walks = 0;
    let refused = 0;
    for (let n = 0; walks < WALKS; n++) {
      const schema = n < SCHEMAS.length ? SCHEMAS[n]?.schema : schemas.schema();
      const label = JSON.stringify(schema);
      const options = {
        order: schemas.pick(['schema', 'any'] as const),
        whitespace: schemas.pick(['bounded', 'compact', 'bounded', 'json'] as const),
        escapes: schemas.pick(['minimal', 'any'] as const),
      };
      const validate = ajv.compile(schema as object | boolean);
      let constraint: Constraint;
      try {
        constraint = constrain(schema, options);
        constraint.matcher(small).mask();
      } catch (error) {
        if (!(error instanceof InfcError)) throw error;
        // No value at all, or too hard: both are said before a text begins.
        expect([label, error.message, /^INFC50(?:10|06|21)$/.test(error.code)]).toEqual([label, error.message, true]);
        refused++;
        expect(refused).toBeLessThan(20 + n / 4);
        continue;
      }
      const least = constraint.matcher(small).minTokensToEnd();
      for (let i = 0; i < EACH; i++, walks++) {
        const bounded = i % 2 === 1;
        const run = (): Uint8Array[] =>
          walk(constraint, bounded ? small : large, bounded ? least + schemas.below(60) : undefined);
        let pieces: Uint8Array[];
        try {
          pieces = run();
        } catch (cause) {
          throw new Error(`walk ${walks} through ${label} with ${JSON.stringify(options)}`, { cause });
        }
        const partial = new PartialJson();
        for (const piece of pieces) partial.pushBytes(piece);
        partial.end();
        const text = Buffer.concat(pieces).toString();
        const value: unknown = JSON.parse(text);
        // Nor has it more digits than doubles have: such numbers are beyond what Ajv decides.
        const exact = !/\d[eE]|\d{15}/.test(text);
        if (exact && !validate(value)) expect([label, text, validate.errors]).toEqual([label, text, null]);
        expect(partial.value).toEqual(value);
      }
    }
    // Without this an endless supply of refusals would pass.
    expect(walks).toBeGreaterThanOrEqual(WALKS);
  }, 3_600_000);
});
