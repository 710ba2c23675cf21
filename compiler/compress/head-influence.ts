import { InfcError } from '../../runtime/errors.ts';
import { type CompileOptions, createCompiler } from '../compile.ts';
import type { HeadName } from '../import/transformer/heads.ts';
import type { HeadLayout } from '../ir/graph.ts';
import { constantNumbers } from '../tensor-values.ts';
import { calibrate } from './calibrate.ts';
import type { InfluenceOptions } from './layer-influence.ts';
import { calibrationRuns } from './samples.ts';

/** A key-value head and its share of what its layer's attention gives. */
export interface HeadInfluence {
  readonly name: HeadName;
  readonly share: number;
}

/**
 * What the heads of a language model give on the samples: for each key-value head (with the queries that share it) the mean square of its
 * part of the attention's output, sum of w^2 E[x^2] over its inputs of the output projection (Wanda's score summed over a structure; Sun
 * et al. 2024), as a share of its layer's. Throws INFC1097 for models without heads, INFC2077 without samples.
 */
export async function headInfluence(model: string, options: InfluenceOptions): Promise<readonly HeadInfluence[]> {
  const { plugins = [], samples, signal, onProgress } = options;
  const compiler = createCompiler({ plugins });
  const compile: CompileOptions = options.compile ?? {};
  const { heads = [], generation } = await compiler.import(model, compile);
  if (heads.length === 0)
    throw new InfcError('INFC1097', 'this model has no attention heads that could be left out', {
      fix: 'Only transformers of safetensors or GGUF files have; ONNX graphs are not divided into heads',
    });
  const outputs = new Set(heads.map((h) => h.output.name));
  const statistics = await calibrate(model, calibrationRuns(samples, generation), {
    compile: { ...compile, plugins },
    calibrators: [...compiler.registry.calibrators.values()],
    needs: (weight) => (outputs.has(weight) ? 'moments' : 'nothing'),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  return heads.flatMap((layout) => {
    const energies = energiesOf(layout, statistics.get(layout.output.name)?.meanSquare);
    const total = energies.reduce((s, e) => s + e, 0) || 1;
    return energies.map((e, head): HeadInfluence => ({ name: [layout.layer, head], share: e / total }));
  });
}

function energiesOf({ kvHeads, queries, size, output }: HeadLayout, meanSquare?: Float32Array): number[] {
  const energies = new Array<number>(kvHeads).fill(0);
  const width = queries * size;
  const values = constantNumbers(output);
  for (let i = 0; i < values.length; i++) {
    const j = i % (kvHeads * width);
    const head = Math.floor(j / width);
    energies[head] = (energies[head] ?? 0) + (values[i] ?? 0) ** 2 * (meanSquare?.[j] ?? 1);
  }
  return energies;
}

/** The `count` heads with the smallest shares, never all of a layer. Throws INFC1098 when there are not as many. */
export function leastHeads(influence: readonly HeadInfluence[], count: number): readonly HeadName[] {
  const left = new Map<number, number>();
  for (const { name } of influence) left.set(name[0], (left.get(name[0]) ?? 0) + 1);
  const chosen: HeadName[] = [];
  for (const { name } of [...influence].sort((a, b) => a.share - b.share)) {
    const others = left.get(name[0]) ?? 0;
    if (chosen.length === count || others === 1) continue;
    left.set(name[0], others - 1);
    chosen.push(name);
  }
  if (chosen.length < count)
    throw new InfcError('INFC1098', `${count} heads cannot be left out: each layer must keep one`, {
      fix: `Leave out at most ${chosen.length}`,
    });
  return chosen.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}
