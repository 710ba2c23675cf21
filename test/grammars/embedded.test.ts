import { describe, expect, it } from 'vitest';
import { constrain, grammar, type TextConstraint, vocabularyFromBytes } from '../../grammars/index.ts';

const seed = Number(process.env.INFC_SEED ?? Date.now() % 1e9);
const TOKENS = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...[
    '{"',
    '":',
    '"a":',
    '"}',
    '"}</t>',
    '}</t>',
    '1}</',
    '}}',
    '],',
    '1,"',
    '12,',
    ',1',
    '</t>',
    '<t>{',
    'true',
    'rue',
    '"é"',
    '  ',
  ],
  null,
];
const vocabulary = vocabularyFromBytes(TOKENS, { special: { end: TOKENS.length - 1 }, eos: ['end'] });

const CLOSED = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}';
const read = (lark: string): Promise<TextConstraint> => grammar({ lark, json: constrain });

/** Grammars, texts of theirs and others, and the bytes of a shortest text. */
const CASES: readonly (readonly [string, readonly string[], readonly string[], number])[] = [
  [
    `start: "<t>" %json ${CLOSED} "</t>"`,
    ['<t>{"a":1}</t>', '<t>{"a": -12}</t>'],
    ['<t>{"a":1}', '<t>{"b":1}</t>'],
    14,
  ],
  ['start: a b\na: %json {"type":"integer"}\nb: "," %json {"type":"string"}', ['12,"x"', '-5,""'], ['1,2', '1'], 4],
  // Left recursion, through what is an acceptor.
  ['start: start "," item | item\nitem: %json {"type":"integer"} | "x"', ['1', '1,2,x,34', 'x'], ['1,', ',1', '1x'], 1],
  ['start: item ("," item)*\nitem: %json {"enum":[1,"é"]}\n%ignore " "', ['1, "é" ,1', '1'], ['1,2', ' '], 1],
  // Where the value ends is open.
  ['start: %json {"type":"integer"} /[0-9]+x/', ['12x', '123x'], ['1x', 'x'], 3],
  ['start: %json {"type":"integer"}~2..3', ['12', '123', '-1-1'], ['1', '-1'], 2],
  ['start: %json {"type":["string","array"],"uniqueItems":true} "é"', ['["é","a"]é', '""é'], ['["é","é"]é', '1é'], 4],
  ['start: twice{"a"} twice{"b"}\ntwice{x}: x %json {"type":"boolean"} x', ['atrueabfalseb'], ['atruebbfalseb'], 12],
  ['start: "(" start ")" | %json {"type":"null"}', ['null', '((null))'], ['((null)', '()'], 4],
  ['start: "1"? (%json {"type":"integer"} | "12" | "<t>")', ['112', '12', '1<t>', '1'], ['', '1<t'], 1],
];

function random(below: number): number {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % below;
}
let state = seed;

describe('%json in Lark', () => {
  it.each(CASES)('%s', async (lark, good, bad, shortest) => {
    const constraint = await read(lark);
    const { acceptor } = constraint;
    expect(acceptor.shortest(acceptor.start)).toBe(shortest);
    for (const text of good) expect([text, constraint.accepts(text)]).toEqual([text, true]);
    for (const text of bad) expect([text, constraint.accepts(text)]).toEqual([text, false]);
    for (const text of good) expect(constraint.accepts(`${text}!`)).toBe(false);
  });

  it(`masks are what the bytes of every token do, and walks end (seed ${seed})`, async () => {
    for (const [lark] of CASES) {
      const constraint = await read(lark);
      const { acceptor } = constraint;
      for (let walk = 0; walk < 6; walk++) {
        const matcher = constraint.matcher(vocabulary, { maxTokens: 40 });
        const free = constraint.matcher(vocabulary);
        let at = acceptor.start;
        const text: number[] = [];
        while (!matcher.done) {
          const mask = free.mask();
          const allowed = vocabulary.bytes.flatMap((_, token) =>
            ((mask[token >>> 5] ?? 0) >>> (token & 31)) & 1 ? [token] : [],
          );
          const expected = vocabulary.bytes.flatMap((bytes, token) =>
            (bytes ? bytes.reduce((to, byte) => acceptor.step(to, byte), at) !== 0 : acceptor.accepts(at))
              ? [token]
              : [],
          );
          expect([lark, text, allowed]).toEqual([lark, text, expected]);
          const limited = matcher.mask();
          const choices = expected.filter((token) => ((limited[token >>> 5] ?? 0) >>> (token & 31)) & 1);
          const token = choices[random(choices.length)] ?? -1;
          expect(choices.length).toBeGreaterThan(0);
          matcher.commit(token);
          free.commit(token);
          for (const byte of vocabulary.bytes[token] ?? []) {
            at = acceptor.step(at, byte);
            text.push(byte);
          }
        }
        expect(acceptor.accepts(at)).toBe(true);
        expect(constraint.accepts(new TextDecoder().decode(Uint8Array.from(text)))).toBe(true);
      }
    }
  });

  it('takes options, and refuses what is no schema', async () => {
    const compact = await grammar({
      lark: 'start: %json {"type":"array"}',
      json: (schema) => constrain(schema, { whitespace: 'compact' }),
    });
    expect([compact.accepts('[1]'), compact.accepts('[ 1 ]')]).toEqual([true, false]);
    const cases: readonly (readonly [string, RegExp])[] = [
      ['start: %json {"type":"nope"}', /INFC5001.*nope.*\/type/],
      ['start: %json {"not":{}}', /INFC5010/],
      ['start: %json {', /INFC5301.*JSON/],
      ['start: %json {"a" 5}', /INFC5301.*JSON/],
      ['start: %json "a"', /INFC5301.*'%'|INFC5301.*%/],
      ['start: A\nA: %json {"type":"null"}', /INFC5303.*rule/],
    ];
    for (const [lark, message] of cases) await expect(read(lark)).rejects.toThrow(message);
    await expect(grammar({ lark: 'start: %json {}' })).rejects.toThrow(/INFC5305.*json: constrain/);
  });
});
