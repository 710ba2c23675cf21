import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { evaluate, isTensor, Reference } from '../../backends/reference/evaluate.ts';
import { InfcError } from '../../runtime/errors.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor, HostValue } from '../../runtime/host.ts';
import { type LoadOptions, load, probeRelaxedSimd } from '../../runtime/index.ts';
import type { Plan } from '../../runtime/plan.ts';
import type { Compilation, Compiler } from '../compile.ts';
import { exitCodes } from '../diagnostics.ts';
import type { DType } from '../ir/dtype.ts';
import { forEachNode, type Program, type Value } from '../ir/graph.ts';
import { makeFolder } from '../plan/folders.ts';
import { planText } from '../plan/plan-text.ts';
import { typedData } from '../tensor-values.ts';
import { type Twin, twinOf } from '../twin.ts';
import { type Comparison, compareValues, keepValues, type Precisions, toleranceOf } from '../verify.ts';
import { type Args, onlyPositional } from './args.ts';
import { loadOptions } from './devices.ts';
import { parseDimValues, readInputs } from './inputs.ts';
import type { Io } from './io.ts';
import { encodeNpy } from './npy.ts';
import { openOrt } from './onnxruntime.ts';
import { concretePorts, entryOf } from './ports.ts';
import { type Artifact, compilerOf, importOptions, modelOf, openArtifact, recompile } from './record.ts';
import { fileName } from './run.ts';
import { table } from './table.ts';

type Tensors = Readonly<Record<string, HostValue>>;

/** Where an artifact first goes wrong. */
interface Divergence {
  /** `kernel`: a compiled step; `pass`: the graph transformations; `model`: infc's meaning of the model against another runtime. */
  readonly stage: 'kernel' | 'pass' | 'model';
  readonly value: Comparison;
  /** Kernel or host function that wrote the value; of passes, those that may be to blame. */
  readonly by: string;
  readonly op: string;
  readonly sources: readonly string[];
}

/** `infc verify DIR`: exit code 0 only when every output agrees. */
async function runVerify(args: Args, io: Io): Promise<number> {
  const artifact = await openArtifact(onlyPositional(args, 'DIR'), io.cwd);
  const against = args.value('against') ?? 'reference';
  if (against !== 'reference' && against !== 'onnxruntime')
    throw new InfcError('INFC8003', `cannot verify against '${against}'`, {
      fix: 'Write --against reference or --against onnxruntime',
    });
  const model = await modelOf(artifact, args.value('model'), io.cwd);
  const { name, entry } = entryOf(artifact.plan, args.value('entry'));
  const { ports, dims, symbols } = concretePorts(artifact.plan, entry, parseDimValues(args.list('dims')));
  const inputs = await readInputs(ports, args.list('input'), io.cwd);
  const check = new Check(artifact, model, name, inputs, symbols, args, io);

  io.progress('running the artifact');
  const actual = await check.runArtifact();
  io.progress(`running ${against}`);
  const expected = against === 'reference' ? await check.reference(await check.imported()) : await check.onnxruntime();
  const dtypes = dtypesOf(await check.imported(), artifact.plan);
  const override = args.value('tolerance');
  const tolerance = override === undefined ? undefined : { relative: Number(override), steps: 0 };
  if (tolerance && !(tolerance.relative >= 0))
    throw new InfcError('INFC8003', `--tolerance '${override}' is not a number`, { fix: 'Write --tolerance 1e-3' });
  const results = entry.outputs.map((o) => compareValues(o.name, actual[o.name], expected[o.name], tolerance, dtypes));
  const twin = await check.twin();
  const reshaped = against === 'reference' ? await check.reshaped(dtypes) : undefined;
  const ok = results.every((r) => r.agrees) && !reshaped;
  const divergence = reshaped ?? (ok || args.flag('outputs-only') ? undefined : await check.bisect(dtypes));
  const repro = ok
    ? undefined
    : await writeRepro(
        args.value('repro') ?? `${artifact.dir}-repro`,
        { inputs, actual, expected, results, divergence, against, dims, model },
        io,
      );
  if (io.json)
    io.out(
      JSON.stringify(
        {
          ok,
          against,
          ...(twin ? { twin: { ...twin, program: undefined, formats: Object.fromEntries(twin.formats) } } : {}),
          entry: name,
          device: check.device,
          dims,
          outputs: results,
          divergence,
          ...(divergence ? { error: disagreement(divergence) } : {}),
          repro,
        },
        null,
        2,
      ),
    );
  else
    report(
      results,
      { against, device: check.device, twin, divergence, repro, searched: !args.flag('outputs-only') },
      io,
    );
  return ok ? exitCodes.ok : exitCodes.disagreement;
}

