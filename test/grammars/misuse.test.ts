import { describe, expect, it } from 'vitest';
import * as grammars from '../../grammars/index.ts';
import {
  constrain,
  grammar,
  infill,
  regex,
  tools,
  type Vocabulary,
  vocabularyFromBytes,
} from '../../grammars/index.ts';

const letters = [...'{}":,abc0123456789 truefalsnm\n'];
const vocabulary = vocabularyFromBytes([...new Set(letters), null], {
  special: { '</s>': new Set(letters).size },
  eos: ['</s>'],
});
const Flag = constrain({
  type: 'object',
  properties: { a: { type: 'boolean' } },
  required: ['a'],
  additionalProperties: false,
});

/** A value that types would refuse, as a program without types passes it. */
const untyped = <T>(value: unknown): T => value as T;

// What a program in JavaScript gets wrong is refused with a reason, not accepted in silence and no crash inside.
describe('misuse', () => {
  it.each<readonly [string, RegExp, () => unknown]>([
    [
      'a tokenizer that is no vocabulary',
      /INFC5206.*vocabularyFromTokenizerJson/,
      () => Flag.matcher(untyped<Vocabulary>({ encode: () => [] })),
    ],
    ['no vocabulary', /INFC5206/, () => regex('a').matcher(untyped<Vocabulary>(undefined))],
    ['maxTokens that is no count', /INFC5011.*NaN/, () => Flag.matcher(vocabulary, { maxTokens: Number.NaN })],
    ['maxTokens that is too small', /INFC5011.*shortest/, () => Flag.matcher(vocabulary, { maxTokens: 2 })],
    ['a mask that does not fit', /INFC5028.*1 words/, () => Flag.matcher(vocabulary).mask(new Uint32Array(0))],
    ['a token that is not there', /INFC5012.*no such token/, () => Flag.matcher(vocabulary).commit(1e6)],
    ['a dialect', /INFC5027.*ecma, perl, re2/, () => regex('a', { dialect: untyped<'ecma'>('pcre') })],
    ['flags', /INFC5101/, () => regex('a', { flags: 'q' })],
    ['a null pattern', /INFC5101/, () => regex(untyped<RegExp>(null))],
    ['an option of tools', /INFC5027.*reasoning/, () => tools({}, untyped<object>({ reasonig: {} }))],
    ['a choice of tools', /INFC5402.*sometimes/, () => tools({}, { choice: untyped<'auto'>('sometimes') })],
    ['a hole', /INFC5603.*part 1/, () => infill(Flag, ['{', untyped<object>(null)])],
    ['a hole that ends before it begins', /INFC5603/, () => infill(Flag, [{ min: -1 }])],
    ['a token of a vocabulary', /INFC5201.*token 0/, () => vocabularyFromBytes([untyped<string>(5)])],
    ['a pattern for tiktoken', /INFC5201/, () => grammars.vocabularyFromTiktoken('YQ== 0', { pattern: '(' })],
    ['no artifact', /INFC5502/, () => constrain.static(untyped<Uint8Array>(undefined))],
    ['another file as artifact', /INFC5502/, () => constrain.static(new TextEncoder().encode('{}'.repeat(99)))],
    ['text that is not JSON', /INFC5026/, () => Flag.partial().push('"\\q"')],
  ])('%s', (_, message, run) => {
    expect(run).toThrow(message);
  });

  it.each([{}, null, 'root ::= "a"', { gbnf: 5 }, { bnf: '' }])('grammar(%j)', async (input) => {
    await expect(grammar(untyped<{ gbnf: string }>(input))).rejects.toThrow(/INFC5306/);
  });

  it('clears what a larger mask held', () => {
    const words = new Uint32Array(8).fill(-1);
    const matcher = Flag.matcher(vocabulary);
    expect([...matcher.mask(words)].slice(0, 1)).toEqual([...matcher.mask()]);
    expect([...words].slice(1)).toEqual(new Array(7).fill(0));
  });

  it('explains special tokens by their spelling, also where a constraint has them', () => {
    const end = vocabulary.special.get('</s>') ?? -1;
    expect(Flag.matcher(vocabulary).explain(end)).toMatchObject({ text: '</s>', reason: 'the text is not complete' });
    const special = vocabularyFromBytes([...'ab{"name: rgumts}', null, null], {
      special: { '<tool_call>': 17, '</s>': 18 },
      eos: ['</s>'],
    });
    const matcher = tools({ a: { input: { const: 1 } } }).matcher(special);
    expect(matcher.explain(17)).toMatchObject({ allowed: true, text: '<tool_call>' });
    matcher.commit(17);
    expect(matcher.explain(17)).toMatchObject({ allowed: false, text: '<tool_call>' });
  });
});
