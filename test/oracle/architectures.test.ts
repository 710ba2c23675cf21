import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { printProgram } from '../../compiler/ir/text.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { askLlamaCpp, peers } from './ask-llama-cpp.ts';
import { record, recorded } from './recorded.ts';
import { distance, fromGguf, fromSafetensors, results } from './run-tiny.ts';
import { tinyModels } from './tiny/index.ts';
import { ggufOf, safetensorsOf, type TinyModel } from './tiny-model.ts';

/**
 * Every architecture with random weights against llama.cpp, or PyTorch where llama.cpp lacks something. What they gave is recorded in
 * fixtures/; with INFC_PEERS (a folder whose node_modules has node-llama-cpp) and INFC_TORCH (a Python with torch) they are asked again,
 * and with INFC_RECORD=1 the answers are written down.
 */
const registry = new Registry([builtin]);
/** A Python that has torch. */
const torch = process.env.INFC_TORCH;
const TOLERANCE = 1e-3;
const LOOSE = 2e-2;

/** Runs `use` on a folder that holds the model in both forms. */
function inFolder<T>(model: TinyModel, use: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'infc-oracle-'));
  try {
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify(model.config));
    writeFileSync(path.join(folder, 'model.safetensors'), safetensorsOf(model));
    if (model.gguf) writeFileSync(path.join(folder, 'model.gguf'), ggufOf(model));
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One row a token from llama.cpp, or the one row of an embedding. */
const fromLlamaCpp = (model: TinyModel): number[][] =>
  inFolder(model, (folder) =>
    askLlamaCpp(path.join(folder, 'model.gguf'), model.embedding ? 'embedding' : 'logits', model.tokens),
  );

const askTorch = (model: TinyModel): number[][] =>
  inFolder(model, (folder) => {
    const args = [path.join(import.meta.dirname, 'torch-models.py'), folder, model.tokens.join(',')];
    const out = execFileSync(torch ?? '', [...args, ...(model.embedding ? [model.embedding] : [])], {
      encoding: 'utf8',
    });
    return JSON.parse(out);
  });

describe.each(tinyModels.map((m) => [m.name, m] as const))('%s', (_, model) => {
  const judge = model.oracle ?? 'llama.cpp';

  it.skipIf(judge === 'torch' ? !torch : !peers)(`${judge} gives what is recorded`, { timeout: 60_000 }, () => {
    const rows = judge === 'torch' ? askTorch(model) : fromLlamaCpp(model);
    if (process.env.INFC_RECORD === '1') record(model, rows);
    expect(distance(rows, recorded(model))).toBeLessThan(1e-5);
  });

  // llama.cpp's GELU is a table of 16-bit floats.
  it.skipIf(judge !== 'torch' || !model.gguf || !peers)('llama.cpp is near', { timeout: 60_000 }, () => {
    const rows = fromLlamaCpp(model);
    expect(distance(rows.map(unit(model)), recorded(model).map(unit(model)))).toBeLessThan(LOOSE);
  });

  it(`gives the results of ${judge} from safetensors`, () => {
    const program = fromSafetensors(model, registry);
    verifyProgram(program, registry);
    expect(distance(results(program, model, registry), recorded(model))).toBeLessThan(TOLERANCE);
  });

  it.skipIf(!model.gguf)('means the same from GGUF', () => {
    const program = fromGguf(model, registry);
    const text = (p: typeof program) => printProgram({ ...p, metadata: {} });
    if (model.sameProgram !== false) expect(text(program)).toBe(text(fromSafetensors(model, registry)));
    expect(distance(results(program, model, registry), recorded(model))).toBeLessThan(TOLERANCE);
  });
});

describe('files with matrices in f16', () => {
  const some = tinyModels.filter((m) => /^(llama|qwen2|phi3|gpt2|neox|mixtral)$/.test(m.name));
  it.each(some.map((m) => [m.name, m] as const))('%s: safetensors and GGUF mean the same', (_, model) => {
    // The weights are such that f16 holds them.
    for (const program of [fromSafetensors(model, registry, 'F16'), fromGguf(model, registry, 'F16')])
      expect(distance(results(program, model, registry), recorded(model))).toBeLessThan(TOLERANCE);
  });

  it('rope of transformers 5, a section for each type of layer, is that of before', () => {
    const model = tinyModels.find((m) => m.name === 'gemma3');
    if (!model) throw new Error('no gemma3');
    const { rope_theta: _, rope_local_base_freq: __, rope_scaling: ___, ...config } = model.config;
    const program = fromSafetensors(
      {
        ...model,
        config: {
          ...config,
          rope_parameters: {
            full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1000000 },
            sliding_attention: { rope_type: 'default', rope_theta: 10000 },
          },
        },
      },
      registry,
    );
    expect(printProgram(program)).toBe(printProgram(fromSafetensors(model, registry)));
  });
});

/** llama.cpp normalises embeddings. */
const unit =
  (model: TinyModel) =>
  (row: ArrayLike<number>): ArrayLike<number> => {
    if (!model.embedding) return row;
    const length = Math.hypot(...Array.from(row));
    return Array.from(row, (v) => v / length);
  };