/** One verification: runs the sides at most once each. */
class Check {
  device = '';
  private program: Promise<Program> | undefined;
  private made: Promise<Twin | undefined> | undefined;
  private rounding: Promise<Compilation> | undefined;
  private compiling: Promise<Compiler> | undefined;
  private loading: Promise<LoadOptions> | undefined;

  constructor(
    private readonly artifact: Artifact,
    private readonly model: string,
    private readonly entry: string,
    private readonly inputs: Readonly<Record<string, HostTensor>>,
    private readonly symbols: Readonly<Record<string, number>>,
    private readonly args: Args,
    private readonly io: Io,
  ) {}

  async runArtifact(): Promise<Tensors> {
    await using model = await load(this.artifact.dir, await this.options());
    this.device = model.device.kind;
    return await model.run(this.inputs, { entry: this.entry, symbols: this.symbols, signal: this.io.signal });
  }

  private options(): Promise<LoadOptions> {
    this.loading ??= loadOptions(this.artifact, this.args, this.io);
    return this.loading;
  }

  /** What the artifact is compared with: the program as imported, before any pass; with a recipe, its twin. */
  imported(): Promise<Program> {
    return (this.program ??= this.twin().then((twin) => twin?.program ?? this.original()));
  }

  private original(): Promise<Program> {
    const options = { ...importOptions(this.artifact), signal: this.io.signal };
    return this.compiler().then((c) => c.import(this.model, options));
  }

  /** The passes up to the weights' formats once more, with what they say about these. */
  private rounded(): Promise<Compilation> {
    return (this.rounding ??= this.compiler().then((c) => recompile(c, this.artifact, this.model, this.io, 'format')));
  }

  /** Of an artifact with a recipe: the model as it was imported, with the weights that their formats can keep. */
  twin(): Promise<Twin | undefined> {
    return (this.made ??= this.makeTwin());
  }

  private async makeTwin(): Promise<Twin | undefined> {
    if (this.artifact.record?.quant === undefined) return undefined;
    const { registry } = await this.compiler();
    const { rounding, report } = await this.rounded();
    if (!rounding) return undefined;
    const reference = new Reference({ ops: registry, host: hostFunctions });
    const recipe = { ...rounding, changes: report.changes, passes: registry.passes };
    return twinOf(await this.original(), recipe, (v) => reference.evaluateConstant(v));
  }

  /**
   * Where the recipe changed the form of the graph and no results (rotation, equalizing), the twin has that form: it is compared with the model
   * as imported, both with weights that are not rounded.
   */
  async reshaped(dtypes: Precisions): Promise<Divergence | undefined> {
    const twin = await this.twin();
    if (!twin) return undefined;
    const { passes } = (await this.compiler()).registry;
    const { rounding, report } = await this.rounded();
    const touched = passes.filter((p) => p.phase === 'precision' && report.changes.some((c) => c.pass === p.name));
    if (!rounding || touched.length === 0 || !touched.every((p) => p.alters === 'form')) return undefined;
    const [expected, actual] = [new Map<string, HostValue>(), new Map<string, HostValue>()];
    await this.reference(await this.original(), (name, value) => expected.set(name, value));
    await this.reference(rounding.before, (name, value) => actual.set(name, value));
    const producers = producersOf(rounding.before, this.entry);
    return firstApart(actual, expected, producers, { stage: 'pass', by: twin.after.join(', ') }, dtypes);
  }

  private compiler(): Promise<Compiler> {
    this.compiling ??= compilerOf(this.artifact, this.args.list('plugin'), this.io.cwd);
    return this.compiling;
  }

  async reference(program: Program, onValue?: (name: string, value: HostValue) => void): Promise<Tensors> {
    const { registry } = await this.compiler();
    return evaluate(program, this.entry, this.inputs, {
      ops: registry,
      host: hostFunctions,
      symbols: this.symbols,
      signal: this.io.signal,
      ...(onValue ? { onValue: (v: Value, result: HostValue) => onValue(v.name, result) } : {}),
    });
  }

  async onnxruntime(): Promise<Tensors> {
    const ort = await openOrt('onnxruntime-node', this.model, 1, this.io.cwd);
    return ort.run(this.inputs);
  }

