import { describe, expect, it } from 'vitest';
import { constrain, tools, vocabularyFromBytes } from '../../grammars/index.ts';
import {
  glm45,
  glm47,
  harmony,
  qwen3Coder,
  TOOL_FORMATS,
  toolFormatOfTemplate,
} from '../../grammars/tools/formats/index.ts';

const definitions = {
  search: {
    input: {
      type: 'object',
      properties: {
        q: { type: 'string', maxLength: 60 },
        limit: { type: 'integer', minimum: 1 },
        tags: { type: 'array', items: { type: 'string' } },
        any: {},
      },
      required: ['q'],
      additionalProperties: false,
    },
  },
  now: { input: { type: 'object', properties: {}, additionalProperties: false } },
} as const;
const Answer = constrain({
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
});

/** As the chat templates of the models write them. */
const qwen = (name: string, input: Readonly<Record<string, string>>): string =>
  `<tool_call>\n<function=${name}>\n${Object.entries(input)
    .map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`)
    .join('')}</function>\n</tool_call>`;
const glm = (name: string, input: Readonly<Record<string, string>>): string =>
  `<tool_call>${name}\n${Object.entries(input)
    .map(([key, value]) => `<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>\n`)
    .join('')}</tool_call>`;
const glmFlat = (name: string, input: Readonly<Record<string, string>>): string =>
  glm(name, input).replace(/\n(?=<)/g, '');

describe.each([
  ['qwen3Coder', qwen3Coder, qwen, '\n'],
  ['glm45', glm45, glm, '\n'],
  ['glm47', glm47, glmFlat, ''],
] as const)('%s', (_, format, write, between) => {
  const set = tools(definitions, { format });

  it('takes arguments one by one, texts as they are and the rest as JSON', () => {
    const q = 'say "hi" \\ <b> </param\n\tünder 🐟';
    const calls = `${write('search', { q, limit: '5', tags: '["a", "b\\n"]' })}${between}${write('now', {})}`;
    expect(set.accepts(calls)).toBe(true);
    expect(set.accepts(`Let me look.\n${calls}`)).toBe(true);
    expect(set.parse(`Let me look.\n${calls}`)).toEqual({
      reasoning: undefined,
      text: 'Let me look.\n',
      calls: [
        { name: 'search', input: { q, limit: 5, tags: ['a', 'b\n'] } },
        { name: 'now', input: {} },
      ],
      output: undefined,
    });
    expect(tools(definitions, { format, parallel: false }).accepts(calls)).toBe(false);
  });

  it('holds to the schema', () => {
    for (const bad of [
      write('search', {}),
      write('search', { limit: '5' }),
      write('search', { q: 'x', limit: '0' }),
      write('search', { q: 'x', limit: 'five' }),
      write('search', { q: 'x', limit: '5,"tags":[]' }),
      write('search', { q: 'x', limit: '5}' }),
      write('search', { limit: '5', q: 'x' }),
      write('search', { q: 'x', tags: '["a"' }),
      write('search', { q: 'x'.repeat(61) }),
      write('search', { q: 'x', other: 'y' }),
      write('search', { q: 'x' }).slice(0, -1),
      write('other', {}),
    ])
      expect(set.accepts(bad)).toBe(false);
    const free = tools(definitions, { format, json: { order: 'any' } });
    expect(free.accepts(write('search', { limit: '5', q: 'x' }))).toBe(true);
    expect(free.accepts(write('search', { q: 'x', limit: '5', 'q ': 'x' }))).toBe(false);
  });

  it('takes for JSON what reads as JSON where a schema allows both', () => {
    for (const [spelled, value] of [
      ['5', 5],
      ['5 apples', '5 apples'],
      ['{"a": [1, "x"]}', { a: [1, 'x'] }],
      ['{"a": ', '{"a": '],
      ['null', null],
      ['"quoted"', '"quoted"'],
      ['5,"limit":6', '5,"limit":6'],
      ['5}', '5}'],
      ['[1]]', '[1]]'],
      [' 5', ' 5'],
      ['', ''],
    ] as const) {
      const turn = write('search', { q: 'x', any: spelled });
      expect([spelled, set.accepts(turn)]).toEqual([spelled, true]);
      expect(set.parse(turn).calls[0]?.input).toEqual({ q: 'x', any: value });
    }
  });

  it('reads a turn in pieces of any size', () => {
    const turn = `Well. ${write('search', { q: 'a "b" 🐟', limit: '12' })}`;
    for (const size of [1, 2, 5, 7, 1000]) {
      const partial = set.partial();
      const seen: unknown[] = [];
      for (let at = 0; at < turn.length; at += size) {
        partial.push(turn.slice(at, at + size));
        const [call] = partial.calls;
        if (call?.name === 'search') seen.push(call.input?.q);
      }
      expect(partial.end()).toEqual(set.parse(turn));
      if (size === 1) expect(seen).toEqual(expect.arrayContaining(['a', 'a "b', 'a "b" 🐟']));
      expect(partial.calls[0]).toEqual({ name: 'search', complete: true, input: { q: 'a "b" 🐟', limit: 12 } });
    }
  });

  it('ends in time, whatever is chosen, and every mask has what each byte allows', () => {
    const table = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), null];
    const vocabulary = vocabularyFromBytes(table, { special: { '<eos>': 256 }, eos: ['<eos>'] });
    const required = tools(definitions, { format, choice: 'required' });
    let seed = 7;
    for (let run = 0; run < 3; run++) {
      const matcher = required.matcher(vocabulary, { maxTokens: 260 });
      const bytes: number[] = [];
      while (!matcher.done) {
        const mask = matcher.mask();
        const allowed = table.map((_, t) => t).filter((t) => ((mask[t >>> 5] ?? 0) >>> (t & 31)) & 1);
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        const token = allowed[seed % allowed.length] ?? -1;
        matcher.commit(token);
        if (token < 256) bytes.push(token);
      }
      const text = new TextDecoder().decode(Uint8Array.from(bytes));
      expect(required.parse(text).calls.length).toBeGreaterThan(0);
    }
  });
});

it('tags that are special tokens are tokens; the texts of arguments then may hold their letters', () => {
  const special = {
    '<arg_key>': 256,
    '</arg_key>': 257,
    '<arg_value>': 258,
    '</arg_value>': 259,
    '<tool_call>': 260,
    '</tool_call>': 261,
    end: 262,
  };
  const table = [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...Object.keys(special).map(() => null),
  ];
  const vocabulary = vocabularyFromBytes(table, { special, eos: ['end'] });
  const set = tools(definitions, { format: glm45 });
  const matcher = set.matcher(vocabulary, { maxTokens: 200 });
  const partial = set.partial();
  const take = (...tokens: (string | number)[]): void => {
    for (const token of tokens.flatMap((t) => (typeof t === 'string' ? [...new TextEncoder().encode(t)] : [t]))) {
      matcher.commit(token);
      partial.pushToken(vocabulary, token);
    }
  };
  take('Hm ', 260, 'search\n', 256, 'q', 257, '\n', 258, 'a <b');
  expect([256, 257, 258, 259, 260, 261, 262].map((t) => matcher.allows(t))).toEqual([
    false,
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
  expect(partial.calls).toEqual([{ name: 'search', complete: false, input: { q: 'a <b' } }]);
  take(259, '\n');
  expect([256, 261].map((t) => matcher.allows(t))).toEqual([true, true]);
  take(261, 262);
  expect(partial.end().calls).toEqual([{ name: 'search', input: { q: 'a <b' } }]);
});

describe('harmony', () => {
  const think = (text: string): string => `<|channel|>analysis<|message|>${text}<|end|><|start|>assistant`;
  const call = (name: string, input: string): string =>
    `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${input}`;
  const say = (text: string): string => `<|channel|>final<|message|>${text}`;
  const set = tools(definitions, { format: harmony });

  it('thinks, announces, calls once, or answers', () => {
    const called = `${think('Need it.')}<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant${think('Now.')}${call('search', '{"q":"x"}')}`;
    for (const end of ['', '<|call|>']) {
      expect(set.accepts(called + end)).toBe(true);
      expect(set.parse(called + end)).toEqual({
        reasoning: 'Need it.\nNow.',
        text: 'I will look.',
        calls: [{ name: 'search', input: { q: 'x' } }],
        output: undefined,
      });
    }
    expect(set.parse(`${think('2+2')}${say('It is 4.')}<|return|>`)).toEqual({
      reasoning: '2+2',
      text: 'It is 4.',
      calls: [],
      output: undefined,
    });
    expect(set.accepts('It is 4.')).toBe(false);
    expect(set.accepts(call('search', '{}'))).toBe(false);
    expect(set.accepts(`${call('now', '{}')}<|call|><|start|>assistant${call('now', '{}')}`)).toBe(false);
    expect(set.accepts(think('no end'))).toBe(false);
    expect(tools(definitions, { format: harmony, choice: 'required' }).accepts(say('x'))).toBe(false);
    expect(tools(definitions, { format: harmony, reasoning: { mode: 'required' } }).accepts(say('x'))).toBe(false);
    expect(
      tools(definitions, { format: harmony, reasoning: { mode: 'open' } }).parse(
        `so<|end|><|start|>assistant${say('x')}`,
      ).reasoning,
    ).toBe('so');
    expect(() => set.parse('It is 4.')).toThrow(/INFC5404/);
    expect(() => set.parse('')).toThrow(/INFC5404/);
  });

  it('answers with an object, which streams', () => {
    const either = tools(definitions, { format: harmony, output: Answer });
    const partial = either.partial();
    partial.push(`${think('hm')}${say('{"ok": tru')}`);
    expect(partial.output).toEqual({});
    partial.push('e}');
    expect(partial.output).toEqual({ ok: true });
    expect(partial.end().output).toEqual({ ok: true });
    expect(either.accepts(say('words'))).toBe(false);
    expect(() => tools(definitions, { format: harmony, output: Answer, turn: 'both' })).toThrow(
      /INFC5402.*nothing follows/,
    );
  });

  it('its tags are tokens, and the end tokens of the vocabulary end the turn', () => {
    const names = ['<|start|>', '<|end|>', '<|message|>', '<|channel|>', '<|constrain|>', '<|return|>', '<|call|>'];
    const special = Object.fromEntries(names.map((name, i) => [name, 256 + i]));
    const table = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), ...names.map(() => null)];
    const vocabulary = vocabularyFromBytes(table, { special });
    expect(vocabulary.eos).toEqual([261, 262]);
    const matcher = set.matcher(vocabulary, { maxTokens: 300 });
    const partial = set.partial();
    const take = (text: string): void => {
      for (const piece of text.split(/(<\|\w+\|>)/))
        for (const token of special[piece] === undefined ? new TextEncoder().encode(piece) : [special[piece]]) {
          matcher.commit(token);
          partial.pushToken(vocabulary, token);
        }
    };
    take(think('The letters of a tag: <|en'));
    expect(partial.reasoning).toBe('The letters of a tag: <|en');
    take(call('search', '{"q": "x"'));
    expect(matcher.allows(262)).toBe(false);
    take('}');
    expect(matcher.allows(262)).toBe(true);
    take('<|call|>');
    expect(matcher.done).toBe(true);
    expect(partial.end().calls).toEqual([{ name: 'search', input: { q: 'x' } }]);
  });
});

it('knows the syntaxes from their chat templates', () => {
  expect(
    toolFormatOfTemplate("'<tool_call>\\n<function=' + tool_call.name + '>\\n' }} {{- '<parameter=' + args_name"),
  ).toBe(qwen3Coder);
  expect(
    toolFormatOfTemplate("{{ '<tool_call>' + tc.name }}<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v }}</arg_value>"),
  ).toBe(glm45);
  expect(toolFormatOfTemplate("'<tool_call>' + tc.name<arg_key>{{ k }}</arg_key><arg_value>{{ v }}</arg_value>")).toBe(
    glm47,
  );
  expect(toolFormatOfTemplate('<|start|>assistant<|channel|>analysis<|message|>')).toBe(harmony);
  expect(toolFormatOfTemplate('{{- \'<tool_call>\\n{"name": "\' }}')).toBe(TOOL_FORMATS.hermes);
});

describe('a limit of tokens for reasoning', () => {
  const names = ['<think>', '</think>', '<|channel|>', '<|message|>', '<|end|>', '<|start|>', '<|return|>'];
  const special = Object.fromEntries(names.map((name, i) => [name, 256 + i]));
  const table = [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...names.map(() => null),
    'wonder',
    'so </th',
  ];
  const tokens = vocabularyFromBytes(table, { special, eos: ['<|return|>', 262] });
  const plain = vocabularyFromBytes([...table.slice(0, 256), null, 'wonder', 'so </th'], {
    special: { '<|return|>': 256 },
    eos: ['<|return|>'],
  });

  /** A turn of letters wherever they may come; every mask is compared with what is taken. */
  function turnOf(
    set: { matcher: ReturnType<typeof tools>['matcher'] },
    vocabulary: typeof tokens,
    maxTokens?: number,
  ): number[] {
    const matcher = set.matcher(vocabulary, maxTokens === undefined ? {} : { maxTokens });
    const ids: number[] = [];
    let seed = 3;
    while (!matcher.done) {
      const mask = matcher.mask();
      const allowed = table.map((_, t) => t).filter((t) => ((mask[t >>> 5] ?? 0) >>> (t & 31)) & 1);
      const taken = table.map((_, t) => t).filter((t) => matcher.fork().tryCommit(t));
      expect(allowed).toEqual(taken);
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      const letters = allowed.filter((t) => t > 0x60 && t < 0x7b);
      const ending = ids.length > 60 && matcher.accepting;
      const list = ending ? vocabulary.eos : letters.length > 0 ? letters : allowed;
      const token = list[seed % list.length] ?? -1;
      matcher.commit(token);
      ids.push(token);
    }
    return ids;
  }

  it('ends in time: in one token where the tag is one, letter by letter where not', () => {
    for (const maxTokens of [undefined, 40]) {
      const set = tools(definitions, { reasoning: { mode: 'open', maxTokens: 20 }, choice: 'none' });
      expect(turnOf(set, tokens, maxTokens).indexOf(257)).toBe(19);
      const spelled = turnOf(set, plain, maxTokens).filter((id) => id < 256);
      expect(new TextDecoder().decode(Uint8Array.from(spelled)).indexOf('</think>') + 8).toBe(20);
    }
  });

  it('counts from the tag that begins it, and holds for a channel as a whole', () => {
    const set = tools(definitions, { reasoning: { mode: 'required', maxTokens: 12 }, choice: 'none' });
    expect(turnOf(set, tokens).indexOf(257)).toBe(11);
    const channels = tools(definitions, {
      format: harmony,
      reasoning: { mode: 'required', maxTokens: 40 },
      choice: 'none',
    });
    const ids = turnOf(channels, tokens);
    expect(ids.indexOf(260)).toBeLessThan(40);
    expect(ids.filter((id) => id === 260)).toHaveLength(1);
  });

  it('says why a token is not allowed, and which limits are none', () => {
    const matcher = tools(definitions, { reasoning: { mode: 'open', maxTokens: 9 } }).matcher(plain);
    matcher.commit(0x61);
    expect(matcher.explain(0x61)).toMatchObject({ allowed: false, reason: 'a limit of tokens would be passed' });
    for (const maxTokens of [0, -1, 5, 1.5, Number.NaN])
      expect(() => tools({}, { reasoning: { maxTokens } }).matcher(plain)).toThrow(/INFC5405.*15 at least|INFC5027/);
  });
});
