import path from 'node:path';
import { formatDimCode } from '../../runtime/dims.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanKernel } from '../../runtime/plan.ts';
import { exitCodes, nearest } from '../diagnostics.ts';
import type { Args } from './args.ts';
import { explainCode } from './codes.ts';
import { parseDimValues } from './inputs.ts';
import type { Io } from './io.ts';
import { formatCount, formatMs, table } from './table.ts';

/** `infc explain`: what the compiler did, and what an error means. Compiler modules load only for the subjects that need them. */
async function runExplain(args: Args, io: Io): Promise<number> {
  const [what, subject, dir, extra] = args.positionals;
  if (what === undefined)
    throw new InfcError('INFC8003', 'nothing to explain', { fix: 'Give pipeline, node N, kernel K or an error code' });
  if (extra !== undefined)
    throw new InfcError('INFC8003', `unexpected argument '${extra}'`, { fix: 'See infc explain --help' });
  if (/^infc\d+$/i.test(what)) return explainOneCode(what, io);
  if (what === 'pipeline') return explainPipeline(io);
  if (what === 'precision') return explainPrecision(subject ?? '.', io);
  const dims = parseDimValues(args.list('dims'));
  if (what === 'kernel' || what === 'node') {
    if (subject === undefined)
      throw new InfcError('INFC8003', `which ${what}?`, { fix: `Write infc explain ${what} NAME DIR` });
    return what === 'kernel' ? explainKernel(subject, dir ?? '.', dims, io) : explainNode(subject, dir ?? '.', io);
  }
  const near = nearest(what, ['pipeline', 'precision', 'node', 'kernel']);
  throw new InfcError('INFC8003', `cannot explain '${what}'`, {
    fix: near ? `Did you mean '${near}'?` : 'Give pipeline, node N, kernel K or an error code such as INFC1001',
  });
}

async function explainOneCode(text: string, io: Io): Promise<number> {
  const found = await explainCode(text);
  if ('near' in found)
    throw new InfcError('INFC8003', `no error has the code ${text.toUpperCase()}`, {
      fix: found.near ? `Did you mean ${found.near}?` : 'Codes look like INFC1001',
    });
  if (io.json) {
    io.out(JSON.stringify(found, null, 2));
    return exitCodes.ok;
  }
  const { style } = io;
  io.out(`${style.bold(found.code)}: ${found.area} (exit code class: ${found.outcome})`);
  for (const use of found.uses) {
    io.out('');
    io.out(`  ${use.says}`);
    if (use.fix) io.out(`    fix: ${use.fix}`);
    io.out(style.dim(`    raised in ${use.file}`));
  }
  return exitCodes.ok;
}

/** How the recipe of an artifact was chosen, and what each layer got. */
async function explainPrecision(dir: string, io: Io): Promise<number> {
  const { openArtifact } = await import('./record.ts');
  const { precisionTable } = await import('./quantizing.ts');
  const { record } = await openArtifact(dir, io.cwd);
  const report = record?.precision;
  if (io.json) {
    io.out(JSON.stringify({ quant: record?.quant ?? null, precision: report ?? null }, null, 2));
    return exitCodes.ok;
  }
  if (!report) {
    const { quant } = record ?? {};
    io.out(
      quant === undefined
        ? 'The weights are stored as the model has them.'
        : `Recipe: ${typeof quant === 'string' ? quant : JSON.stringify(quant, null, 2)}`,
    );
    io.out(io.style.dim('Nothing was searched: compile with --quant auto and --max-kl, --max-drop or --max-bytes.'));
    return exitCodes.ok;
  }
  io.out(`${precisionTable(report, io)}\n`);
  io.out(
    io.style.dim(
      "Layers of the choice. Expected damage: squared error that rounding to nearest makes in the layer's output, relative to it;\nmixed recipes give more bits where a byte lowers it most.\n",
    ),
  );
  const rows = [...report.layers]
    .sort((a, b) => b.share - a.share)
    .map((l) => [l.name, l.format, l.bits.toFixed(2), `${(100 * l.share).toFixed(1)} %`]);
  io.out(
    table(
      [
        { title: 'layer', max: 60 },
        { title: 'format' },
        { title: 'bits', right: true },
        { title: 'of the expected damage', right: true },
      ],
      rows,
      io.style,
    ),
  );
  return exitCodes.ok;
}

