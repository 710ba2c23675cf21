// Builds dist/: bundled ES modules, declarations, and the table of error codes. `--quiet` prints only problems; `--no-types` skips tsc.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { buildArtifactParts } from './artifact.mjs';
import { internalNames } from './names.mjs';
import { leanParsers } from './parsers.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const quiet = process.argv.includes('--quiet');
const started = performance.now();
const say = (text) => quiet || console.log(text);

process.chdir(root);
await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
// Beside the bundles: it takes as long as they do.
const declarations = process.argv.includes('--no-types') ? undefined : writeDeclarations();

const entries = {
  index: 'compiler/index.ts',
  cli: 'compiler/cli/infc.ts',
  runtime: 'runtime/index.ts',
  generate: 'runtime/generate/index.ts',
  grammars: 'grammars/index.ts',
  'grammars/tools': 'grammars/tools/formats/index.ts',
  'grammars/warm-up': 'grammars/warm-up.ts',
  test: 'test/kit/index.ts',
};
for (const [name, file] of Object.entries(entries)) {
  if (existsSync(file)) continue;
  console.warn(`no ${file} yet: dist/${name}.js is not built`);
  delete entries[name];
}

const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  outdir: 'dist',
  legalComments: 'inline',
  logLevel: 'warning',
  // Dependencies stay imports: they are installed beside infc and load only when used.
  external: [
    'node:*',
    '@huggingface/jinja',
    '@huggingface/tokenizers',
    'onnx-proto',
    'ts-morph',
    'webgpu',
    'onnxruntime-node',
    'onnxruntime-web',
    'fast-check',
  ],
  ...leanParsers,
};
// The command line, the compiler and the conformance kit share chunks; the command line loads each command when it is used.
const node = await build({
  ...common,
  entryPoints: pick('index', 'cli', 'test'),
  splitting: true,
  chunkNames: 'chunk-[hash]',
  platform: 'node',
  metafile: true,
});
const browser = pick('runtime', 'generate', 'grammars', 'grammars/tools', 'grammars/warm-up');
// Only the grammars' own files have names shortened, which no other file asks for: what others see of them is what these export. (What compiles
// constraints is in another bundle, and looks into those of this one.)
const seen = [
  ...Object.values(browser).filter((file) => file.startsWith('grammars/')),
  ...[
    'grammars/tokenizer/index.ts',
    'grammars/vocabulary.ts',
    'grammars/artifact/artifact.ts',
    leanParsers.alias.chevrotain,
  ],
];
const { names, texts } = internalNames('grammars', seen);
const tsconfigRaw = { compilerOptions: { target: 'es2022', useDefineForClassFields: false } };
const marked = {
  loader: 'ts',
  tsconfigRaw,
  mangleProps: new RegExp(`^(?:${names.join('|')})$`),
  mangleCache: Object.fromEntries(names.map((name) => [name, `__${name}`])),
};
// The runtime and the grammars run in browsers: minified, no Node built-ins at load. What few plans need (WebGPU, host functions) is
// in chunks that load on demand.
const web = await build({
  ...common,
  lineLimit: 1000,
  tsconfigRaw,
  splitting: true,
  chunkNames: 'chunk-web-[hash]',
  entryPoints: browser,
  platform: 'neutral',
  // White space stays: without it esbuild drops the notes on which calls are pure, and bundles of users could not leave out what they do
  // not use. They are minified there.
  minifyIdentifiers: true,
  minifySyntax: true,
  mangleProps: /^_(?:_\w+|\d+)$/,
  plugins: [
    {
      name: 'internal-names',
      setup: ({ onLoad }) =>
        onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
          const text = texts.get(file);
          return text && { contents: (await transform(text, marked)).code };
        }),
    },
  ],
  // Which become 1 / 0 and -1 / 0.
  define: { ...leanParsers.define, 'Number.POSITIVE_INFINITY': '1e999', 'Number.NEGATIVE_INFINITY': '-1e999' },
  metafile: true,
});

// What compiled artifacts carry; the worker also serves dist/runtime.js and the command line.
await buildArtifactParts('dist/artifact');
await copyFile('dist/artifact/worker.js', 'dist/worker.js');

function pick(...names) {
  return Object.fromEntries(names.filter((name) => entries[name]).map((name) => [name, entries[name]]));
}

await writeErrorCodes();
// `infc plugin new` starts from the example plugin that infc's own tests prove.
const example = 'test/plugins/acme/src';
const sources = (await readdir(example)).map(async (f) => [f, await readFile(path.join(example, f), 'utf8')]);
await writeFile('dist/plugin-example.json', JSON.stringify(Object.fromEntries(await Promise.all(sources))));
await declarations;

if (!quiet) {
  const outputs = { ...node.metafile.outputs, ...web.metafile.outputs };
  let total = 0;
  for (const file of await readdir('dist')) {
    const full = path.join('dist', file);
    const { size } = await stat(full);
    if (!file.endsWith('.js')) continue;
    total += size;
    if (
      outputs[full]?.entryPoint &&
      ['index.js', 'cli.js', 'runtime.js', 'generate.js', 'grammars.js', 'test.js'].includes(file)
    ) {
      say(`${full.padEnd(20)} ${kb(size)}  gzip ${kb(gzipSync(await readFile(full)).length)}`);
    }
  }
  say(`all chunks           ${kb(total)}  built in ${Math.round(performance.now() - started)} ms`);
}

/** `infc explain CODE` reads every error the sources can raise from this table, so it cannot fall behind them. */
async function writeErrorCodes() {
  await build({
    ...common,
    entryPoints: ['compiler/cli/harvest-codes.ts'],
    outdir: undefined,
    outfile: 'dist/harvest-codes.mjs',
    platform: 'node',
  });
  const { harvestCodes } = await import(pathToFileURL(path.join(root, 'dist/harvest-codes.mjs')).href);
  await writeFile('dist/codes.json', `${JSON.stringify(await harvestCodes(root), null, 1)}\n`);
  await rm('dist/harvest-codes.mjs');
}

async function writeDeclarations() {
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const options = ['-p', '.build/tsconfig.json'];
  try {
    await promisify(execFile)(process.execPath, [tsc, ...options]);
  } catch (error) {
    process.stderr.write(error.stdout ?? '');
    throw new Error('declarations could not be written: run npm run typecheck');
  }
}

function kb(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(7)} kB`;
}
