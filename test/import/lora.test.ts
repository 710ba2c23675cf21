import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import { type Adapter, mergeAdapters } from '../../compiler/import/lora.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import type { WeightFile } from '../../compiler/import/weight-file.ts';
import { Registry } from '../../compiler/plugin.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { randomOf, tinyLlama } from '../kit/tiny-llama.ts';

type Tensors = Record<string, { shape: number[]; data: number[]; dtype?: 'F32' | 'F16' | 'BF16' }>;

function file(name: string, tensors: Tensors): WeightFile {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [key, { shape, data, dtype = 'F32' }] of Object.entries(tensors)) {
    const bytes =
      dtype === 'F32'
        ? new Uint8Array(Float32Array.from(data).buffer)
        : new Uint8Array(Uint16Array.from(data, (x) => encodeFloat(dtype === 'F16' ? 'f16' : 'bf16', x)).buffer);
    header[key] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  let end = 8 + text.length;
  for (const p of parts) {
    out.set(p, end);
    end += p.length;
  }
  return openSafetensors(memorySource(name, out));
}

const adapter = (tensors: Tensors, config: Record<string, unknown> = {}): Adapter => ({
  config: { file: 'adapter_config.json', text: JSON.stringify({ peft_type: 'LORA', r: 2, lora_alpha: 6, ...config }) },
  weights: file('adapter_model.safetensors', tensors),
});

const random = randomOf(9);
const numbers = (n: number): number[] => Array.from({ length: n }, () => Math.fround(random() * 2 - 1));
const valuesOf = (f: WeightFile | undefined, name: string): number[] => {
  const c = f?.constant(name);
  if (!c) return [];
  const bytes = c.read().slice();
  return c.type.dtype === 'f32'
    ? Array.from(new Float32Array(bytes.buffer))
    : Array.from(new Uint16Array(bytes.buffer), (x) => decodeFloat(c.type.dtype, x));
};

/** W [3, 4] + scale * B [3, 2] A [2, 4], straight from the definition. */
const sum = (w: number[], b: number[], a: number[], scale: number): number[] =>
  w.map((x, at) => {
    const [o, i] = [Math.floor(at / 4), at % 4];
    return x + scale * ((b[o * 2] ?? 0) * (a[i] ?? 0) + (b[o * 2 + 1] ?? 0) * (a[4 + i] ?? 0));
  });
const close = (x: number[], y: number[], digits = 5): void => {
  expect(x.length).toBe(y.length);
  for (const [i, v] of x.entries()) expect(v).toBeCloseTo(y[i] ?? Number.NaN, digits);
};

const [w, a, b] = [numbers(12), numbers(8), numbers(6)];
const model = (dtype?: 'F16' | 'BF16') =>
  file('model.safetensors', {
    'model.layers.0.mlp.up_proj.weight': { shape: [3, 4], data: w, ...(dtype ? { dtype } : {}) },
    'model.layers.0.mlp.up_proj.bias': { shape: [3], data: [1, 2, 3] },
    'model.norm.weight': { shape: [4], data: [1, 1, 1, 1] },
  });
const up = 'base_model.model.model.layers.0.mlp.up_proj';
const factors: Tensors = {
  [`${up}.lora_A.weight`]: { shape: [2, 4], data: a },
  [`${up}.lora_B.weight`]: { shape: [3, 2], data: b },
};
const merged = (more: Adapter | Adapter[], base = model()) =>
  valuesOf(mergeAdapters([base], [more].flat())[0], 'model.layers.0.mlp.up_proj.weight');