  /** Finds the first value that differs: kernels against the reference of the transformed graph, then that graph against the imported one. */
  async bisect(dtypes: Precisions): Promise<Divergence | undefined> {
    this.io.progress('looking for the first op that diverges');
    const compilation = await recompile(await this.compiler(), this.artifact, this.model, this.io);
    const after = new Map<string, HostValue>();
    const outputs = await this.reference(compilation.program, (name, value) => after.set(name, value));
    const [compiled] = compilation.targets;
    if (!compiled) return undefined;
    // The artifact's own plan tells no values apart that share a place.
    const same = planText(compiled.plan) === (await readFile(path.join(this.artifact.dir, 'plan.json'), 'utf8'));
    if (!same)
      this.io.err(
        'note: this infc compiles the model to another plan than the artifact has; the search is made in the new one',
      );
    const { plan, kept } = keepValues(compiled.plan, this.entry, compiled.assembled.names ?? new Map());
    const files = Object.fromEntries(
      compiled.assembled.files.map((f) => [f.name, same ? pathToFileURL(path.join(this.artifact.dir, f.name)) : f]),
    );
    await using model = await load({ plan, files }, await this.options());
    const values = await model.run(this.inputs, { entry: this.entry, symbols: this.symbols, signal: this.io.signal });
    const producers = producersOf(compilation.program, this.entry);
    const expectedOf = (name: string): HostValue | undefined => after.get(name) ?? outputs[name];
    for (const { name, by } of kept) {
      const expected = expectedOf(name);
      if (expected === undefined || !isTensor(expected)) continue;
      const value = compareValues(name, values[name], expected, toleranceOf(expected.dtype, dtypes));
      if (value.agrees) continue;
      const note = plan.kernels.find((k) => k.name === by)?.note;
      const producer = producers.get(name);
      return {
        stage: 'kernel',
        value,
        by,
        op: note?.op ?? producer?.op ?? '',
        sources: note?.sources ?? (producer ? [producer.source] : []),
      };
    }
    const before = new Map<string, HostValue>();
    await this.reference(await this.imported(), (name, value) => before.set(name, value));
    const changed = firstApart(after, before, producers, { stage: 'pass', by: 'passes' }, dtypes);
    if (changed) return changed;
    return this.bisectModel(before, dtypes);
  }

  /** Compares infc's meaning of the model with onnxruntime, value by value. */
  private async bisectModel(
    before: ReadonlyMap<string, HostValue>,
    dtypes: Precisions,
  ): Promise<Divergence | undefined> {
    if (!this.model.endsWith('.onnx')) return undefined;
    const { exposeValues } = await import('./expose-values.ts');
    const exposed = exposeValues(new Uint8Array(await readFile(this.model)));
    const ort = await openOrt('onnxruntime-node', exposed, 1, this.io.cwd).catch(() => undefined);
    if (!ort) return undefined;
    const expected = await ort.run(this.inputs);
    const producers = producersOf(await this.imported(), this.entry);
    return firstApart(
      before,
      new Map(Object.entries(expected)),
      producers,
      { stage: 'model', by: 'onnxruntime' },
      dtypes,
    );
  }
}

type Producers = ReadonlyMap<string, { readonly op: string; readonly source: string }>;

/** The first of the values, in the order they were computed, that is not what the value of its name should be. */
function firstApart(
  actual: ReadonlyMap<string, HostValue>,
  expected: ReadonlyMap<string, HostValue>,
  producers: Producers,
  to: Pick<Divergence, 'stage' | 'by'>,
  dtypes: Precisions,
): Divergence | undefined {
  for (const [name, value] of actual) {
    const other = expected.get(name);
    if (other === undefined || !isTensor(other)) continue;
    const compared = compareValues(name, value, other, undefined, dtypes);
    if (compared.agrees) continue;
    const producer = producers.get(name);
    return { ...to, value: compared, op: producer?.op ?? '', sources: producer ? [producer.source] : [] };
  }
  return undefined;
}

function producersOf(program: Program, entry: string): Producers {
  const found = new Map<string, { op: string; source: string }>();
  const graph = program.entries.get(entry);
  if (graph)
    forEachNode(graph, (node) => {
      for (const o of node.outputs)
        found.set(o.name, { op: node.op, source: `${node.source.op} '${node.source.name}'` });
    });
  return found;
}

/** INFC8020: where results part, and between which values. */
function disagreement({ stage, value, by, op, sources }: Divergence): InfcError {
  const fix = {
    kernel: 'The kernel is wrong: please report it with the repro folder',
    pass: 'A pass is wrong, a plugin perhaps: compile without it, or report it with the repro folder',
    model: 'Report the operator with the repro folder',
  }[stage];
  const what = value.reason ?? `is ${value.actual} at ${value.at} instead of ${value.expected}`;
  const [source] = sources;
  return new InfcError('INFC8020', `value '${value.name}'${op && ` of ${op}`} ${what} (${by})`, {
    ...(source === undefined ? {} : { node: source.replace(/^\S+ '(.*)'$/, '$1') }),
    fix,
  });
}

/** Every dtype a program computes with, and whether it quantizes. */
function dtypesOf(program: Program, plan: Plan): Precisions {
  const found = new Set<DType | 'codes' | 'bytes'>();
  const relaxed = probeRelaxedSimd().has('relaxed-dot16');
  if (plan.kernels.some((k) => k.note?.codes === true || (relaxed && k.note?.codes === 'relaxed'))) found.add('bytes');
  for (const graph of program.entries.values()) {
    for (const v of graph.inputs) found.add(v.type.dtype);
    forEachNode(graph, (node) => {
      for (const o of node.outputs) found.add(o.type.dtype);
      if (node.op === 'quantize_linear') found.add('codes');
    });
  }
  return found;
}

