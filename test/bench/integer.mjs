// node test/bench/integer.mjs [SECONDS]: products and convolutions of 8-bit codes on Wasm, one thread, best time of a run.
import { rmSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (file) => fileURLToPath(new URL(file, import.meta.url));
const bundle = at('../../dist/bench-integer.mjs');
try {
  await build({
    entryPoints: [at('integer-infc.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    packages: 'external',
    logLevel: 'error',
  });
  const { measure } = await import(bundle);
  console.log(`one thread; load average ${os.loadavg()[0].toFixed(1)}`);
  measure(Number(process.argv[2] ?? 1));
} finally {
  rmSync(bundle, { force: true });
}
