import { existsSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Change } from '../../passes/run.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { PlanGeneration } from '../../runtime/plan.ts';
import {
  type Compilation,
  type CompileOptions,
  createCompiler,
  type TargetCompilation,
  writeArtifact,
} from '../compile.ts';
import { exitCodes } from '../diagnostics.ts';
import type { TransformerOptions } from '../import/transformer/model.ts';
import { printProgram } from '../ir/text.ts';
import { type ArtifactPart, partOf } from '../plan/artifact.ts';
import { type Footprint, footprint, memoryReport } from '../plan/report.ts';
import { type ArtifactFile, contentsOf, fileOf } from '../plan/weights-file.ts';
import { type Args, onlyPositional } from './args.ts';
import { parseDimBounds } from './inputs.ts';
import type { Io } from './io.ts';
import { loadPlugins } from './plugins.ts';
import { portText } from './ports.ts';
import { quantizing, relativeSource } from './quantizing.ts';
import { makeRecord, RECORD } from './record.ts';
import { whatToDrop } from './smaller.ts';
import { formatBytes, formatMs } from './table.ts';

/** `infc compile MODEL -o DIR`. */
async function runCompile(args: Args, io: Io): Promise<number> {
  const model = onlyPositional(args, 'MODEL');
  const targets = (args.value('target') ?? 'wasm').split(',').filter((t) => t !== '');
  const dims = parseDimBounds(args.list('dims'));
  const name = args.value('name');
  const stopAfter = args.value('stop-after');
  const lora = args.list('lora').map((f) => path.resolve(io.cwd, f));
  const output = args.value('output');
  if (output === undefined && stopAfter === undefined)
    throw new InfcError('INFC8003', 'no output folder', { fix: 'Write infc compile MODEL -o DIR' });
  const dir = path.resolve(io.cwd, output ?? '.');
  if (output !== undefined) await refuseForeign(dir, args.flag('force'));
  const file = path.resolve(io.cwd, model);
  await stat(file);
  const base: CompileOptions = {
    targets,
    dims,
    signal: io.signal,
    onProgress: ({ phase, done, total }) =>
      io.progress(`${'#'.repeat(done)}${'.'.repeat(Math.max(0, total - done))} ${phase}`),
    ...(name === undefined ? {} : { name }),
    ...transformerOptions(args),
    ...(lora.length > 0 ? { lora } : {}),
    ...(stopAfter === undefined ? {} : { stopAfter }),
    strategies: args.list('strategy').flatMap((s) => s.split(',')),
  };
  const started = performance.now();
  const plugins = await loadPlugins(args.list('plugin'), io.cwd);
  const compiler = createCompiler({ plugins });
  const dropped = await whatToDrop(args, { model: file, compiler, plugins, options: base, io });
  const options: CompileOptions = { ...base, ...dropped };
  const { quant, calibration, report } = await quantizing(args, { model: file, compiler, plugins, options, io });
  const warnings: InfcError[] = [];
  const compilation = await compiler.compile(file, {
    ...options,
    ...(quant === undefined ? {} : { quant }),
    ...(calibration ? { calibration } : {}),
    // What a budget chose was measured.
    ...(report ? {} : { onWarning: (w: InfcError) => warnings.push(w) }),
    onWeight: ({ name, done, total }) => io.progress(`quantizing ${Math.ceil(done)} of ${total}: ${name}`),
  });
  io.progress('');
  if (stopAfter !== undefined) return printAfter(compilation, io);
  const record = await makeRecord(
    file,
    dir,
    {
      targets,
      dims,
      plugins: args.list('plugin'),
      ...(name === undefined ? {} : { name }),
      ...(quant === undefined ? {} : { quant }),
      ...(calibration ? { calibrate: relativeSource(args.value('calibrate'), dir, io.cwd) } : {}),
      ...(report ? { precision: report } : {}),
      ...transformerOptions(args),
      ...dropped,
      lora,
    },
    io.cwd,
  );
  await writeArtifact(compilation, dir, io.signal, [fileOf(RECORD, `${JSON.stringify(record, null, 2)}\n`)]);
  const ms = performance.now() - started;
  if (io.json)
    io.out(
      JSON.stringify(
        { ok: true, dir, ms, ...(await summaryOf(compilation)), ...(report ? { precision: report } : {}), warnings },
        null,
        2,
      ),
    );
  else await screen({ model, bytes: record.bytes }, output ?? dir, ms, compilation, io);
  for (const w of warnings) io.err(`${io.style.yellow('warning')} ${w.message}`);
  return exitCodes.ok;
}

