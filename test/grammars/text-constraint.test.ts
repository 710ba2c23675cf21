import { describe, expect, expectTypeOf, it } from 'vitest';
import { choice, constrain, grammar, regex } from '../../grammars/index.ts';
import { vocabularyFromBytes } from '../../grammars/tokenizer/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

const WORDS = ['the', 'true', '{"', '":', '1.', ' +', '(1', ')*', 'ab', 'abc', 'é', '日本'];
const vocabulary: Vocabulary = vocabularyFromBytes(
  [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), ...WORDS, null],
  { special: { '</s>': 268 }, eos: ['</s>'] },
);

describe('text constraints', () => {
  it('regex: every mask bit is byte-wise acceptance', () => {
    const constraint = regex(/^(?!.*abcabc)(abc|é)+\d{2,3}$/u);
    const { acceptor } = constraint;
    const matcher = constraint.matcher(vocabulary);
    for (const text of ['abc', 'é', '1', '2']) {
      const words = matcher.mask();
      let state = acceptor.start;
      // Follows the text committed so far by bytes.
      for (const byte of new TextEncoder().encode(['abc', 'é', '1', '2'].slice(0, matcher.length).join('')))
        state = acceptor.step(state, byte);
      for (let token = 0; token < vocabulary.size; token++) {
        const bytes = vocabulary.bytes[token];
        const allowed = bytes
          ? bytes.reduce((at, byte) => acceptor.step(at, byte), state) !== 0
          : acceptor.accepts(state);
        expect(((words[token >>> 5] ?? 0) >>> (token & 31)) & 1).toBe(allowed ? 1 : 0);
      }
      matcher.commit(text.length === 1 && text < '\x7f' ? text.charCodeAt(0) : 256 + WORDS.indexOf(text));
    }
    expect(matcher.accepting).toBe(true);
    expect(matcher.allows(268)).toBe(true);
    expect(constraint.accepts('abcabc12')).toBe(false);
  });

  it('masks logits row by row', () => {
    const processor = regex(/ab|é/u).asLogitsProcessor(vocabulary);
    const rows = [new Float32Array(vocabulary.size), new Float32Array(vocabulary.size)];
    processor.process([[], []], rows);
    const kept = (row: Float32Array | undefined): number[] =>
      Array.from(row ?? [], (value, token) => (value === 0 ? token : -1)).filter((token) => token >= 0);
    expect(kept(rows[0])).toEqual([97, 0xc3, 256 + WORDS.indexOf('ab'), 256 + WORDS.indexOf('é')]);
    const next = [new Float32Array(vocabulary.size), new Float32Array(vocabulary.size)];
    processor.process([[97], [0xc3n]], next);
    expect([kept(next[0]), kept(next[1])]).toEqual([[98], [0xa9]]);
  });

  it('regex: contradictions and back-references are errors', () => {
    expect(() => regex(/(?!a)a/)).toThrow(/INFC5010/);
    expect(() => regex(/(a)\1/)).toThrow(/INFC5102/);
    expect(regex('b+', { match: 'search' }).accepts('abc')).toBe(true);
  });

  it('choice: one of a list, typed', () => {
    const answer = choice(['yes', 'no', 'n/a', "I don't know."]);
    expectTypeOf(answer.parse('no')).toEqualTypeOf<'yes' | 'no' | 'n/a' | "I don't know.">();
    expect(['yes', 'no', 'n/a', "I don't know.", 'n', 'nope', ''].map((text) => answer.accepts(text))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(() => choice([])).toThrow(/INFC5031/);
    expect(() => constrain(['yes', 'no'])).toThrow(/choice/);
  });

  it('grammar: closes within maxTokens', async () => {
    const nested = await grammar({ gbnf: 'root ::= "(" root ")" | "[" root "]" | "x"' });
    const matcher = nested.matcher(vocabulary, { maxTokens: 12 });
    while (!matcher.done) {
      const open = '('.charCodeAt(0);
      const token = [open, 'x'.charCodeAt(0), ')'.charCodeAt(0), 268].find((candidate) => matcher.allows(candidate));
      expect(token).toBeDefined();
      matcher.commit(token ?? 0);
    }
    expect(matcher.length).toBeLessThanOrEqual(12);
    const sum = await grammar({ lark: 'start: sum\nsum: sum "+" NUMBER | NUMBER\nNUMBER: /[0-9]+/\n%ignore " "' });
    expect(sum.accepts('1 + 22+ 3 ')).toBe(true);
    expect(sum.accepts('1 + ')).toBe(false);
    await expect(grammar({ ebnf: 'a = a ;' })).rejects.toThrow(/INFC5010/);
  });

  it('grammar: hostile input gives typed errors or quick answers', async () => {
    const nested = '('.repeat(20_000) + '"a"' + ')'.repeat(20_000);
    await expect(grammar({ gbnf: `root ::= ${nested}` })).rejects.toThrow(/INFC5304/);
    await expect(grammar({ ebnf: `root = ${nested};` })).rejects.toThrow(/INFC5304/);
    await expect(grammar({ lark: `start: ${nested}` })).rejects.toThrow(/INFC5304/);
    await expect(grammar({ lark: 'start: t{"a"}\nt{x}: x t{_s{x}} | x\n_s{x}: x x' })).rejects.toThrow(/INFC5304/);
    const chain = `${Array.from({ length: 5000 }, (_, i) => `r${i} ::= r${i + 1}`).join('\n')}\nr5000 ::= "x"`;
    await expect(grammar({ gbnf: chain, start: 'r0' })).rejects.toThrow(/INFC5106/);
    const counted = await grammar({ gbnf: 'root ::= (((("a"{0,65536} "b"){0,65536} "c"){0,65536} "d"){0,65536})' });
    expect([counted.accepts('aabcd'), counted.accepts('aabcdb')]).toEqual([true, false]);
    const ambiguous = await grammar({ gbnf: 'root ::= root root | "a" | "a" root "b"? | ""' });
    expect(ambiguous.accepts('a'.repeat(60))).toBe(true);
  });
});
