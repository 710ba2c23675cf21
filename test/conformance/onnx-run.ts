import { Reference } from '../../backends/reference/evaluate.ts';
import { type Compiler, createCompiler } from '../../compiler/compile.ts';
import type { Graph } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostValue } from '../../runtime/host.ts';
import { type BackendTest, difference, readValue, type Tolerance } from './onnx-data.ts';
import { player } from './onnx-targets.ts';

export type Status = 'passed' | 'wrong' | 'error' | 'unsupported';

export interface Outcome {
  readonly name: string;
  readonly status: Status;
  readonly reason: string;
  readonly ms: number;
}

const TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-7 };

/** Codes that say "not supported", as opposed to a failure. */
const UNSUPPORTED = new Set(['INFC1060', 'INFC1052', 'INFC1050', 'INFC1016', 'INFC3006', 'INFC4006', 'INFC1061']);

/** Compiles a test's model, plays its data sets on the target and compares the outputs. */
export async function runTest(test: BackendTest, target: string): Promise<Outcome> {
  const started = performance.now();
  const outcome = (status: Status, reason = ''): Outcome => ({
    name: test.name,
    status,
    reason,
    ms: Math.round(performance.now() - started),
  });
  try {
    const compiler = createCompiler();
    const { graph, run } = await prepare(compiler, test, target);
    for (const set of dataSets(test)) {
      const inputs: Record<string, HostValue> = {};
      graph.inputs.forEach((v, i) => {
        const bytes = test.files.get(`${set}/input_${i}.pb`);
        if (bytes) inputs[v.name] = readValue(bytes, v.type.container);
      });
      const outputs = await run(inputs);
      for (const [i, v] of graph.outputs.entries()) {
        const bytes = test.files.get(`${set}/output_${i}.pb`);
        if (!bytes) continue;
        const wrong = difference(outputs[v.name], readValue(bytes, v.type.container), TOLERANCE);
        if (wrong) return outcome('wrong', `${v.name}: ${wrong}`);
      }
    }
    return outcome('passed');
  } catch (e) {
    if (e instanceof InfcError && UNSUPPORTED.has(e.code)) return outcome('unsupported', e.message);
    return outcome('error', e instanceof InfcError ? e.message : e instanceof Error ? `${e.stack ?? e.message}` : String(e));
  }
}

type Play = (inputs: Readonly<Record<string, HostValue>>) => Promise<Readonly<Record<string, HostValue>>>;

async function prepare(compiler: Compiler, test: BackendTest, target: string): Promise<{ graph: Graph; run: Play }> {
  const bytes = test.files.get('model.onnx') ?? new Uint8Array(0);
  if (target === 'reference') {
    const program = await compiler.import(bytes);
    const graph = entryOf(program.entries);
    const reference = new Reference({ ops: compiler.registry, host: hostFunctions });
    return { graph, run: async (inputs) => reference.run(graph, inputs) };
  }
  const program = await compiler.import(bytes);
  const graph = entryOf(program.entries);
  const ports = { inputs: [...graph.inputs], outputs: [...graph.outputs] };
  const compilation = await compiler.compile(program, { targets: [target === 'cuda-cpu' ? 'cuda' : target] });
  const play = await player(compilation, target);
  const kept = { inputs: ports.inputs, outputs: ports.outputs } as Pick<Graph, 'inputs' | 'outputs'>;
  return { graph: kept as Graph, run: play };
}

function entryOf(entries: ReadonlyMap<string, Graph>): Graph {
  const [graph] = entries.values();
  if (!graph) throw new Error('the model has no entry');
  return graph;
}

const dataSets = (test: BackendTest): string[] =>
  [...new Set([...test.files.keys()].map((f) => f.split('/')[0] ?? '').filter((f) => f.startsWith('test_data_set_')))].sort();
