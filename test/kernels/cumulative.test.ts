import { describe, expect, test } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { asSym, type Dim, sym } from '../../compiler/ir/dim.ts';
import { type DType, viewOf } from '../../compiler/ir/dtype.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { numbersOf } from '../../compiler/tensor-values.ts';
import { player } from '../conformance/onnx-targets.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { randomSource } from '../kit/simt-case.ts';

const registry = new Registry([builtin]);
const n = sym('n', { min: 0, max: 500 });

interface Case {
  readonly op: 'cumsum' | 'cumprod';
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly axis: number;
  readonly reverse: boolean;
  readonly exclusive: boolean;
}

/** The op and an epilogue that reads the same input. */
function programOf({ op, dtype, shape, axis, reverse, exclusive }: Case): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'node', op: 'test' });
  const x = graph.input('x', tensor(dtype, shape));
  const y = b.node(op, [x], { axes: [axis], reverse, exclusive });
  graph.outputs = [b.node('sub', [y, x], {}, 'y')];
  const symbol = asSym(n);
  return {
    name: 'test',
    entries: new Map([['main', graph]]),
    states: [],
    symbols: new Map(symbol ? [[symbol.name, symbol]] : []),
    metadata: {},
  };
}
const shapes: readonly (readonly [readonly Dim[], number, readonly number[]])[] = [
  [[1], 0, [1]],
  [[130], 0, [130]],
  [[3, 64], 1, [3, 64]],
  [[3, 70, 4], 1, [3, 70, 4]],
  [[5, 2, 3], 0, [5, 2, 3]],
  [[2, n], 1, [2, 129]],
  [[n, 3], 0, [65, 3]],
  [[2, n, 8], 1, [2, 0, 8]],
];
const cases = shapes.flatMap(([shape, axis, sizes], i) =>
  [0, 1, 2, 3].map((flags) => {
    const dtype = (['f32', 'i32', 'f16', 'f32', 'u32'] as const)[(i + flags) % 5] ?? 'f32';
    const reverse = (flags & 1) !== 0;
    const exclusive = (flags & 2) !== 0;
    const op = (i + flags) % 3 === 0 ? 'cumprod' : 'cumsum';
    return { c: { op, dtype, shape, axis, reverse, exclusive } as const, sizes };
  }),
);
const targets = ['wasm', 'interpreted cuda', ...(hasGxx ? ['cuda-cpu'] : [])];

describe.each(targets)('running sums and products on %s', (target) => {
  test.each(cases.map((c, i) => [`${c.c.op} ${c.c.dtype} [${c.sizes}] along ${c.c.axis} (${i})`, c] as const))(
    '%s equals the fold of each prefix',
    async (_, { c, sizes }) => {
      const random = randomSource(7);
      const count = sizes.reduce((a, b) => a * b, 1);
      const data = viewOf(c.dtype, new ArrayBuffer(count * 4), 0, count);
      for (let i = 0; i < count; i++) {
        // 16-bit floats as bits, near 1; products stay finite.
        const v = random();
        data[i] = c.dtype === 'f16' ? 0x3c00 + Math.floor(v * 8) : c.dtype === 'f32' ? 0.9 + v / 5 : Math.floor(v * 9);
      }
      const inputs = { x: { dtype: c.dtype, shape: sizes, data } };
      const want = evaluate(programOf(c), 'main', inputs, { ops: registry, host: () => undefined }).y;
      const backend = target === 'cuda-cpu' ? 'cuda' : target.replace('interpreted ', '');
      const compilation = await compile(programOf(c), { targets: [backend] });
      expect(compilation.targets[0]?.kernels.some((k) => k.kernel.note.template.startsWith('running'))).toBe(true);
      const played = await player(compilation, target);
      const { y } = await played.run(inputs);
      await played.dispose();
      if (!y || !isTensor(y) || !want || !isTensor(want)) throw new TypeError('tensors were expected');
      expect(y.shape).toEqual(want.shape);
      const [got, exact] = [numbersOf(y), numbersOf(want)].map((list) => Array.from(list, Number));
      // In another order the sums round otherwise.
      const tolerance = c.dtype === 'f16' ? 2e-3 : c.dtype === 'f32' ? 1e-5 : 0;
      const worst = (got ?? []).map((v, i) => Math.abs(v - (exact?.[i] ?? 0)) / Math.max(1, Math.abs(exact?.[i] ?? 0)));
      expect(Math.max(0, ...worst)).toBeLessThanOrEqual(tolerance);
    },
  );
});
