import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { importGguf } from '../../compiler/import/gguf/import.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';
import { architectures, importHf } from '../../compiler/import/hf-config.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import type { Program } from '../../compiler/ir/graph.ts';
import type { Registry } from '../../compiler/plugin.ts';
import { ggufOf, safetensorsOf, type TinyModel, VOCABULARY } from './tiny-model.ts';

/** The model through its safetensors and config. */
export const fromSafetensors = (model: TinyModel, ops: Registry, dtype: 'F32' | 'F16' = 'F32'): Program =>
  importHf(
    {
      name: 'tiny',
      config: { file: 'config.json', text: JSON.stringify(model.config) },
      weights: [openSafetensors(memorySource('model.safetensors', safetensorsOf(model, dtype)))],
    },
    ops,
  );

/** The same model through its GGUF file. */
export const fromGguf = (model: TinyModel, ops: Registry, matrices: 'F32' | 'F16' = 'F32'): Program =>
  importGguf(
    { name: 'tiny', files: [openGguf(memorySource('model.gguf', ggufOf(model, matrices)))] },
    architectures,
    ops,
  );

/** Log-probabilities after each token, by the reference. */
export function logProbabilities(program: Program, tokens: readonly number[], ops: Registry): Float64Array[] {
  const ids = { dtype: 'i64', shape: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) } as const;
  const { logits } = evaluate(program, 'prefill', { input_ids: ids }, { ops, host: () => undefined });
  if (!isTensor(logits)) throw new TypeError('no logits');
  const values = Array.from(logits.data, Number);
  return tokens.map((_, i) => logSoftmax(values.slice(i * VOCABULARY, (i + 1) * VOCABULARY)));
}

export function logSoftmax(row: readonly number[]): Float64Array {
  const most = Math.max(...row);
  const sum = row.reduce((s, v) => s + Math.exp(v - most), 0);
  return Float64Array.from(row, (v) => v - most - Math.log(sum));
}

/** Largest difference between rows. */
export const distance = (a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number =>
  Math.max(...a.map((row, i) => Math.max(...Array.from(row, (v, j) => Math.abs(v - (b[i]?.[j] ?? Number.NaN))))));
