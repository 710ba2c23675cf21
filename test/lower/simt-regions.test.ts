import { describe, expect, test } from 'vitest';
import { cudaBackend } from '../../backends/cuda/backend.ts';
import { printCuda } from '../../backends/cuda/print.ts';
import { Reference } from '../../backends/reference/evaluate.ts';
import { interpret } from '../../backends/reference/interpret.ts';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { printKernel } from '../../backends/wgsl/print.ts';
import { builtin } from '../../compiler/builtin.ts';
import { type Dim, evaluate, sym } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { Scheduler } from '../../compiler/schedule.ts';
import { hasGxx, runCudaOnCpu } from '../kit/cuda-cpu.ts';
import { hasSwiftShader, runWgsl, wgslJob } from '../kit/dawn.ts';
import { arrayOf, bytesOf, disagreement, randomSource, type SimtCase, valueAt } from '../kit/simt-case.ts';

const registry = new Registry([builtin]);
const UNARY = ['relu', 'sigmoid', 'tanh', 'neg', 'erf', 'gelu', 'sqrt', 'floor'];

/** A random graph over x [n, h, w]; `pick` gives integers below its argument. */
function build(shape: readonly Dim[], pick: (n: number) => number): Graph {
  const graph = new Graph('random');
  const b = new GraphBuilder(graph, registry, { name: 'n', op: 'random' });
  const values: Value[] = [graph.input('x', tensor('f32', shape))];
  const tryNode = (op: string, inputs: readonly Value[], attrs = {}): Value | undefined =>
    registry.op(op) ? b.node(op, [...inputs], attrs) : undefined;
  for (let step = 0; step < 8; step++) {
    const v = values[pick(values.length)];
    const w = values[pick(values.length)];
    if (!v || !w) continue;
    const rank = v.type.shape.length;
    const axis = pick(rank);
    const same = v.type.shape.length === w.type.shape.length && v.type.shape.every((d, i) => d === w.type.shape[i]);
    let m: Value | undefined;
    switch (pick(10)) {
      case 0:
      case 1:
        m = tryNode(UNARY[pick(UNARY.length)] ?? 'relu', [b.node('abs', [v])]);
        break;
      case 2:
        m = same ? b.node(['add', 'mul', 'sub', 'max'][pick(4)] ?? 'add', [v, w]) : undefined;
        break;
      case 3:
        m = b.node('softmax', [v], { axis });
        break;
      case 4:
        m = b.node('layer_norm', [v], { axis: rank - 1, eps: 0.1 });
        break;
      case 5:
        m = b.node('add', [v, b.node(pick(2) ? 'reduce_sum' : 'reduce_max', [v], { axes: [axis], keepDims: true })]);
        break;
      case 6: {
        const p = [...Array(rank).keys()];
        [p[0], p[axis]] = [p[axis] ?? 0, p[0] ?? 0];
        m = b.node('transpose', [v], { permutation: p });
        break;
      }
      case 7:
        m = same ? b.node('concat', [v, w], { axis }) : undefined;
        break;
      case 8:
        m = b.node(
          'cast',
          [b.node('cast', [b.node('mul', [v, b.scalar('f32', 10)])], { to: pick(2) ? 'i8' : 'i64' })],
          {
            to: 'f32',
          },
        );
        break;
      case 9:
        m = b.node('matmul', [v, b.node('transpose', [v], { permutation: [0, 2, 1] })]);
        break;
    }
    if (m && m.type.shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 9), 1) < 12000) values.push(m);
  }
  graph.outputs = values.slice(1).filter((v) => v.uses.length === 0);
  return graph;
}