describe('LoRA adapters', () => {
  it('add scale * B A, for each adapter and in the weight dtype', () => {
    close(merged(adapter(factors)), sum(w, b, a, 3));
    close(merged(adapter(factors, { use_rslora: true })), sum(w, b, a, 6 / Math.SQRT2));
    close(merged(adapter(factors, { alpha_pattern: { 'mlp.up_proj': 1 } })), sum(w, b, a, 0.5));
    close(merged(adapter(factors, { alpha_pattern: { '(': 1, 'other.*': 2 } })), sum(w, b, a, 3));
    close(merged([adapter(factors), adapter(factors, { lora_alpha: -6 })]), w);
    close(merged(adapter(factors), model('F16')), sum(w, b, a, 3), 2);
    close(merged(adapter(factors), model('BF16')), sum(w, b, a, 3), 1);
    // The base is not touched: merging again gives the same.
    const base = model();
    close(merged(adapter(factors), base), merged(adapter(factors), base));
    close(valuesOf(base, 'model.layers.0.mlp.up_proj.weight'), w);
  });

  it('are turned for weights stored as [inputs, outputs] and for embeddings', () => {
    const turned = (x: number[], rows: number, columns: number) =>
      Array.from({ length: x.length }, (_, at) => x[(at % rows) * columns + Math.floor(at / rows)] ?? 0);
    const conv = file('model.safetensors', { 'h.0.c_fc.weight': { shape: [4, 3], data: turned(w, 3, 4) } });
    const change = adapter(
      {
        'base_model.model.transformer.h.0.c_fc.lora_A.default.weight': { shape: [2, 4], data: a },
        'base_model.model.transformer.h.0.c_fc.lora_B.default.weight': { shape: [3, 2], data: b },
      },
      { fan_in_fan_out: true },
    );
    close(valuesOf(mergeAdapters([conv], [change])[0], 'h.0.c_fc.weight'), turned(sum(w, b, a, 3), 3, 4));
    // The table [4 tokens, 3] gets (B A)^T with A [r, tokens] and B [3, r].
    const table = file('model.safetensors', { 'wte.weight': { shape: [4, 3], data: turned(w, 3, 4) } });
    const embedding = adapter({
      'base_model.model.wte.lora_embedding_A': { shape: [2, 4], data: a },
      'base_model.model.wte.lora_embedding_B': { shape: [3, 2], data: b },
    });
    close(valuesOf(mergeAdapters([table], [embedding])[0], 'wte.weight'), turned(sum(w, b, a, 3), 3, 4));
  });

  it('may replace tensors', () => {
    const whole = adapter({ ...factors, [`${up}.bias`]: { shape: [3], data: [7, 8, 9] } });
    close(valuesOf(mergeAdapters([model()], [whole])[0], 'model.layers.0.mlp.up_proj.bias'), [7, 8, 9]);
  });

  it('refuse what is no LoRA, and the adapter of another model', () => {
    expect(() => merged(adapter(factors, { peft_type: 'IA3' }))).toThrow(/INFC1094.*IA3/);
    expect(() => merged(adapter(factors, { use_dora: true }))).toThrow(/INFC1094.*DoRA/);
    expect(() => merged(adapter({}))).toThrow(/INFC1094.*nothing/);
    expect(() => merged(adapter({ 'x.lora_magnitude_vector': { shape: [1], data: [1] } }))).toThrow(/INFC1094/);
    expect(() => merged({ ...adapter(factors), config: { file: 'c', text: '[' } })).toThrow(/INFC1080/);
    const { [`${up}.lora_A.weight`]: onlyA } = factors;
    if (onlyA) expect(() => merged(adapter({ [`${up}.lora_A.weight`]: onlyA }))).toThrow(/INFC1095.*lora_B/);
    const elsewhere = JSON.parse(JSON.stringify(factors).replaceAll('layers.0', 'layers.7')) as Tensors;
    expect(() => merged(adapter(elsewhere))).toThrow(/INFC1095.*layers\.7/);
    const odd = { ...factors, [`${up}.lora_A.weight`]: { shape: [2, 5], data: numbers(10) } };
    expect(() => merged(adapter(odd))).toThrow(/INFC1095.*\[2, 5\]/);
    const ranks = { ...factors, [`${up}.lora_B.weight`]: { shape: [3, 1], data: numbers(3) } };
    expect(() => merged(adapter(ranks))).toThrow(/INFC1095/);
  });

  it('reach the weights of the compiled program', () => {
    const t = { layers: 1, hidden: 8, heads: 2, kvHeads: 1, inner: 12, vocabulary: 9, positions: 16 };
    const q = 'base_model.model.model.layers.0.self_attn.q_proj';
    const change = adapter({
      [`${q}.lora_A.weight`]: { shape: [1, 8], data: numbers(8) },
      [`${q}.lora_B.weight`]: { shape: [8, 1], data: numbers(8) },
    });
    const weightsOf = (adapters: Adapter[]) => {
      const p = importHf({ ...tinyLlama(t), adapters }, new Registry([builtin]));
      const all = [...p.entries.values()].flatMap((g) =>
        g.nodes.flatMap((n) => n.inputs.flatMap((v) => v?.constant ?? [])),
      );
      return new Map(all.map((c) => [c.name, Buffer.from(c.read()).toString('hex')]));
    };
    const [before, after] = [weightsOf([]), weightsOf([change])];
    expect([...before.keys()].filter((k) => before.get(k) !== after.get(k))).toEqual([
      'model.layers.0.self_attn.q_proj.weight',
    ]);
  });
});
