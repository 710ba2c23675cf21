import { beforeEach, describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import { type Constant, Graph, tensor as type, type Value } from '../../compiler/ir/graph.ts';
import { type Assembled, assemblePlan } from '../../compiler/plan/assemble.ts';
import { memoryReport } from '../../compiler/plan/report.ts';
import type { Schedule, ScheduledItem } from '../../compiler/plan/schedule.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { load, tensor } from '../../runtime/index.ts';
import { readWeightsHeader } from '../../runtime/weights.ts';
import { binary, handBackend, resetNames, target } from './hand-backend.ts';

const n = sym('n', { min: 1, max: 64 });
const f32 = (name: string, values: readonly number[]): Constant => ({
  name,
  type: type('f32', [values.length]),
  bytes: values.length * 4,
  read: () => new Uint8Array(Float32Array.from(values).buffer),
});

const schedule = (
  inputs: readonly Value[],
  outputs: Record<string, Value>,
  items: readonly ScheduledItem[],
  symbols: Schedule['symbols'] = new Map(),
): Schedule => ({
  name: 'test',
  entries: [
    {
      name: 'main',
      inputs,
      outputs: Object.entries(outputs).map(([name, value]) => ({ name, value })),
      items,
      guards: [],
    },
  ],
  states: [],
  symbols,
});

const assemble = (s: Schedule): Promise<Assembled> => assemblePlan(s, { backend: handBackend, target });

const open = ({ files }: Assembled, hostOps = {}) => {
  const contents = new Map(files.map((f) => [f.name, contentsOf(f)]));
  const plan = contents.get('plan.json');
  if (!plan) throw new Error('no plan');
  return load({ plan, files: Object.fromEntries(contents), hostOps }, { threads: 1 });
};

beforeEach(resetNames);

describe('assemblePlan', () => {
  it('gives a static chain weights, offsets and reuse, and the same bytes every time', async () => {
    const make = () => {
      resetNames();
      const g = new Graph('g');
      const x = g.input('x', type('f32', [16]));
      const one = g.constant(f32('one', new Array(16).fill(1)));
      const same = g.constant(f32('same', new Array(16).fill(1)));
      const two = g.constant(f32('two', [2, 2, 2]));
      const values = ['a', 'b', 'c', 'y'].map((name) => new Graph('').input(name, type('f32', [16])));
      const [a, b, c, y] = values as [Value, Value, Value, Value];
      const items = [
        binary('add', x, one, a),
        binary('mul', a, same, b),
        binary('add', b, a, c),
        binary('mul', c, c, y),
      ];
      return assemble(schedule([x], { out: y, two }, items));
    };
    const made = await make();
    const again = await make();
    expect(made.files.map((f) => [f.name, contentsOf(f)])).toEqual(again.files.map((f) => [f.name, contentsOf(f)]));
    const tensors = made.plan.buffers.flatMap((b) => (b.role === 'weight' ? [b.tensor] : []));
    expect(tensors).toEqual(['one', 'one', 'two']);
    const report = memoryReport(made.plan, 'main');
    expect(report.bytesWithoutReuse).toBe(5 * 64);
    expect(report.peakBytes).toBe(3 * 64);
    expect(made.plan.entries.main?.arena).toBe(3 * 64);
    expect(report.peakStep).toEqual({ position: 3, name: 'add0', bytes: 3 * 64 });
    // Equal kernels are one.
    expect(made.plan.kernels.map((k) => k.name)).toEqual(['add0', 'mul1']);
    await using model = await open(made);
    const { out, two } = await model.run({ x: Float32Array.from({ length: 16 }, (_, i) => i) });
    expect(Array.from(out?.data as Float32Array)).toEqual(Array.from({ length: 16 }, (_, i) => (2 * (i + 1)) ** 2));
    expect(Array.from(two?.data as Float32Array)).toEqual([2, 2, 2]);
  });

  it('aligns every weight and splits files at the limit', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', [3]));
    const [y, z] = [g.input('y', type('f32', [3])), g.input('z', type('f32', [3]))];
    const items = [
      binary('add', x, g.constant(f32('w', [1, 2, 3])), y),
      binary('mul', y, g.constant(f32('w', [4, 5, 6])), z),
    ];
    const s = schedule([x], { z }, items);
    const whole = await assemble(s);
    const file = whole.files.find((f) => f.name === 'weights-0.safetensors');
    if (!file) throw new Error('no weights');
    const ranges = readWeightsHeader(file.name, contentsOf(file), file.bytes);
    if (typeof ranges === 'number') throw new Error('short header');
    for (const [name, r] of ranges) if (!name.startsWith('__')) expect(r.offset % 64).toBe(0);
    expect([...ranges.keys()]).toEqual(['w', '__pad1', 'w~2']);
    resetNames();
    const split = await assemblePlan(s, { backend: handBackend, target, maxFileBytes: 64 });
    expect(split.plan.weights).toHaveLength(2);
    await using model = await open(split);
    expect((await model.run({ x: [1, 1, 1] })).z?.data).toEqual(Float32Array.of(8, 15, 24));
  });

  it('plays branches, loops with swapped carried values, and aliases', async () => {
    const g = new Graph('g');
    const v = (name: string, dtype: 'f32' | 'bool' | 'i64' = 'f32', shape: readonly (typeof n)[] = [n]) =>
      g.input(name, type(dtype, shape));
    const [x, flag, trip] = [v('x'), v('flag', 'bool', []), v('trip', 'i64', [])];
    const [a, b, sum, lastA, lastB] = [v('a'), v('b'), v('sum'), v('lastA'), v('lastB')];
    const [doubled, y, flat, steps] = [
      v('doubled'),
      v('y'),
      v('flat', 'f32', [1, n]),
      v('steps', 'f32', [sym('k'), n]),
    ];
    const items: ScheduledItem[] = [
      {
        kind: 'loop',
        trip,
        body: [binary('add', a, b, sum)],
        // Fibonacci on vectors: (a, b) := (b, a + b).
        carry: [
          { initial: x, inner: a, result: b, to: lastA },
          { initial: x, inner: b, result: sum, to: lastB },
        ],
        collect: [{ from: sum, to: steps }],
        slice: [],
      },
      {
        kind: 'if',
        condition: flag,
        body: [binary('add', lastB, lastB, doubled)],
        otherwise: [],
        outputs: [{ body: doubled, otherwise: lastA, to: y }],
      },
      { kind: 'alias', from: y, to: flat },
    ];
    const symbols = new Map([['n', { kind: 'sym', key: 'n', name: 'n', min: 1, max: 64, multipleOf: 1 } as const]]);
    const made = await assemble(schedule([x, flag, trip], { y, flat, steps }, items, symbols));
    await using model = await open(made);
    const run = (on: boolean, count: number) => model.run({ x: [1, 10], flag: [on], trip: [count] });
    const six = await run(true, 6);
    expect(six.y?.data).toEqual(Float32Array.of(42, 420));
    expect(six.flat?.shape).toEqual([1, 2]);
    expect(six.flat?.data).toEqual(Float32Array.of(42, 420));
    expect(Array.from(six.steps?.data as Float32Array)).toEqual([2, 20, 3, 30, 5, 50, 8, 80, 13, 130, 21, 210]);
    const zero = await run(false, 0);
    expect(zero.y?.data).toEqual(Float32Array.of(1, 10));
    expect(zero.steps?.shape).toEqual([0, 2]);
  });

  it('binds data-dependent symbols at host steps and refuses kernels that come before', async () => {
    const g = new Graph('g');
    const k = sym('k', { max: 64 });
    const x = g.input('x', type('f32', [n]));
    const [kept, y] = [g.input('kept', type('f32', [k])), g.input('y', type('f32', [k]))];
    const host: ScheduledItem = {
      kind: 'host',
      op: 'keep',
      inputs: [x],
      outputs: [kept],
      attrs: { above: 2 },
      source: 'n0',
    };
    const made = await assemble(schedule([x], { y }, [host, binary('add', kept, kept, y)]));
    expect(made.plan.host).toEqual(['keep']);
    const keep = ([v]: readonly unknown[], attrs: Readonly<Record<string, unknown>>) => {
      const data = (v as { data: Float32Array }).data.filter((e) => e > Number(attrs.above));
      return [tensor('f32', [data.length], data)];
    };
    await using model = await open(made, { keep });
    const first = await model.run({ x: [1, 2, 3, 4] });
    expect(first.y).toEqual(tensor('f32', [2], [6, 8]));
    expect((await model.run({ x: [0] })).y?.shape).toEqual([0]);
    resetNames();
    await expect(assemble(schedule([x], { y }, [binary('add', kept, kept, y), host]))).rejects.toThrow(/INFC390[12]/);
  });
});
