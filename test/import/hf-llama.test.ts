import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import { openSafetensors, type SafetensorsFile } from '../../compiler/import/safetensors.ts';
import { type Constant, formatType, type Program } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { parseProgram, printProgram } from '../../compiler/ir/text.ts';
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
  it('builds entries over the same constants and states', () => {
    const p = load();
    verifyProgram(p, registry);
    const types = (entry: string) => {
      const g = p.entries.get(entry);
      return [g?.inputs, g?.outputs].map((list) => list?.map((v) => `${v.name}: ${formatType(v.type)}`));
    };
    expect(types('prefill')).toEqual([['input_ids: i64[1, seq]'], ['logits: f32[1, 1, 10]']]);
    expect(types('decode')).toEqual([['input_ids: i64[1, 1]'], ['logits: f32[1, 1, 10]']]);
    expect(types('verify')).toEqual([['input_ids: i64[1, seq]'], ['logits: f32[1, seq, 10]']]);
    expect(p.states.map((s) => `${s.name}: ${formatType(s.type)}`)).toEqual([
      'layers.0.key: f32[2, 16, 2]',
      'layers.0.value: f32[2, 16, 2]',
    ]);
    expect(p.generation).toMatchObject({ kind: 'decoder', chunk: 16, context: 16, vocabulary: 10, stateBytes: 512 });
    expect(printProgram(parseProgram(printProgram(p), named(p)))).toBe(printProgram(p));
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
    expect(() => load({ rope_scaling: { rope_type: 'spiral', factor: 2 } })).toThrow(/INFC1082.*spiral/);
    // What the GGUF reader calls its own is no type that a config could name.
    expect(() => load({ rope_scaling: { rope_type: 'spiral' } })).not.toThrow(/divisors/);
    expect(() => load({ num_key_value_heads: 3 })).toThrow(/INFC1082/);
  });
});

const shared = process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../../shared');
const folder = resolve(shared, 'models/llama-story-655k');

describe.skipIf(!existsSync(folder))(`llama-story-655k (${folder})`, () => {
  const golden: Record<
    string,
    { prompt_ids_with_bos: number[]; greedy_ids: number[]; last_prompt_logits_first16: number[] }
  > = existsSync(folder) ? JSON.parse(readFileSync(resolve(folder, 'golden.json'), 'utf8')) : {};

  it('gives the published logits and tokens by the meaning of its ops', () => {
    const read = (name: string) => new Uint8Array(readFileSync(resolve(folder, name)));
    const p = importHf(
      {
        name: 'story',
        config: { file: 'config.json', text: readFileSync(resolve(folder, 'config.json'), 'utf8') },
        weights: [openSafetensors(memorySource('model.safetensors', read('model.safetensors')))],
      },
      registry,
    );
    const [prompt] = Object.values(golden);
    const states = new Map<string, HostTensor>();
    let past = 0;
    const run = (entry: string, tokens: readonly number[]): number[] => {
      const options = { ops: registry, host: () => undefined, states, symbols: { past } };
      const out = evaluate(p, entry, { input_ids: ids(tokens) }, options).logits;
      past += tokens.length;
      if (!out || !isTensor(out)) throw new Error('no logits');
      return Array.from(out.data, Number);
    };
    let logits = run('prefill', prompt?.prompt_ids_with_bos ?? []);
    prompt?.last_prompt_logits_first16.forEach((x, i) => {
      expect(logits[i]).toBeCloseTo(x, 3);
    });
    const tokens: number[] = [];
    for (let i = 0; i < 6; i++) {
      tokens.push(best(logits));
      logits = run('decode', tokens.slice(-1));
    }
    expect(tokens).toEqual(prompt?.greedy_ids.slice(0, 6));
  }, 60000);

  it('gives the same tokens compiled to Wasm, straight from its folder, with the prompt cut anyhow', async () => {
    const model = await player(await compile(folder));
    const seed = 7;
    for (const [i, prompt] of Object.values(golden).entries()) {
      model.reset();
      let past = 0;
      const run = async (entry: string, tokens: readonly number[]): Promise<number[]> => {
        const { logits } = await model.run({ input_ids: ids(tokens) }, entry, { past });
        past += tokens.length;
        if (!logits || !isTensor(logits)) throw new Error('no logits');
        return Array.from(logits.data, Number).slice(-2048);
      };
      const cut = (seed + i) % prompt.prompt_ids_with_bos.length;
      if (cut > 0) await run(i % 2 === 0 ? 'prefill' : 'verify', prompt.prompt_ids_with_bos.slice(0, cut));
      let logits = await run('prefill', prompt.prompt_ids_with_bos.slice(cut));
      const tokens: number[] = [];
      for (const _ of prompt.greedy_ids) {
        tokens.push(best(logits));
        if (tokens.length < prompt.greedy_ids.length) logits = await run('decode', tokens.slice(-1));
      }
      expect(tokens).toEqual(prompt.greedy_ids);
    }
    await model.dispose();
  }, 60000);
});

const ids = (list: readonly number[]): HostTensor => ({
  dtype: 'i64',
  shape: [1, list.length],
  data: BigInt64Array.from(list, BigInt),
});
const best = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));

/** Constants of a program by name. */
function named(p: Program): (name: string) => Constant | undefined {
  const all = [...p.entries.values()].flatMap((g) =>
    g.nodes.flatMap((n) => n.inputs.flatMap((v) => v?.constant ?? [])),
  );
  return (name) => all.find((c) => c.name === name);
}
