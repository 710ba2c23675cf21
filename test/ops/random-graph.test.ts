import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { difference, type Tolerance } from '../conformance/onnx-data.ts';
import { player } from '../conformance/onnx-targets.ts';
import { onnxruntime, random } from './against-onnxruntime.ts';
import { type RandomGraph, randomGraphs } from './random-graph.ts';

/** Graphs to try; CI raises it. */
const RUNS = Number(process.env.INFC_RANDOM_GRAPHS ?? 120);
const SEED = Number(process.env.INFC_RANDOM_SEED ?? 20261121);
const TOLERANCE: Tolerance = { relative: 2e-3, absolute: 1e-4 };

const compiler = createCompiler();

async function results(
  g: RandomGraph,
): Promise<{ wasm: Record<string, HostTensor>; reference: Record<string, HostTensor>; x: HostTensor }> {
  const x = random(g.shape, g.ops.length);
  const plain = await compiler.import(g.model);
  const [graph] = plain.entries.values();
  if (!graph) throw new Error('no entry');
  const reference = new Reference({ ops: compiler.registry, host: hostFunctions }).run(graph, { x }) as Record<
    string,
    HostTensor
  >;
  const compilation = await compiler.compile(g.model, { targets: ['wasm'] });
  const model = await player(compilation);
  const wasm = (await model.run({ x })) as Record<string, HostTensor>;
  await model.dispose();
  return { wasm, reference, x };
}

function firstDifference(actual: Record<string, HostTensor>, wanted: Record<string, HostTensor>): string | undefined {
  for (const [name, t] of Object.entries(wanted)) {
    const d = difference(actual[name], t, TOLERANCE);
    if (d) return `${name}: ${d}`;
  }
  return undefined;
}

describe(`random graphs (seed ${SEED})`, () => {
  it(
    'the compiled model equals the reference',
    async () => {
      await fc.assert(
        fc.asyncProperty(randomGraphs(8), async (g) => {
          const { wasm, reference } = await results(g);
          expect(firstDifference(wasm, reference), g.ops.join(' ')).toBeUndefined();
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    RUNS * 2000 + 60_000,
  );

  const ort = onnxruntime();
  if (!ort) it.skip('onnxruntime-node is not installed', () => undefined);
  else
    it(
      'the reference equals onnxruntime',
      async () => {
        await fc.assert(
          fc.asyncProperty(randomGraphs(6), async (g) => {
            const { reference, x } = await results(g);
            // What onnxruntime cannot run (it refuses some pads) proves nothing; too many of them fail the property.
            const raw = await ort.InferenceSession.create(g.model, { logSeverityLevel: 3 })
              .then((session) => session.run({ x: new ort.Tensor('float32', x.data as Float32Array, [...x.shape]) }))
              .catch(() => undefined);
            fc.pre(raw !== undefined);
            const theirs = Object.fromEntries(
              Object.entries(raw ?? {}).map(([name, t]): [string, HostTensor] => [
                name,
                { dtype: 'f32', shape: t.dims.map(Number), data: t.data as Float32Array },
              ]),
            );
            expect(firstDifference(reference, theirs), g.ops.join(' ')).toBeUndefined();
          }),
          { numRuns: RUNS, seed: SEED + 1 },
        );
      },
      RUNS * 2000 + 60_000,
    );
});
