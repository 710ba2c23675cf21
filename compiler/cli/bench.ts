import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { InfcError } from '../../runtime/errors.ts';
import type { HostTensor } from '../../runtime/host.ts';
import type { Plan } from '../../runtime/plan.ts';
import { exitCodes, nearest } from '../diagnostics.ts';
import { type Comparison, compareValues, type Precisions } from '../verify.ts';
import { type Args, onlyPositional } from './args.ts';
import type { BenchJob, BenchResult } from './bench-worker.ts';
import { parseDimValues, readInputs } from './inputs.ts';
import type { Io } from './io.ts';
import type { Engine } from './onnxruntime.ts';
import { concretePorts, entryOf } from './ports.ts';
import { compilerOf, modelOf, openArtifact } from './record.ts';
import { measurePeaks, type Peaks, rooflineMs, workOf } from './roofline.ts';
import { formatMs, table } from './table.ts';

interface Row {
  readonly engine: BenchJob['engine'];
  readonly threads: number;
  readonly result: BenchResult;
}

/** `infc bench DIR`: exit code 1, and no figures, when the engines disagree. */
async function runBench(args: Args, io: Io): Promise<number> {
  const artifact = await openArtifact(onlyPositional(args, 'DIR'), io.cwd);
  const { plan } = artifact;
  const { name, entry } = entryOf(plan, args.value('entry'));
  const { ports, dims, symbols } = concretePorts(plan, entry, parseDimValues(args.list('dims')));
  const inputs = await readInputs(ports, args.list('input'), io.cwd);
  const threads = (args.value('threads') ?? '1').split(',').map((t) => {
    if (!/^[1-9]\d*$/.test(t))
      throw new InfcError('INFC8003', `--threads '${t}' is not a thread count`, { fix: 'Write --threads 1,2' });
    return Number(t);
  });
  const engines = (args.value('vs') ?? '')
    .split(',')
    .filter((e) => e !== '')
    .map(engineOf);
  const seconds = Number(args.value('seconds') ?? '2');
  if (!(seconds > 0))
    throw new InfcError('INFC8003', '--seconds is not a positive number', { fix: 'Write --seconds 2' });
  const model = engines.length > 0 ? await modelOf(artifact, args.value('model'), io.cwd) : '';

  const rows: Row[] = [];
  for (const engine of ['infc', ...engines] as const) {
    for (const t of threads) {
      io.progress(`measuring ${engine}, ${t} thread${t === 1 ? '' : 's'}`);
      const job: BenchJob = {
        engine,
        from: engine === 'infc' ? artifact.dir : model,
        entry: name,
        symbols,
        threads: t,
        seconds,
        inputs,
        cwd: io.cwd,
      };
      rows.push({ engine, threads: t, result: await inOwnProcess(job, io.signal) });
    }
  }
  const disagreement = firstDisagreement(rows, dtypesIn(inputs, rows, plan));
  if (disagreement) {
    const { row, value } = disagreement;
    if (io.json)
      io.out(
        JSON.stringify(
          { ok: false, outcome: 'disagreement', engine: row.engine, threads: row.threads, value },
          null,
          2,
        ),
      );
    else {
      io.out(
        `${io.style.red('results disagree')}: output '${value.name}' of ${row.engine} (${row.threads} threads) ${value.reason ?? `is ${value.expected} at ${value.at}, infc gives ${value.actual}`}`,
      );
      io.out('Speed is only shown when the results agree. See: infc verify');
    }
    return exitCodes.disagreement;
  }
  io.progress('measuring the machine');
  const { registry } = await compilerOf(artifact, [], io.cwd);
  const peaks = await measurePeaks(registry);
  const work = workOf(plan, name, dims);
  const total = [...work.values()].reduce((s, w) => ({ flops: s.flops + w.flops, bytes: s.bytes + w.bytes }), {
    flops: 0,
    bytes: 0,
  });
  const floor = (t: number): number => [...work.values()].reduce((ms, w) => ms + rooflineMs(w, peaks, t), 0);
  if (io.json) {
    io.out(
      JSON.stringify(
        {
          ok: true,
          model: plan.name,
          dims,
          peaks,
          flops: total.flops,
          rows: rows.map(({ engine, threads: t, result: { outputs: _, ...r } }) => ({
            engine,
            threads: t,
            ...r,
            rooflineMs: floor(t),
          })),
        },
        null,
        2,
      ),
    );
    return exitCodes.ok;
  }
  print(rows, { floor, peaks, gflop: total.flops / 1e9, dims, name: plan.name }, io);
  const [first] = rows;
  if (first) printKernels(first, work, peaks, io);
  return exitCodes.ok;
}

function engineOf(name: string): Engine {
  if (name === 'onnxruntime-web' || name === 'onnxruntime-node') return name;
  const near = nearest(name, ['onnxruntime-web', 'onnxruntime-node']);
  throw new InfcError('INFC8003', `cannot compare with '${name}'`, {
    fix: near ? `Did you mean ${near}?` : 'Known: onnxruntime-web, onnxruntime-node',
  });
}

