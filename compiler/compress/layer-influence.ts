import { InfcError } from '../../runtime/errors.ts';
import { type CompileOptions, compile } from '../compile.ts';
import type { Plugin } from '../plugin.ts';
import { numbersOf } from '../tensor-values.ts';
import { loadCompiled } from './calibrate.ts';
import { calibrationRuns, type Samples } from './samples.ts';

export interface InfluenceOptions {
  readonly compile?: Omit<CompileOptions, 'targets' | 'stopAfter' | 'quant'>;
  readonly plugins?: readonly Plugin[];
  readonly samples: Samples;
  readonly signal?: AbortSignal;
  readonly onProgress?: (runs: number) => void;
}

/**
 * How much each layer of a language model turns the states it is given: 1 - mean cos(before, after) over the tokens of the samples, 0 for
 * a layer that changes nothing ("block influence" of ShortGPT; Men et al. 2024). Throws INFC1097 for models without layers, INFC2077
 * without samples.
 */
export async function layerInfluence(model: string, options: InfluenceOptions): Promise<readonly number[]> {
  const { plugins = [], samples, signal, onProgress } = options;
  const compilation = await compile(model, { ...options.compile, plugins, targets: ['wasm'], showLayers: true });
  await using loaded = await loadCompiled(compilation.targets[0]);
  const sums: number[] = [];
  let [tokens, runs] = [0, 0];
  for (const run of calibrationRuns(samples, loaded.plan.generation)) {
    if (run.reset) loaded.reset();
    const outputs = await loaded.run(run.inputs, { ...run.options, ...(signal ? { signal } : {}) });
    let before: Float64Array | undefined;
    for (let i = 0; ; i++) {
      const states = outputs[`layer.${i}`];
      if (!states) break;
      const after = numbersOf(states);
      const width = states.shape.at(-1) ?? 1;
      if (before) sums[i - 1] = (sums[i - 1] ?? 0) + turned(before, after, width);
      else tokens += after.length / width;
      before = after;
    }
    onProgress?.(++runs);
  }
  if (runs === 0)
    throw new InfcError('INFC2077', 'there is no data to measure layers on', { fix: 'Give at least one text' });
  if (sums.length === 0)
    throw new InfcError('INFC1097', 'this model has no layers that could be left out', {
      fix: 'Only language models of safetensors or GGUF files have; ONNX graphs are not divided into layers',
    });
  return sums.map((s) => s / tokens);
}

/** Sum over rows of 1 - cos(a, b). */
function turned(a: Float64Array, b: Float64Array, width: number): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += width) {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = at; i < at + width; i++) {
      const [x, y] = [a[i] ?? 0, b[i] ?? 0];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    sum += 1 - (aa === bb && aa === 0 ? 1 : dot / Math.sqrt(aa * bb || 1));
  }
  return sum;
}

/** The `count` layers with the least influence, rising. Throws INFC1096 when none would be left. */
export function leastInfluential(influence: readonly number[], count: number): readonly number[] {
  if (count >= influence.length)
    throw new InfcError('INFC1096', `${count} of ${influence.length} layers cannot be left out`, {
      fix: `Leave out at most ${influence.length - 1}`,
    });
  return [...influence.keys()]
    .sort((a, b) => (influence[a] ?? 0) - (influence[b] ?? 0) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}
