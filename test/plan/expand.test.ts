import { expect, test } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';

const compiler = createCompiler();

/** A convolution with bias, a pooled product whose depth no format divides, both ways round. */
function network(dtype: 'f32' | 'f16'): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, compiler.registry, { name: 'n', op: 'Conv' });
  let seed = 7;
  const values = (n: number): number[] =>
    Array.from({ length: n }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 31 - 1;
    });
  const weight = (name: string, shape: readonly number[]) => {
    const w = b.constant('f32', shape, values(shape.reduce((a, d) => a * d, 1)), name);
    return dtype === 'f32' ? w : b.node('cast', [w], { to: dtype });
  };
  const x = graph.input('x', tensor(dtype, [1, 8, 9, 9]));
  const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const c = b.node('conv', [x, weight('conv', [18, 8, 3, 3])], attrs);
  const y = b.node('relu', [b.node('add', [c, weight('bias', [18, 1, 1])])]);
  const rows = b.node('reshape', [y], { shape: [1, 27, 54] });
  const p = b.node('matmul', [rows, weight('right', [54, 27])]);
  graph.outputs.push(b.node('matmul', [p, weight('left', [45, 27])], { transposeB: true }, 'out'));
  return { name: 'n', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

test.each(
  (['f32', 'f16'] as const).flatMap((dtype) =>
    ['q2g64', 'q3g32', 'q4g32', 'q5g32', 'q6g32', 'q8g32', 'dense-f16', 'dense-bf16'].map(
      (quant) => [dtype, quant] as const,
    ),
  ),
)('a network of %s with weights compact as %s runs as its reference', async (dtype, quant) => {
  const compilation = await compiler.compile(network(dtype), { quant });
  const { plan } = compilation.targets[0] ?? {};
  const shape = [1, 8, 9, 9];
  const data = Float32Array.from({ length: 648 }, (_, i) => Math.sin(i));
  const inputs = { x: { shape, data: dtype === 'f32' ? data : new Uint16Array(648).fill(0x3400) } };
  await using model = await loadCompiled(compilation.targets[0]);
  const { out } = await model.run(inputs);
  const expected = evaluate(
    compilation.program,
    'main',
    { x: { dtype, shape, data: inputs.x.data } },
    { ops: compiler.registry, host: () => undefined },
  ).out;
  if (!expected || !isTensor(expected) || !out) throw new TypeError('no output');
  const [a, e] = [numbersOf({ dtype, data: out.data }), numbersOf({ dtype, data: expected.data })];
  const scale = Math.max(...e.map(Math.abs));
  a.forEach((v, i) => expect(Math.abs(v - (e[i] ?? 0))).toBeLessThan(scale * (dtype === 'f32' ? 1e-4 : 2e-3)));
  const narrow = quant.startsWith('q');
  if (narrow || dtype === 'f32') {
    expect(plan?.load?.steps.length).toBe(3);
    expect(plan?.weights.some((w) => w.transient)).toBe(true);
    const bits = narrow ? Number(quant[1]) : 16;
    const total = plan?.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
    expect(total).toBeLessThan(((18 * 72 + 54 * 27 + 45 * 27) * bits) / 8 + 3500);
  }
});
