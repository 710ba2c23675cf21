// node test/bench/skip-zeros.mjs: time of one row times constant f32 weights with zeros skipped, in times the dense kernel's, by the share of
// zeros; weights in memory (8 matrices of 3072 x 768, 75 MB), one thread. Needs dist/ (npm run build). The lines go to
// backends/wasm/sparse-speed.ts.
import { createCompiler, Graph, GraphBuilder, loadCompiled, tensor } from '../../dist/index.js';

const [DEPTH, COLUMNS, LAYERS] = [3072, 768, 8];
const compiler = createCompiler();

async function open(skipZeros) {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, compiler.registry, { name: 'bench', op: 'MatMul' });
  const x = graph.input('x', tensor('f32', [1, DEPTH]));
  for (let l = 0; l < LAYERS; l++) {
    const w = b.constant('f32', [DEPTH, COLUMNS], Float32Array.from({ length: DEPTH * COLUMNS }, (_, i) => Math.sin(i + l)), `w${l}`);
    graph.outputs.push(b.node('matmul', [x, w], skipZeros ? { skipZeros } : {}, `y${l}`));
  }
  const program = { name: 'bench', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
  return loadCompiled((await compiler.compile(program)).targets[0]);
}

/** One row with zeros here and there, the same each time. */
function row(zeros) {
  let seed = 7;
  return Float32Array.from({ length: DEPTH }, (_, i) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32 < zeros ? 0 : 1 + Math.cos(i);
  });
}

const models = [await open(false), await open(true)];
for (const zeros of [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]) {
  const x = { shape: [1, DEPTH], data: row(zeros) };
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const outputs = [];
  for (let round = 0; round < 40; round++)
    for (const [i, model] of models.entries()) {
      const start = performance.now();
      outputs[i] = await model.run({ x });
      best[i] = Math.min(best[i], performance.now() - start);
    }
  const [dense, skipped] = outputs.map((o) => o.y3.data);
  const worst = dense.reduce((m, v, i) => Math.max(m, Math.abs(v - skipped[i])), 0);
  if (worst > 1e-2) throw new Error(`results differ by ${worst}`);
  console.log(`  { format: 'skip-zeros', zeros: ${zeros}, time: ${(best[1] / best[0]).toFixed(2)} }, // ${best[0].toFixed(2)} ms dense`);
}
for (const model of models) await model.dispose();
