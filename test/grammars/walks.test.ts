import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { type Constraint, constrain } from '../../grammars/constrain.ts';
import { PartialJson } from '../../grammars/partial.ts';
import { InfcError } from '../../runtime/errors.ts';
import { JSON_TEXTS, random, SCHEMAS, vocabularyOf } from './json-fixtures.ts';
import { RandomSchemas } from './random-schema.ts';
import { isMailbox, randomWalk } from './random-walk.ts';
import { llama3 } from './vocabularies.ts';

/** INFC_WALKS=10000 for a long run, INFC_SEED to repeat one. */
const WALKS = Number(process.env.INFC_WALKS ?? 25);
const seed = Number(process.env.INFC_SEED ?? 20261128);
/** Walks through one schema. */
const EACH = 5;

const next = random(seed);
const schemas = new RandomSchemas(next);

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
          randomWalk(next, constraint, bounded ? small : large, bounded ? least + schemas.below(60) : undefined);
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
