// node test/bench/gemm.mjs [SECONDS]: GEMM and convolution kernels against onnxruntime-web, one thread, a process for each engine and
// case, best time of a run. Prints no ratio for a case on which the engines disagree.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const self = fileURLToPath(import.meta.url);

const CASES = [
  { name: 'GEMM 1024^3', kind: 'gemm', m: 1024, n: 1024, k: 1024 },
  { name: 'GEMM 64 x 512 x 512', kind: 'gemm', m: 64, n: 512, k: 512 },
  { name: 'GEMV 1024 x 1024', kind: 'gemm', m: 1, n: 1024, k: 1024 },
  { name: 'conv 1x1 64 to 64, 56^2', kind: 'conv', m: 64, n: 0, k: 64, size: 56, kernel: 1 },
  { name: 'conv 1x1 256 to 128, 14^2', kind: 'conv', m: 128, n: 0, k: 256, size: 14, kernel: 1 },
  { name: 'conv 3x3 64 to 64, 56^2', kind: 'conv', m: 64, n: 0, k: 64, size: 56, kernel: 3 },
  { name: 'depthwise 3x3 64, 56^2', kind: 'conv', m: 64, n: 0, k: 64, size: 56, kernel: 3, group: 64 },
  { name: 'depthwise 5x5 128, 28^2', kind: 'conv', m: 128, n: 0, k: 128, size: 28, kernel: 5, group: 128 },
];

const flopsOf = (c) =>
  c.kind === 'gemm'
    ? 2 * c.m * c.n * c.k
    : (2 * c.m * c.size * c.size * c.k * c.kernel * c.kernel) / (c.group ?? 1);

/** Protobuf fields: enough of ONNX for one node with a float input, a float weight and a float output. */
const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(Math.floor(n / 128))]);
const bytes = (field, body) => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), Buffer.from(body)]);
const int = (field, n) => Buffer.from([...varint(field * 8), ...varint(n)]);
const all = (...parts) => Buffer.concat(parts);
const valueInfo = (name, dims) =>
  all(
    bytes(1, Buffer.from(name)),
    bytes(2, bytes(1, all(int(1, 1), bytes(2, all(...dims.map((d) => bytes(1, int(1, d)))))))),
  );
const ints = (name, values) => bytes(5, all(bytes(1, Buffer.from(name)), ...values.map((v) => int(8, v)), int(20, 7)));
const oneInt = (name, v) => bytes(5, all(bytes(1, Buffer.from(name)), int(3, v), int(20, 2)));
const fill = (n, step) => Float32Array.from({ length: n }, (_, i) => ((i * step) % 17) / 17 - 0.4);
const elements = (shape) => shape.reduce((p, d) => p * d, 1);

function onnxModel(c) {
  const { kernel = 1, size = 1, group = 1 } = c;
  const pad = Math.floor(kernel / 2);
  const x = c.kind === 'gemm' ? [c.m, c.k] : [1, c.k, size, size];
  const w = c.kind === 'gemm' ? [c.k, c.n] : [c.m, c.k / group, kernel, kernel];
  const y = c.kind === 'gemm' ? [c.m, c.n] : [1, c.m, size, size];
  const attributes = c.kind === 'gemm' ? [] : [ints('pads', [pad, pad, pad, pad]), oneInt('group', group)];
  const node = all(
    bytes(1, Buffer.from('x')),
    bytes(1, Buffer.from('w')),
    bytes(2, Buffer.from('y')),
    bytes(4, Buffer.from(c.kind === 'gemm' ? 'MatMul' : 'Conv')),
    ...attributes,
  );
  const tensor = all(
    ...w.map((d) => int(1, d)),
    int(2, 1),
    bytes(8, Buffer.from('w')),
    bytes(9, Buffer.from(fill(elements(w), 7).buffer)),
  );
  const graph = all(
    bytes(1, node),
    bytes(2, Buffer.from('g')),
    bytes(5, tensor),
    bytes(11, valueInfo('x', x)),
    bytes(12, valueInfo('y', y)),
  );
  return { model: all(int(1, 8), bytes(7, graph), bytes(8, int(2, 13))), x, y };
}

async function child(engine, c, seconds, bundle) {
  if (engine !== 'onnxruntime-web') {
    const { measure } = await import(pathToFileURL(bundle).href);
    return measure(c, engine === 'infc relaxed', seconds);
  }
  const module = await import('onnxruntime-web');
  const ort = module.default?.InferenceSession ? module.default : module;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const { model, x } = onnxModel(c);
  const session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ['wasm'] });
  const feeds = { x: new ort.Tensor('float32', fill(elements(x), 3), x) };
  let y;
  const until = async (ms) => {
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + ms;
    do {
      const start = performance.now();
      ({ y } = await session.run(feeds));
      best = Math.min(best, performance.now() - start);
    } while (performance.now() < end);
    return best;
  };
  await until(seconds * 500);
  const best = await until(seconds * 1000);
  return { best, sample: Array.from({ length: 16 }, (_, i) => y.data[(i * 7919) % y.data.length]) };
}

if (process.argv[2] === '--child') {
  const [engine, c, seconds, bundle] = JSON.parse(process.argv[3]);
  console.log(`@@${JSON.stringify(await child(engine, c, seconds, bundle))}`);
  process.exit(0);
}

const seconds = Number(process.argv[2] ?? 1);
const bundle = path.join(path.dirname(self), '../../dist/bench-gemm.mjs');
try {
  await build({
    entryPoints: [path.join(path.dirname(self), 'gemm-infc.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    packages: 'external',
    logLevel: 'error',
  });
  console.log(`one thread, best of ${seconds} s; load average ${os.loadavg()[0].toFixed(1)}`);
  const ratios = [];
  for (const c of CASES) {
    const results = {};
    for (const engine of ['infc', 'infc relaxed', 'onnxruntime-web']) {
      const job = JSON.stringify([engine, c, seconds, bundle]);
      const p = spawnSync(process.execPath, [self, '--child', job], { encoding: 'utf8' });
      const line = p.stdout.split('\n').find((l) => l.startsWith('@@'));
      if (line) results[engine] = JSON.parse(line.slice(2));
      else console.error(`${engine} failed: ${p.stderr.trim().split('\n').slice(-3).join(' | ')}`);
    }
    const reference = results['onnxruntime-web'];
    const agrees = (r) => r.sample.every((v, i) => Math.abs(v - reference.sample[i]) <= 1e-3 * (1 + Math.abs(v)));
    const cells = Object.entries(results).map(([engine, r]) => {
      const rate = (flopsOf(c) / r.best / 1e6).toFixed(1);
      return `${engine} ${r.best.toFixed(3)} ms ${rate} GFLOP/s`;
    });
    const ours = results.infc;
    if (ours && reference) {
      if (agrees(ours)) ratios.push(reference.best / ours.best);
      cells.push(agrees(ours) ? `ratio ${(reference.best / ours.best).toFixed(2)}` : 'RESULTS DIFFER');
    }
    console.log(`${c.name.padEnd(28)} ${cells.join('  ')}`);
  }
  const mean = Math.exp(ratios.reduce((s, r) => s + Math.log(r), 0) / ratios.length);
  console.log(`geometric mean of ${ratios.length} ratios: ${mean.toFixed(2)}`);
} finally {
  rmSync(bundle, { force: true });
}
