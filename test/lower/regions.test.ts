import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { type Dim, sym } from '../../compiler/ir/dim.ts';
import { Graph, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { Registry } from '../../compiler/plugin.ts';
import { Scheduler } from '../../compiler/schedule.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute, encodeModel, i64, info, node } from '../import/build-onnx.ts';
import { runSimd } from '../kit/run-simd.ts';

const registry = new Registry([builtin]);

type Step = { op: string; pick: number; other: number };

const OPS = [
  'relu',
  'sigmoid',
  'exp',
  'neg',
  'add',
  'mul',
  'sub',
  'max',
  'softmax',
  'reduce_sum',
  'transpose',
  'slice',
  'concat',
  'expandAdd',
  'layer_norm',
  'reshape',
  'pad',
  'cast',
];

/** A random graph of float ops over one rank-3 input; sizes include 1 and ragged ones. */
function build(shape: readonly Dim[], steps: readonly Step[]): { graph: Graph; x: Value } {
  const graph = new Graph('random');
  const x = graph.input('x', tensor('f32', shape));
  const b = new GraphBuilder(graph, registry, { name: 'n', op: 'random' });
  const values: Value[] = [x];
  steps.forEach((s, i) => {
    b.source = { name: `n${i}`, op: s.op };
    const v = values[s.pick % values.length] ?? x;
    const w = values[s.other % values.length] ?? x;
    const sameShape =
      v.type.shape.length === w.type.shape.length && v.type.shape.every((d, j) => d === w.type.shape[j]);
    const rank = v.type.shape.length;
    const made = (): Value | undefined => {
      switch (s.op) {
        case 'relu':
        case 'sigmoid':
        case 'exp':
        case 'neg':
          return s.op === 'exp' ? b.node('exp', [b.node('sigmoid', [v])]) : b.node(s.op, [v]);
        case 'add':
        case 'mul':
        case 'sub':
        case 'max':
          return sameShape ? b.node(s.op, [v, w]) : undefined;
        case 'softmax':
          return b.node('softmax', [v], { axis: s.other % rank });
        case 'layer_norm':
          return b.node('layer_norm', [v], { axis: rank - 1, eps: 0.1 });
        case 'reduce_sum':
          return b.node('reduce_sum', [v], { axes: [s.other % rank], keepDims: true });
        case 'expandAdd':
          // Half of value and mean: sums would grow until a norm shows nothing but their rounding.
          return b.node('mul', [
            b.node('add', [v, b.node('reduce_mean', [v], { axes: [s.other % rank], keepDims: true })]),
            b.scalar('f32', 0.5),
          ]);
        case 'transpose': {
          const p = [...Array(rank).keys()];
          const at = s.other % rank;
          [p[0], p[at]] = [p[at] ?? 0, p[0] ?? 0];
          return b.node('transpose', [v], { permutation: p });
        }
        case 'slice': {
          const axis = s.other % rank;
          const d = v.type.shape[axis];
          if (typeof d !== 'number' || d < 3) return undefined;
          return b.node('slice', [v], {
            starts: v.type.shape.map((_, j) => (j === axis ? 1 : 0)),
            steps: v.type.shape.map(() => 1),
            shape: v.type.shape.map((n, j) => (j === axis ? d - 2 : n)),
          });
        }
        case 'concat':
          return sameShape ? b.node('concat', [v, b.node('neg', [w]), v], { axis: s.other % rank }) : undefined;
        case 'reshape': {
          const [p = 1, q = 1, r = 1] = v.type.shape;
          return rank === 3 && [p, q, r].every((d) => typeof d === 'number')
            ? b.node('reshape', [v], { shape: [r, p, q] })
            : undefined;
        }
        case 'cast':
          // Of the input only: where sums in another order differ in the last bit, truncation would show it as a whole step.
          if (v !== x) return undefined;
          return b.node('cast', [b.node('cast', [b.node('mul', [v, b.scalar('f32', 10)])], { to: 'i32' })], {
            to: 'f32',
          });
        default:
          return undefined;
      }
    };
    const m = made();
    if (m && m.type.shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 4), 1) < 20000) values.push(m);
  });
  graph.outputs = values.slice(1).filter((v) => v.uses.length === 0);
  return { graph, x };
}