/** `--context N --kv NAME --batch N`. */
function transformerOptions(args: Args): TransformerOptions {
  const number = (name: 'context' | 'batch', what: string, example: number): TransformerOptions => {
    const text = args.value(name);
    if (text === undefined) return {};
    if (/^[1-9]\d*$/.test(text)) return { [name]: Number(text) };
    throw new InfcError('INFC8003', `--${name} '${text}' is not a number of ${what}`, {
      fix: `Write --${name} ${example}`,
    });
  };
  const kv = args.value('kv');
  return {
    ...number('context', 'tokens', 2048),
    ...number('batch', 'sequences', 4),
    ...(kv === undefined ? {} : { kv }),
  };
}

/** Refuses to replace a folder that infc did not write. */
async function refuseForeign(dir: string, force: boolean): Promise<void> {
  if (force || !existsSync(dir)) return;
  const files = await readdir(dir);
  if (files.length === 0 || files.includes(RECORD)) return;
  throw new InfcError('INFC8007', 'the folder exists and infc did not write it', {
    file: dir,
    fix: 'Choose another folder, or replace it with --force',
  });
}

/** Bytes of an artifact by part, plain and gzipped (weights are not gzipped: they hardly shrink). */
export interface PartBytes {
  readonly part: ArtifactPart;
  readonly bytes: number;
  readonly gzip?: number;
}

/** Sizes of what a browser would fetch: types and the record of the compilation are left out. */
export function partBytes(files: readonly ArtifactFile[]): PartBytes[] {
  const parts = new Map<ArtifactPart, { bytes: number; gzip: number }>();
  for (const file of files) {
    if (file.name === RECORD || file.name === 'view.html' || /\.d\.ts$|^package\.json$/.test(file.name)) continue;
    const part = partOf(file.name);
    const sum = parts.get(part) ?? { bytes: 0, gzip: 0 };
    parts.set(part, sum);
    sum.bytes += file.bytes;
    if (part !== 'weights') sum.gzip += gzipSync(contentsOf(file)).length;
  }
  return (['plan', 'kernels', 'module', 'runtime', 'tokenizer', 'weights'] as const).flatMap((part) => {
    const sum = parts.get(part);
    if (!sum) return [];
    return [part === 'weights' ? { part, bytes: sum.bytes } : { part, ...sum }];
  });
}

async function targetSummary(compiled: TargetCompilation) {
  const { target, plan, kernels } = compiled;
  const parts = partBytes(await compiled.files());
  return {
    target,
    kernels: kernels.length,
    parts,
    /** Everything but the weights and the tokenizer, as fetched. */
    gzipWithoutWeights: parts.reduce((n, p) => n + (p.part === 'tokenizer' ? 0 : (p.gzip ?? 0)), 0),
    ...(plan.generation ? { footprint: { ...footprint(plan), context: plan.generation.context } } : {}),
    memory: Object.keys(plan.entries).map((entry) => {
      const { peakBytes, bytesWithoutReuse, fixedBytes, at } = memoryReport(plan, entry);
      return { entry, peakBytes, bytesWithoutReuse, fixedBytes, at };
    }),
  };
}

