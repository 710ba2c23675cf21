// node test/bench/gemv.mjs [SECONDS] [--formats a,b|all] [--cases 1x2048x2048,...]: products with weights in each storage format on one thread:
// ms, GMAC/s, and the share of the memory roofline (weights that lie in memory, not in a cache) that one row reaches, in Node, in Node with
// relaxed SIMD and in Chromium, and what bounds it: where that is not memory, arithmetic, with the speed at which the same kernel
// runs on weights that stay in the cache (`bitmap-q8@0.7`: 70 % of the weights are zero; `--sparse`: what sparse formats gain); results are compared with the format's decoded weights in doubles, and no speed is printed when they disagree.
// With INFC_PEERS (a folder with bench-ort.mjs and models/matmulnbits.onnx) onnxruntime-web's int4 product of 2048 x 2048 stands beside it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { copyFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import v8 from 'node:v8';
import { hasChromium, runInPage } from './page.mjs';
import { bundleJobs, readSpeed } from './roofline.mjs';
import { runJob } from './run-job.mjs';

const self = fileURLToPath(import.meta.url);
const here = path.dirname(self);
const RELAXED = ['relaxed-simd', 'relaxed-dot'];
/** Weights of one row's products are spread over this much memory. */
const SPREAD = 64e6;

if (process.argv[2] === '--child') {
  const { bundle, cases, seconds, relaxed } = JSON.parse(process.argv[3]);
  if (relaxed) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  const { productJob } = await import(pathToFileURL(bundle).href);
  const results = [];
  for (const c of cases) {
    const job = productJob(c, relaxed ? RELAXED : []);
    results.push({ ...(await runJob(job, seconds)), bytes: job.weightBytes });
  }
  console.log(`@@${JSON.stringify(results)}`);
  process.exit(0);
}

const args = process.argv.slice(2);
const option = (name, fallback) => (args.includes(name) ? args[args.indexOf(name) + 1] : fallback);
const seconds = Number(args[0]?.startsWith('--') ? 0.4 : (args[0] ?? 0.4));
/** Sparse formats by the dense one they have to beat, as shares of zeros. */
const SPARSE = {
  q8g32: {
    'bitmap-q8': [0.5, 0.6, 0.7, 0.8],
    '2of4-q8': [0.5],
    '4of8-q8': [0.5],
    '1of4-q8': [0.75],
    '2of8-q8': [0.75],
    'block16x16-q8': [0.5, 0.7],
    'gqsa-w8': [0.5],
  },
  q4g32: { 'bitmap-q4': [0.7], '2of4-q4': [0.5], '4of8-q4': [0.5], '1of4-q4': [0.75], 'block16x16-q4': [0.5, 0.7], 'gqsa-w4': [0.5, 0.7] },
  'dense-f16': { 'bitmap-f16': [0.7], '2of4-f16': [0.5], 'block16x16-f16': [0.5, 0.7] },
};
const sparse = args.includes('--sparse');
const sparseFormats = Object.entries(SPARSE).flatMap(([dense, own]) => [
  dense,
  ...Object.entries(own).flatMap(([name, shares]) => shares.map((z) => `${name}@${z}`)),
]);
const bundle = await bundleJobs();
const { productJob, formatNames } = await import(pathToFileURL(bundle).href);
const asked = option('--formats', 'dense,dense-f16,q8g32,q4g32,q4_k,q6_k,ternary');
const formats = sparse ? sparseFormats : asked === 'all' ? formatNames : asked.split(',');
/** So many weights stay in the second-level cache in any format of up to 8 bits; fewer, and what is done once a row of activations would show. */
const CACHED = 600_000;
const cachedRows = (n, k) => Math.min(n, Math.ceil(CACHED / k));
/** Share of the memory's speed from which it is what bounds a product. */
const BOUND = 0.8;
const cases = option('--cases', sparse ? '1x1536x576' : '1x2048x2048,4x2048x2048,128x768x768')
  .split(',')
  .flatMap((text) => {
    const [m, n, k] = text.split('x').map(Number);
    return formats.flatMap((text) => {
      const [format, share] = text.split('@');
      const c = { m, k, format, ...(share ? { zeros: Number(share) } : {}) };
      return [
        { ...c, n, spread: m === 1 ? SPREAD : 0 },
        ...(m === 1 ? [{ ...c, n: cachedRows(n, k), spread: 0, cached: true }] : []),
      ];
    });
  });

