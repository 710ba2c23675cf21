// Runs a folder or archive of ONNX backend tests: npm run conformance:onnx -- PATH [--target NAME] [--filter RE] [--json FILE]
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { swiftShaderEnv } from '../kit/dawn.ts';
import { type BackendTest, readTests } from './onnx-data.ts';
import { type Outcome, runTest, type Status } from './onnx-run.ts';

/** Most time for one test; CUDA kernels on the CPU are compiled by g++ first. */
const limitMs = (target: string): number => (target === 'cuda-cpu' ? 180_000 : 30_000);
const TARGETS = ['wasm', 'reference', 'wgsl', 'cuda-cpu'];

/** Runs tests one after the other in a child process, so that a crash or an endless loop costs one test. */
class Runner {
  private child: ChildProcess | undefined;

  constructor(private readonly target: string) {}

  private start(): ChildProcess {
    const execArgv = ['--stack-size=4000', '--max-old-space-size=3000'];
    const env = this.target === 'wgsl' ? { ...process.env, ...swiftShaderEnv } : process.env;
    return fork(fileURLToPath(import.meta.url), ['--serve'], { serialization: 'advanced', execArgv, env });
  }

  async run(test: BackendTest): Promise<Outcome> {
    const child = (this.child ??= this.start());
    const started = performance.now();
    return new Promise((resolve) => {
      const finish = (outcome: Outcome, broken: boolean) => {
        clearTimeout(timer);
        child.off('message', answered);
        child.off('exit', exited);
        if (broken) {
          child.kill('SIGKILL');
          this.child = undefined;
        }
        resolve(outcome);
      };
      const failed = (reason: string) =>
        finish({ name: test.name, status: 'error', reason, ms: Math.round(performance.now() - started) }, true);
      const limit = limitMs(this.target);
      const timer = setTimeout(() => failed(`no result after ${limit / 1000} s`), limit);
      const answered = (outcome: Outcome) => finish(outcome, false);
      const exited = (code: number | null, signal: string | null) => failed(`the process died (${signal ?? code})`);
      child.on('message', answered);
      child.on('exit', exited);
      child.send({ test, target: this.target });
    });
  }

  close(): void {
    this.child?.kill();
  }
}

function serve(): void {
  process.on('message', async ({ test, target }: { test: BackendTest; target: string }) => {
    process.send?.(await runTest(test, target));
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
  runner.close();
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

if (process.argv.includes('--serve')) serve();
else await main();
