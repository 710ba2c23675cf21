import { stat } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanStep } from '../../runtime/plan.ts';
import { type Compiler, createCompiler } from '../compile.ts';
import { exitCodes } from '../diagnostics.ts';
import { isHfModel } from '../import/model-files.ts';
import { isStatic } from '../ir/dim.ts';
import { type Constant, forEachNode, formatType, type Program } from '../ir/graph.ts';
import { footprint, memoryReport } from '../plan/report.ts';
import type { Registry } from '../plugin.ts';
import { type Args, onlyPositional } from './args.ts';
import { footprintText, partBytes, readArtifactFiles } from './compile.ts';
import type { Io } from './io.ts';
import { summarizeOnnx } from './onnx-summary.ts';
import { type Placement, placements } from './placement.ts';
import { loadPlugins } from './plugins.ts';
import { portText } from './ports.ts';
import { type Artifact, openArtifact } from './record.ts';
import { formatBytes, formatCount, table } from './table.ts';

/** `infc inspect MODEL|DIR`: a model before compiling, or an artifact. */
async function runInspect(args: Args, io: Io): Promise<number> {
  const given = onlyPositional(args, 'MODEL or DIR');
  const full = path.resolve(io.cwd, given);
  if ((await stat(full)).isDirectory() && !isHfModel(full))
    await inspectArtifact(await openArtifact(given, io.cwd), io);
  else {
    const compiler = createCompiler({ plugins: await loadPlugins(args.list('plugin'), io.cwd) });
    try {
      await inspectProgram(await compiler.import(full, { signal: io.signal }), compiler, given, io);
    } catch (error) {
      if (!(error instanceof InfcError) || error.code !== 'INFC1060') throw error;
      await inspectUnsupported(full, given, compiler.registry, error, io);
      return exitCodes.unsupported;
    }
  }
  return exitCodes.ok;
}

/** A model with operators that infc does not import: all of them at once. */
async function inspectUnsupported(
  file: string,
  shown: string,
  registry: Registry,
  error: InfcError,
  io: Io,
): Promise<void> {
  const { operators, missing } = await summarizeOnnx(file, registry);
  if (io.json) {
    io.out(JSON.stringify({ ok: false, outcome: 'unsupported', error: error.toJSON(), operators, missing }, null, 2));
    return;
  }
  const { style } = io;
  io.out(
    `${style.bold(shown)}: ${Object.keys(operators).length} operators, ${style.red(`${missing.length} not supported: ${missing.join(', ')}`)}`,
  );
  io.out(
    `${style.dim('ops')}      ${Object.entries(operators)
      .map(([op, n]) => `${op} ${n}`)
      .join(', ')}`,
  );
  io.err(`${error.code} ${error.reason}`);
  if (error.fix) io.err(`  fix:   ${error.fix}`);
}