/** Every kernel of random graphs with its data, after checking the whole graph in the interpreter against the reference. */
function collect(backend: typeof wgslBackend, seeds: number): SimtCase[] {
  const out: SimtCase[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const random = randomSource(seed * 2654435);
    const pick = (n: number): number => Math.floor(random() * n);
    const sizes = [1 + pick(4), 1 + pick(9), 1 + pick(70)];
    const symbols = { n: sizes[0] ?? 1, w: sizes[2] ?? 1 };
    const symbolic = seed % 2 === 0;
    const [n, h, w] = sizes;
    const shape: Dim[] = symbolic
      ? [sym('n', { min: 1, max: 64 }), h ?? 1, sym('w', { min: 1, max: 512 })]
      : [n ?? 1, h ?? 1, w ?? 1];
    const graph = build(shape, pick);
    if (graph.outputs.length === 0) continue;
    const count = sizes.reduce((p, d) => p * d, 1);
    const data = Float32Array.from({ length: count }, () => random() * 4 - 2);
    const expected = new Reference({ ops: registry, host: () => undefined }).run(graph, {
      x: { dtype: 'f32', shape: sizes, data },
    });
    const scheduler = new Scheduler(registry, backend, backend.target());
    const program = { name: 'p', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
    const items = scheduler.schedule(program).entries[0]?.items ?? [];
    const arrays = new Map<Value, TypedArray>();
    const [x] = graph.inputs;
    if (x) arrays.set(x, data);
    const alias = new Map<Value, Value>();
    const elements = (v: Value): number => v.type.shape.reduce<number>((p, d) => p * evaluate(d, symbols), 1);
    for (const item of items) {
      if (item.kind === 'alias') alias.set(item.to, alias.get(item.from) ?? item.from);
      if (item.kind !== 'kernel') continue;
      const { kernel, args } = item.lowered;
      const buffers = args.map((a) => {
        if (a.kind !== 'value') throw new Error(`a ${a.kind} argument`);
        const v = alias.get(a.value) ?? a.value;
        let array = arrays.get(v);
        if (!array) {
          const bytes = v.constant?.read().slice() ?? new Uint8Array(byteLength(v.type.dtype, elements(v)));
          array = viewOf(v.type.dtype, bytes.buffer as ArrayBuffer, 0, elements(v));
          arrays.set(v, array);
        }
        return array;
      });
      const dims = Object.fromEntries(kernel.scalars.map((s) => [s, symbols[s as 'n'] ?? 0]));
      const before = buffers.map((a) => a.slice());
      interpret(kernel, buffers, dims, { subgroupSize: [4, 32, 128][seed % 3] ?? 32 });
      // Conversion to integers turns the last bit of a product into a whole step: those kernels are compared in the interpreter only.
      if (
        !/i8|i64/.test(
          JSON.stringify(args.map((a) => (a.kind === 'value' ? a.value.type.dtype : ''))) + kernel.note.sources.join(),
        )
      )
        out.push({
          kernel: { ...kernel, name: `${kernel.name}_${seed}` },
          data: before,
          scalars: dims,
          tolerance: 1e-4,
        });
    }
    for (const v of graph.outputs) {
      const want = expected[v.name];
      const got = arrays.get(alias.get(v) ?? v);
      if (!want || Array.isArray(want) || !('data' in want) || !got) throw new Error(`output ${v.name} is missing`);
      for (let i = 0; i < got.length; i++) {
        const [g, e] = [valueAt('f32', got, i), Number(want.data[i])];
        if (Number.isNaN(e) ? !Number.isNaN(g) : Math.abs(g - e) > 1e-3 * Math.max(1, Math.abs(e)) && g !== e)
          throw new Error(`seed ${seed}: ${v.producer?.op} ${v.name}[${i}] = ${g}, reference ${e}`);
      }
    }
  }
  return out;
}

const gridOf = (c: SimtCase): [number, number, number] => {
  const [x, y, z] = c.kernel.grid;
  return [evaluate(x, c.scalars), evaluate(y, c.scalars), evaluate(z, c.scalars)];
};

describe('random fused graphs on lanes', () => {
  const cases = collect(wgslBackend, 60);

  test('agree with the reference in the interpreter, without races', () => {
    expect(cases.length).toBeGreaterThan(60);
  });

  const sample = cases.filter((_, i) => i % 2 === 0);

  test.skipIf(!hasSwiftShader)(
    `their kernels agree on SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const jobs = sample.map((c) =>
        wgslJob(c.kernel, printKernel(c.kernel), c.data.map(bytesOf), c.scalars, gridOf(c)),
      );
      const results = await runWgsl(jobs);
      const wrong = results.map((r, i) => {
        const c = sample[i];
        return !c ? '' : 'error' in r ? r.error : disagreement(c, interpreted(c), r.buffers);
      });
      expect(wrong.filter(Boolean)).toEqual([]);
    },
    300_000,
  );

  test.skipIf(!hasGxx)(
    `their kernels agree as CUDA under the CPU shim${hasGxx ? '' : ' (g++ is absent)'}`,
    async () => {
      const [file] = printCuda(
        sample.map((c) => c.kernel),
        cudaBackend.target(),
      );
      const source = typeof file?.content === 'string' ? file.content : '';
      const launches = sample.map((c) => ({
        kernel: c.kernel,
        entry: file?.entries.get(c.kernel.name) ?? '',
        data: c.data.map(bytesOf),
        scalars: c.scalars,
        grid: gridOf(c),
      }));
      const results = await runCudaOnCpu(source, launches, 'reverse');
      const wrong = results.map((r, i) => {
        const c = sample[i];
        return c ? disagreement(c, interpreted(c), r) : '';
      });
      expect(wrong.filter(Boolean)).toEqual([]);
    },
    300_000,
  );
});

function interpreted(c: SimtCase): TypedArray[] {
  const data = c.data.map((a) => a.slice());
  interpret(c.kernel, data, c.scalars);
  return data;
}

test('arrays of the kit hold what is put in', () => {
  expect(valueAt('f16', arrayOf('f16', [1.5]), 0)).toBe(1.5);
});
