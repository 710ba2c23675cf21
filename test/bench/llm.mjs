// node test/bench/llm.mjs MODEL... [--threads 1,2] [--quant RECIPE] [--batch N]: prefill of 128 tokens and decode of a language model (a GGUF file, or a
// folder of config and safetensors) compiled to Wasm, in Node, in Node with relaxed SIMD and in Chromium; next to llama.cpp (native in Node)
// and wllama (Chromium) when INFC_PEERS names a folder that has bench-llama.mjs and its packages. Prints tokens a second, the share of
// the memory roofline (weights read once a token at the speed at which a Wasm kernel reads memory here), and ratios to the peers. A ratio is
// printed only when the log-probabilities of a short prompt agree with what llama.cpp gives in f32 for the values of the same weights; how far
// llama.cpp is from that with the quantized weights, whose activations it rounds to 8 bits, stands beside. With --batch also 1, 2, 4... up to N
// sequences at once, in one run. Needs `npm run build`.
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { measure, STRIDE } from './llm-run.mjs';
import { hasChromium, runInPage } from './page.mjs';
import { bundleJobs, readSpeed } from './roofline.mjs';

const self = fileURLToPath(import.meta.url);
const here = path.dirname(self);
const root = path.join(here, '../..');

if (process.argv[2] === '--child') {
  const { folder, threads, relaxed } = JSON.parse(process.argv[3]);
  const { load } = await import(pathToFileURL(path.join(root, 'dist/runtime.js')).href);
  const model = await load(folder, { threads, relaxedSimd: relaxed });
  const text = `@@${JSON.stringify(await measure(model))}\n`;
  await new Promise((done) => process.stdout.write(text, done));
  process.exit(0);
}

const args = process.argv.slice(2);
const option = (name, fallback) => (args.includes(name) ? args[args.indexOf(name) + 1] : fallback);
const threads = option('--threads', '1').split(',').map(Number);
const quant = option('--quant');
const batch = option('--batch');
const models = args.filter((a, i) => !a.startsWith('--') && !['--threads', '--quant', '--batch'].includes(args[i - 1]));
const peers = process.env.INFC_PEERS && path.resolve(process.env.INFC_PEERS);

function node(script, more, env = {}) {
  const p = spawnSync(process.execPath, [script, ...more], { encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env } });
  return p;
}

function child(job) {
  const p = node(self, ['--child', JSON.stringify(job)]);
  const line = p.stdout.split('\n').find((l) => l.startsWith('@@'));
  if (!line) throw new Error(p.stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 300));
  return JSON.parse(line.slice(2));
}

/** 16-bit activations stay below 0.002 on random weights, which amplify differences; 8-bit ones give 0.2. */
const AGREES = 0.01;
/** Below this, probabilities of llama.cpp lose digits or become 0 as floats. */
const SMALLEST = -60;

/** Root mean square of the differences of log-probabilities, relative to how far these spread. */
function difference(a, b) {
  const pairs = b.map((v, i) => [a[i], v]).filter(([, v]) => v !== null && v > SMALLEST);
  const mean = pairs.reduce((s, [, v]) => s + v, 0) / pairs.length;
  const spread = pairs.reduce((s, [, v]) => s + (v - mean) ** 2, 0);
  return pairs.length < 20 ? Number.NaN : Math.sqrt(pairs.reduce((s, [v, w]) => s + (v - w) ** 2, 0) / spread);
}

/** Tokens a second of the peers, by engine name. */
function peerSpeeds(model, count) {
  if (!peers || !model.endsWith('.gguf') || !existsSync(path.join(peers, 'bench-llama.mjs'))) return {};
  const engines = `nlc:${count},wllama:${count}`;
  const p = node(path.join(peers, 'bench-llama.mjs'), [model, '--engines', engines, '--pp', '128', '--tg', '48', '--reps', '2']);
  const speeds = {};
  for (const line of p.stdout.split('\n')) {
    const found = /^(nlc|wllama):\d.*pp\d+ ([\d.]+) tok\/s +tg\d+ ([\d.]+) tok\/s/.exec(line);
    if (found) speeds[found[1]] = { prefill: Number(found[2]), decode: Number(found[3]) };
  }
  return speeds;
}

