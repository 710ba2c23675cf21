import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import { openSafetensors, type SafetensorsFile } from '../../compiler/import/safetensors.ts';
import { formatType, type Program } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { player } from '../conformance/onnx-targets.ts';

const registry = new Registry([builtin]);
const config = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: 8,
  intermediate_size: 12,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  num_hidden_layers: 1,
  vocab_size: 10,
  max_position_embeddings: 16,
  tie_word_embeddings: true,
};

/** A file of zeros with the tensors of the tiny config. */
function weights(change: (shapes: Record<string, number[]>) => void = () => {}): SafetensorsFile {
  const layer = 'model.layers.0.';
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [10, 8],
    [`${layer}input_layernorm.weight`]: [8],
    [`${layer}self_attn.q_proj.weight`]: [8, 8],
    [`${layer}self_attn.k_proj.weight`]: [4, 8],
    [`${layer}self_attn.v_proj.weight`]: [4, 8],
    [`${layer}self_attn.o_proj.weight`]: [8, 8],
    [`${layer}post_attention_layernorm.weight`]: [8],
    [`${layer}mlp.gate_proj.weight`]: [12, 8],
    [`${layer}mlp.up_proj.weight`]: [12, 8],
    [`${layer}mlp.down_proj.weight`]: [8, 12],
    'model.norm.weight': [8],
  };
  change(shapes);
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const end = at + shape.reduce((n, d) => n * d, 4);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + at);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return openSafetensors(memorySource('model.safetensors', bytes));
}

const load = (change: Partial<Record<keyof typeof config | 'rope_scaling', unknown>> = {}, file = weights()): Program =>
  importHf(
    { name: 'm', config: { file: 'config.json', text: JSON.stringify({ ...config, ...change }) }, weights: [file] },
    registry,
  );

describe('llama from safetensors', () => {
  it('builds prefill and decode over the same constants', () => {
    const p = load();
    verifyProgram(p, registry);
    const types = (entry: string) => {
      const g = p.entries.get(entry);
      return [g?.inputs, g?.outputs].map((list) => list?.map((v) => `${v.name}: ${formatType(v.type)}`));
    };
    expect(types('prefill')).toEqual([
      ['input_ids: i64[1, seq]'],
      ['logits: f32[1, seq, 10]', 'present.0.key: f32[1, 2, seq, 2]', 'present.0.value: f32[1, 2, seq, 2]'],
    ]);
    expect(types('decode')).toEqual([
      ['input_ids: i64[1, 1]', 'past.0.key: f32[1, 2, past, 2]', 'past.0.value: f32[1, 2, past, 2]'],
      ['logits: f32[1, 1, 10]', 'present.0.key: f32[1, 2, past+1, 2]', 'present.0.value: f32[1, 2, past+1, 2]'],
    ]);
    const constants = (entry: string) =>
      new Set(p.entries.get(entry)?.nodes.flatMap((n) => n.inputs.flatMap((v) => v?.constant ?? [])));
    const shared = [...constants('prefill')].filter((c) => constants('decode').has(c));
    expect(shared.length).toBe(11);
  });

  it('names module paths as sources', () => {
    const sources = load()
      .entries.get('prefill')
      ?.nodes.map((n) => n.source.name);
    expect(sources).toContain('model.layers.0.self_attn.q_proj');
  });

  it('refuses what does not fit', () => {
    expect(() => load({ architectures: ['Nope'] })).toThrow(/INFC1086.*config.json.*LlamaForCausalLM/);
    expect(() => load({ num_hidden_layers: 2 })).toThrow(/INFC1084.*layers.1.input_layernorm.*closest/);
    expect(() => load({ hidden_size: '8' })).toThrow(/INFC1081.*hidden_size/);
    expect(() => load({ vocab_size: 11 })).toThrow(/INFC1085.*embed_tokens.*\[10, 8\]/);
    expect(() => load({ rope_scaling: { rope_type: 'yarn', factor: 2 } })).toThrow(/INFC1082.*yarn/);
    expect(() => load({ num_key_value_heads: 3 })).toThrow(/INFC1082/);
  });
});

const shared = process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../../shared');
const folder = resolve(shared, 'models/llama-story-655k');

describe.skipIf(!existsSync(folder))(`llama-story-655k (${folder})`, () => {
  it('gives the published logits and tokens, prompt at once or with a cache', () => {
    const read = (name: string) => new Uint8Array(readFileSync(resolve(folder, name)));
    const p = importHf(
      {
        name: 'story',
        config: { file: 'config.json', text: readFileSync(resolve(folder, 'config.json'), 'utf8') },
        weights: [openSafetensors(memorySource('model.safetensors', read('model.safetensors')))],
      },
      registry,
    );
    const golden = JSON.parse(readFileSync(resolve(folder, 'golden.json'), 'utf8'))['Once upon a time'];
    const run = (entry: string, inputs: Record<string, HostTensor>) =>
      evaluate(p, entry, inputs, { ops: registry, host: () => undefined });
    const ids = (list: number[]): HostTensor => ({
      dtype: 'i64',
      shape: [1, list.length],
      data: BigInt64Array.from(list, BigInt),
    });
    const logitsOf = (out: ReturnType<typeof run>): number[] => {
      const t = out.logits;
      if (!isTensor(t)) throw new Error('no logits');
      return Array.from(t.data, Number).slice(-2048);
    };
    const best = (logits: number[]): number => logits.indexOf(Math.max(...logits));
    let out = run('prefill', { input_ids: ids(golden.prompt_ids_with_bos) });
    const logits = logitsOf(out);
    golden.last_prompt_logits_first16.forEach((x: number, i: number) => {
      expect(logits[i]).toBeCloseTo(x, 3);
    });
    const tokens: number[] = [];
    for (let i = 0; i < 8; i++) {
      const token = best(logitsOf(out));
      tokens.push(token);
      const caches: Record<string, HostTensor> = {};
      for (const [name, t] of Object.entries(out))
        if (name.startsWith('present.') && isTensor(t)) caches[name.replace('present', 'past')] = t;
      out = run('decode', { input_ids: ids([token]), ...caches });
    }
    expect(tokens).toEqual(golden.greedy_ids.slice(0, 8));
  }, 60000);

  it('gives the same tokens compiled to Wasm, straight from its folder', async () => {
    const compilation = await compile(folder);
    const model = await player(compilation);
    const golden = JSON.parse(readFileSync(resolve(folder, 'golden.json'), 'utf8'))['Once upon a time'];
    const ids = (list: number[]): HostTensor => ({
      dtype: 'i64',
      shape: [1, list.length],
      data: BigInt64Array.from(list, BigInt),
    });
    let out = await model.run({ input_ids: ids(golden.prompt_ids_with_bos) }, 'prefill');
    const tokens: number[] = [];
    for (let i = 0; i < 24; i++) {
      const { logits } = out;
      if (!logits || !isTensor(logits)) throw new Error('no logits');
      const last = Array.from(logits.data, Number).slice(-2048);
      const token = last.indexOf(Math.max(...last));
      tokens.push(token);
      const caches = Object.entries(out).filter(([name]) => name.startsWith('present.'));
      const past = Object.fromEntries(caches.map(([name, t]) => [name.replace('present', 'past'), t]));
      out = await model.run({ input_ids: ids([token]), ...past }, 'decode');
    }
    await model.dispose();
    expect(tokens).toEqual(golden.greedy_ids.slice(0, 24));
  }, 60000);
});
