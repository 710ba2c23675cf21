// Bundles a conformance script with esbuild and runs it: node test/conformance/run.mjs schema ARGS...
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const [name, ...args] = process.argv.slice(2);
// Beside the project, so that its dependencies resolve.
const out = mkdtempSync(join(here, '..', '..', 'node_modules', '.infc-conformance-'));
try {
  const outfile = join(out, `${name}.mjs`);
  // Threads are files of their own.
  const entryPoints = [name, 'cases-thread'].map((file) => join(here, `${file}.ts`));
  await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', packages: 'external', outdir: out, outExtension: { '.js': '.mjs' }, logLevel: 'warning' });
  const { status } = spawnSync(process.execPath, ['--max-old-space-size=4096', outfile, ...args], {
    stdio: 'inherit',
    env: { ...process.env, INFC_ROOT: `${join(here, '..', '..')}/` },
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