/** What `--json` prints about a compilation. */
export async function summaryOf(compilation: Compilation) {
  const { nodesIn, nodesAfter, kernels, folded, fused, phases, changes } = compilation.report;
  const byPass: Record<string, number> = {};
  for (const c of changes) byPass[c.pass] = (byPass[c.pass] ?? 0) + 1;
  return {
    nodesIn,
    nodesAfter,
    kernels,
    folded,
    fused,
    phases,
    changes: byPass,
    targets: await Promise.all(compilation.targets.map(targetSummary)),
  };
}

/** `weights 144 MB + KV cache 47.2 MB + activations 3.1 MB = 194 MB while it runs` */
export const footprintText = ({ weights, states, activations, total }: Footprint): string =>
  `weights ${formatBytes(weights)} + ${states > 0 ? `state ${formatBytes(states)} + ` : ''}activations ${formatBytes(activations)} = ${formatBytes(total)} while it runs`;

/** How a module in the current folder imports the artifact. */
const moduleOf = (shown: string): string =>
  `${path.isAbsolute(shown) || shown.startsWith('.') ? '' : './'}${shown.replace(/\/$/, '')}/model.js`;

/** Symbols of the inputs as `n=4`; sizes that only the data decides (they are named after a node) are left out. */
export const shownDims = (dims: Readonly<Record<string, number>>): string[] =>
  Object.entries(dims)
    .filter(([name]) => !name.includes('@'))
    .map(([name, v]) => `${name}=${v}`);

async function screen(
  { model, bytes }: { readonly model: string; readonly bytes: number },
  shown: string,
  ms: number,
  compilation: Compilation,
  io: Io,
): Promise<void> {
  const { style } = io;
  const s = await summaryOf(compilation);
  const label = (text: string): string => style.dim(text.padEnd(9));
  io.out(
    `${style.bold(path.basename(model))} (${formatBytes(bytes)}) ${style.green('compiled')} in ${formatMs(ms)} to ${style.bold(shown)}`,
  );
  io.out('');
  const passes = Object.entries(s.changes).map(([pass, n]) => `${pass} ${n}`);
  io.out(
    `${label('graph')}${s.nodesIn} nodes in, ${s.nodesAfter} after passes${passes.length > 0 ? ` (${passes.join(', ')})` : ''}`,
  );
  io.out(`${label('kernels')}${s.kernels}, with ${s.fused} nodes fused into others`);
  for (const line of precisionLines(compilation)) io.out(`${label('values')}${line}`);
  for (const line of wideLines(compilation)) io.out(`${label('weights')}${line}`);
  for (const line of sparseLines(compilation)) io.out(`${label('zeros')}${line}`);
  io.out(`${label('time')}${s.phases.map((p) => `${p.name} ${formatMs(p.ms)}`).join(', ')}`);
  for (const t of s.targets) {
    const parts = t.parts.map(
      (p) =>
        `${p.part} ${formatBytes(p.bytes)}${p.gzip === undefined ? '' : style.dim(` (${formatBytes(p.gzip)} gz)`)}`,
    );
    io.out(
      `${label(t.target)}${parts.join(', ')}; without weights${t.parts.some((p) => p.part === 'tokenizer') ? ' and tokenizer' : ''} ${style.bold(`${formatBytes(t.gzipWithoutWeights)} gz`)}`,
    );
    if (t.footprint) io.out(`${label('memory')}${footprintText(t.footprint)}`);
    for (const m of t.footprint ? [] : t.memory) {
      const at = shownDims(m.at);
      io.out(
        `${label('memory')}peak ${formatBytes(m.peakBytes)} of activations${t.memory.length > 1 ? ` in ${m.entry}` : ''} (${formatBytes(m.bytesWithoutReuse)} without reuse)${at.length > 0 ? ` at ${at.join(', ')}` : ''}, weights ${formatBytes(m.fixedBytes)}`,
      );
    }
  }
  const [first] = compilation.targets;
  for (const [entry, e] of Object.entries(first?.plan.entries ?? {})) {
    io.out(
      `${label(Object.keys(first?.plan.entries ?? {}).length > 1 ? entry : 'takes')}${e.inputs.map((p) => `${p.name}: ${portText(p)}`).join(', ') || 'nothing'}`,
    );
    io.out(`${label('gives')}${e.outputs.map((p) => `${p.name}: ${portText(p)}`).join(', ')}`);
  }
  io.out('');
  io.out(`next: ${nextSteps(first?.plan.generation, shown)}   import { load } from '${moduleOf(shown)}'`);
}

