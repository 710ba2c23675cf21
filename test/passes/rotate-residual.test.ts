import { expect, test } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { plainProduct } from '../../passes/precision/add-product.ts';
import { rotateResidual } from '../../passes/precision/rotate-residual.ts';
import { runPasses } from '../../passes/run.ts';

const registry = new Registry([builtin]);
const reference = new Reference({ ops: registry, host: () => undefined });

/** Two blocks of a decoder without attention: table, norm, gated product, sum; tied head. */
function build(norm: 'rms_norm' | 'layer_norm', width: number): { program: Program; graph: Graph } {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 't', op: 'T' });
  let seed = 1;
  const weight = (name: string, shape: readonly number[]): Value => {
    const count = shape.reduce((n, d) => n * d, 1);
    const values = Array.from({ length: count }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 31 - 1;
    });
    return b.constant('f32', shape, values, name);
  };
  const ids = graph.input('ids', tensor('i64', [1, 3]));
  const table = weight('table', [10, width]);
  let x = b.node('gather', [table, ids], { axis: 0 });
  for (let i = 0; i < 2; i++) {
    const y = b.node(norm, [x, weight(`g${i}`, [width])], { axis: 2, eps: 1e-6 });
    const gate = b.node('matmul', [y, weight(`gate${i}`, [20, width])], { transposeB: true });
    // One weight lies the other way round.
    const up = b.node('matmul', [y, weight(`up${i}`, [width, 20])]);
    const down = b.node('matmul', [b.node('mul', [gate, up]), weight(`down${i}`, [width, 20])], { transposeB: true });
    x = b.node('add', [x, down]);
  }
  // Only the last token's row goes on.
  const row = b.node('slice', [x], { starts: [0, 2, 0], steps: [1, 1, 1], shape: [1, 1, width] });
  const last = b.node(norm, [row, weight('g', [width])], { axis: 2, eps: 1e-6 });
  const logits = b.node('matmul', [last, table], { transposeB: true }, 'logits');
  graph.outputs.push(logits);
  return {
    graph,
    program: { name: 't', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} },
  };
}

const ids = { ids: { dtype: 'i64', shape: [1, 3], data: BigInt64Array.of(1n, 7n, 4n) } } as const;
const logitsOf = (graph: Graph): number[] => {
  const r = reference.run(graph, ids).logits;
  if (!r || Array.isArray(r) || !('data' in r)) throw new TypeError('no tensor');
  return Array.from(r.data as Float32Array);
};
const rotated = (program: Program): number =>
  runPasses(program, [rotateResidual], {
    ops: registry,
    evaluate: () => undefined,
    storage: {
      format: () => undefined,
      formats: () => [],
      sparseSpeed: () => undefined,
      decode: () => new Float32Array(0),
      algorithms: registry,
      addProduct: plainProduct,
      later: [],
      recipe: { name: 'test', rules: [], rotate: true },
    },
  }).length;

test.each([8, 12, 16])('a rotated stream of %d channels computes what it did', (width) => {
  const { graph, program } = build('rms_norm', width);
  const before = logitsOf(graph);
  const weights = graph.nodes.map((n) => n.inputs[1]?.constant);
  expect(rotated(program)).toBe(7);
  const after = logitsOf(graph);
  after.forEach((v, i) => expect(v).toBeCloseTo(before[i] ?? 0, 3));
  expect(graph.nodes.filter((n, i) => n.inputs[1]?.constant !== weights[i]).length).toBeGreaterThanOrEqual(10);
});

test('an outlier channel is spread', () => {
  const { graph, program } = build('rms_norm', 16);
  const gate = graph.nodes.find((n) => n.op === 'matmul');
  const scale = graph.nodes.find((n) => n.op === 'rms_norm')?.inputs[1]?.constant;
  if (!gate || !scale) throw new TypeError('graph');
  new Float32Array(scale.read().buffer)[3] = 100;
  rotated(program);
  const made = gate.inputs[1]?.constant?.read() ?? new Uint8Array(0);
  const w = new Float32Array(made.buffer, made.byteOffset, made.byteLength / 4);
  const row = w.subarray(0, 16).map(Math.abs);
  // Before, channel 3 was a hundred times the rest.
  expect(Math.max(...row) / (row.reduce((a, b) => a + b, 0) / 16)).toBeLessThan(2);
});

test('a stream that a LayerNorm reads is refused', () => {
  const { program } = build('layer_norm', 16);
  expect(() => rotated(program)).toThrow(/INFC2090|no residual stream/);
});
