// Verifies real models against onnxruntime-node and times them against onnxruntime-web, one process an engine, same threads.
//   node test/bench/models.mjs [NAME...] [--threads 1] [--rounds 3] [--seconds 1] [--verify-only] [--json FILE] [--svg FILE]
// Models come from ../shared/models (INFC_SHARED); build dist/ first. A ratio is printed only where the results agree.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ratioBars } from './bars.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shared = process.env.INFC_SHARED ?? path.join(root, '../shared');
const cli = path.join(root, 'dist/cli.js');
const models = JSON.parse(readFileSync(new URL('./models.json', import.meta.url), 'utf8'));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    'verify-only': { type: 'boolean', default: false },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
});
for (const p of [cli, path.join(shared, 'models')]) {
  if (existsSync(p)) continue;
  console.error(`missing: ${p}`);
  process.exit(2);
}

const run = promisify(execFile);
/** Runs the command line with --json; a failure is its error as `CODE reason`. */
async function infc(...args) {
  try {
    const { stdout } = await run(process.execPath, [cli, ...args, '--json'], { cwd: root, maxBuffer: 1 << 28, timeout: 300_000 });
    return JSON.parse(stdout);
  } catch (error) {
    const text = error.stdout ?? '';
    const found = text.startsWith('{') ? JSON.parse(text) : undefined;
    if (found?.error) return { ok: false, why: `${found.error.code} ${found.error.reason}${found.error.place?.node ? ` (node '${found.error.place.node}')` : ''}` };
    if (found) return { ...found, ok: false };
    return { ok: false, why: error.killed ? 'took more than 300 s' : String(error.stderr || error.message).split('\n')[0] };
  }
}

const rows = [];
const work = mkdtempSync(path.join(os.tmpdir(), 'infc-models-'));
try {
  for (const [name, m] of Object.entries(models)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const row = await one(name, m);
    rows.push(row);
    console.log(line(row));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
summary();
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
if (values.svg) {
  const timed = rows.filter((r) => r.ratio !== undefined);
  writeFileSync(values.svg, ratioBars(`Speed relative to onnxruntime-web, Wasm, ${values.threads} thread${values.threads === '1' ? '' : 's'} (right of 1: infc is faster)`, timed));
}
process.exitCode = rows.every((r) => r.agrees) ? 0 : 1;

async function one(name, m) {
  const dir = path.join(work, name);
  const compiled = await infc('compile', path.join(shared, 'models', m.file), '-o', dir);
  if (!compiled.ok) return { name, agrees: false, why: `compile: ${compiled.why}` };
  const plan = JSON.parse(readFileSync(path.join(dir, 'plan.json'), 'utf8'));
  const given = (m.inputs ?? []).flatMap((i) => ['--input', i]);
  const dims = m.dims ?? anonymous(plan, m.sizes ?? []);
  if (dims) given.push('--dims', dims);
  const size = { nodes: compiled.nodesIn, kernels: compiled.kernels, compileMs: compiled.ms, gzip: compiled.targets[0].gzipWithoutWeights };
  const verified = await infc('verify', dir, '--against', 'onnxruntime', '--repro', path.join(work, `${name}-repro`), ...given);
  if (!verified.ok) {
    const d = verified.divergence;
    const worst = verified.outputs?.find((o) => !o.agrees);
    return { name, ...size, agrees: false, why: verified.why ?? `verify: output '${worst?.name}' ${worst?.reason ?? `error ${worst?.error}`}${d ? `; first at '${d.value.name}' (${d.op}, ${d.stage} ${d.by})` : ''}` };
  }
  const error = Math.max(...verified.outputs.map((o) => o.error));
  if (values['verify-only']) return { name, ...size, agrees: true, error };
  // The fastest run of each engine counts, and rounds alternate the engines: other work on the machine then hurts neither.
  let [ours, theirs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < Number(values.rounds); round++) {
    const b = await infc('bench', dir, '--vs', 'onnxruntime-web', '--threads', values.threads, '--seconds', values.seconds, ...given);
    if (!b.ok) return { name, ...size, agrees: true, error, why: `bench: ${b.why ?? 'results disagree'}` };
    for (const r of b.rows) {
      if (r.engine === 'infc') ours = Math.min(ours, r.leastMs);
      else theirs = Math.min(theirs, r.leastMs);
    }
  }
  return { name, ...size, agrees: true, error, ours, theirs, ratio: theirs / ours };
}

/** Unnamed input dims in order of appearance, with the sizes given. */
function anonymous(plan, sizes) {
  const names = [];
  for (const i of Object.values(plan.entries)[0].inputs) for (const d of i.shape) if (typeof d === 'string' && !names.includes(d)) names.push(d);
  return sizes.length === 0 ? '' : names.slice(0, sizes.length).map((n, i) => `${n}=${sizes[i]}`).join(',');
}

function line(r) {
  const head = r.name.padEnd(24);
  if (!r.agrees) return `${head} ${r.why}`;
  const checked = `agrees ${r.error.toExponential(1)}`.padEnd(16);
  if (r.ratio === undefined) return `${head} ${checked} ${r.why ?? ''}`;
  return `${head} ${checked} infc ${r.ours.toFixed(2).padStart(9)} ms   onnxruntime-web ${r.theirs.toFixed(2).padStart(9)} ms   ${r.ratio.toFixed(2).padStart(6)}x`;
}

function summary() {
  const agree = rows.filter((r) => r.agrees);
  console.log(`\n${agree.length} of ${rows.length} agree with onnxruntime-node`);
  const ratios = rows.flatMap((r) => (r.ratio === undefined ? [] : [r.ratio]));
  if (ratios.length === 0) return;
  const geomean = Math.exp(ratios.reduce((s, r) => s + Math.log(r), 0) / ratios.length);
  console.log(`onnxruntime-web / infc, ${values.threads} thread(s), ${ratios.length} models: fastest runs: geometric mean ${geomean.toFixed(2)}, least ${Math.min(...ratios).toFixed(2)} (above 1: infc is faster)`);
}
