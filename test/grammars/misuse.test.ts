import { describe, expect, it } from 'vitest';
import { compileConstraint } from '../../grammars/artifact/artifact.ts';
import * as grammars from '../../grammars/index.ts';
import {
  constrain,
  grammar,
  infill,
  openArtifact,
  regex,
  type ToolFormat,
  tools,
  type Vocabulary,
  vocabularyFromBytes,
} from '../../grammars/index.ts';
import { qwen3Coder } from '../../grammars/tools/formats/index.ts';

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
    ['no options', /INFC5027.*null/, () => constrain({}, untyped<object>(null))],
    ['an option of another type', /INFC5027.*type number/, () => constrain({}, { budget: Number.NaN })],
    [
      'an option of matchers',
      /INFC5027.*maxTokens, closing/,
      () => Flag.matcher(vocabulary, untyped<object>({ max: 5 })),
    ],
    [
      'an option of vocabularies',
      /INFC5027.*eos, special/,
      () => vocabularyFromBytes(['a'], untyped<object>({ end: [0] })),
    ],
    ['an end token that is none', /INFC5203.*0.5/, () => vocabularyFromBytes(['a'], { eos: [0.5] })],
    [
      'a token in another type',
      /INFC5012.*a token is a number/,
      () => Flag.matcher(vocabulary).commit(untyped<number>(0n)),
    ],
    [
      'a mask of bytes',
      /INFC5028.*32 bits/,
      () => Flag.matcher(vocabulary).mask(untyped<Uint32Array>(new Uint8Array(99))),
    ],
    [
      'a rule for reasoning',
      /INFC5027.*required, optional, open/,
      () => tools({}, { reasoning: { mode: untyped<'open'>('x') } }),
    ],
    [
      'a schema as output of tools',
      /INFC5402.*constrain\(schema\)/,
      () => tools({}, { output: untyped<typeof Flag>({ type: 'object' }) }),
    ],
    [
      'a name as format of tools',
      /INFC5401.*infc\/grammars\/tools/,
      () => tools({}, { format: untyped<ToolFormat>('hermes') }),
    ],
    [
      'arguments that a format cannot spell',
      /INFC5402.*Describe an object/,
      () => tools({ a: { input: { type: 'array' } } }, { format: qwen3Coder }),
    ],
    ['no tool', /INFC5001.*tool 'a'/, () => tools(untyped<Record<string, { input: object }>>({ a: null }))],
    ['a null pattern', /INFC5101/, () => regex(untyped<RegExp>(null))],
    ['an option of tools', /INFC5027.*reasoning/, () => tools({}, untyped<object>({ reasonig: {} }))],
    ['a choice of tools', /INFC5402.*sometimes/, () => tools({}, { choice: untyped<'auto'>('sometimes') })],
    ['a hole', /INFC5603.*part 1/, () => infill(Flag, ['{', untyped<object>(null)])],
    ['a bound of a hole', /INFC5027.*'most'.*min, max/, () => infill(Flag, ['{', untyped<object>({ most: 5 })])],
    ['a hole that ends before it begins', /INFC5603/, () => infill(Flag, [{ min: -1 }])],
    ['a hole of more than its most', /INFC5603/, () => infill(Flag, [{ min: 5, max: 2 }])],
    ['a token of a vocabulary', /INFC5201.*token 0/, () => vocabularyFromBytes([untyped<string>(5)])],
    ['a pattern for tiktoken', /INFC5201/, () => grammars.vocabularyFromTiktoken('YQ== 0', { pattern: '(' })],
    ['an empty .tiktoken file', /INFC5201.*line 1 .*no token/, () => grammars.vocabularyFromTiktoken('\n')],
    [
      'a rank given twice',
      /INFC5201.*line 3 .*rank of another/,
      () => grammars.vocabularyFromTiktoken('YQ== 0\nYg== 1\nYw== 1'),
    ],
    [
      'a tokenizer as bytes',
      /INFC5201.*the text of/,
      () => grammars.vocabularyFromTokenizerJson(new TextEncoder().encode('{}')),
    ],
    ['no artifact', /INFC5502/, () => constrain.static(untyped<Uint8Array>(undefined))],
    [
      'a constraint as the fallback of an artifact',
      /INFC5032.*\(\) => constraint\.masks\(vocabulary\)/,
      () =>
        constrain
          .static(compileConstraint(Flag.masks(vocabulary)).bytes, untyped<object>({ fallback: Flag }))
          .matcher(vocabulary),
    ],
    [
      'an option of artifacts',
      /INFC5027.*fallback/,
      () =>
        constrain
          .static(compileConstraint(Flag.masks(vocabulary)).bytes, untyped<object>({ fallBack: Flag }))
          .matcher(vocabulary),
    ],
    [
      'an option of artifacts that are opened for a vocabulary',
      /INFC5027.*fallback/,
      () => openArtifact(compileConstraint(Flag.masks(vocabulary)).bytes, vocabulary, untyped<object>({ live: 1 })),
    ],
    ['another file as artifact', /INFC5502/, () => constrain.static(new TextEncoder().encode('{}'.repeat(99)))],
    ['text that is not JSON', /INFC5026/, () => Flag.partial().push('"\\q"')],
    ['a piece that is no text', /INFC5032.*piece.*Give a text/, () => Flag.partial().push(untyped<string>(undefined))],
    ['a piece of a turn', /INFC5032.*piece/, () => tools({}).partial().push(untyped<string>(5))],
    ['no constraint to fill', /INFC5032.*constraint.*regex/, () => infill(untyped<typeof Flag>(undefined), [])],
    ['another constraint to fill', /INFC5032/, () => infill(untyped<typeof Flag>({}), [])],
    ['no template', /INFC5032.*template/, () => infill(Flag, untyped<[]>(undefined))],
    ['a text as template', /INFC5032.*template/, () => infill(Flag, untyped<[]>('{"a"'))],
    ['an option of templates', /INFC5027.*budget/, () => infill(Flag, [], untyped<object>({ steps: 5 }))],
    ['no scores', /INFC5029.*Float32Array/, () => Flag.matcher(vocabulary).process(untyped<Float32Array>(undefined))],
    [
      'scores that hold no infinity',
      /INFC5029/,
      () => Flag.matcher(vocabulary).process(untyped<Float32Array>(new Uint8Array(99))),
    ],
    [
      'a processor without sequences',
      /INFC5032.*sequences/,
      () => Flag.asLogitsProcessor(vocabulary)(untyped<[]>(undefined), []),
    ],
    [
      'a processor without scores',
      /INFC5032.*logits/,
      () => Flag.asLogitsProcessor(vocabulary)([[]], untyped<[]>(undefined)),
    ],
    [
      'a row of scores for rows',
      /INFC5032.*rows/,
      () => Flag.asLogitsProcessor(vocabulary).process([[]], untyped<[]>(new Float32Array(99))),
    ],
    ['no prompt to heal', /INFC5032.*token ids/, () => grammars.healPrompt(vocabulary, untyped<number[]>(undefined))],
    ['no vocabulary to heal by', /INFC5206/, () => grammars.healPrompt(untyped<Vocabulary>(undefined), [])],
    ['no prefix', /INFC5032.*prefix/, () => grammars.withPrefix(untyped<string>(undefined))],
    [
      'bytes without a vocabulary',
      /INFC5206/,
      () => new grammars.ByteModel(untyped<Vocabulary>({}), () => new Float32Array()),
    ],
  ])('%s', (_, message, run) => {
    expect(run).toThrow(message);
  });

  it('a turn that is none is not run', async () => {
    await expect(tools({}).run(untyped(undefined))).rejects.toThrow(/INFC5032.*turn/);
    await expect(tools({}).run(untyped({}))).rejects.toThrow(/INFC5032.*turn/);
  });

  // Of the drafts' keywords, those that were taken for others or for none.
  it.each<readonly [object, string]>([
    [{ not: null }, '/not'],
    [{ properties: null }, '/properties'],
    [{ properties: [] }, '/properties'],
    [{ properties: { a: 1 } }, '/properties/a'],
    [{ properties: { 'a/b': { required: 'x' } } }, '/properties/a~1b/required'],
    [{ patternProperties: null }, '/patternProperties'],
    [{ additionalProperties: null }, '/additionalProperties'],
    [{ items: null }, '/items'],
    [{ items: { type: 'array', items: [true, 5] } }, '/items/items/1'],
    [{ additionalItems: 'x' }, '/additionalItems'],
    [{ else: 5 }, '/else'],
    [{ uniqueItems: 1 }, '/uniqueItems'],
    [{ format: 5 }, '/format'],
    [{ dependencies: { a: 5, b: ['c'], d: 'e' } }, '/dependencies/a'],
  ])('%j is refused at %s', (schema, pointer) => {
    const { exact, unsupported } = constrain.check(schema);
    expect([exact, unsupported.map((problem) => [problem.code, problem.pointer])]).toEqual([
      false,
      [['INFC5001', pointer]],
    ]);
  });

  // JSON.stringify would make null or nothing of them.
  it.each<readonly [object, string]>([
    [{ const: { a: undefined } }, '/const'],
    [{ const: Number.NaN }, '/const'],
    [{ const: [1n] }, '/const'],
    [{ enum: ['x', [undefined]] }, '/enum'],
    [{ enum: [{ a: Number.NaN }] }, '/enum'],
  ])('%o holds what is no JSON', (schema, pointer) => {
    const problem = expect.objectContaining({ code: 'INFC5001', pointer, reason: expect.stringContaining('no JSON') });
    expect(constrain.check(schema).unsupported).toContainEqual(problem);
    expect(() => constrain(schema).accepts('['), 'at the latest where a text comes to it').toThrow(/INFC5001.*no JSON/);
  });

  it.each([{ required: true }, { $defs: [] }, { definitions: 5 }, { $id: 5 }, { $anchor: null }])(
    '%j is listed as ignored',
    (schema) => {
      const [keyword] = Object.keys(schema);
      expect(constrain.check(schema)).toMatchObject({ exact: true, ignored: [{ pointer: `/${keyword}`, keyword }] });
    },
  );

  it.each([
    { gbnf: 'root ::= "a"', lark: 'start: "a"' },
    { rules: 5 },
    {},
    null,
    'root ::= "a"',
    { gbnf: 5 },
    { bnf: '' },
  ])('grammar(%j)', async (input) => {
    await expect(grammar(untyped<{ gbnf: string }>(input))).rejects.toThrow(/INFC5306/);
  });

  it.each([{ gbnf: 'root ::= "a"\nb ::= "c"' }, { ebnf: 'root = "a"; b = "c";' }, { lark: 'root: "a"\nb: "c"' }])(
    'a start rule of %j',
    async (input) => {
      await expect(grammar({ ...input, start: 'rot' })).rejects.toThrow(/INFC5302.*'rot'.*one of root, b/);
      await expect(grammar(untyped({ ...input, strat: 'b' }))).rejects.toThrow(/INFC5027.*'strat'.*start/);
      await expect(grammar(untyped({ ...input, start: 5 }))).rejects.toThrow(/INFC5027.*start.*string/);
    },
  );

  it('says that nothing ends a complete text rather than leave no score', () => {
    const endless = vocabularyFromBytes(['a', 'b']);
    const matcher = regex('a').matcher(endless);
    expect([...matcher.process(new Float32Array(2))]).toEqual([0, Number.NEGATIVE_INFINITY]);
    matcher.commit(0);
    // Who stops by this meets no error.
    expect([matcher.accepting, ...matcher.mask()]).toEqual([true, 0]);
    expect(() => matcher.process(new Float32Array(2))).toThrow(/INFC5033.*eos/);
    const processor = regex('a').asLogitsProcessor(endless);
    expect(() => processor.process([[0]], [new Float32Array(2)])).toThrow(/INFC5033/);
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

  it('takes end tokens that come twice, tokens that are alike, and tokens without text', () => {
    const odd = vocabularyFromBytes(['a', 'a', '', null], { special: { end: 3, beyond: 5 }, eos: [3, 'end', 3] });
    expect([odd.eos, odd.size, odd.bytes[5]]).toEqual([[3], 6, null]);
    const matcher = regex('a').matcher(odd);
    expect(matcher.mask()[0]).toBe(0b11);
    expect(matcher.explain(2)).toMatchObject({ allowed: false, reason: 'the token has no text' });
    matcher.commit(1);
    expect(matcher.mask()[0]).toBe(0b1000);
  });

  it('every error of grammar texts has a fix', async () => {
    const texts = [
      ...[
        '',
        'root ::= "a',
        'a ::= "b"\na ::= "c"',
        'root ::= "a"{3,1}',
        'root ::= [b-a]',
        'root ::= x',
        'root ::= root',
      ].map((gbnf) => ({ gbnf })),
      ...[
        '',
        'start: "a"~5..2',
        'start: /(/',
        'start: /(a)\\1/',
        'start: "b".."a"',
        'start: x',
        'a: "b"\na: "c"',
        'start: A\nA: A',
        'start "a"',
      ].map((lark) => ({ lark })),
      { ebnf: "a = 'b" },
    ];
    for (const text of texts) {
      const failure = await grammar(text).catch((error: unknown) => error);
      expect(failure, JSON.stringify(text)).toMatchObject({ fix: expect.stringMatching(/^[A-Z]/) });
    }
  });
});