interface Repro {
  readonly inputs: Tensors;
  readonly actual: Tensors;
  readonly expected: Tensors;
  readonly results: readonly Comparison[];
  readonly divergence: Divergence | undefined;
  readonly against: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly model: string;
}

/** Writes inputs, both sides' outputs and the findings, so that the disagreement can be looked at and reported. */
async function writeRepro(to: string, repro: Repro, io: Io): Promise<string> {
  const dir = path.resolve(io.cwd, to);
  await rm(dir, { recursive: true, force: true });
  for (const side of ['inputs', 'actual', 'expected'] as const) {
    await makeFolder(path.join(dir, side));
    for (const [name, value] of Object.entries(repro[side])) {
      if (isTensor(value) && typedData(value))
        await writeFile(path.join(dir, side, `${fileName(name)}.npy`), encodeNpy(value));
    }
  }
  const { results, divergence, against, dims, model } = repro;
  await writeFile(
    path.join(dir, 'report.json'),
    `${JSON.stringify({ against, model, dims, outputs: results, divergence }, null, 2)}\n`,
  );
  const given = Object.keys(repro.inputs).map((name) => `--input '${name}=inputs/${fileName(name)}.npy'`);
  await writeFile(path.join(dir, 'README.txt'), `infc verify DIR --against ${against} ${given.join(' ')}\n`);
  return dir;
}

function report(
  results: readonly Comparison[],
  more: {
    readonly against: string;
    readonly device: string;
    readonly twin: Twin | undefined;
    readonly divergence: Divergence | undefined;
    readonly repro: string | undefined;
    readonly searched: boolean;
  },
  io: Io,
): void {
  const { style } = io;
  const columns = [
    { title: 'output' },
    { title: 'type' },
    { title: 'error', right: true },
    { title: 'allowed', right: true },
    { title: '' },
  ];
  const rows = results.map((r) => [
    r.name,
    r.dtype ? `${r.dtype}[${(r.shape ?? []).join(', ')}]` : '',
    Number.isFinite(r.error) ? r.error.toExponential(1) : '-',
    r.allowed === 0 ? 'exact' : String(r.allowed),
    r.agrees
      ? style.green('agrees')
      : style.red(r.reason ?? `differs at ${r.at}: ${r.actual} instead of ${r.expected}`),
  ]);
  io.out(table(columns, rows, style));
  io.out('');
  if (more.twin) io.out(style.dim(twinText(more.twin)));
  if (!more.repro) {
    io.out(`${style.green('ok')}: ${more.device} agrees with ${more.against} on every output`);
    return;
  }
  const d = more.divergence;
  if (d) {
    const where = {
      kernel: `kernel ${d.by}`,
      pass: d.by === 'passes' ? 'a pass changed the meaning' : `${d.by} changed the meaning`,
      model: "infc's meaning of the op differs from onnxruntime's",
    }[d.stage];
    const { code, fix = '' } = disagreement(d);
    io.out(`${style.red(`${code} first divergence`)}: value '${d.value.name}' (${d.op}; ${where})`);
    io.out(
      `  ${d.value.reason ?? `error ${d.value.error.toExponential(1)} at ${d.value.at}: ${d.value.actual} instead of ${d.value.expected}`}`,
    );
    if (d.sources.length > 0) io.out(`  from ${d.sources.join(', ')}`);
    io.out(`  ${fix}`);
  } else if (more.searched)
    io.out(
      `${style.red('the outputs differ')}, but no single value does by more than its tolerance: errors add up along the way`,
    );
  io.out(`inputs and both results are in ${more.repro}`);
}

/** What the reference computes with, and what it shares with the artifact. */
function twinText({ formats, chosen, after }: Twin): string {
  const all = [...formats.values()].reduce((a, b) => a + b, 0);
  const graph = after.length === 0 ? 'in the graph as imported' : `in the graph after ${after.join(', ')}`;
  if (all === 0) return `reference: the model's own weights, ${graph}`;
  const kinds = [...formats].map(([to, n]) => `${n} ${to}`).join(', ');
  const own = chosen === all ? '' : `${chosen > 0 ? `${all - chosen} of them ` : ''}decoded anew from the model's own`;
  const by = chosen === 0 ? '' : `${chosen === all ? '' : `${chosen} `}as the recipe's algorithms chose their values`;
  return `reference: ${all} weights in formats (${kinds}), ${[own, by].filter((t) => t !== '').join(', ')}, ${graph}`;
}

export { runVerify as run };
