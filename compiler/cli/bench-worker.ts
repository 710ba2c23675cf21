import { readFile, writeFile } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import type { HostTensor } from '../../runtime/host.ts';
import { load } from '../../runtime/index.ts';
import { exitCodes } from '../diagnostics.ts';
import type { Args } from './args.ts';
import { deviceOptions } from './devices.ts';
import type { Io } from './io.ts';
import { type Engine, openOrt } from './onnxruntime.ts';
import { openArtifact } from './record.ts';
import { median } from './run.ts';

/** What bench asks of one process. */
export interface BenchJob {
  readonly engine: 'infc' | Engine;
  /** Artifact folder or model file. */
  readonly from: string;
  readonly entry: string;
  readonly symbols: Readonly<Record<string, number>>;
  readonly threads: number;
  readonly seconds: number;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly cwd: string;
}

export interface BenchResult {
  readonly loadMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly leastMs: number;
  readonly runs: number;
  readonly device: string;
  readonly outputs: Readonly<Record<string, HostTensor>>;
  /** Milliseconds per kernel or host step of one run (infc only; measured apart, with a wait after each step). */
  readonly steps: Readonly<Record<string, number>>;
}

const LEAST_RUNS = 5;
/** A model whose runs take seconds is measured for about this long, in two runs at least. */
const LONG_MS = 10_000;
/** Engines compile hot Wasm functions anew while they run; measuring starts after that. */
const WARM_MS = 1500;

/** `infc bench-worker JOB RESULT`: one engine in its own process, so that engines share neither heap nor threads. */
async function runWorker(args: Args, _io: Io): Promise<number> {
  const [jobFile = '', resultFile = ''] = args.positionals;
  const job = deserialize(await readFile(jobFile)) as BenchJob;
  await writeFile(resultFile, serialize(await measure(job)));
  return exitCodes.ok;
}

interface Runner {
  readonly device: string;
  run(): Promise<Readonly<Record<string, HostTensor>>>;
  profile(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

async function open(job: BenchJob): Promise<Runner> {
  if (job.engine !== 'infc') {
    const model = await openOrt(
      job.engine,
      job.engine === 'onnxruntime-web' ? new Uint8Array(await readFile(job.from)) : job.from,
      job.threads,
      job.cwd,
    );
    return {
      device: job.engine,
      run: () => model.run(job.inputs),
      profile: async () => ({}),
      close: async () => undefined,
    };
  }
  const { dir, plan } = await openArtifact(job.from, job.cwd);
  const model = await load(dir, { threads: job.threads, ...(await deviceOptions({ dir, plan }, job.cwd)) });
  return {
    device: model.device.kind,
    run: () => model.run(job.inputs, { entry: job.entry, symbols: job.symbols }),
    profile: async () => {
      const steps: Record<string, number> = {};
      await model.run(job.inputs, {
        entry: job.entry,
        symbols: job.symbols,
        onStep: ({ name, ms }) => (steps[name] = (steps[name] ?? 0) + ms),
      });
      return steps;
    },
    close: () => model.dispose(),
  };
}

async function measure(job: BenchJob): Promise<BenchResult> {
  const started = performance.now();
  const runner = await open(job);
  const loadMs = performance.now() - started;
  const timed = async (): Promise<number> => {
    const t = performance.now();
    await runner.run();
    return performance.now() - t;
  };
  const t = performance.now();
  const outputs = structuredClone(await runner.run());
  const firstMs = performance.now() - t;
  const warm = performance.now() + WARM_MS;
  for (let i = 0; (i < 2 && firstMs < WARM_MS) || performance.now() < warm; i++) await timed();
  const times: number[] = [];
  const end = performance.now() + job.seconds * 1000;
  const long = performance.now() + LONG_MS;
  while (times.length < 2 || (times.length < LEAST_RUNS && performance.now() < long) || performance.now() < end)
    times.push(await timed());
  const steps = await runner.profile();
  await runner.close();
  return {
    loadMs,
    firstMs,
    medianMs: median(times),
    leastMs: Math.min(...times),
    runs: times.length,
    device: runner.device,
    outputs,
    steps,
  };
}

export { runWorker as run };