/** Runs one job in a process of its own: `infc bench-worker`. */
export async function inOwnProcess(job: BenchJob, signal: AbortSignal): Promise<BenchResult> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-bench-'));
  try {
    const [jobFile, resultFile] = [path.join(dir, 'job'), path.join(dir, 'result')];
    await writeFile(jobFile, serialize(job));
    const program = process.argv[1] ?? '';
    const stderr = await new Promise<string>((resolve, reject) => {
      const child = spawn(process.execPath, [program, 'bench-worker', jobFile, resultFile], {
        signal,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let text = '';
      child.stderr.on('data', (chunk) => (text += chunk));
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0
          ? resolve(text)
          : reject(
              new InfcError('INFC8014', `measuring ${job.engine} failed: ${text.trim().split('\n')[0]}`, {
                fix: 'Run infc verify first',
              }),
            ),
      );
    });
    void stderr;
    return deserialize(await readFile(resultFile)) as BenchResult;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Element types that appear among the inputs and outputs, and whether the model multiplies 8-bit codes; they set the tolerance. */
const dtypesIn = (inputs: Readonly<Record<string, HostTensor>>, rows: readonly Row[], plan: Plan): Precisions =>
  new Set([
    ...[...Object.values(inputs), ...rows.flatMap((r) => Object.values(r.result.outputs))].map((t) => t.dtype),
    ...plan.kernels.flatMap((k) => (k.note?.codes || k.note?.op.endsWith('_integer') ? ['codes' as const] : [])),
  ]);

function firstDisagreement(
  rows: readonly Row[],
  dtypes: Precisions,
): { readonly row: Row; readonly value: Comparison } | undefined {
  const [ours, ...others] = rows;
  if (!ours) return undefined;
  for (const row of others) {
    for (const [name, actual] of Object.entries(ours.result.outputs)) {
      const value = compareValues(name, actual, row.result.outputs[name], undefined, dtypes);
      if (!value.agrees) return { row, value };
    }
  }
  return undefined;
}

function print(
  rows: readonly Row[],
  more: {
    readonly floor: (threads: number) => number;
    readonly peaks: Peaks;
    readonly gflop: number;
    readonly dims: Readonly<Record<string, number>>;
    readonly name: string;
  },
  io: Io,
): void {
  const { style } = io;
  const columns = [
    { title: 'engine' },
    { title: 'threads', right: true },
    { title: 'median', right: true },
    { title: 'least', right: true },
    { title: 'runs', right: true },
    { title: 'load', right: true },
    { title: 'GFLOP/s', right: true },
    { title: 'of roofline', right: true },
    { title: 'infc is', right: true },
  ];
  const ours = new Map(rows.filter((r) => r.engine === 'infc').map((r) => [r.threads, r.result.medianMs]));
  const cells = rows.map(({ engine, threads, result: r }) => {
    const mine = ours.get(threads);
    const ratio = engine === 'infc' || mine === undefined ? undefined : r.medianMs / mine;
    const text = ratio === undefined ? '' : `${ratio.toFixed(2)}x as fast`;
    return [
      engine,
      String(threads),
      formatMs(r.medianMs),
      formatMs(r.leastMs),
      String(r.runs),
      formatMs(r.loadMs),
      (more.gflop / (r.medianMs / 1e3)).toFixed(1),
      engine === 'infc' ? `${((100 * more.floor(threads)) / r.medianMs).toFixed(0)} %` : '',
      ratio !== undefined && ratio >= 1 ? style.green(text) : style.yellow(text),
    ];
  });
  const dims = Object.entries(more.dims).map(([k, v]) => `${k}=${v}`);
  io.out(`${style.bold(more.name)}${dims.length > 0 ? ` at ${dims.join(', ')}` : ''}: results agree`);
  io.out(table(columns, cells, style));
  io.out(
    style.dim(
      `one thread here: ${more.peaks.gflops.toFixed(1)} GFLOP/s of multiply-add, ${more.peaks.gigabytesPerSecond.toFixed(1)} GB/s of copy from memory (what stays in caches is faster: over 100 %); each engine ran in its own process`,
    ),
  );
}

function printKernels({ result }: Row, work: ReturnType<typeof workOf>, peaks: Peaks, io: Io): void {
  const total = Object.values(result.steps).reduce((a, b) => a + b, 0);
  const rows = Object.entries(result.steps)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 12)
    .map(([name, ms]) => {
      const w = work.get(name);
      return [
        name,
        formatMs(ms),
        `${((100 * ms) / total).toFixed(0)} %`,
        String(w?.launches ?? ''),
        w ? (w.flops / ms / 1e6).toFixed(1) : '',
        w ? (w.bytes / ms / 1e6).toFixed(1) : '',
        w ? `${((100 * rooflineMs(w, peaks)) / ms).toFixed(0)} %` : '',
      ];
    });
  io.out('');
  io.out(
    table(
      [
        { title: 'slowest steps' },
        { title: 'time', right: true },
        { title: 'share', right: true },
        { title: 'launches', right: true },
        { title: 'GFLOP/s', right: true },
        { title: 'GB/s', right: true },
        { title: 'of roofline', right: true },
      ],
      rows,
      io.style,
    ),
  );
}

export { runBench as run };