/** What one does with a model of this kind. */
function nextSteps(generation: PlanGeneration | undefined, shown: string): string {
  const text = generation?.tokenizer;
  if (!generation) return `infc run ${shown}   infc verify ${shown}   infc view ${shown}`;
  if (generation.kind === 'encoder') return text ? `infc embed ${shown} --text "..."` : `infc run ${shown}`;
  return `infc generate ${shown} ${text ? '--prompt "..."' : '--prompt-ids 1,2,3'}   infc verify ${shown}`;
}

/** What `--precision` did, and why values stay wide; on Wasm, what it is not good for. */
function precisionLines({ report, targets }: Compilation): string[] {
  const made = report.changes.filter((c) => c.pass === 'assign-precision').map((c) => c.fate);
  if (made.length === 0) return [];
  const count = (to: string | undefined): number => made.filter((f) => f?.to === to).length;
  const wide = new Set<string>();
  for (const f of made) if (f?.to === undefined) wide.add(f?.why?.replaceAll(/[\d.]+(e[+-]\d+)?/g, '..') ?? '');
  const lines = [`${count('f16')} kept as f16, ${count('bf16')} as bf16, ${count(undefined)} stay f32`];
  if (wide.size > 0) lines.push(`f32 because ${[...wide].slice(0, 4).join('; ')} (infc explain node NAME)`);
  if (targets.some((t) => t.target === 'wasm'))
    lines.push(
      'wasm computes in f32: there the values are only rounded as on the other targets, which costs time and saves little memory',
    );
  return lines;
}

/** Weights that a recipe names and no kernel reads in its format. */
function wideLines({ report }: Compilation): string[] {
  const rounding = report.changes.filter((c) => c.pass === 'round-weights');
  return counted(rounding, ({ fate }) => (fate?.to === undefined ? fate?.why : undefined)).map(
    ([what, n]) => `${n}: ${what}`,
  );
}

/** What became of the zeros of `--sparsity`, and why: weights with the same fate counted together. */
function sparseLines({ report }: Compilation): string[] {
  return counted(report.changes, ({ fate }) =>
    fate?.zeros === undefined || fate.to === undefined ? fate?.zeros : `stored as ${fate.to}: ${fate.zeros}`,
  ).map(([what, n]) => `${n} weight${n === 1 ? '' : 's'}: ${what}`);
}

/** Texts about changes with the number of nodes that they are about, in the order they come first; a node of several entries counts once. */
function counted(changes: readonly Change[], textOf: (change: Change) => string | undefined): [string, number][] {
  const nodes = new Map<string, Set<string>>();
  for (const change of changes) {
    const text = textOf(change);
    if (text !== undefined) nodes.set(text, (nodes.get(text) ?? new Set()).add(change.node));
  }
  return [...nodes].map(([text, names]) => [text, names.size]);
}

/** `--stop-after`: the graph as text. */
async function printAfter(compilation: Compilation, io: Io): Promise<number> {
  const text = printProgram(compilation.program);
  io.out(io.json ? JSON.stringify({ ok: true, ...(await summaryOf(compilation)), program: text }, null, 2) : text);
  return exitCodes.ok;
}

/** Files of an artifact folder, as a compilation would give them: their contents are read when asked for. */
export async function readArtifactFiles(dir: string): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = [];
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = path.join(entry.parentPath, entry.name);
    files.push({
      name: path.relative(dir, full).replaceAll('\\', '/'),
      bytes: (await stat(full)).size,
      chunks: () => [readFileSync(full)],
    });
  }
  return files;
}

export { runCompile as run };
