import { describe, expect, it } from 'vitest';
import { constrain } from '../../grammars/index.ts';
import { vocabularyFromBytes } from '../../grammars/tokenizer/index.ts';
import {
  deepseek31,
  hermes,
  mistral,
  mistralArgs,
  mistralNemo,
  phi4,
  TOOL_FORMATS,
  type ToolFormat,
  toolFormatOfTemplate,
} from '../../grammars/tools/formats/index.ts';
import { tools } from '../../grammars/tools/tools.ts';

const definitions = {
  search: {
    input: {
      type: 'object',
      properties: { q: { type: 'string', maxLength: 20 } },
      required: ['q'],
      additionalProperties: false,
    },
    run: ({ q }: { q: string }) => `found ${q}`,
  },
  now: { input: { type: 'object', properties: {}, additionalProperties: false } },
};
const Answer = constrain({
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
});

function spell(format: ToolFormat, calls: readonly (readonly [string, string])[]): string {
  const { open, begin, middle, end, separator, close } = format;
  return open + calls.map(([name, input]) => begin + name + middle + input + end).join(separator) + close;
}

describe('tools', () => {
  const json = Object.entries<ToolFormat>(TOOL_FORMATS).filter(([, format]) => !format.arguments && !format.answer);
  it.each(json)('%s: text or calls, arguments by their schemas', (_, format) => {
    const set = tools(definitions, { format });
    const calls = spell(format, [
      ['search', '{"q":"a } \\" <b"}'],
      ['now', '{}'],
    ]);
    expect(set.accepts(calls)).toBe(true);
    expect(set.accepts('Just text.')).toBe(true);
    expect(set.accepts(spell(format, [['search', '{}']]))).toBe(false);
    expect(set.accepts(spell(format, [['other', '{}']]))).toBe(false);
    expect(set.accepts(calls.slice(0, -1))).toBe(false);
    expect(set.accepts(`Let me look. ${calls}`)).toBe(true);
    expect(set.parse(`Let me look. ${calls}`).calls).toHaveLength(format.at === 'anywhere' ? 2 : 0);
    expect(set.parse(calls)).toEqual({
      reasoning: undefined,
      text: '',
      calls: [
        { name: 'search', input: { q: 'a } " <b' } },
        { name: 'now', input: {} },
      ],
      output: undefined,
    });
    expect(tools(definitions, { format, parallel: false }).accepts(calls)).toBe(false);
  });

  it('chooses: required, none, one tool', () => {
    const call = spell(hermes, [['now', '{}']]);
    expect(tools(definitions, { choice: 'required' }).accepts('text')).toBe(false);
    expect(tools(definitions, { choice: 'required' }).accepts(call)).toBe(true);
    expect(tools(definitions, { choice: 'none' }).accepts('text')).toBe(true);
    expect(tools(definitions, { choice: { tool: 'search' } }).accepts(call)).toBe(false);
    expect(tools(definitions, { choice: 'required', text: true }).accepts(`First. ${call}`)).toBe(true);
    expect(() => tools(definitions, { choice: { tool: 'nope' } })).toThrow(/INFC5402/);
    expect(() => tools({ bad: { input: { type: 'string', pattern: '(' } } })).toThrow(/INFC5\d+.*tool 'bad'/);
  });

  it('reasons, then calls, then answers, in one constraint', () => {
    const set = tools(definitions, { reasoning: { mode: 'required' }, output: Answer, turn: 'both' });
    const turn = `<think>Is < or </thin ok? {"x</think>\n\n${spell(hermes, [['search', '{"q":"x"}']])}\n{"ok":true}`;
    expect(set.accepts(turn)).toBe(true);
    expect(set.accepts(turn.replace('</think>', ''))).toBe(false);
    expect(set.parse(turn)).toEqual({
      reasoning: 'Is < or </thin ok? {"x',
      text: '{"ok":true}',
      calls: [{ name: 'search', input: { q: 'x' } }],
      output: { ok: true },
    });
    const either = tools(definitions, { reasoning: {}, output: Answer });
    expect(either.accepts('{"ok":false}')).toBe(true);
    expect(either.accepts('<think></think>{"ok":false}')).toBe(true);
    expect(either.accepts('hello')).toBe(false);
    expect(either.accepts(spell(hermes, [['now', '{}']]))).toBe(true);
  });

  it('runs the calls', async () => {
    const set = tools(definitions);
    expect(await set.run(set.parse(spell(hermes, [['search', '{"q":"x"}']])))).toEqual([
      { name: 'search', result: 'found x' },
    ]);
    await expect(set.run(set.parse(spell(hermes, [['now', '{}']])))).rejects.toThrow(/INFC5403/);
  });

  it('special tokens in a format are tokens, never letters', () => {
    const special = { '<think>': 256, '</think>': 257, '<tool_call>': 258, '</tool_call>': 259, '<eos>': 260 };
    const table = [
      ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
      null,
      null,
      null,
      null,
      null,
      new TextEncoder().encode('hm <tool'),
    ];
    const vocabulary = vocabularyFromBytes(table, { special, eos: ['<eos>'] });
    const matcher = tools(definitions, { reasoning: { mode: 'optional' } }).matcher(vocabulary, { maxTokens: 200 });
    const say = (text: string): void => {
      for (const byte of new TextEncoder().encode(text)) matcher.commit(byte);
    };
    expect([256, 257, 258, 259, 260].map((token) => matcher.allows(token))).toEqual([true, false, true, false, true]);
    matcher.commit(256);
    say('so <tool_call> as text is fine');
    expect([256, 257, 258, 259, 260].map((token) => matcher.allows(token))).toEqual([false, true, false, false, false]);
    matcher.commit(257);
    matcher.commit(261);
    say('!');
    matcher.commit(258);
    say('\n{"name": "now", "arguments": {}}\n');
    expect(matcher.allows(260)).toBe(false);
    matcher.commit(259);
    expect(matcher.allows(260)).toBe(true);
    matcher.commit(260);
    expect(matcher.done).toBe(true);
    matcher.rollback(2);
    expect(matcher.explain(259).allowed || matcher.allows(259)).toBe(true);
  });

  it('takes 500 tools of 20 parameters', () => {
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [
        `tool_${i}`,
        {
          input: {
            type: 'object',
            properties: Object.fromEntries(
              Array.from({ length: 20 }, (_, j) => [`p${j}`, { type: j % 2 ? 'string' : 'integer' }]),
            ),
            additionalProperties: false,
          },
        },
      ]),
    );
    const before = process.cpuUsage();
    const set = tools(many, { choice: 'required' });
    expect(set.accepts(spell(hermes, [['tool_499', '{"p0":1,"p1":"x"}']]))).toBe(true);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(5000);
  });

  it('knows a format from a chat template', () => {
    expect(toolFormatOfTemplate("{{- '<tool_call>' }}")).toBe(hermes);
    expect(toolFormatOfTemplate('[TOOL_CALLS]')).toBe(mistral);
    expect(toolFormatOfTemplate('{{- "[TOOL_CALLS] [" }}')).toBe(mistral);
    expect(toolFormatOfTemplate('{{- "[TOOL_CALLS][" }}')).toBe(mistralNemo);
    expect(toolFormatOfTemplate('[TOOL_CALLS]NAME[ARGS]')).toBe(mistralArgs);
    expect(toolFormatOfTemplate('<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME')).toBe(deepseek31);
    expect(toolFormatOfTemplate('<|tool_call|>[]<|/tool_call|>')).toBe(phi4);
    expect(toolFormatOfTemplate('plain')).toBeUndefined();
  });
});
