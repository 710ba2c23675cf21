// Runs a folder or archive of ONNX backend tests: npm run conformance:onnx -- PATH [--target NAME] [--filter RE] [--json FILE]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { type BackendTest, readTests } from './onnx-data.ts';
import { type Outcome, runTest, type Status } from './onnx-run.ts';

const LIMIT_MS = 30_000;
const TARGETS = ['wasm', 'reference', 'wgsl', 'cuda-cpu'];

/** Runs tests one after the other in a worker, so that a crash or an endless loop costs one test. */
class Runner {
  private worker: Worker | undefined;

  constructor(private readonly target: string) {}

  async run(test: BackendTest): Promise<Outcome> {
    const worker = (this.worker ??= new Worker(new URL(import.meta.url), {
      resourceLimits: { stackSizeMb: 8, maxOldGenerationSizeMb: 3000 },
    }));
    const started = performance.now();
    return new Promise((resolve) => {
      const finish = (outcome: Outcome, broken: boolean) => {
        clearTimeout(timer);
        worker.off('message', answered);
        worker.off('error', crashed);
        if (broken) {
          worker.on('error', () => undefined);
          void worker.terminate();
          this.worker = undefined;
        }
        resolve(outcome);
      };
      const failed = (reason: string) =>
        finish({ name: test.name, status: 'error', reason, ms: Math.round(performance.now() - started) }, true);
      const timer = setTimeout(() => failed(`no result after ${LIMIT_MS / 1000} s`), LIMIT_MS);
      const answered = (outcome: Outcome) => finish(outcome, false);
      const crashed = (e: unknown) => failed(`the worker crashed: ${e instanceof Error ? e.message : String(e)}`);
      worker.on('message', answered);
      worker.on('error', crashed);
      worker.postMessage({ test, target: this.target });
    });
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }
}

function serve(): void {
  parentPort?.on('message', async ({ test, target }: { test: BackendTest; target: string }) => {
    parentPort?.postMessage(await runTest(test, target));
  });
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string', default: 'wasm' },
      filter: { type: 'string' },
      json: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const source = positionals[0];
  if (source === undefined || !TARGETS.includes(values.target)) {
    console.error(
      `usage: npm run conformance:onnx -- PATH [--target ${TARGETS.join('|')}] [--filter RE] [--json FILE]`,
    );
    process.exitCode = 2;
    return;
  }
  const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
  const tests = readTests(source).filter((t) => !filter || filter.test(t.name));
  const runner = new Runner(values.target);
  const outcomes: Outcome[] = [];
  for (const test of tests) {
    const outcome = await runner.run(test);
    outcomes.push(outcome);
    if (outcome.status !== 'passed')
      console.log(`${outcome.status.padEnd(11)} ${outcome.name}: ${outcome.reason.slice(0, 400)}`);
    else if (values.verbose) console.log(`passed      ${outcome.name} (${outcome.ms} ms)`);
  }
  await runner.close();
  const count = (status: Status): number => outcomes.filter((o) => o.status === status).length;
  const summary = {
    total: outcomes.length,
    passed: count('passed'),
    wrong: count('wrong'),
    error: count('error'),
    unsupported: count('unsupported'),
  };
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ ...summary, target: values.target, tests: outcomes }, null, 1)}\n`);
  console.log(
    `${summary.total} tests on ${values.target}: ${summary.passed} passed, ${summary.wrong} wrong, ${summary.error} error, ${summary.unsupported} unsupported`,
  );
  // Something ran and nothing is wrong: unsupported tests are listed, not failed.
  process.exitCode = summary.total > 0 && summary.wrong === 0 && summary.error === 0 ? 0 : 1;
}

if (isMainThread) await main();
else serve();
