import { definePass } from '../../passes/pass.ts';
import type { Compilation } from '../compile.ts';
import { definePlugin, type Plugin } from '../plugin.ts';
import { numbersOf } from '../tensor-values.ts';
import { loadCompiled } from './calibrate.ts';
import { rowLengthOf, TensorComparison, type TensorQuality } from './quality.ts';
import { calibrationRuns, firstOf, type Samples } from './samples.ts';

/** What the output of one layer loses. */
export interface LayerDamage extends TensorQuality {
  /** Module path or node name. */
  readonly name: string;
  /** Its place among the layers, in the order they run. */
  readonly place: number;
}

const PREFIX = 'layer:';
/** Samples that layers are compared on: errors of layers show soon. */
const SHARE = 0.25;

/** Shows the outputs of products and convolutions with constant weights, under the names of their layers. */
const showLayers = (): Plugin =>
  definePlugin({
    name: 'layers',
    api: 1,
    passes: [
      definePass({
        name: 'show-layers',
        phase: 'precision',
        // A rotation must not find other readers of the residual stream; what equalizing and rounding activations give is scaled.
        after: ['rotate-residual'],
        before: ['equalize', 'quantize-activations'],
        does: 'shows the outputs of layers for comparison',
        run(graph, { storage }) {
          const readers = storage?.recipe?.rotate === true ? graph.nodes.filter((n) => n.op === 'add') : [];
          const seen = new Set<string>();
          for (const node of [...graph.nodes]) {
            const [y] = node.outputs;
            if (
              (node.op !== 'matmul' && node.op !== 'conv') ||
              !node.inputs[1]?.constant ||
              !y ||
              y.type.dtype !== 'f32'
            )
              continue;
            const name = `${PREFIX}${node.source.name}`;
            if (seen.has(name) || graph.outputs.includes(y)) continue;
            // What is added to a rotated stream is rotated too: the other model has nothing like it.
            if (readers.some((n) => n.inputs.includes(y))) continue;
            seen.add(name);
            const copy = graph.node('identity', [y], {}, [y.type], node.source, [name]);
            graph.outputs.push(...copy.outputs);
          }
        },
      }),
    ],
  });

export interface LayerOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Compiles two versions of a model with their layers' outputs shown, runs both on the first samples, and compares layer by layer, worst
 * first. Layers that only one of them has are left out.
 */
export async function compareLayers(
  compileA: (plugins: readonly Plugin[]) => Promise<Compilation>,
  compileB: (plugins: readonly Plugin[]) => Promise<Compilation>,
  samples: Samples,
  { signal, onProgress }: LayerOptions = {},
): Promise<LayerDamage[]> {
  const [first] = (await compileA([showLayers()])).targets;
  signal?.throwIfAborted();
  const [second] = (await compileB([showLayers()])).targets;
  await using a = await loadCompiled(first);
  await using b = await loadCompiled(second);
  const comparisons = new Map<string, TensorComparison>();
  const runs = [...calibrationRuns(firstOf(samples, SHARE), first?.plan.generation)];
  for (const [i, run] of runs.entries()) {
    onProgress?.(i, runs.length);
    if (run.reset || samples.kind === 'inputs') {
      a.reset();
      b.reset();
    }
    const options = { ...run.options, ...(signal ? { signal } : {}) };
    const actual = await a.run(run.inputs, options);
    const expected = await b.run(run.inputs, options);
    for (const [name, e] of Object.entries(expected)) {
      const got = actual[name];
      if (!name.startsWith(PREFIX) || got?.shape.join() !== e.shape.join()) continue;
      const c = comparisons.get(name) ?? new TensorComparison();
      comparisons.set(name, c);
      c.add(numbersOf(got), numbersOf(e), rowLengthOf(e.shape));
    }
  }
  return [...comparisons]
    .map(([name, c], place) => ({ name: name.slice(PREFIX.length), place, ...c.finish() }))
    .sort((x, y) => y.relative - x.relative);
}
