import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { build } from 'esbuild';
import { root } from './root.ts';

/**
 * Runs `run(input)` exported by a TypeScript module of test/kit in a fresh Node process and gives back what it returns (structured
 * clone). The process is killed after `timeoutMs`: native GPU code may hang or abort, and must not take the test runner along.
 */
export async function runInChild<Input, Output>(
  module: string,
  input: Input,
  { env = {}, timeoutMs = 120_000 }: { env?: Readonly<Record<string, string>>; timeoutMs?: number } = {},
): Promise<Output> {
  // Inside the project, so that bare imports of the bundle resolve.
  const dir = await mkdtemp(join(root, '.infc-child-'));
  try {
    const source = `
      import { run } from ${JSON.stringify(join(root, 'test/kit', module))};
      import { readFileSync, writeFileSync } from 'node:fs';
      import { deserialize, serialize } from 'node:v8';
      const output = await run(deserialize(readFileSync(process.argv[2])));
      writeFileSync(process.argv[3], serialize(output));
      process.exit(0);`;
    const script = join(dir, 'child.mjs');
    await build({
      stdin: { contents: source, resolveDir: root, loader: 'ts' },
      outfile: script,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
    });
    const from = join(dir, 'input');
    const to = join(dir, 'output');
    await writeFile(from, serialize(input));
    const child = spawn(process.execPath, [script, from, to], {
      env: { ...process.env, INFC_ROOT: root, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    child.stdout.on('data', (d: Buffer) => (log += d.toString()));
    child.stderr.on('data', (d: Buffer) => (log += d.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (c, s) => resolve([c, s]));
    });
    clearTimeout(timer);
    if (code !== 0) throw new Error(`child process of ${module} ended with ${signal ?? code}\n${log.slice(-4000)}`);
    const bytes = await readFile(to);
    return deserialize(bytes) as Output;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Whether an npm package can be resolved from here. */
export function hasPackage(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
