import { Reference } from '../../backends/reference/evaluate.ts';
import { type Compiler, createCompiler } from '../../compiler/compile.ts';
import { decodeModel } from '../../compiler/import/onnx-decode.ts';
import { dtypeOfOnnx } from '../../compiler/import/onnx-type.ts';
import type { Value } from '../../compiler/ir/graph.ts';
import { InfcError } from '../../runtime/errors.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostValue } from '../../runtime/host.ts';
import { type BackendTest, difference, readValue, type Tolerance } from './onnx-data.ts';
import { type Player, player } from './onnx-targets.ts';

export type Status = 'passed' | 'wrong' | 'error' | 'unsupported';

export interface Outcome {
  readonly name: string;
  readonly status: Status;
  readonly reason: string;
  readonly ms: number;
  /** The operator of a model with one node, by domain and name; for the table of what is supported. */
  readonly op?: string;
  /** dtypes of the model's inputs and outputs. */
  readonly dtypes?: readonly string[];
  /** Host functions of the compiled plan that compute: not checks, not shapes. */
  readonly host?: readonly string[];
}

const TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-7 };

/** Codes that say "not supported", as opposed to a failure. */
const UNSUPPORTED = new Set([
  'INFC1060',
  'INFC1052',
  'INFC1050',
  'INFC1016',
  'INFC3006',
  'INFC4006',
  'INFC1061',
  'INFC3011',
]);

/** Compiles a test's model, plays its data sets on the target and compares the outputs. */
export async function runTest(test: BackendTest, target: string): Promise<Outcome> {
  const started = performance.now();
  let about: Pick<Outcome, 'op' | 'dtypes' | 'host'> = {};
  const outcome = (status: Status, reason = ''): Outcome => ({
    name: test.name,
    status,
    reason,
    ms: Math.round(performance.now() - started),
    ...about,
  });
  try {
    about = describe(test);
    const compiler = createCompiler();
    const { inputs: ins, outputs: outs, host, player } = await prepare(compiler, test, target);
    about = { ...about, host };
    for (const set of dataSets(test)) {
      const inputs: Record<string, HostValue> = {};
      ins.forEach((v, i) => {
        const bytes = test.files.get(`${set}/input_${i}.pb`);
        if (bytes) inputs[v.name] = readValue(bytes, v.type.container);
      });
      const outputs = await player.run(inputs);
      for (const [i, v] of outs.entries()) {
        const bytes = test.files.get(`${set}/output_${i}.pb`);
        if (!bytes) continue;
        const wrong = difference(outputs[v.name], readValue(bytes, v.type.container), TOLERANCE);
        if (wrong) return outcome('wrong', `${v.name}: ${wrong}`);
      }
    }
    await player.dispose();
    return outcome('passed');
  } catch (e) {
    if (e instanceof InfcError && UNSUPPORTED.has(e.code)) return outcome('unsupported', e.message);
    return outcome(
      'error',
      e instanceof InfcError ? e.message : e instanceof Error ? `${e.stack ?? e.message}` : String(e),
    );
  }
}

interface Prepared {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly host: readonly string[];
  readonly player: Player;
}

const CHECKS: ReadonlySet<string> = new Set(['check_index', 'fail', 'read_dims']);

async function prepare(compiler: Compiler, test: BackendTest, target: string): Promise<Prepared> {
  const program = await compiler.import(test.files.get('model.onnx') ?? new Uint8Array(0));
  const [graph] = program.entries.values();
  if (!graph) throw new Error('the model has no entry');
  const [inputs, outputs] = [[...graph.inputs], [...graph.outputs]];
  if (target === 'reference') {
    const reference = new Reference({ ops: compiler.registry, host: hostFunctions });
    const run: Player['run'] = async (given) => reference.run(graph, given);
    return { inputs, outputs, host: [], player: { run, reset: () => undefined, dispose: async () => undefined } };
  }
  const compilation = await compiler.compile(program, { targets: [target === 'cuda-cpu' ? 'cuda' : target] });
  const host = compilation.targets.flatMap((t) => t.assembled.plan.host).filter((name) => !CHECKS.has(name));
  return { inputs, outputs, host, player: await player(compilation, target) };
}

/** What a test is about: its operator, when it has one node, and the dtypes that go in and out. */
function describe(test: BackendTest): Pick<Outcome, 'op' | 'dtypes'> {
  const { graph } = decodeModel(test.files.get('model.onnx') ?? new Uint8Array(0)).model;
  const nodes = (graph?.node ?? []).filter((n) => n.opType !== 'Constant');
  const types = [...(graph?.input ?? []), ...(graph?.output ?? [])].flatMap((v) => {
    const inner = v.type?.sequenceType?.elemType ?? v.type?.optionalType?.elemType ?? v.type;
    return dtypeOfOnnx(inner?.tensorType?.elemType ?? 0) ?? [];
  });
  const [only] = nodes;
  const domain = only?.domain ? `${only.domain}.` : '';
  const dtypes = [...new Set(types)].sort();
  return nodes.length === 1 && only ? { op: `${domain}${only.opType ?? ''}`, dtypes } : { dtypes };
}

const dataSets = (test: BackendTest): string[] =>
  [
    ...new Set([...test.files.keys()].map((f) => f.split('/')[0] ?? '').filter((f) => f.startsWith('test_data_set_'))),
  ].sort();