const folder = mkdtempSync(path.join(os.tmpdir(), 'infc-gemv-'));
try {
  const speed = await readSpeed(bundle);
  console.log(`a Wasm kernel reads memory at ${speed.toFixed(1)} GB/s; one thread; load average ${os.loadavg()[0].toFixed(1)}`);
  const inNode = (relaxed) => {
    const p = spawnSync(process.execPath, [self, '--child', JSON.stringify({ bundle, cases, seconds, relaxed })], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    const line = p.stdout.split('\n').find((l) => l.startsWith('@@'));
    if (!line) throw new Error(p.stderr.trim().split('\n').slice(-3).join(' | '));
    return JSON.parse(line.slice(2));
  };
  const results = { Node: inNode(false), 'Node relaxed': inNode(true) };
  if (hasChromium) results.Chromium = await inChromium();
  for (const [i, c] of cases.entries()) {
    if (c.cached) continue;
    const cells = Object.entries(results).map(([engine, list]) => {
      const { ms, error, bytes } = list[i];
      if (!(error < 0.05)) return `${engine} RESULTS DIFFER by ${error.toExponential(1)}`;
      const rate = (c.m * c.n * c.k) / ms / 1e6;
      const share = bytes / ms / 1e6 / speed;
      const twin = c.m === 1 ? list[i + 1] : undefined;
      const bound = twin && (share >= BOUND ? 'memory' : `arithmetic: ${((cases[i + 1].n * c.k) / twin.ms / 1e6).toFixed(1)} GMAC/s in the cache`);
      const roof = twin ? `, ${(100 * share).toFixed(0)} % of the roofline, bound by ${bound}` : '';
      return `${engine} ${ms.toFixed(3)} ms, ${rate.toFixed(1)} GMAC/s${roof}, error ${error.toExponential(0)}`;
    });
    console.log(`${`${c.m} x ${c.n} x ${c.k} ${c.format}${c.zeros ? `@${c.zeros}` : ''}`.padEnd(32)} ${cells.join('; ')}`);
  }
  if (sparse) printGains(results);
  const q4 = cases.findIndex((c) => c.m === 1 && c.n === 2048 && c.k === 2048 && c.format === 'q4g32');
  const peers = process.env.INFC_PEERS;
  if (q4 >= 0 && peers && existsSync(path.join(peers, 'models/matmulnbits.onnx'))) {
    const p = spawnSync(
      process.execPath,
      [path.join(peers, 'bench-ort.mjs'), path.join(peers, 'models/matmulnbits.onnx'), '--dim', 'M=1', '--engines', 'web:1'],
      { encoding: 'utf8' },
    );
    const ms = Number(/([\d.]+) ms/.exec(p.stdout)?.[1]);
    if (ms > 0)
      console.log(`int4 2048 x 2048: onnxruntime-web ${ms} ms, ${(ms / results.Node[q4].ms).toFixed(0)} times that of Node here`);
  }
} finally {
  rmSync(bundle, { force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** Times of sparse formats over those of their dense ones, of the engine where they gain least: lines of backends/wasm/sparse-speed.ts. */
function printGains(results) {
  const worst = (format, zeros, dense) => {
    const ratios = cases.flatMap((c, i) => {
      if (c.format !== format || (c.zeros ?? 0) !== zeros) return [];
      const j = cases.findIndex((d) => d.format === dense && d.n === c.n && d.k === c.k);
      return Object.values(results).map((list) => list[i].ms / list[j].ms);
    });
    return Math.max(...ratios);
  };
  for (const [dense, own] of Object.entries(SPARSE))
    for (const [format, shares] of Object.entries(own))
      for (const zeros of shares)
        console.log(`  { format: '${format}', zeros: ${zeros}, time: ${worst(format, zeros, dense).toFixed(2)} },`);
}

/** The page gets modules and small inputs by name; everything else is made again in it. */
async function inChromium() {
  copyFileSync(path.join(here, 'run-job.mjs'), path.join(folder, 'run-job.mjs'));
  const list = [];
  for (const [i, c] of cases.entries()) {
    const job = productJob(c, RELAXED);
    writeFileSync(path.join(folder, `${i}.wasm`), job.module);
    // Copies of the weights are equal: one file serves all.
    const files = new Map();
    const fills = job.fills.map(({ at, bytes }) => {
      let name = files.get(bytes);
      if (!name) {
        name = `${i}-${files.size}.bin`;
        files.set(bytes, name);
        writeFileSync(path.join(folder, name), bytes);
      }
      return { at, name };
    });
    writeFileSync(path.join(folder, `${i}.json`), JSON.stringify({ ...job, module: undefined, fills, expected: Array.from(job.expected) }));
    const r = await runInPage(
      folder,
      `
      try {
        const { runJob } = await import('./run-job.mjs');
        const bytesOf = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
        const job = await (await fetch('${i}.json')).json();
        const files = new Map();
        for (const f of job.fills) if (!files.has(f.name)) files.set(f.name, await bytesOf(f.name));
        const ready = {
          ...job,
          module: await bytesOf('${i}.wasm'),
          fills: job.fills.map((f) => ({ at: f.at, bytes: files.get(f.name) })),
          expected: Float32Array.from(job.expected),
        };
        document.title = JSON.stringify(await runJob(ready, ${seconds}));
      } catch (error) {
        document.title = JSON.stringify({ error: NaN, ms: 1, text: String(error) });
      }`,
    );
    list.push({ ...r, error: r.error ?? Number.POSITIVE_INFINITY, bytes: job.weightBytes });
  }
  return list;
}