/** The passes in the order they run, and what comes before and after them. */
async function explainPipeline(io: Io): Promise<number> {
  const { createCompiler } = await import('../compile.ts');
  const { orderPasses } = await import('../../passes/run.ts');
  const { phases } = await import('../../passes/pass.ts');
  const { registry } = createCompiler({});
  const ordered = orderPasses(registry.passes);
  const passes = ordered.map((p) => ({
    phase: p.phase,
    name: p.name,
    does: p.does,
    rewrites: p.rewrites?.map((r) => r.name) ?? [],
  }));
  const backends = [...registry.backends].map((b) => ({
    name: b.name,
    templates: registry.templates(b.name).map((t) => ({ name: t.name, op: t.op, score: t.score, why: t.why })),
  }));
  const formats = [...registry.formats].map((f) => f.name);
  if (io.json) {
    io.out(JSON.stringify({ phases, passes, backends, formats }, null, 2));
    return exitCodes.ok;
  }
  const { style } = io;
  io.out(
    `${style.bold('1 import')}    ONNX or safetensors to the graph IR: ${[...registry.onnxOps].length} ONNX operators, ${[...registry.ops].length} ops`,
  );
  io.out(
    `${style.bold('2 passes')}    each phase in order; after a phase that changed something, canonicalize runs again`,
  );
  for (const phase of phases) {
    const here = passes.filter((p) => p.phase === phase);
    io.out(`   ${phase}${here.length === 0 ? style.dim(': nothing built in') : ''}`);
    if (here.length === 0) continue;
    const rows = here.map((p) => [
      `     ${p.name}`,
      `${p.does}${p.rewrites.length > 0 ? style.dim(` (${p.rewrites.length} rewrites)`) : ''}`,
    ]);
    io.out(table([{ title: '' }, { title: '' }], rows, style));
  }
  io.out(
    `${style.bold('3 regions')}   nodes that run as one kernel: an anchor (matmul, conv...) with its epilogue, or a chain of elementwise, reduction and movement ops`,
  );
  io.out(`${style.bold('4 lowering')}  the best legal template, or automatic loops, per region and target:`);
  for (const b of backends)
    io.out(
      `     ${b.name.padEnd(14)}${b.templates.map((t) => t.name).join(', ') || style.dim('automatic loops only')}`,
    );
  io.out(`${style.bold('5 printing')}  Kernel IR to ${backends.map((b) => b.name).join(', ')}`);
  io.out(
    `${style.bold('6 plan')}      buffers, steps, arenas and weights files; storage formats: ${formats.join(', ') || 'dense'}`,
  );
  io.out(style.dim('See the graph after a phase: infc compile MODEL --stop-after import'));
  return exitCodes.ok;
}

async function explainKernel(
  name: string,
  dir: string,
  given: Readonly<Record<string, number>>,
  io: Io,
): Promise<number> {
  const { openArtifact } = await import('./record.ts');
  const { concretePorts } = await import('./ports.ts');
  const { plan } = await openArtifact(dir, io.cwd);
  const kernel =
    plan.kernels.find((k) => k.name === name) ?? (/^\d+$/.test(name) ? plan.kernels[Number(name)] : undefined);
  if (!kernel) {
    const near = nearest(
      name,
      plan.kernels.map((k) => k.name),
    );
    throw new InfcError('INFC8003', `the artifact has no kernel '${name}'`, {
      fix: near ? `Did you mean '${near}'?` : `infc inspect ${dir} lists them`,
    });
  }
  const { measurePeaks, rooflineMs, workOf } = await import('./roofline.ts');
  const { createCompiler } = await import('../compile.ts');
  const peaks = await measurePeaks(createCompiler({}).registry);
  const entries = Object.entries(plan.entries).flatMap(([entryName, entry]) => {
    const { dims } = concretePorts(plan, entry, given);
    const work = workOf(plan, entryName, dims).get(kernel.name);
    return work ? [{ entry: entryName, dims, ...work, rooflineMs: rooflineMs(work, peaks) }] : [];
  });
  if (io.json) {
    io.out(JSON.stringify({ kernel, entries, peaks }, null, 2));
    return exitCodes.ok;
  }
  const { style } = io;
  io.out(`${style.bold(kernel.name)} in ${kernel.file}${kernel.entry === kernel.name ? '' : ` as ${kernel.entry}`}`);
  printNote(kernel, io);
  for (const e of entries) {
    const at = Object.entries(e.dims).map(([k, v]) => `${k}=${v}`);
    const per = { flops: e.flops / e.launches, bytes: e.bytes / e.launches };
    io.out(
      `${style.dim('a run')}     ${e.launches} launch${e.launches === 1 ? '' : 'es'} in ${e.entry}${at.length > 0 ? ` at ${at.join(', ')}` : ''}: ${formatCount(per.flops)} flops and ${formatCount(per.bytes)} bytes each`,
    );
    const bound = per.flops / peaks.gflops > per.bytes / peaks.gigabytesPerSecond ? 'arithmetic' : 'memory';
    io.out(
      `${style.dim('roofline')}  at least ${formatMs(e.rooflineMs)} on one thread here, bound by ${bound} (${peaks.gflops.toFixed(1)} GFLOP/s, ${peaks.gigabytesPerSecond.toFixed(1)} GB/s measured)`,
    );
  }
  return exitCodes.ok;
}

