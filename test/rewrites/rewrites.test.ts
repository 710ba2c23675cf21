import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { Graph, type TensorType, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { applyRewrites } from '../../passes/rewrite.ts';

const registry = new Registry([builtin]);
const rewrites = registry.passes.flatMap((p) => (p.rewrites ?? []).map((r) => ({ pass: p.name, r })));

test('there are rewrites to test', () => {
  expect(rewrites.length).toBeGreaterThan(10);
});

test.each(rewrites.map(({ pass, r }) => [pass, r.name, r] as const))('%s: %s keeps the meaning', (_pass, _name, r) => {
  const reference = new Reference({ ops: registry, host: () => undefined });
  for (const types of r.sample) {
    fc.assert(
      fc.property(fc.infiniteStream(fc.float({ min: -4, max: 4, noNaN: true })), (values) => {
        const next = (): number => values.next().value ?? 0;
        const graph = new Graph(r.name);
        const b = new GraphBuilder(graph, registry, { name: r.name, op: 'test' });
        const inputs: Record<string, { dtype: 'f32'; shape: number[]; data: Float32Array }> = {};
        const holes: Record<string, Value> = {};
        for (const [name, type] of Object.entries(types)) {
          const { shape, count } = sizes(type);
          // Scalars are parameters such as an epsilon: constants, and positive.
          if (shape.length === 0) holes[name] = b.constant('f32', [], [Math.abs(next()) * 0.25 + 0.25]);
          else {
            holes[name] = graph.input(name, type);
            inputs[name] = { dtype: 'f32', shape, data: Float32Array.from({ length: count }, next) };
          }
        }
        const before = r.from(b, holes);
        graph.outputs = [before];
        const want = reference.run(graph, inputs)[before.name];
        let changes = 0;
        applyRewrites(graph, [r], {
          ops: registry,
          program: { name: 't', entries: new Map(), states: [], symbols: new Map(), metadata: {} },
          evaluate: () => undefined,
          changed: () => changes++,
        });
        expect(changes, 'the rewrite matches its own pattern').toBe(1);
        const after = graph.outputs[0];
        const got = after && new Reference({ ops: registry, host: () => undefined }).run(graph, inputs)[after.name];
        if (!want || !got || Array.isArray(want) || Array.isArray(got) || !('data' in want) || !('data' in got))
          throw new Error('no result');
        expect(got.shape).toEqual(want.shape);
        want.data.forEach((w: unknown, i: number) => expect(Number(got.data[i])).toBeCloseTo(Number(w), 3));
      }),
      { numRuns: 15 },
    );
  }
});

function sizes(type: TensorType): { shape: number[]; count: number } {
  const shape = type.shape.map((d) => (typeof d === 'number' ? d : 3));
  return { shape, count: shape.reduce((n, d) => n * d, 1) };
}
