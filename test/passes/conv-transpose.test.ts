import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { Graph, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { convTransposeToConv } from '../../passes/fuse/conv-transpose-to-conv.ts';

const registry = new Registry([builtin]);
const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 5 }),
    kernel: fc.integer({ min: 1, max: 5 }),
    stride: fc.integer({ min: 1, max: 3 }),
    begin: fc.nat(4),
    end: fc.integer({ min: -1, max: 4 }),
    extra: fc.nat(2),
    dilation: fc.integer({ min: 1, max: 2 }),
  })
  .map((a) => (a.stride === 1 ? a : { ...a, dilation: 1 }))
  .filter(
    (a) =>
      a.extra < a.stride &&
      (a.size - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 - a.begin - a.end + a.extra > 0 &&
      a.begin < a.kernel &&
      a.end < a.kernel,
  );

test('a transposed convolution computes the same as a convolution', () => {
  let converted = 0;
  fc.assert(
    fc.property(
      fc.array(axis, { minLength: 1, maxLength: 2 }),
      fc.constantFrom([1, 2, 3], [2, 1, 2], [2, 2, 1]),
      (axes, [group = 1, depth = 1, perGroup = 1]) => {
        const graph = new Graph('t');
        const b = new GraphBuilder(graph, registry, { name: 't', op: 'ConvTranspose' });
        const shape = [2, group * depth, ...axes.map((a) => a.size)];
        const count = shape.reduce((n, d) => n * d, 1);
        const x = graph.input('x', tensor('f32', shape));
        const wShape = [group * depth, perGroup, ...axes.map((a) => a.kernel)];
        const w = b.constant(
          'f32',
          wShape,
          Float32Array.from({ length: wShape.reduce((n, d) => n * d, 1) }, (_, i) => ((i * 7) % 11) - 5),
        );
        const y = b.node('conv_transpose', [x, w], {
          strides: axes.map((a) => a.stride),
          dilations: axes.map((a) => a.dilation),
          pads: [...axes.map((a) => a.begin), ...axes.map((a) => a.end)],
          outputPadding: axes.map((a) => a.extra),
          group,
        });
        graph.outputs = [y];
        const inputs = {
          x: { dtype: 'f32' as const, shape, data: Float32Array.from({ length: count }, (_, i) => ((i * 5) % 13) - 6) },
        };
        const reference = new Reference({ ops: registry, host: () => undefined });
        const want = reference.run(graph, inputs)[y.name];
        convTransposeToConv.run?.(graph, {
          ops: registry,
          program: { name: 't', entries: new Map(), states: [], symbols: new Map(), metadata: {} },
          evaluate: () => undefined,
          changed: () => converted++,
        });
        expect(graph.nodes.some((n) => n.op === 'conv_transpose')).toBe(false);
        const got = new Reference({ ops: registry, host: () => undefined }).run(graph, inputs)[
          graph.outputs[0]?.name ?? ''
        ];
        expect(got).toEqual(want);
      },
    ),
    { numRuns: 100 },
  );
  expect(converted).toBeGreaterThan(50);
});
