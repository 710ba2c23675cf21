// Builds the parts that a compiled artifact may carry, minified: a runtime for each target, the worker, one module a host function, and for
// language models the generator, one module a decode strategy, and the tokenizer.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Where each host function of plans is defined, read from the table and the imports of runtime/host/index.ts. */
export function hostFunctions() {
  const text = readFileSync(path.join(root, 'runtime/host/index.ts'), 'utf8');
  const imports = new Map();
  for (const [, names, file] of text.matchAll(/import \{([^}]*)\} from '(\.\/[^']+)'/g)) {
    for (const item of names.split(',').map((s) => s.trim().split(/\s+as\s+/))) {
      if (item[0] !== '') imports.set(item.at(-1), { name: item[0], file: `./runtime/host/${file.slice(2)}` });
    }
  }
  const table = /const functions[^=]*= \{([^}]*)\}/.exec(text)?.[1];
  if (table === undefined) throw new Error('runtime/host/index.ts has no table of functions');
  const found = new Map();
  for (const [, op, name = op] of table
    .replace(/\/\/.*$/gm, '')
    .trim()
    .matchAll(/(\w+)(?:\s*:\s*(\w+))?\s*(?:,|$)/g)) {
    const source = imports.get(name);
    if (!source) throw new Error(`runtime/host/index.ts: '${op}' is not an imported function`);
    found.set(op, source);
  }
  return found;
}

/** Names of the decode strategies: one file each. */
export const strategies = () =>
  readdirSync(path.join(root, 'runtime/generate/strategies')).map((file) => file.replace(/\.ts$/, ''));

/** Declarations of generate.js: files of types alone, in which nothing but imports has to change. */
function generatorTypes() {
  const own = ['grammars/vocabulary.ts', 'runtime/generate/api.ts'].map((file) =>
    readFileSync(path.join(root, file), 'utf8').replace(/^(\/\/|import type ).*\n/gm, ''),
  );
  return ["import type { Model } from './model.js';\n", ...own].join('\n');
}

/** Names the packages that a part includes, and their licences. */
function notice(...packages) {
  const named = packages.map((name) => {
    const { version, license } = JSON.parse(
      readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8'),
    );
    return `${name} ${version} (${license})`;
  });
  return `/*! Includes ${named.join(' and ')} by Hugging Face. */`;
}

/** Writes the parts into `outdir` and returns esbuild's metafile outputs. */
export async function buildArtifactParts(outdir) {
  const common = {
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    // Node prints the source line of an uncaught error: not all of it. (Shorter lines cost 3 % after gzip.)
    lineLimit: 4000,
    tsconfigRaw: { compilerOptions: { target: 'es2022', useDefineForClassFields: false } },
    legalComments: 'none',
    logLevel: 'warning',
    platform: 'neutral',
    metafile: true,
    absWorkingDir: root,
    // Names that only the runtime itself uses.
    mangleProps:
      /^(ARGS|CHUNKS|COUNT|DONE|FAILED|GRID|KERNEL|LAUNCH|LEFT|SCRATCH|SLEEPERS|WAKE|address|addresses|alike|arenaBytes|copyOut|disposed|early|executor|executors|exponent|failed|fixed|flatten|frame|frames|free_|functions|given|infinity|late|lateAlias|lateMemory|launches|launchesOf|live|liveIntervals|mantissa|mayWait|offsets|onHost|placedIn|planMemory|ranges|reach|startWorker|takeChunks|turn|unpack|unsignedZero|unused|varies|words|workers|yielded)$/,
  };
  const entryPoints = { worker: 'runtime/devices/wasm-worker.ts' };
  for (const file of readdirSync(path.join(root, 'runtime'))) {
    const target = /^artifact-([\w-]+)\.ts$/.exec(file)?.[1];
    if (target) entryPoints[`runtime-${target}`] = `runtime/${file}`;
  }
  const parts = await build({ ...common, entryPoints, outdir });
  const outputs = { ...parts.metafile.outputs };
  // These lie beside runtime.js and take from it what it has: there is one InfcError.
  const beside = (prefix) => ({
    name: 'beside-runtime',
    setup: ({ onResolve }) =>
      onResolve({ filter: /\/(errors|tensor)\.ts$/ }, () => ({ path: `${prefix}runtime.js`, external: true })),
  });
  const more = async (points, prefix, banner) => {
    const options = { ...common, plugins: [beside(prefix)], entryPoints: points, outdir };
    Object.assign(
      outputs,
      (await build({ ...options, ...(banner ? { banner: { js: banner } } : {}) })).metafile.outputs,
    );
  };
  const generators = readdirSync(path.join(root, 'runtime/generate'))
    .map((file) => /^artifact-(\w+)\.ts$/.exec(file)?.[1])
    .filter((name) => name !== undefined);
  await more(
    Object.fromEntries(generators.map((name) => [`generate-${name}`, `runtime/generate/artifact-${name}.ts`])),
    './',
  );
  writeFileSync(path.join(outdir, 'generate.d.ts'), generatorTypes());
  await more({ text: 'runtime/text/artifact.ts' }, './', notice('@huggingface/tokenizers', '@huggingface/jinja'));
  await more(
    Object.fromEntries(strategies().map((name) => [`strategies/${name}`, `runtime/generate/strategies/${name}.ts`])),
    '../',
  );
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
