import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { generationSettings, withGeneration } from '../../compiler/import/generation.ts';
import { importGguf } from '../../compiler/import/gguf/import.ts';
import { openGguf } from '../../compiler/import/gguf/reader.ts';
import { architectures, importHf } from '../../compiler/import/hf-config.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import type { TransformerOptions } from '../../compiler/import/transformer/model.ts';
import type { Program } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import type { Registry } from '../../compiler/plugin.ts';
import { ggufOf, safetensorsOf, type TinyModel, VOCABULARY } from './tiny-model.ts';

/** The model through its safetensors and config. */
export const fromSafetensors = (
  model: TinyModel,
  ops: Registry,
  dtype: 'F32' | 'F16' = 'F32',
  more: TransformerOptions = {},
): Program =>
  withGeneration(
    importHf(
      {
        name: 'tiny',
        config: { file: 'config.json', text: JSON.stringify(model.config) },
        weights: [openSafetensors(memorySource('model.safetensors', safetensorsOf(model, dtype)))],
      },
      ops,
      {},
      { ...optionsOf(model), ...more },
    ),
    generationSettings(model.config),
  );

/** The same model through its GGUF file. */
export const fromGguf = (model: TinyModel, ops: Registry, matrices: 'F32' | 'F16' = 'F32'): Program =>
  importGguf(
    { name: 'tiny', files: [openGguf(memorySource('model.gguf', ggufOf(model, matrices)))] },
    architectures,
    ops,
    {},
    optionsOf(model),
  );

const optionsOf = (model: TinyModel): TransformerOptions =>
  model.context === undefined ? {} : { context: model.context };

/** Runs an entry over tokens; states live in `states`. */
function run(
  program: Program,
  ops: Registry,
  entry: string,
  tokens: readonly number[],
  past: number,
  states: Map<string, HostTensor>,
): number[] {
  const ids = { dtype: 'i64', shape: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) } as const;
  const symbols = program.entries.get(entry)?.given.includes('past') ? { symbols: { past } } : {};
  const out = evaluate(program, entry, { input_ids: ids }, { ops, host: () => undefined, states, ...symbols });
  const [result] = Object.values(out);
  if (!isTensor(result)) throw new TypeError('no output');
  return Array.from(result.data, Number);
}

/** Log-probabilities after each token, by the reference: the first half in one run, two tokens one by one, the rest in one. */
export function logProbabilities(program: Program, model: TinyModel, ops: Registry): Float64Array[] {
  const { tokens } = model;
  const states = new Map<string, HostTensor>();
  const rows: Float64Array[] = [];
  const half = Math.ceil(tokens.length / 2);
  const cuts = model.oneRun ? [0, tokens.length] : [0, half, half + 1, half + 2, tokens.length];
  for (const [i, to] of cuts.slice(1).entries()) {
    const from = cuts[i] ?? 0;
    const values = run(program, ops, to - from === 1 ? 'decode' : 'verify', tokens.slice(from, to), from, states);
    for (let k = 0; k < to - from; k++) rows.push(logSoftmax(values.slice(k * VOCABULARY, (k + 1) * VOCABULARY)));
  }
  return rows;
}

/** What the oracle gives for the model's tokens: log-probabilities, or the embedding of the text. */
export const results = (program: Program, model: TinyModel, ops: Registry): ArrayLike<number>[] =>
  model.embedding ? [run(program, ops, 'encode', model.tokens, 0, new Map())] : logProbabilities(program, model, ops);

export function logSoftmax(row: readonly number[]): Float64Array {
  const most = Math.max(...row);
  const sum = row.reduce((s, v) => s + Math.exp(v - most), 0);
  return Float64Array.from(row, (v) => v - most - Math.log(sum));
}

/** Largest difference between rows. */
export const distance = (a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number =>
  Math.max(...a.map((row, i) => Math.max(...Array.from(row, (v, j) => Math.abs(v - (b[i]?.[j] ?? Number.NaN))))));
