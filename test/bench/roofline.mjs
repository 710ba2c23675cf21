// The speed at which a Wasm kernel reads memory, which no product of weights can exceed.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { runJob } from './run-job.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const BLOCK = 4 << 20;

/** Bundles gemv-infc.ts; returns the file, to be removed by the caller. */
export async function bundleJobs() {
  const outfile = path.join(here, `../../dist/bench-gemv-${process.pid}.mjs`);
  await build({
    entryPoints: [path.join(here, 'gemv-infc.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    packages: 'external',
    logLevel: 'error',
  });
  return outfile;
}

/** GB/s over 100 MB that are read once each. */
export async function readSpeed(bundle) {
  const { readJob } = await import(pathToFileURL(bundle).href);
  const { ms } = await runJob(readJob(BLOCK, 24), 0.5);
  return BLOCK / ms / 1e6;
}
