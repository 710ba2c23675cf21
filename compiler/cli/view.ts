import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeModule } from '../../backends/wasm/decode.ts';
import { functionText } from '../../backends/wasm/wat.ts';
import { exitCodes } from '../diagnostics.ts';
import { forEachNode, formatType, type Program } from '../ir/graph.ts';
import { printKernel } from '../ir/text-kernel.ts';
import { memoryReport } from '../plan/report.ts';
import { type Args, onlyPositional } from './args.ts';
import { shownDims } from './compile.ts';
import { parseDimValues } from './inputs.ts';
import type { Io } from './io.ts';
import { concretePorts } from './ports.ts';
import { compilerOf, importOptions, modelOf, openArtifact, recompile } from './record.ts';
import { workOf } from './roofline.ts';
import { formatBytes, formatCount } from './table.ts';
import { type GraphRow, type KernelView, page } from './view/page.ts';

/** `infc view DIR`: one HTML page about how the model was compiled. */
async function runView(args: Args, io: Io): Promise<number> {
  const artifact = await openArtifact(onlyPositional(args, 'DIR'), io.cwd);
  const { dir, plan } = artifact;
  const model = await modelOf(artifact, undefined, io.cwd);
  const compiler = await compilerOf(artifact, [], io.cwd);
  const before = await compiler.import(model, { ...importOptions(artifact), signal: io.signal });
  const rowsBefore = rowsOf(before);
  const compilation = await recompile(compiler, artifact, model, io);
  const entry = Object.keys(plan.entries)[0] ?? '';
  const entryPlan = plan.entries[entry];
  const dims = entryPlan ? concretePorts(plan, entryPlan, parseDimValues(args.list('dims'))).dims : {};
  const work = workOf(plan, entry, dims);
  const lowered = new Map(compilation.targets[0]?.kernels.map((l) => [l.kernel.name, l.kernel]));
  const sources = new Map(compilation.targets[0]?.plan.kernels.map((k) => [k.name, k.note?.sources]));
  const texts = new Map<string, string>();
  for (const { file } of plan.kernels) {
    if (!texts.has(file) && !file.endsWith('.wasm') && !file.endsWith('.cubin'))
      texts.set(file, await readFile(path.join(dir, file), 'utf8'));
  }
  const modules = new Map<string, ReadonlyMap<string, string>>();
  for (const { file } of plan.kernels) {
    if (modules.has(file) || !file.endsWith('.wasm')) continue;
    const functions = decodeModule(await readFile(path.join(dir, file)));
    modules.set(file, new Map(functions.map((f) => [f.name, functionText(f)])));
  }
  const kernels = plan.kernels.map((k): KernelView => {
    const ir = lowered.get(k.name);
    const text = modules.get(k.file)?.get(k.entry) ?? texts.get(k.file);
    const shared = !modules.has(k.file) && plan.kernels.filter((o) => o.file === k.file).length > 1;
    const parts = [ir ? printKernel(ir) : '', text === undefined ? '' : shared ? excerpt(text, k.entry) : text];
    const w = work.get(k.name);
    return {
      name: k.name,
      op: k.note?.op ?? '',
      template: k.note?.template ?? '',
      why: k.note?.why ?? '',
      sources: sources.get(k.name) ?? [],
      bytes: formatCount((w?.bytes ?? 0) / Math.max(1, w?.launches ?? 1)),
      flops: formatCount((w?.flops ?? 0) / Math.max(1, w?.launches ?? 1)),
      launches: w?.launches ?? 0,
      code: parts.filter((p) => p !== '').join('\n\n'),
    };
  });
  // The artifact's own plan tells no values apart that share a place.
  const memory = memoryReport(compilation.targets[0]?.plan ?? plan, entry, dims);
  const at = shownDims(memory.at);
  const html = page({
    title: plan.name,
    facts: [
      ['target', plan.target.kind],
      ['nodes', `${compilation.report.nodesIn} to ${compilation.report.nodesAfter}`],
      ['kernels', String(plan.kernels.length)],
      ['weights', formatBytes(plan.weights.reduce((n, w) => n + w.bytes, 0))],
      ['peak activations', formatBytes(memory.peakBytes)],
      ...(at.length > 0 ? [['dims', at.join(', ')] as const] : []),
    ],
    before: rowsBefore,
    after: rowsOf(compilation.program, kernels),
    kernels,
    memory: {
      steps: memory.positions.length,
      bytes: memory.peakBytes,
      buffers: memory.lives.map((l) => ({
        name: compilation.targets[0]?.assembled.names?.get(l.buffer) ?? l.name,
        first: l.first,
        last: l.last,
        offset: l.offset,
        bytes: l.bytes,
      })),
      note: `Each bar is a buffer in the arena: left to right the steps of one run, bottom to top its bytes. Peak ${formatBytes(memory.peakBytes)} at step ${memory.peakStep.position} (${memory.peakStep.name}); ${formatBytes(memory.bytesWithoutReuse)} without reuse.`,
    },
  });
  const file = path.resolve(io.cwd, args.value('output') ?? path.join(dir, 'view.html'));
  await writeFile(file, html);
  if (io.json) io.out(JSON.stringify({ ok: true, file, bytes: Buffer.byteLength(html) }));
  else io.out(`wrote ${file} (${formatBytes(Buffer.byteLength(html))}): open it in a browser`);
  return exitCodes.ok;
}

/** Lines of a shared source file around one kernel's entry. */
function excerpt(text: string, entry: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((l) => new RegExp(`\\b${entry}\\s*\\(`).test(l));
  if (start < 0) return text;
  const end = lines.findIndex((l, i) => i > start && l === '}');
  return lines.slice(start, end < 0 ? start + 200 : end + 1).join('\n');
}

/** Rows of the page's graph listing; ids are positions of the nodes in the listing. */
function rowsOf(program: Program, kernels: readonly KernelView[] = []): GraphRow[] {
  const rows: GraphRow[] = [];
  const producer = new Map<object, number>();
  const bySource = new Map(kernels.flatMap((k) => k.sources.map((s) => [s, k.name] as const)));
  for (const graph of program.entries.values())
    forEachNode(graph, (node) => {
      const id = rows.length;
      for (const o of node.outputs) producer.set(o, id);
      const inputs = new Set(node.inputs.flatMap((v) => (v && producer.has(v) ? [producer.get(v) ?? 0] : [])));
      const [first] = node.outputs;
      const kernel = bySource.get(node.source.name);
      rows.push({
        id,
        op: node.op,
        name: node.source.name,
        type: first ? formatType(first.type) : '',
        inputs: [...inputs],
        ...(kernel === undefined ? {} : { kernel }),
      });
    });
  return rows;
}

export { runView as run };
