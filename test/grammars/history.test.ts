import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type * as Artifacts from '../../grammars/artifact/artifact.ts';
import type * as Grammars from '../../grammars/index.ts';
import type { Json } from '../../grammars/json/schema/document.ts';
import { random } from './json-fixtures.ts';
import { RandomSchemas } from './random-schema.ts';

type Library = typeof Grammars & typeof Artifacts;

const WORDS = [
  '{"',
  '":"',
  '": "',
  '","',
  '"}',
  '@ex',
  '.com',
  '[a-z',
  'https://',
  '2024-',
  ':00',
  'abc def',
  'aaaaaaaaaaaaaaaa',
  '     ',
];
const byte = Array.from({ length: 256 }, (_, b) => Uint8Array.of(b));

/** Formats, patterns, counters and demands whose work is shared in a process or depends on what was met before. */
const SCHEMAS: readonly Json[] = [
  ...['regex', 'email', 'uri', 'date-time', 'hostname', 'idn-email'].map((format) => ({ type: 'string', format })),
  { type: 'string', format: 'email', minLength: 8, maxLength: 40 },
  { type: 'string', pattern: '^(?:\\S+\\s+){0,9}\\S+$', maxLength: 60 },
  { type: 'string', pattern: '[0-9a-f]{8}', minLength: 12 },
  {
    type: 'object',
    properties: { at: { type: 'string', format: 'date-time' } },
    patternProperties: { '^.+:x$': { format: 'uri' } },
  },
  {
    oneOf: [
      { required: ['a'], properties: { a: { const: 'x' } } },
      { required: ['a'], properties: { a: { enum: ['y', 'z'] } } },
    ],
    type: 'object',
  },
  { type: 'array', uniqueItems: true, items: { enum: ['a', 'b', { c: 1 }, { c: 2 }] } },
];
const TEXTS = [
  '"^[a-zA-Z0-9_]{3,16}$"',
  '"(?<y>[^a-f-]+)|x"',
  '"john.doe@example.com"',
  '"https://ex.com/a?b#c"',
  '"2024-02-29T12:00:00Z"',
  '"one two  three four five six seven eight nine ten"',
  '"xx 0123456789abcdef"',
  '{"at": "2024-01-01T00:00:00Z", "b:x": "urn:a"}',
  '{"a":"x","b":[1,2]}',
  '{"a": "z"}',
  '["a",{"c":1},{"c":2},"b"]',
];

/** The library as a new process has it. */
async function fresh(): Promise<Library> {
  vi.resetModules();
  return { ...(await import('../../grammars/index.ts')), ...(await import('../../grammars/artifact/artifact.ts')) };
}

/** All that a constraint shows along the texts, as one hash: masks, their numbers, forced bytes, the artifact. */
function seen({ compileConstraint, constrain, vocabularyFromBytes }: Library, schema: Json): string {
  const vocabulary = vocabularyFromBytes([...byte, ...WORDS, null], {
    special: { '</s>': 256 + WORDS.length },
    eos: ['</s>'],
  });
  const hash = createHash('sha256');
  const constraint = constrain(schema);
  for (const text of TEXTS) {
    const matcher = constraint.matcher(vocabulary);
    for (const token of vocabulary.encode?.(text) ?? [...Buffer.from(text)]) {
      hash.update(matcher.mask()).update(String(matcher.maskId())).update(matcher.forcedBytes());
      if (!matcher.tryCommit(token)) break;
    }
  }
  hash.update(compileConstraint(constrain(schema).masks(vocabulary), { maxStates: 60 }).bytes);
  return hash.digest('hex');
}

describe('what a constraint gives', () => {
  const first = new Map<Json, string>();
  beforeAll(async () => {
    for (const schema of SCHEMAS) first.set(schema, seen(await fresh(), schema));
  });

  it('is the same in a new process and after a long history, whatever it was', async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    console.log(`history: SEED=${seed}`);
    const next = random(seed);
    const library = await fresh();
    const schemas = new RandomSchemas(next);
    for (let i = 0; i < 15; i++) {
      try {
        seen(library, schemas.schema());
      } catch {
        // Some random schemas admit nothing or are refused: a history all the same.
      }
    }
    const shuffled = [...SCHEMAS].sort(() => next() - 0.5);
    for (const schema of [...shuffled, ...shuffled])
      expect([schema, seen(library, schema)]).toEqual([schema, first.get(schema)]);
  });
});
