// Builds the parts that a compiled artifact may carry, minified: a runtime for each target, the worker, and one module a host function.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));

/** Host functions by the name plans use: `read_dims` is exported as `readDims` by some file of runtime/host. */
export function hostFunctions() {
  const folder = path.join(root, 'runtime/host');
  const found = new Map();
  if (!existsSync(folder)) return found;
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(path.join(folder, file), 'utf8');
    for (const [, name] of text.matchAll(/^export const (\w+)(?=: HostOp\b| = \w+\(.*\) satisfies HostOp)/gm)) {
      const op = name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
      found.set(op, { name, file: `./runtime/host/${file}` });
    }
  }
  return found;
}

/** Writes the parts into `outdir` and returns esbuild's metafile outputs. */
export async function buildArtifactParts(outdir) {
  const common = {
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    // Node prints the source line of an uncaught error: keep it short.
    lineLimit: 160,
    legalComments: 'none',
    logLevel: 'warning',
    platform: 'neutral',
    metafile: true,
    absWorkingDir: root,
  };
  const entryPoints = { worker: 'runtime/devices/wasm-worker.ts' };
  for (const file of readdirSync(path.join(root, 'runtime'))) {
    const target = /^artifact-(\w+)\.ts$/.exec(file)?.[1];
    if (target) entryPoints[`runtime-${target}`] = `runtime/${file}`;
  }
  const parts = await build({ ...common, entryPoints, outdir });
  const outputs = { ...parts.metafile.outputs };
  const hosts = [...hostFunctions()];
  await Promise.all(
    hosts.map(async ([op, { name, file }]) => {
      const contents = `export { ${name} as op } from '${file}';`;
      const stdin = { contents, resolveDir: root, sourcefile: `${op}.js` };
      const one = await build({ ...common, stdin, outfile: path.join(outdir, 'host', `${op}.js`) });
      Object.assign(outputs, one.metafile.outputs);
    }),
  );
  return outputs;
}
