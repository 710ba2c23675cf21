// Runs a folder or archive of ONNX backend tests: npm run conformance:onnx -- PATH [--target NAME] [--filter RE] [--json FILE]
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InfcError } from '../../runtime/errors.ts';
import { swiftShaderEnv } from '../kit/dawn.ts';
import { onePath, readArguments } from './arguments.ts';
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
  const args = readArguments(
    `conformance:onnx -- PATH [--target ${TARGETS.join('|')}] [--filter RE] [--json FILE] [--verbose]`,
    ['target', 'filter', 'json'],
    ['verbose'],
  );
  const source = onePath(args);
  const target = args.value('target') ?? 'wasm';
  if (!TARGETS.includes(target))
    throw new InfcError('INFC8003', `--target is '${target}'`, { fix: `Write one of ${TARGETS.join(', ')}` });
  const filter = new RegExp(args.value('filter') ?? '');
  const tests = readTests(source).filter((t) => filter.test(t.name));
  const runner = new Runner(target);
  const outcomes: Outcome[] = [];
  for (const test of tests) {
    const outcome = await runner.run(test);
    outcomes.push(outcome);
    if (outcome.status !== 'passed')
      console.log(`${outcome.status.padEnd(11)} ${outcome.name}: ${outcome.reason.slice(0, 400)}`);
    else if (args.flag('verbose')) console.log(`passed      ${outcome.name} (${outcome.ms} ms)`);
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
  if (args.json) writeFileSync(args.json, `${JSON.stringify({ ...summary, target, tests: outcomes }, null, 1)}\n`);
  console.log(
    `${summary.total} tests on ${target}: ${summary.passed} passed, ${summary.wrong} wrong, ${summary.error} error, ${summary.unsupported} unsupported`,
  );
  // Something ran and nothing is wrong: unsupported tests are listed, not failed.
  process.exitCode = summary.total > 0 && summary.wrong === 0 && summary.error === 0 ? 0 : 1;
}

if (process.argv.includes('--serve')) serve();
else await main();
