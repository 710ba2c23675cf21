// node test/bench/memory.mjs MODEL... [--contexts 512,4096] [--threads N] [--json]: resident memory of language models compiled to Wasm, in
// Node, beside what `infc compile` says they take. MODEL is a GGUF file or a folder, compiled here for each context, or an artifact. Each case is
// a process of its own that loads the generator and fills the cache to its last place: `prompt` with one long prompt, `decode` with its last
// 64 tokens decoded, both from token ids; `text` as `prompt`, with the tokenizer opened, whose tables are no part of the limit. Peaks are what the
// kernel counted (resourceUsage), less those of a Node process that does nothing; beside, the share less those of one that runs an empty Wasm
// module: what the engine takes whatever the model is. Exits with 1 when that share, from token ids, is over 1.15. Needs `npm run build`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = path.join(path.dirname(self), '../..');
const LIMIT = 1.15;
const DECODED = 64;
/** (module (func (export "f") (param i32) (result i32) local.get 0)) */
const EMPTY = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 32, 0, 11];

if (process.argv[2] === '--child') {
  const { folder, way, threads } = JSON.parse(process.argv[3]);
  const peak = () => process.resourceUsage().maxRSS * 1024;
  const out = {};
  if (way === 'engine') {
    const { instance } = await WebAssembly.instantiate(Uint8Array.from(EMPTY));
    // Until the optimizing compiler has been there.
    for (let i = 0; i < 3e6; i++) instance.exports.f(i);
    await new Promise((done) => setTimeout(done, 300));
  } else if (way !== 'nothing') {
    const { load, loadModel } = await import(pathToFileURL(path.join(folder, 'model.js')).href);
    const { loadLanguageModel } = await import(pathToFileURL(path.join(folder, 'generate.js')).href);
    const g = way === 'text' ? await load({ threads }) : await loadLanguageModel(loadModel, undefined, { threads });
    if (way === 'text') g.encode('Once upon a time');
    out.loaded = peak();
    const { context, vocabulary } = g.generation;
    const prompt = Array.from({ length: way === 'decode' ? context - DECODED : context }, (_, i) => (i * 7919 + 13) % vocabulary);
    const { usage, tokens } = await g.generate(prompt, { maxTokens: context - prompt.length + 1 });
    out.tokens = usage.promptTokens + tokens.length;
  }
  out.peak = peak();
  await new Promise((done) => process.stdout.write(`@@${JSON.stringify(out)}\n`, done));
  process.exit(0);
}

const args = process.argv.slice(2);
const option = (name, fallback) => (args.includes(name) ? args[args.indexOf(name) + 1] : fallback);
const contexts = option('--contexts', '512,4096').split(',').map(Number);
const threads = Number(option('--threads', '1'));
const models = args.filter((a, i) => !a.startsWith('--') && !['--contexts', '--threads'].includes(args[i - 1]));

function child(job) {
  const p = spawnSync(process.execPath, [self, '--child', JSON.stringify(job)], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const line = p.stdout.split('\n').find((l) => l.startsWith('@@'));
  if (!line) throw new Error(p.stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 300));
  return JSON.parse(line.slice(2));
}

const blank = child({ way: 'nothing' }).peak;
const engine = child({ way: 'engine' }).peak;
const rows = [];
const mb = (bytes) => (bytes / 1e6).toFixed(1);

function measure(name, folder) {
  const { weights, generation, entries } = JSON.parse(readFileSync(path.join(folder, 'plan.json'), 'utf8'));
  const held = weights.reduce((n, w) => n + w.bytes, 0) + generation.stateBytes;
  const planned = held + Math.max(0, ...Object.values(entries).map((e) => e.arena ?? 0));
  for (const way of ['prompt', 'decode', ...(generation.tokenizer ? ['text'] : [])]) {
    const { loaded, peak, tokens } = child({ folder, way, threads });
    const row = { model: name, context: generation.context, way, tokens, held, planned, load: loaded - blank, peak: peak - blank, ratio: (peak - blank) / held, above: (peak - engine) / held };
    rows.push(row);
    if (!args.includes('--json'))
      console.log(
        `${name} context ${row.context} ${way.padEnd(6)} ${tokens} tokens: weights and cache ${mb(held)} MB, planned ${mb(planned)}, after loading ${mb(row.load)}, peak ${mb(row.peak)} = ${row.ratio.toFixed(3)} of weights and cache (${row.above.toFixed(3)} above the engine), ${(row.peak / planned).toFixed(3)} of the plan`,
      );
  }
}

if (!args.includes('--json')) console.log(`a blank Node process takes ${mb(blank)} MB, one that runs an empty Wasm module ${mb(engine - blank)} more`);
const home = mkdtempSync(path.join(os.tmpdir(), 'infc-memory-'));
try {
  for (const model of models) {
    const name = path.basename(path.resolve(model));
    if (existsSync(path.join(model, 'plan.json'))) measure(name, path.resolve(model));
    else
      for (const context of contexts) {
        const folder = path.join(home, 'model');
        const made = spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), 'compile', model, '-o', folder, '--force', '--context', String(context)], { encoding: 'utf8' });
        if (made.status !== 0) throw new Error(made.stderr);
        measure(name, folder);
      }
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
if (args.includes('--json')) console.log(JSON.stringify({ blank, engine, limit: LIMIT, rows }, null, 2));
if (rows.some((r) => r.way !== 'text' && !(r.above <= LIMIT))) process.exitCode = 1;