function printNote({ note, scalars, lanes }: PlanKernel, io: Io): void {
  const { style } = io;
  if (!note) return;
  io.out(`${style.dim('op')}        ${note.op}`);
  io.out(`${style.dim('from')}      ${note.sources.join(', ') || 'no node of the model'}`);
  io.out(`${style.dim('template')}  ${note.template}: ${note.why}`);
  io.out(
    `${style.dim('work')}      ${formatDimCode(note.flops)} flops, ${formatDimCode(note.bytes)} bytes${lanes > 1 ? `, ${lanes} lanes` : ''}${scalars.length > 0 ? `, scalars ${scalars.join(', ')}` : ''}`,
  );
}

/** A node by its number in the imported graph, or its name: what it became, and which kernel runs it. */
async function explainNode(name: string, dir: string, io: Io): Promise<number> {
  const { compilerOf, importOptions, modelOf, openArtifact, recompile } = await import('./record.ts');
  const { forEachNode, formatType } = await import('../ir/graph.ts');
  const artifact = await openArtifact(dir, io.cwd);
  const model = await modelOf(artifact, undefined, io.cwd);
  const compiler = await compilerOf(artifact, [], io.cwd);
  const program = await compiler.import(model, { ...importOptions(artifact), signal: io.signal });
  const nodes: { op: string; source: { name: string; op: string }; inputs: string[]; outputs: string[] }[] = [];
  for (const graph of program.entries.values())
    forEachNode(graph, (n) => {
      nodes.push({
        op: n.op,
        source: n.source,
        inputs: n.inputs.map((v) => (v ? `${v.name}: ${formatType(v.type)}` : '-')),
        outputs: n.outputs.map((v) => `${v.name}: ${formatType(v.type)}`),
      });
    });
  const found = /^\d+$/.test(name)
    ? nodes.slice(Number(name), Number(name) + 1)
    : nodes.filter((n) => n.source.name === name || n.outputs.some((o) => o.startsWith(`${name}: `)));
  const [first] = found;
  if (!first) {
    const near = nearest(
      name,
      nodes.map((n) => n.source.name),
    );
    throw new InfcError('INFC8003', `the model has no node '${name}'`, {
      fix: near ? `Did you mean '${near}'?` : `It has nodes 0 to ${nodes.length - 1}`,
    });
  }
  const { report, targets } = await recompile(compiler, artifact, model, io);
  const changes = report.changes.filter((c) => found.some((n) => n.source.name === c.node));
  const kernels = (targets[0]?.plan.kernels ?? []).filter((k) =>
    found.some((n) => k.note?.sources.includes(n.source.name)),
  );
  if (io.json) {
    io.out(JSON.stringify({ nodes: found, changes, kernels: kernels.map((k) => k.name) }, null, 2));
    return exitCodes.ok;
  }
  const { style } = io;
  io.out(
    `${style.bold(first.source.name)} (${first.source.op} of ${path.basename(model)}), imported as ${found.length} node${found.length === 1 ? '' : 's'}`,
  );
  for (const n of found) io.out(`  ${n.op}(${n.inputs.join(', ')})\n    -> ${n.outputs.join(', ')}`);
  io.out('');
  if (changes.length > 0)
    io.out(
      table(
        [{ title: 'pass' }, { title: 'what it did' }],
        changes.map((c) => [c.pass, c.what]),
        style,
      ),
    );
  else io.out('No pass changed it.');
  io.out('');
  if (kernels.length === 0)
    io.out('No kernel runs it: it was folded, is only a view of bytes, or runs as a step of the plan.');
  for (const k of kernels) {
    io.out(style.bold(k.name));
    printNote(k, io);
  }
  return exitCodes.ok;
}

export { runExplain as run };
