import { InfcError } from '../runtime/errors.ts';
import { type ConstrainOptions, constrain } from './constrain.ts';
import { sharedBy } from './options.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Rounds through the schemas: JavaScript engines compile a function when it has been called some hundred times. */
const ROUNDS = 12;
/** Milliseconds that one schema's text is gone through at a time. */
const PIECE = 5;

const FORMATS = [
  'date-time',
  'email',
  'uri',
  'ipv6',
  'hostname',
  'regex',
  'duration',
  'json-pointer',
  'idn-email',
  'uuid',
];

const OPTIONS: readonly ConstrainOptions[] = [{}, { order: 'any', whitespace: 'json', escapes: 'any' }];

const begun = new WeakMap<Vocabulary, Generator<void>>();

/**
 * Gets a tokenizer and the JavaScript engine ready for constraints, once a process, for example while a model loads: builds the tables that all
 * masks need, and goes through schemas of many kinds, after which the code for them is compiled. Without it the first constraints do both, and
 * take 10 to 30 times as long as later ones. No answer depends on it.
 *
 * Goes on for `ms` milliseconds (default: to the end, which takes a few seconds); whether nothing is left to do. A page that must not stand still
 * calls it with a few milliseconds again and again; the tables are one piece of some hundred.
 */
export function warmUp(vocabulary: Vocabulary, ms = Number.POSITIVE_INFINITY): boolean {
  const work = sharedBy(begun, vocabulary, () => pieces(vocabulary));
  const end = performance.now() + ms;
  do if (work.next().done) return true;
  while (performance.now() < end);
  return false;
}

function* pieces(vocabulary: Vocabulary): Generator<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const schema of schemasOf(round)) {
      try {
        const matcher = constrain(schema, OPTIONS[round % OPTIONS.length]).matcher(vocabulary);
        while (!matcher.prepare(PIECE)) yield;
      } catch (error) {
        // A vocabulary may lack the tokens for it.
        if (!(error instanceof InfcError)) throw error;
      }
      yield;
    }
  }
}

/** A word of three letters, another one in every round, so that nothing is known from the round before. */
function word(round: number, n: number): string {
  return String.fromCharCode(...[7, 3, 1].map((step, i) => 97 + ((round * step + n * (i + 1)) % 26)));
}

/** Schemas that have between them what JSON Schema has, each for a few milliseconds. */
function schemasOf(round: number): readonly object[] {
  const [a = '', b = '', c = '', d = '', e = ''] = [0, 1, 2, 3, 4].map((n) => word(round, n));
  return [
    {
      type: 'object',
      properties: {
        [a]: { type: 'string' },
        [b]: { type: 'integer', minimum: round, maximum: 1000 * round + 77 },
        [c]: { type: 'number', exclusiveMinimum: round + 0.5, multipleOf: 0.25 },
        [d]: { enum: [a, `${b} ${c}`, `${b}/${d}`, round, null] },
        [e]: {
          type: 'array',
          items: { type: ['string', 'null'], minLength: 1, maxLength: 20 + round },
          uniqueItems: true,
        },
        list: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'boolean' }], items: false, minItems: 2 },
        open: { properties: { x: { const: a }, y: {} }, required: ['x'], additionalProperties: { type: 'number' } },
      },
      required: [a, c, e],
      additionalProperties: round % 2 === 0,
    },
    {
      type: 'object',
      properties: {
        ranges: { type: 'string', pattern: `^[${a}-z]{1,${9 + round}}(?:-[0-9]+)*$` },
        counted: { type: 'string', pattern: `${b}[0-9a-f]{${4 + round}}` },
        words: { type: 'string', pattern: `\\b(?:${c}|${d})\\b`, maxLength: 60 + round },
        around: { type: 'string', pattern: `^(?!.*${e}).*[A-Z]\\s\\S` },
        several: { type: 'string', allOf: [{ pattern: a }, { pattern: b }, { minLength: 8 + round }] },
        other: { type: 'string', not: { enum: [c, d] } },
        either: {
          anyOf: [
            { type: 'string', pattern: `^${e}/.+$` },
            { type: 'string', pattern: `${a}$` },
          ],
        },
        format: { type: 'string', format: FORMATS[round % FORMATS.length] },
        short: { type: 'string', format: FORMATS[(round + 4) % FORMATS.length], maxLength: 30 + round },
      },
    },
    {
      type: 'object',
      properties: { [a]: { type: 'string' } },
      patternProperties: { [`^${b}`]: { type: 'integer' }, [`[0-9]{${1 + (round % 3)}}$`]: { type: 'string' } },
      propertyNames: { maxLength: 12 + round },
      minProperties: 3,
    },
    {
      oneOf: [
        { properties: { kind: { const: a }, [b]: { type: 'string' } }, required: ['kind', b] },
        { properties: { kind: { const: c }, [d]: { $ref: '#/$defs/list' } }, required: ['kind'] },
        { properties: { [e]: { type: 'integer' } }, required: [e], additionalProperties: false },
      ],
      type: 'object',
      $defs: {
        list: {
          type: 'array',
          items: { anyOf: [{ type: 'number' }, { $ref: '#/$defs/list' }] },
          contains: { type: 'number', minimum: round },
        },
      },
    },
    {
      type: 'object',
      allOf: [
        { properties: { [a]: { type: 'string' }, [b]: { type: 'integer' } }, required: [a] },
        {
          if: { properties: { [a]: { const: c } } },
          // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
          then: { required: [d] },
          else: { properties: { [e]: { type: 'null' } } },
        },
        { anyOf: [{ required: [b] }, { required: [e] }] },
      ],
      dependentRequired: { [b]: [e] },
      not: { required: ['not'] },
      unevaluatedProperties: { type: ['integer', 'string', 'array'] },
    },
  ];
}
