import { describe, expect, it } from 'vitest';
import { constrain, grammar, regex, tools } from '../../grammars/index.ts';
import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import { functionTag, qwen3Coder } from '../../grammars/tools/formats/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { llama2, llama3, o200k } from './vocabularies.ts';

/** States for each constraint and vocabulary; INFC_ORACLE_STATES=200 makes 2,400 in all. */
const STATES = Number(process.env.INFC_ORACLE_STATES ?? 6);

const schema = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '^(?!x)[a-z]{2,5}-\\d+$' },
    when: { type: 'string', format: 'date' },
    score: { type: 'number', minimum: -2.5, multipleOf: 0.25 },
    notes: {
      type: 'array',
      items: { anyOf: [{ type: 'string', maxLength: 30 }, { type: 'null' }] },
      maxItems: 4,
      uniqueItems: true,
    },
    next: { $ref: '#' },
  },
  required: ['id'],
  additionalProperties: false,
} as const;

/** Follows random allowed tokens and compares every bit of every mask with the acceptor, byte by byte. */
function mismatches(
  machine: TokenMachine,
  acceptor: Acceptor,
  vocabulary: Vocabulary,
  states: number,
): { bits: number; wrong: string[] } {
  let seed = 17;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const wrong: string[] = [];
  let bits = 0;
  let state = acceptor.start;
  let place = machine.start;
  for (let n = 0; n < states; n++) {
    const words = machine.pool.view(machine.mask(place));
    const allowed: number[] = [];
    for (let token = 0; token < vocabulary.size; token++) {
      const bytes = vocabulary.bytes[token];
      let at = bytes && bytes.length > 0 ? state : 0;
      for (let i = 0; bytes && i < bytes.length && at !== 0; i++) at = acceptor.step(at, bytes[i] ?? 0);
      const expected = vocabulary.eos.includes(token) ? acceptor.accepts(state) : at !== 0;
      const bit = (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
      if (bit !== expected)
        wrong.push(
          `state ${n}, token ${token} ${JSON.stringify(new TextDecoder().decode(bytes ?? undefined))}: mask ${bit}`,
        );
      if (at !== 0) allowed.push(token);
      bits++;
    }
    // Long tokens are rare and go deep: prefer one in three times.
    const token =
      random(3) === 0
        ? allowed.reduce(
            (best, other) =>
              (vocabulary.bytes[other]?.length ?? 0) > (vocabulary.bytes[best]?.length ?? 0) ? other : best,
            allowed[0] ?? 0,
          )
        : allowed[random(allowed.length || 1)];
    const bytes = token === undefined ? undefined : vocabulary.bytes[token];
    if (!bytes) {
      state = acceptor.start;
      place = machine.start;
      continue;
    }
    for (const byte of bytes) state = acceptor.step(state, byte);
    place = machine.run(place, bytes);
  }
  return { bits, wrong };
}

describe('masks against byte-wise acceptance', () => {
  it.each([
    ['128k byte-level', async () => (await llama3()).vocabulary],
    ['32k SentencePiece', async () => (await llama2()).vocabulary],
    ['200k tiktoken', async () => o200k()],
  ] as const)(
    '%s: schema, regular expression, grammar, tools',
    async (_, load) => {
      const vocabulary = await load();
      const cases: readonly { masks(vocabulary: Vocabulary): TokenMachine; readonly acceptor: Acceptor }[] = [
        constrain(schema),
        regex(/(?:(?!secret)[a-zé日 ])+: \d{1,4}(?<=[02468])/u),
        await grammar({
          lark: 'start: sum\nsum: sum ("+"|"-") atom | atom\natom: NAME | "(" sum ")" | /"[^"]*"/\nNAME: /[a-z_]+/\n%ignore /[ \\n]+/',
        }),
        // A vocabulary's special tokens replace tags, which this oracle of bytes does not follow: these tags are none.
        tools(
          { f: { input: { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false } } },
          { format: functionTag },
        ),
        tools(
          {
            f: { input: { type: 'object', properties: { a: { type: 'string', maxLength: 9 }, b: { type: 'array' } } } },
          },
          { format: qwen3Coder },
        ),
      ];
      for (const { masks, acceptor } of cases.map((one) => ({ masks: one.masks.bind(one), acceptor: one.acceptor }))) {
        const { bits, wrong } = mismatches(masks(vocabulary), acceptor, vocabulary, STATES);
        expect(wrong.slice(0, 5)).toEqual([]);
        expect(bits).toBe(STATES * vocabulary.size);
      }
    },
    600_000,
  );
});
