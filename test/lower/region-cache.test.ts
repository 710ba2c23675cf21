import { expect, test } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { builtin } from '../../compiler/builtin.ts';
import { Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { LoweredKernel } from '../../compiler/lower/template.ts';
import { Registry } from '../../compiler/plugin.ts';
import { Scheduler } from '../../compiler/schedule.ts';
import { runSimd } from '../kit/run-simd.ts';

const registry = new Registry([builtin]);
const SIZE = 12;

interface Layer {
  readonly seed: number;
  readonly scale: number;
  readonly axis?: number;
  readonly transposeB?: boolean;
}

/** Layers softmax(x W) * scale + bias one after the other; every weight and bias is its own. */
function network(layers: readonly Layer[]): { graph: Graph; x: Value } {
  const graph = new Graph('layers');
  const x = graph.input('x', tensor('f32', [3, SIZE]));
  const b = new GraphBuilder(graph, registry, { name: 'n', op: 'layer' });
  const constant = (name: string, shape: number[], seed: number): Value => {
    const count = shape.reduce((n, d) => n * d, 1);
    const data = Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 31 + i * 1.7));
    return graph.constant({
      name,
      type: tensor('f32', shape),
      bytes: data.byteLength,
      read: () => new Uint8Array(data.buffer),
    });
  };
  let y = x;
  layers.forEach(({ seed, scale, axis = 1, transposeB = false }, i) => {
    b.source = { name: `layer${i}`, op: 'layer' };
    const product = b.node('matmul', [y, constant(`w${i}`, [SIZE, SIZE], seed)], { transposeB });
    const scaled = b.node('mul', [b.node('softmax', [product], { axis }), b.scalar('f32', scale)]);
    y = b.node('add', [scaled, constant(`b${i}`, [SIZE], seed + 100)]);
  });
  graph.outputs = [y];
  return { graph, x };
}

/** The kernels, after their results were found to be those of the reference. */
function kernelsOf(layers: readonly Layer[]): readonly LoweredKernel[] {
  const { graph, x } = network(layers);
  const data = Float32Array.from({ length: 3 * SIZE }, (_, i) => Math.cos(i));
  const given = { x: { dtype: 'f32' as const, shape: [3, SIZE], data } };
  const expected = new Reference({ ops: registry, host: () => undefined }).run(graph, given);
  const program = { name: 'p', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
  const items = new Scheduler(registry, wasmBackend, wasmBackend.target()).schedule(program).entries[0]?.items ?? [];
  const kernels = items.flatMap((i) => (i.kind === 'kernel' ? [i.lowered] : []));
  expect(kernels).toHaveLength(items.length);
  const bytes = new Map<Value, Uint8Array>([[x, new Uint8Array(data.buffer)]]);
  runSimd(kernels, bytes, {});
  for (const out of graph.outputs) {
    const want = expected[out.name];
    const got = bytes.get(out);
    if (!want || Array.isArray(want) || !('data' in want) || !got) throw new Error('no output');
    const values = new Float32Array(got.buffer, got.byteOffset, got.byteLength / 4);
    values.forEach((v, i) => {
      expect(v).toBeCloseTo(Number(want.data[i]), 5);
    });
  }
  return kernels;
}

const bodies = (layers: readonly Layer[]): number => new Set(kernelsOf(layers).map((l) => l.kernel.body)).size;
const alike = (count: number): Layer[] => Array.from({ length: count }, (_, i) => ({ seed: i + 1, scale: 2 }));

test('layers that differ in their weights share kernels, under names and sources of their own', () => {
  const kernels = kernelsOf(alike(6));
  // The first layer reads the graph's input and the last is followed by none.
  expect(new Set(kernels.map((l) => l.kernel.body)).size).toBe(bodies(alike(4)));
  expect(new Set(kernels.map((l) => l.kernel.name)).size).toBe(kernels.length);
  const sources = kernels.flatMap((l) => l.kernel.note.sources);
  for (let i = 0; i < 6; i++) expect(sources).toContain(`layer${i}`);
});

test('what a kernel holds in code keeps layers apart', () => {
  const same = bodies(alike(5));
  const changed = (at: number, other: Partial<Layer>): Layer[] =>
    alike(5).map((l, i) => (i === at ? { ...l, ...other } : l));
  for (const other of [{ scale: 3 }, { axis: 0 }, { transposeB: true }])
    expect(bodies(changed(2, other)), JSON.stringify(other)).toBeGreaterThan(same);
});
