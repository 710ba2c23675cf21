import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importGguf } from '../../compiler/import/gguf/import.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';
import { architectures } from '../../compiler/import/hf-config.ts';
import { Registry } from '../../compiler/plugin.ts';
import { player } from '../conformance/onnx-targets.ts';
import { askLlamaCpp, peers } from './ask-llama-cpp.ts';
import { denseGguf } from './dense-gguf.ts';
import { playedResults } from './played.ts';
import { record, recorded } from './recorded.ts';
import { distance, logProbabilities } from './run-tiny.ts';
import { llamaLike } from './tiny/llama.ts';
import { type Blocks, ggufOf, type TinyModel } from './tiny-model.ts';

/** Rows of 256 weights for every block format; factors that give weights of about 1/16. */
const TYPES: Readonly<Record<string, Blocks>> = {
  Q8_0: { type: 8, block: 32, bytes: 34, factors: { 0: 0.0008 } },
  Q4_0: { type: 2, block: 32, bytes: 18, factors: { 0: 0.014 } },
  Q4_1: { type: 3, block: 32, bytes: 20, factors: { 0: 0.014, 2: -0.1 } },
  Q5_0: { type: 6, block: 32, bytes: 22, factors: { 0: 0.007 } },
  Q5_1: { type: 7, block: 32, bytes: 24, factors: { 0: 0.007, 2: -0.1 } },
  Q2_K: { type: 10, block: 256, bytes: 84, factors: { 80: 0.007, 82: 0.01 } },
  Q3_K: { type: 11, block: 256, bytes: 110, factors: { 108: 0.0017 } },
  Q4_K: { type: 12, block: 256, bytes: 144, factors: { 0: 0.0004, 2: 0.003 } },
  Q5_K: { type: 13, block: 256, bytes: 176, factors: { 0: 0.0002, 2: 0.003 } },
  Q6_K: { type: 14, block: 256, bytes: 210, factors: { 208: 0.00005 } },
};
const registry = new Registry([builtin]);
/** INFC_SLOW=1 compiles all. */
const COMPILED = /^(Q8_0|Q4_K|Q6_K)$/;
/**
 * What rounding activations to 8 bits, as llama.cpp does beside quantized weights, may change in these models (0.04 to 0.14 measured);
 * rows that have nothing to do with each other differ by 4 to 7.
 */
const ROUNDED = 0.15;

const modelOf = (type: string): TinyModel =>
  llamaLike({
    ...{ name: `llama-${type}`, architecture: 'LlamaForCausalLM', type: 'llama', gguf: 'llama' },
    ...{ neighbours: true, hidden: 256, heads: 4, kvHeads: 2, layers: 1, inner: 256, tokens: 8 },
  });
/** What llama.cpp gives for the blocks themselves is recorded beside what it gives for the f32 values that they mean. */
const asBlocks = (model: TinyModel): TinyModel => ({ ...model, name: `${model.name}-blocks` });

describe.each(Object.keys(TYPES))('%s', (type) => {
  const model = modelOf(type);
  const file = ggufOf(model, TYPES[type]);
  const load = () =>
    importGguf({ name: 'tiny', files: [openGguf(memorySource('model.gguf', file))] }, architectures, registry);

  it.skipIf(!peers)('llama.cpp gives what is recorded', { timeout: 60_000 }, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'infc-oracle-'));
    try {
      const ask = (bytes: Uint8Array): number[][] => {
        writeFileSync(path.join(folder, 'model.gguf'), bytes);
        return askLlamaCpp(path.join(folder, 'model.gguf'), 'logits', model.tokens);
      };
      for (const [as, rows] of [
        [model, ask(Buffer.concat([...denseGguf(memorySource('model.gguf', file))]))],
        [asBlocks(model), ask(file)],
      ] as const) {
        if (process.env.INFC_RECORD === '1') record(as, rows);
        expect(distance(rows, recorded(as))).toBeLessThan(1e-5);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is what llama.cpp computes, exactly with the blocks' values and nearly with the blocks", () => {
    const rows = logProbabilities(load(), model, registry);
    expect(distance(rows, recorded(model))).toBeLessThan(1e-3);
    expect(distance(rows, recorded(asBlocks(model)))).toBeLessThan(ROUNDED);
  });

  it.skipIf(process.env.INFC_SLOW !== '1' && !COMPILED.test(type))(
    'is compiled as it is and gives the same',
    { timeout: 60_000 },
    async () => {
      const compilation = await compile(load());
      const [target] = compilation.targets;
      const weights = target?.assembled.files.filter((f) => f.name.endsWith('.safetensors')) ?? [];
      const bytes = weights.reduce((n, f) => n + f.bytes, 0);
      const dense = model.weights.reduce((n, w) => n + w.shape.reduce((a, d) => a * d, 4), 0);
      expect(bytes / dense).toBeLessThan(0.45);
      const playing = await player(compilation);
      expect(distance(await playedResults(playing, model), recorded(model))).toBeLessThan(1e-3);
      await playing.dispose();
    },
  );
});
