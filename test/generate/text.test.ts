import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokenizer } from '../../compiler/import/tokenizer-files.ts';
import { StopStrings, TokenText } from '../../runtime/generate/text.ts';
import { openText } from '../../runtime/text/codec.ts';
import { TOKENIZER_FILES } from '../grammars/tokenizer-files.ts';
import { hasModels, modelsFolder } from '../kit/models.ts';
import { CHAT_TEMPLATE, SPECIAL, tokenizerConfig, tokenizerJson } from './tiny-model.ts';

const open = (config = tokenizerConfig(), tokenizer: unknown = tokenizerJson()) => openText(tokenizer, config, [257]);
const user = [{ role: 'user', content: 'hi' }];

describe('a tokenizer with its template', () => {
  it('encodes, gives bytes, and renders conversations', () => {
    const text = open();
    expect(text.encode('é!', true)).toEqual([256, 0xc3, 0xa9, 0x21]);
    expect(text.encode('<|user|>a', false)).toEqual([258, 97]);
    expect(text.vocabulary.eos).toEqual([257]);
    expect(text.render(user)).toBe('<s><|user|>user: hi<|end|><|user|>assistant: ');
    expect(text.render(user, { add_generation_prompt: false })).toBe('<s><|user|>user: hi<|end|>');
  });

  it('leaves special tokens out, or spells those that end nothing where a constraint has them', () => {
    expect(new TokenText(open()).push([258, 97, 257])).toBe('a');
    expect(new TokenText(open(), true).push([258, 97, 257])).toBe('<|user|>a');
  });

  it('gives characters when all their bytes are there', () => {
    const text = new TokenText(open());
    expect(text.push([0xe2, 0x82])).toBe('');
    expect(text.push([0xac, 0x21, 257])).toBe('€!');
    expect(text.push([0xe2])).toBe('');
    expect(text.end()).toBe('\ufffd');
  });

  it('reports what is wrong with it, with a fix', () => {
    const config = (chat_template: unknown) => tokenizerConfig({ chat_template });
    const cases: [string, () => unknown][] = [
      ['INFC6422', () => open(tokenizerConfig(), { model: { type: 'Nothing' } })],
      ['INFC6422', () => open(tokenizerConfig(), 3)],
      ['INFC6423', () => open(config(undefined)).render(user)],
      ['INFC6425', () => open(config('{% for m in messages %}')).render(user)],
      ['INFC6425', () => open(config('{{ messages[ }}')).render(user)],
      ['INFC6426', () => open().render([{ role: 'judge', content: 'hm' }])],
      ['INFC6427', () => open(tokenizerConfig({ bos_token: undefined })).render(user)],
      ['INFC6427', () => open(tokenizerConfig({ bos_token: '<begin>' })).render(user)],
      ['INFC6427', () => open(tokenizerConfig(), tokenizerJson(SPECIAL.slice(0, 3))).render(user)],
    ];
    for (const [code, act] of cases) {
      let thrown: unknown;
      try {
        act();
      } catch (error) {
        thrown = error;
      }
      expect(thrown, code).toMatchObject({ code, fix: expect.stringMatching(/\w/) });
    }
    // Markers in what a user says are letters like others.
    expect(open().render([{ role: 'user', content: '<|nothing|>' }])).toContain('<|nothing|>');
    expect(CHAT_TEMPLATE).toContain('<|end|>');
  });
});

describe('stop strings', () => {
  const cut = (stops: readonly string[], pieces: readonly string[]): [string, boolean] => {
    const stop = new StopStrings(stops);
    let text = '';
    for (const piece of pieces) if (!stop.stopped) text += stop.push(piece);
    return [stop.stopped ? text : text + stop.end(), stop.stopped];
  };

  it('end the text before them, however it is cut into pieces', () => {
    const whole = 'one two three';
    for (let size = 1; size < whole.length; size++) {
      const pieces = whole.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
      expect(cut(['two'], pieces)).toEqual(['one ', true]);
      expect(cut(['threes', 'xx'], pieces)).toEqual([whole, false]);
      expect(cut(['three', 'wo'], pieces)).toEqual(['one t', true]);
    }
    expect(cut([], ['a', 'b'])).toEqual(['ab', false]);
  });
});

describe('single tokens', () => {
  // Normalizers that @huggingface/tokenizers does not know.
  const unknown = ['byte-level, normalizer', 'unigram, NMT'];
  it.each(Object.entries(TOKENIZER_FILES).filter(([name]) => !unknown.includes(name)))(
    '%s: have the bytes that the whole vocabulary says',
    (_, file) => {
      const [one, whole] = [openText(file, {}, []), openText(file, {}, [])];
      const { bytes } = whole.vocabulary;
      const all = [...bytes.keys(), bytes.length];
      expect(all.map((id) => one.bytes(id))).toEqual(all.map((id) => bytes[id] ?? undefined));
      expect(all.map((id) => whole.bytes(id))).toEqual(all.map((id) => bytes[id] ?? undefined));
    },
  );
});

describe.skipIf(!hasModels)('the tokenizer of llama-story-655k', () => {
  it('gives the golden prompt ids, and the golden text back', () => {
    const folder = path.join(modelsFolder, 'llama-story-655k');
    const files = readTokenizer(folder);
    if (!files) throw new Error('the folder has a tokenizer');
    const text = openText(JSON.parse(files.tokenizer), JSON.parse(files.config), [2]);
    const golden: Record<string, { prompt_ids_with_bos: number[]; greedy_ids: number[]; text: string }> = JSON.parse(
      readFileSync(path.join(folder, 'golden.json'), 'utf8'),
    );
    for (const [prompt, { prompt_ids_with_bos, greedy_ids, text: want }] of Object.entries(golden)) {
      expect(text.encode(prompt, true)).toEqual(prompt_ids_with_bos);
      const out = new TokenText(text);
      const whole = out.push([...prompt_ids_with_bos, ...greedy_ids]) + out.end();
      expect(whole.startsWith(` ${prompt}`)).toBe(true);
      expect(
        want
          .replace('<|start_story|>', '')
          .trim()
          .startsWith(whole.trim().slice(0, prompt.length + 20)),
      ).toBe(true);
    }
    expect(existsSync(path.join(folder, 'tokenizer.json'))).toBe(true);
  });
});