function check(
  graph: Graph,
  x: Value,
  data: Float32Array,
  shape: readonly number[],
  symbols: Record<string, number>,
): void {
  const expected = new Reference({ ops: registry, host: () => undefined }).run(graph, {
    x: { dtype: 'f32', shape, data },
  });
  const scheduler = new Scheduler(registry, wasmBackend, { ...wasmBackend.target() });
  const program = { name: 'p', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
  const items = scheduler.schedule(program).entries[0]?.items ?? [];
  const bytes = new Map<Value, Uint8Array>([[x, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]]);
  const kernels = items.flatMap((i) => (i.kind === 'kernel' ? [i.lowered] : []));
  // Views are aliases: stand in with the value they come from.
  const alias = new Map<Value, Value>();
  for (const i of items) if (i.kind === 'alias') alias.set(i.to, alias.get(i.from) ?? i.from);
  const resolved = kernels.map((k) => ({
    ...k,
    args: k.args.map((a) => (a.kind === 'value' ? { ...a, value: alias.get(a.value) ?? a.value } : a)),
  }));
  runSimd(resolved, bytes, symbols);
  for (const out of graph.outputs) {
    const want = expected[out.name];
    const got = bytes.get(alias.get(out) ?? out);
    if (!want || Array.isArray(want) || !('data' in want) || !got) throw new Error(`output ${out.name} is missing`);
    const a = new Float32Array(got.buffer, got.byteOffset, got.byteLength / 4);
    expect(a.length).toBe(want.data.length);
    for (let i = 0; i < a.length; i++) {
      const w = Number(want.data[i]);
      const g = a[i] ?? Number.NaN;
      if (Number.isNaN(w) ? !Number.isNaN(g) : Math.abs(g - w) > 1e-4 * Math.max(1, Math.abs(w)) && g !== w)
        throw new Error(`${out.producer?.op} ${out.name}[${i}] = ${g}, reference ${w}`);
    }
  }
}

const steps = fc.array(fc.record({ op: fc.constantFrom(...OPS), pick: fc.nat(20), other: fc.nat(20) }), {
  minLength: 1,
  maxLength: 10,
});

test('fused and vectorised kernels compute what the reference computes, static shapes', () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 37 })),
      steps,
      fc.infiniteStream(fc.float({ min: -2, max: 2, noNaN: true })),
      (shape, s, values) => {
        const { graph, x } = build(shape, s);
        if (graph.outputs.length === 0) return;
        const count = shape.reduce((n, d) => n * d, 1);
        check(
          graph,
          x,
          Float32Array.from({ length: count }, () => values.next().value ?? 0),
          shape,
          {},
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('the same with symbolic shapes', () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 37 })),
      steps,
      fc.infiniteStream(fc.float({ min: -2, max: 2, noNaN: true })),
      (shape, s, values) => {
        const [n, h, w] = shape;
        const { graph, x } = build([sym('n', { min: 1 }), h, sym('w', { min: 1 })], s);
        if (graph.outputs.length === 0) return;
        const count = shape.reduce((p, d) => p * d, 1);
        check(
          graph,
          x,
          Float32Array.from({ length: count }, () => values.next().value ?? 0),
          shape,
          { n, w },
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('a scan is read whole where a gather follows', async () => {
  const model = encodeModel({
    name: 'g',
    input: [info('x', ['n', 1])],
    initializer: [i64('axis', [], [0]), i64('at', [3], [2, 0, 1])],
    output: [info('y', [null, 1])],
    node: [node('CumSum', ['x', 'axis'], ['s']), node('Gather', ['s', 'at'], ['y'], [attribute.int('axis', 0)])],
  });
  const m = await player(await compile(model));
  const x = { dtype: 'f32', shape: [3, 1], data: Float32Array.of(1, 2, 4) } as const;
  expect((await m.run({ x })).y).toEqual({ dtype: 'f32', shape: [3, 1], data: Float32Array.of(7, 1, 3) });
  await m.dispose();
});
