import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { compile, writeArtifact } from '../../compiler/compile.ts';
import { Registry } from '../../compiler/plugin.ts';
import { pool } from '../../runtime/generate/embedder.ts';
import { type Embedder, loadEmbedder, load as loadLanguageModel } from '../../runtime/generate/index.ts';
import { infc } from '../cli/capture.ts';
import { fromSafetensors, results } from '../oracle/run-tiny.ts';
import { bertModels } from '../oracle/tiny/bert.ts';
import { safetensorsOf, VOCABULARY } from '../oracle/tiny-model.ts';
import { writeTinyModel } from './tiny-model.ts';

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'cat', 'kit', '##ten', 'car', '.'];
const tokenizer = {
  version: '1.0',
  added_tokens: words.slice(0, 4).map((content, id) => ({ id, content, special: true, normalized: false })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(Array.from({ length: VOCABULARY }, (_, i) => [words[i] ?? `[unused${i}]`, i])),
  },
};

const [bert] = bertModels;
let dir = '';
let model: Embedder;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'infc-embed-'));
  if (!bert) throw new Error('there is a tiny BERT');
  await mkdir(path.join(dir, 'bert'));
  await writeFile(path.join(dir, 'bert/config.json'), JSON.stringify(bert.config));
  await writeFile(path.join(dir, 'bert/model.safetensors'), safetensorsOf(bert));
  await writeFile(path.join(dir, 'bert/tokenizer.json'), JSON.stringify(tokenizer));
  await writeArtifact(await compile(path.join(dir, 'bert')), path.join(dir, 'out'));
  model = await loadEmbedder(path.join(dir, 'out'), { threads: 1 });
}, 60_000);

afterAll(async () => {
  await model?.dispose();
  if (dir) await rm(dir, { recursive: true, force: true });
});

describe('embeddings', () => {
  it('are those of the reference, at length 1 unless asked raw', async () => {
    if (!bert) return;
    const registry = new Registry([builtin]);
    const [want = []] = results(fromSafetensors(bert, registry), bert, registry);
    const raw = await model.embed(bert.tokens, { normalize: false });
    expect(raw.length).toBe(want.length);
    raw.forEach((v, i) => expect(v).toBeCloseTo(want[i] ?? Number.NaN, 4));
    const length = Math.hypot(...raw);
    const unit = await model.embed(bert.tokens);
    unit.forEach((v, i) => expect(v).toBeCloseTo((raw[i] ?? 0) / length, 5));
  });

  it('take texts by the tokenizer, also from the artifact alone and on the command line', async () => {
    expect(model.text?.encode('A kitten.', true)).toEqual([2, 4, 6, 7, 9, 3]);
    const want = await model.embed([2, 4, 6, 7, 9, 3]);
    expect(await model.embed('a kitten.')).toEqual(want);
    const own = await import(pathToFileURL(path.join(dir, 'out/model.js')).href);
    const alone = await own.load({ threads: 1 });
    expect(Array.from(await alone.embed('a kitten.'))).toEqual([...want]);
    await alone.dispose();
    const made = JSON.parse(
      (await infc(['embed', 'out', '--text', 'a kitten.', '--text', 'a car', '--json'], dir)).out,
    );
    expect(made.embeddings[0].vector).toEqual([...want]);
    expect((await infc(['embed', 'out', '--text', 'a cat', '--text', 'a cat'], dir)).out).toContain('1.0000');
  });

  it('pool tokens as asked', () => {
    const vectors = Float32Array.from([1, 2, 3, 4, 5, 9]);
    expect([...pool(vectors, 3, 'mean')]).toEqual([3, 5]);
    expect([...pool(vectors, 3, 'cls')]).toEqual([1, 2]);
    expect([...pool(vectors, 3, 'last')]).toEqual([5, 9]);
  });

  it('refuse what they cannot do, with a fix', async () => {
    await writeTinyModel(path.join(dir, 'writer'));
    const long = new Array<number>(65).fill(4);
    const cases: [string, () => Promise<unknown>][] = [
      ['INFC6401', () => model.embed(long)],
      ['INFC6402', () => model.embed([2, 99, 3])],
      ['INFC6403', () => model.embed([])],
      ['INFC6431', () => model.embed('a cat', { pooling: 'cls' })],
      ['INFC6409', () => loadLanguageModel(path.join(dir, 'out'), { threads: 1 })],
    ];
    for (const [code, act] of cases)
      await expect(act(), code).rejects.toMatchObject({ code, fix: expect.stringMatching(/\w/) });
    expect((await infc(['embed', 'writer', '--text', 'x'], dir)).err).toContain('INFC6430');
    expect((await infc(['embed', 'out'], dir)).err).toContain('INFC8003');
    expect((await infc(['embed', 'out', '--text', 'x', '--pooling', 'max'], dir)).err).toContain('INFC8003');
    expect((await infc(['generate', 'out', '--prompt', 'x'], dir)).err).toContain('INFC6409');
  });
});