/** Log-probabilities after the prompt by llama.cpp, or undefined without it. */
function llamaCpp(model, prompt) {
  if (!peers || !model.endsWith('.gguf')) return undefined;
  const p = node(path.join(root, 'test/oracle/llama-cpp.mjs'), [model, 'logits', prompt.join(',')], { INFC_PEERS: peers });
  try {
    return JSON.parse(p.stdout).at(-1).filter((_, i) => i % STRIDE === 0);
  } catch {
    console.error(`llama.cpp gave no probabilities: ${p.stderr.trim().split('\n').at(-1).slice(0, 200)}`);
    return undefined;
  }
}

/** The same for the values of the weights, in f32. */
async function oracle(model, prompt, folder) {
  if (!peers || !model.endsWith('.gguf')) return undefined;
  const dense = path.join(folder, 'dense.gguf');
  if (!existsSync(dense)) {
    const { denseGguf, memorySource } = await import(pathToFileURL(bundle).href);
    const file = openSync(dense, 'w');
    for (const piece of denseGguf(memorySource(model, readFileSync(model)))) writeSync(file, piece);
    closeSync(file);
  }
  return llamaCpp(dense, prompt);
}

const bundle = await bundleJobs();
const speed = await readSpeed(bundle);
console.log(`a Wasm kernel reads memory at ${speed.toFixed(1)} GB/s on one thread; load average ${os.loadavg()[0].toFixed(1)}`);
for (const model of models) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'infc-bench-'));
  try {
    const made = node(path.join(root, 'dist/cli.js'), ['compile', model, '-o', path.join(folder, 'model'), '--force', ...(quant ? ['--quant', quant] : []), ...(batch ? ['--batch', batch, '--context', '512'] : [])]);
    if (made.status !== 0) throw new Error(made.stderr);
    const plan = JSON.parse(readFileSync(path.join(folder, 'model/plan.json'), 'utf8'));
    const bytes = plan.weights.reduce((n, w) => n + w.bytes, 0);
    console.log(`\n${path.basename(model)}: ${(bytes / 1e6).toFixed(0)} MB of weights`);
    cpSync(path.join(here, 'llm-run.mjs'), path.join(folder, 'llm-run.mjs'));
    let expected;
    for (const count of threads) {
      const speeds = peerSpeeds(path.resolve(model), count);
      for (const [name, s] of Object.entries(speeds))
        console.log(`  ${name.padEnd(14)} ${count} threads  prefill ${s.prefill.toFixed(0)} tok/s  decode ${s.decode.toFixed(1)} tok/s`);
      const engines = [
        ['Node', () => child({ folder: path.join(folder, 'model'), threads: count, relaxed: false }), 'nlc'],
        ['Node relaxed', () => child({ folder: path.join(folder, 'model'), threads: count, relaxed: true }), 'nlc'],
        ...(hasChromium
          ? [['Chromium', () => runInPage(folder, pageScript(count)), 'wllama']]
          : []),
      ];
      for (const [name, run, peer] of engines) {
        const r = await run();
        if (r.error) throw new Error(r.error);
        if (!expected) {
          expected = await oracle(path.resolve(model), r.prompt, folder);
          const theirs = expected && llamaCpp(path.resolve(model), r.prompt);
          if (theirs) console.log(`  llama.cpp's log-probabilities with these weights differ from those with their values by ${difference(theirs, expected).toExponential(1)}`);
        }
        const off = expected && difference(r.logits, expected);
        const share = (r.decode * bytes) / 1e9 / speed;
        const against = speeds[peer];
        const ratio =
          against === undefined || off === undefined
            ? ''
            : off < AGREES
              ? `  against ${peer}: prefill ${(r.prefill / against.prefill).toFixed(2)}, decode ${(r.decode / against.decode).toFixed(2)}`
              : '  RESULTS DIFFER';
        const logits = off === undefined ? '' : `  log-probabilities differ from the exact ones by ${off.toExponential(1)}`;
        console.log(
          `  ${name.padEnd(14)} ${count} threads  prefill ${r.prefill.toFixed(0)} tok/s  decode ${r.decode.toFixed(1)} tok/s, ${(100 * share).toFixed(0)} % of the roofline${ratio}${logits}`,
        );
        for (const { n, rate } of r.batch)
          console.log(`    ${String(n).padStart(2)} at once  ${rate.toFixed(1)} tok/s, ${(rate / r.batch[0].rate).toFixed(2)} of one alone`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
rmSync(bundle, { force: true });

function pageScript(count) {
  return `
    try {
      const { loadModel } = await import('./model/model.js');
      const { measure } = await import('./llm-run.mjs');
      document.title = JSON.stringify(await measure(await loadModel({ threads: ${count} })));
    } catch (error) {
      document.title = JSON.stringify({ error: String(error?.stack ?? error) });
    }`;
}
