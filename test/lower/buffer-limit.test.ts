import { expect, test } from 'vitest';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { printWgsl } from '../../backends/wgsl/print.ts';
import { builtin } from '../../compiler/builtin.ts';
import { Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { Scheduler } from '../../compiler/schedule.ts';

test('fusion stays below the number of buffers a WebGPU kernel may bind', () => {
  const registry = new Registry([builtin]);
  const graph = new Graph('sum');
  const b = new GraphBuilder(graph, registry, { name: 'n', op: 'add' });
  const inputs = Array.from({ length: 20 }, (_, i) => graph.input(`x${i}`, tensor('f32', [64])));
  const sum = inputs.reduce<Value | undefined>((s, x) => (s ? b.node('add', [s, x]) : x), undefined);
  if (!sum) throw new Error('no sum');
  graph.outputs = [sum];
  const target = wgslBackend.target();
  const scheduler = new Scheduler(registry, wgslBackend, target);
  scheduler.schedule({ name: 'p', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} });
  const counts = scheduler.kernels.map((k) => k.kernel.buffers.length);
  expect(Math.max(...counts)).toBeLessThanOrEqual(8);
  expect(counts.length).toBe(4);
  const [first] = scheduler.kernels;
  if (first) expect(() => printWgsl([first.kernel], { ...target, maxBuffers: 2 })).toThrow(/INFC4024/);
});
