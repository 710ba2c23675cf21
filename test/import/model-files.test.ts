import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compile, createCompiler } from '../../compiler/compile.ts';
import { openGgufModel, openHfModel } from '../../compiler/import/model-files.ts';
import { u32, writeGguf } from '../oracle/gguf-writer.ts';
import { writeSafetensors } from '../oracle/safetensors-writer.ts';
import { tinyModels } from '../oracle/tiny/index.ts';
import { ggufOf, safetensorsOf, type TinyModel } from '../oracle/tiny-model.ts';

const root = mkdtempSync(path.join(tmpdir(), 'infc-models-'));
afterAll(() => rmSync(root, { recursive: true }));

let made = 0;
function folder(files: Readonly<Record<string, Uint8Array | string | object>>): string {
  const dir = path.join(root, `m${made++}`);
  for (const [name, content] of Object.entries(files)) {
    const full = path.join(dir, name);
    mkdirSync(path.dirname(full), { recursive: true });
    const data = typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
    writeFileSync(full, data);
  }
  return dir;
}

const tiny = (name: string): TinyModel => {
  const m = tinyModels.find((t) => t.name === name);
  if (!m) throw new Error(`no model ${name}`);
  return m;
};
const llama = tiny('llama');
const tensor = (name: string) => ({ name, dtype: 'F32', shape: [1], data: new Uint8Array(4) });
const shard = (...names: string[]): Uint8Array => writeSafetensors(names.map(tensor));
const index = (map: Record<string, unknown>) => ({ metadata: {}, weight_map: map });
const compiler = createCompiler();

describe('sharded safetensors', () => {
  const two = { 'a.safetensors': shard('x'), 'b.safetensors': shard('y'), 'config.json': {} };
  const named = (map: Record<string, unknown>, files: Record<string, Uint8Array | object> = two) =>
    folder({ ...files, 'model.safetensors.index.json': index(map) });

  it('are the files that the index names', () => {
    const model = openHfModel(
      named({ x: 'a.safetensors', y: 'b.safetensors' }, { ...two, 'other.safetensors': shard('x') }),
    );
    expect(model.weights.map((w) => w.name)).toEqual(['a.safetensors', 'b.safetensors']);
  });

  it.each<[string, string, RegExp]>([
    ['a missing shard', named({ x: 'a.safetensors', y: 'c.safetensors' }), /INFC1084.*'c.safetensors' is missing/],
    ['a tensor that is elsewhere', named({ x: 'b.safetensors', y: 'b.safetensors' }), /INFC1084.*'x' is not in 'b.saf/],
    ['a file outside', named({ x: '../a.safetensors' }), /INFC1088/],
    ['no map', folder({ ...two, 'model.safetensors.index.json': '[]' }), /INFC1088/],
    ['no weights', folder({ 'config.json': {} }), /INFC1084.*no .safetensors/],
    [
      'a truncated shard',
      named({ x: 'a.safetensors' }, { ...two, 'a.safetensors': shard('x').slice(0, -1) }),
      /INFC107/,
    ],
  ])('%s is refused', (_, dir, reason) => {
    expect(() => openHfModel(dir)).toThrow(reason);
  });
});

describe('configs', () => {
  const load = (config: object) =>
    compiler.import(
      folder({ 'config.json': { ...llama.config, ...config }, 'model.safetensors': safetensorsOf(llama) }),
    );

  it.each<[string, object, RegExp]>([
    ['an architecture that infc lacks', { architectures: ['Kangaroo'] }, /INFC1086.*Kangaroo.*architectures/],
    ['a rope type that infc lacks', { rope_scaling: { rope_type: 'spiral' } }, /INFC1082.*rope_scaling.*spiral/],
    ['another hidden size', { hidden_size: 64 }, /INFC1085.*embed_tokens.*\[64, 32\].*\[64, 64\]/],
    ['more layers', { num_hidden_layers: 3 }, /INFC1084.*layers.2/],
    ['a vocabulary of another size', { vocab_size: 65 }, /INFC1085.*embed_tokens/],
    ['an activation that infc lacks', { hidden_act: 'snake' }, /INFC1082.*hidden_act.*snake/],
  ])('%s is refused', async (_, config, reason) => {
    await expect(load(config)).rejects.toThrow(reason);
  });

  it('say how vectors become one', async () => {
    const bert = tiny('bert-mean');
    const { sentence_transformers: _, ...config } = bert.config;
    const files = (pooling: object) =>
      folder({
        'config.json': config,
        'model.safetensors': safetensorsOf(bert),
        '1_Pooling/config.json': pooling,
        'modules.json': [{ type: 'sentence_transformers.models.Normalize' }],
      });
    expect(openHfModel(files({ pooling_mode_cls_token: true })).more).toEqual({
      sentence_transformers: { pooling: 'cls', normalize: true },
    });
    const max = files({ pooling_mode_max_tokens: true });
    expect(() => openHfModel(max)).toThrow(/INFC1082.*pooling_mode_max_tokens/);
    const program = await compiler.import(files({ pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }));
    expect(program.entries.get('encode')?.outputs[0]?.type.shape).toEqual([1, 32]);
  });
});

describe('gguf files', () => {
  it('compile by name', async () => {
    const dir = folder({ 'llama.gguf': ggufOf(llama) });
    const { program, targets } = await compile(path.join(dir, 'llama.gguf'));
    expect(program.name).toBe('llama');
    expect(program.metadata.format).toBe('GGUF 3');
    expect(targets[0]?.plan.generation).toMatchObject({ kind: 'decoder', eos: [1], bos: 0, context: 64 });
  });

  it('are opened with all splits, whichever is named', () => {
    const part = (tensors: string[]) =>
      writeGguf(
        { 'split.count': u32(2) },
        tensors.map((name) => ({ name, type: 0, shape: [1], data: new Uint8Array(4) })),
      );
    const dir = folder({ 'm-00001-of-00002.gguf': part(['a']), 'm-00002-of-00002.gguf': part(['b']) });
    for (const i of [1, 2]) {
      const model = openGgufModel(path.join(dir, `m-0000${i}-of-00002.gguf`));
      expect(model.name).toBe('m');
      expect(model.files.flatMap((f) => [...f.tensors.keys()])).toEqual(['a', 'b']);
    }
    const half = folder({ 'm-00001-of-00002.gguf': part(['a']) });
    expect(() => openGgufModel(path.join(half, 'm-00001-of-00002.gguf'))).toThrow(/INFC1084.*split 2 of 2.*00002-of/);
  });

  it('name an architecture that infc lacks, and metadata that are missing', async () => {
    const file = (architecture: string, keys = {}) =>
      path.join(
        folder({
          'm.gguf': writeGguf({ 'general.architecture': { type: 'string', value: architecture }, ...keys }, []),
        }),
        'm.gguf',
      );
    await expect(compiler.import(file('kangaroo'))).rejects.toThrow(/INFC1086.*general.architecture.*kangaroo.*llama/);
    await expect(compiler.import(file('llama'))).rejects.toThrow(/INFC1081.*num_hidden_layers/);
    await expect(
      compiler.import(file('llama', { 'llama.block_count': { type: 'string', value: 'two' } })),
    ).rejects.toThrow(/INFC1134.*llama.block_count.*one number/);
  });
});