function countBy(names: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const n of names) counts[n] = (counts[n] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

async function inspectProgram(program: Program, compiler: Compiler, file: string, io: Io): Promise<void> {
  const constants = new Map<Constant, number>();
  const ops: string[] = [];
  for (const graph of program.entries.values())
    forEachNode(graph, (node) => {
      ops.push(node.op);
      for (const v of node.inputs)
        if (v?.constant)
          constants.set(
            v.constant,
            v.type.shape.every(isStatic) ? v.type.shape.reduce<number>((n, d) => n * Number(d), 1) : 0,
          );
    });
  const parameters = [...constants].reduce((n, [, elements]) => n + elements, 0);
  const bytes = [...constants.keys()].reduce((n, c) => n + c.bytes, 0);
  const entries = [...program.entries].map(([name, g]) => ({
    name,
    inputs: g.inputs.map((v) => ({ name: v.name, type: formatType(v.type) })),
    outputs: g.outputs.map((v) => ({ name: v.name, type: formatType(v.type) })),
    nodes: g.nodes.length,
  }));
  const dims = [...program.symbols.values()].map((s) => ({
    name: s.name,
    min: s.min,
    max: typeof s.max === 'number' ? s.max : null,
    multipleOf: s.multipleOf,
  }));
  const places = await placements(program, compiler);
  const found = {
    kind: 'model',
    name: program.name,
    metadata: program.metadata,
    entries,
    dims,
    nodes: ops.length,
    ops: countBy(ops),
    places,
    parameters,
    weightBytes: bytes,
    states: program.states.map((s) => ({ name: s.name, type: formatType(s.type) })),
  };
  if (io.json) {
    io.out(JSON.stringify({ ok: true, ...found }, null, 2));
    return;
  }
  const { style } = io;
  io.out(`${style.bold(file)}: ${ops.length} nodes, ${formatCount(parameters)} parameters (${formatBytes(bytes)})`);
  const metadata = Object.entries(program.metadata).filter(([, v]) => v !== '');
  if (metadata.length > 0) io.out(style.dim(metadata.map(([k, v]) => `${k} ${v}`).join(', ')));
  io.out('');
  for (const e of entries) {
    io.out(
      table(
        [{ title: `inputs${entries.length > 1 ? ` of ${e.name}` : ''}` }, { title: 'type' }],
        e.inputs.map((p) => [p.name, p.type]),
        style,
      ),
    );
    io.out(
      table(
        [{ title: 'outputs' }, { title: 'type' }],
        e.outputs.map((p) => [p.name, p.type]),
        style,
      ),
    );
  }
  if (dims.length > 0)
    io.out(
      `\n${style.dim('dims')}     ${dims.map((d) => `${d.name} ${d.min}..${d.max === null || d.max >= 2147483647 ? '' : d.max}`).join(', ')}`,
    );
  const targets = Object.keys(places[0]?.targets ?? {});
  const why = (p: Placement): string => Object.values(p.targets).find((t) => t.why !== undefined)?.why ?? '';
  io.out('');
  io.out(
    table(
      [{ title: 'op' }, { title: 'nodes' }, ...targets.map((title) => ({ title })), { title: 'why', max: 60 }],
      places.map((p) => [p.op, String(p.count), ...targets.map((t) => p.targets[t]?.where ?? ''), why(p)]),
      style,
    ),
  );
}

async function inspectArtifact({ dir, plan, record }: Artifact, io: Io): Promise<void> {
  const { style } = io;
  const parts = partBytes(await readArtifactFiles(dir));
  const steps: string[] = [];
  const count = (list: readonly PlanStep[]): void => {
    for (const s of list) {
      if (s.kind === 'kernel') steps.push(plan.kernels[s.kernel]?.note?.template ?? 'kernel');
      else if (s.kind === 'host') steps.push(`host ${s.op}`);
      else steps.push(s.kind);
      if (s.kind === 'choose') for (const c of s.cases) count(c.steps);
      if (s.kind === 'if') count([...s.body, ...s.otherwise]);
      if (s.kind === 'loop') count(s.body);
    }
  };
  for (const e of Object.values(plan.entries)) count(e.steps);
  const memory = Object.keys(plan.entries).map((e) => memoryReport(plan, e));
  const weights = plan.buffers.filter((b) => b.role === 'weight');
  if (io.json) {
    io.out(
      JSON.stringify(
        {
          ok: true,
          kind: 'artifact',
          name: plan.name,
          target: plan.target,
          record,
          symbols: plan.symbols,
          entries: Object.fromEntries(
            Object.entries(plan.entries).map(([k, e]) => [
              k,
              { inputs: e.inputs, outputs: e.outputs, guards: e.guards },
            ]),
          ),
          kernels: plan.kernels,
          steps: countBy(steps),
          parts,
          ...(plan.generation ? { footprint: footprint(plan) } : {}),
          memory: memory.map(({ entry, peakBytes, fixedBytes }) => ({ entry, peakBytes, fixedBytes })),
        },
        null,
        2,
      ),
    );
    return;
  }
  io.out(
    `${style.bold(plan.name)} for ${plan.target.kind}${record ? `, from ${record.model} (${formatBytes(record.bytes)})` : ''}, plan ${plan.infc}.${plan.minor}`,
  );
  for (const [name, e] of Object.entries(plan.entries)) {
    io.out('');
    if (Object.keys(plan.entries).length > 1) io.out(style.bold(name));
    io.out(
      table(
        [{ title: 'inputs' }, { title: 'type' }],
        e.inputs.map((p) => [p.name, portText(p)]),
        style,
      ),
    );
    io.out(
      table(
        [{ title: 'outputs' }, { title: 'type' }],
        e.outputs.map((p) => [p.name, portText(p)]),
        style,
      ),
    );
    for (const g of e.guards) io.out(style.dim(`guard: ${g.why}`));
  }
  io.out('');
  io.out(
    `${style.dim('steps')}    ${Object.entries(countBy(steps))
      .map(([k, n]) => `${k} ${n}`)
      .join(', ')}`,
  );
  io.out(`${style.dim('parts')}    ${parts.map((p) => `${p.part} ${formatBytes(p.bytes)}`).join(', ')}`);
  io.out(
    `${style.dim('weights')}  ${weights.length} buffers, ${Object.entries(countBy(weights.map((b) => b.dtype)))
      .map(([k, n]) => `${k} ${n}`)
      .join(', ')}`,
  );
  if (plan.generation) io.out(`${style.dim('memory')}   ${footprintText(footprint(plan))}`);
  for (const m of plan.generation ? [] : memory)
    io.out(
      `${style.dim('memory')}   peak ${formatBytes(m.peakBytes)} of activations, ${formatBytes(m.fixedBytes)} of weights and states${memory.length > 1 ? ` (${m.entry})` : ''}`,
    );
  const rows = plan.kernels.map((k) => [
    k.name,
    k.note?.op ?? '',
    k.note?.template ?? '',
    k.note?.sources.slice(0, 3).join(', ') ?? '',
  ]);
  io.out('');
  io.out(
    table(
      [{ title: 'kernel' }, { title: 'op' }, { title: 'template' }, { title: 'from', max: 60 }],
      rows.slice(0, 40),
      style,
    ),
  );
  if (rows.length > 40) io.out(style.dim(`… and ${rows.length - 40} more (--json lists all)`));
}

export { runInspect as run };
