import { describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { collectSyms, sym } from '../../compiler/ir/dim.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { player } from '../conformance/onnx-targets.ts';

const registry = new Registry([builtin]);
const WIDTH = 96;
const seq = sym('seq', { min: 1, max: 64 });

/** Two entries over the same weights: softmax(q) and reversed k and v apart, silu(gate) * up together; `odd` has no whole panels. */
function layer(): Program {
  let s = 3;
  const next = (): number => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 31 - 1;
  };
  const made = new GraphBuilder(new Graph('weights'), registry, { name: 'test', op: 'test' });
  const rows = { q: 64, k: 48, v: 48, gate: 128, up: 128, odd: 50 };
  const weights = Object.entries(rows).map(([name, n]) => {
    const { constant } = made.constant('f32', [n, WIDTH], Array.from({ length: n * WIDTH }, next), name);
    if (!constant) throw new TypeError('no constant');
    return [name, constant] as const;
  });
  const entry = (name: string, n: typeof seq | 1): Graph => {
    const graph = new Graph(name);
    const b = new GraphBuilder(graph, registry, { name: 'layer', op: 'test' });
    const x = graph.input('x', tensor('f32', [1, n, WIDTH]));
    const product = new Map(
      weights.map(([w, c]): [string, Value] => [w, b.node('matmul', [x, graph.constant(c)], { transposeB: true }, w)]),
    );
    const of = (w: string): Value => product.get(w) ?? x;
    graph.outputs = [
      b.node('softmax', [of('q')], { axis: -1 }, 'a'),
      b.node('transpose', [of('k')], { permutation: [0, 2, 1] }, 'b'),
      of('v'),
      b.node('mul', [b.node('silu', [of('gate')]), of('up')], {}, 'd'),
      of('odd'),
    ];
    return graph;
  };
  return {
    name: 'layer',
    entries: new Map([
      ['one', entry('one', 1)],
      ['many', entry('many', seq)],
    ]),
    states: [],
    symbols: new Map(collectSyms(seq)),
    metadata: {},
  };
}

describe('products of one input', () => {
  it('become one product with the weights of both entries stored once; those that meet stay apart', async () => {
    const compilation = await compile(layer(), { quant: 'q8g32' });
    const { entries } = compilation.program;
    for (const graph of entries.values()) {
      const shapes = graph.nodes.filter((n) => n.op === 'matmul').map((n) => n.inputs[1]?.type.shape);
      expect(shapes).toEqual([
        [160, WIDTH],
        [128, WIDTH],
        [128, WIDTH],
        [50, WIDTH],
      ]);
    }
    const [one, many] = [...entries.values()].map((g) => g.nodes.find((n) => n.op === 'matmul')?.inputs[1]?.constant);
    expect(one).toBe(many);
    const p = await player(compilation);
    try {
      for (const [name, n] of [
        ['one', 1],
        ['many', 5],
      ] as const) {
        const x = {
          dtype: 'f32' as const,
          shape: [1, n, WIDTH],
          data: Float32Array.from({ length: n * WIDTH }, (_, i) => Math.sin(3 * i)),
        };
        const actual = await p.run({ x }, name);
        const expected = evaluate(layer(), name, { x }, { ops: registry, host: () => undefined });
        for (const out of ['a', 'b', 'v', 'd', 'odd']) {
          const [got, want] = [actual[out], expected[out]];
          if (!got || !want || !isTensor(got) || !isTensor(want)) throw new Error(`no output ${out}`);
          expect(got.shape).toEqual(want.shape);
          const [g, w] = [numbersOf(got), numbersOf(want)];
          const rms = Math.hypot(...w) / Math.sqrt(w.length);
          const off = Array.from(w, (v, i) => Math.abs(v - (g[i] ?? Number.NaN)));
          // Eight bits a weight.
          expect(Math.max(...off) / rms, out).toBeLessThan(0.05);
        }
      }
    } finally {
      await p.dispose();
    }
  });
});
