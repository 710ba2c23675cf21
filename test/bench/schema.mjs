// node test/bench/schema.mjs FOLDER FILE.jsonl.gz... [--every N]: JSON-schema masks of infc beside web-xgrammar (FOLDER/node_modules has
// @mlc-ai/web-xgrammar), Llama-3 vocabulary, the same schemas and valid instances, a process for each engine, the whole mask written out at
// every token. Declared order, free whitespace and undeclared properties for both. Says where both give the same mask, and where they do on
// the tokens that both judge by the same rules (`compared` in schema-engine.ts).
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Milliseconds without a word after which an engine is stopped and goes on with the next schema. */
const PATIENCE = 20_000;

const here = dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const at = args.indexOf('--every');
const every = at < 0 ? 1 : Number(args.splice(at, 2)[1]);
const [folder, ...files] = args;
if (!folder || files.length === 0) throw new Error('usage: node test/bench/schema.mjs FOLDER FILE.jsonl.gz... [--every N]');

const lines = files.flatMap((file) => gunzipSync(readFileSync(file)).toString().split('\n').filter(Boolean));
const cases = lines
  .filter((_, i) => i % every === 0)
  .map((line) => JSON.parse(line))
  .map(({ id, schema, tests }) => ({ id, schema, texts: tests.filter((t) => t.valid).map((t) => t.text) }));

const out = mkdtempSync(join(here, '..', '..', 'node_modules', '.infc-bench-'));
try {
  const program = join(out, 'engine.mjs');
  await build({ entryPoints: [join(here, 'schema-engine.ts')], bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile: program });
  const input = join(out, 'cases.json');
  writeFileSync(input, JSON.stringify(cases));
  // The package is UMD marked as a module: only a copy with another name loads.
  const peer = join(out, 'xgrammar.cjs');
  copyFileSync(join(resolve(folder), 'node_modules/@mlc-ai/web-xgrammar/lib/index.js'), peer);
  const results = {};
  for (const engine of ['infc', 'web-xgrammar']) results[engine] = await measure(program, engine, input, peer);
  report(results);
} finally {
  rmSync(out, { recursive: true, force: true });
}

async function measure(program, engine, input, peer) {
  const found = new Map();
  while (found.size < cases.length) {
    const from = found.size;
    const child = spawn(process.execPath, ['--stack-size=4000', program, engine, input, String(from), peer], { stdio: ['ignore', 'pipe', 'ignore'] });
    let timer = setTimeout(() => child.kill('SIGKILL'), 3 * PATIENCE);
    for await (const line of createInterface({ input: child.stdout })) {
      clearTimeout(timer);
      timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      if (!line.startsWith('{"n":')) continue;
      const result = JSON.parse(line);
      found.set(result.n, result);
    }
    clearTimeout(timer);
    if (found.size < cases.length && found.size >= from) found.set(found.size, { n: found.size, us: [], hashes: [], alike: [], first: -1, error: 'stopped' });
  }
  return [...found.values()];
}

function report({ infc, 'web-xgrammar': peer }) {
  const both = infc.map((a, i) => [a, peer[i]]).filter(([a, b]) => a.first >= 0 && b.first >= 0 && !a.error && !b.error);
  const pairs = both.flatMap(([a, b]) => a.us.slice(0, b.us.length).map((us, k) => [us, b.us[k], a.hashes[k] === b.hashes[k], a.alike[k] === b.alike[k]]));
  const share = (at) => ((100 * pairs.filter((p) => p[at]).length) / pairs.length).toFixed(1);
  console.log(`${cases.length} schemas; ready: infc ${ready(infc)}, web-xgrammar ${ready(peer)}; all valid instances taken: infc ${taken(infc)}, web-xgrammar ${taken(peer)}`);
  console.log(`on the ${both.length} schemas of both, ${pairs.length} tokens; equal masks ${share(2)} %, on the tokens both judge alike ${share(3)} %`);
  table('first mask, ms', both.map(([a]) => a.first), both.map(([, b]) => b.first));
  table('mask and commit, us', pairs.map((p) => p[0]), pairs.map((p) => p[1]));
  const equal = pairs.filter((p) => p[3]);
  table('the same where masks are alike', equal.map((p) => p[0]), equal.map((p) => p[1]));
}

function ready(list) {
  return list.filter((x) => x.first >= 0).length;
}

function taken(list) {
  return list.filter((x, i) => !x.error && x.accepted === cases[i].texts.length).length;
}

function table(what, ours, theirs) {
  const row = (list) => {
    const sorted = Float64Array.from(list).sort();
    const at = (p) => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
    return { mean: sorted.reduce((a, b) => a + b, 0) / sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  };
  const a = row(ours);
  const b = row(theirs);
  console.log(what);
  for (const key of Object.keys(a))
    console.log(`  ${key.padEnd(5)} infc ${a[key].toFixed(2).padStart(10)}   web-xgrammar ${b[key].toFixed(2).padStart(12)}   ratio ${(b[key] / a[key]).toFixed(1)}`);
}
