import { describe, expect, it } from 'vitest';
import { type LoadOptions, load, type Plan, type PlanBuffer, type PlanStep, tensor } from '../../runtime/index.ts';
import { ADD_F32, binaryF32, kernelModule, MUL_F32 } from './wasm-bytes.ts';

const kernels = kernelModule([binaryF32('add', ADD_F32), binaryF32('mul', MUL_F32)]);
const note = { op: 'add', sources: [], template: 'hand', why: '', bytes: 1, flops: 1 };
const f32 = (role: PlanBuffer['role'], shape: PlanBuffer['shape'], more: Partial<PlanBuffer> = {}): PlanBuffer => ({
  role,
  dtype: 'f32',
  shape,
  ...more,
});
const add = (a: number, b: number, c: number, n: PlanBuffer['shape'][number] = 'n'): PlanStep => ({
  kind: 'kernel',
  kernel: 0,
  bind: [a, b, c],
  grid: [n, 1, 1],
});

function plan(buffers: readonly PlanBuffer[], steps: readonly PlanStep[], more: Partial<Plan> = {}): Plan {
  const ports = (role: string) =>
    buffers.flatMap((b, buffer) =>
      b.name && b.role === role ? [{ name: b.name, buffer, dtype: b.dtype, shape: b.shape }] : [],
    );
  return {
    infc: 1,
    minor: 0,
    name: 'hand',
    target: { kind: 'wasm', features: [] },
    symbols: { n: { min: 1, max: 1000 } },
    buffers,
    kernels: ['add', 'mul'].map((name) => ({ name, file: 'k.wasm', entry: name, scalars: [], lanes: 1, note })),
    weights: [],
    entries: {
      main: {
        inputs: ports('input'),
        outputs: buffers.flatMap((b, buffer) =>
          b.name?.startsWith('y') ? [{ name: b.name, buffer, dtype: b.dtype, shape: b.shape }] : [],
        ),
        guards: [],
        steps,
      },
    },
    host: [],
    ...more,
  };
}

const open = (p: Plan, options: LoadOptions = {}, files = {}) =>
  load({ plan: p, files: { 'k.wasm': kernels, ...files } }, { threads: 1, ...options });

/** y = (a + b) + a, with a symbolic length. */
const simple = plan(
  [
    f32('input', ['n'], { name: 'a' }),
    f32('input', ['n'], { name: 'b' }),
    f32('arena', ['n']),
    f32('output', ['n'], { name: 'y' }),
  ],
  [add(0, 1, 2), add(2, 0, 3)],
);

describe('run', () => {
  it('writes outputs where they are wanted when they fit, and elsewhere when not', async () => {
    const model = await open(simple);
    const inputs = { a: Float32Array.of(1, 2), b: Float32Array.of(3, 4) };
    const y = new Float32Array(2);
    expect((await model.run(inputs, { into: { y } })).y?.data).toBe(y);
    expect([...y]).toEqual([5, 8]);
    for (const wrong of [new Float32Array(3), new Int32Array(2)]) {
      const given = await model.run(inputs, { into: { y: wrong } });
      expect(given.y?.data).toEqual(y);
      expect(wrong.every((v) => v === 0)).toBe(true);
    }
    await model.dispose();
  });

  it('plays kernels on shapes of any size, with results that stay valid', async () => {
    await using model = await open(simple);
    const first = await model.run({ a: [1, 2, 3], b: tensor('f32', [3], [10, 20, 30]) });
    const second = await model.run({
      a: new Float32Array(500).fill(1),
      b: { shape: [500], data: new Float32Array(500).fill(2) },
    });
    expect(Array.from(first.y?.data as Float32Array)).toEqual([12, 24, 36]);
    expect(first.y?.shape).toEqual([3]);
    expect(Array.from(second.y?.data as Float32Array)).toEqual(new Array(500).fill(4));
    const third = await model.run({ a: [1, 2, 3], b: [0, 0, 0] });
    expect(Array.from(third.y?.data as Float32Array)).toEqual([2, 4, 6]);
  });

  it('takes runs in turn', async () => {
    await using model = await open(simple);
    const all = await Promise.all([1, 2, 3, 4].map((k) => model.run({ a: [k], b: [k] })));
    expect(all.map((r) => r.y?.data[0])).toEqual([3, 6, 9, 12]);
  });

  it.each([
    [{ a: [1] }, 'INFC6005', /'b' is missing/],
    [{ a: [1], b: [1], c: [1] }, 'INFC6005', /no input 'c'/],
    [{ a: [1, 2], b: [1] }, 'INFC6006', /'b' has shape \[1\] and must have \[n\] where n is 2/],
    [{ a: { shape: [1, 1], data: [1] }, b: [1] }, 'INFC6006', /'a' has shape \[1, 1\] and must have \[n\]/],
    [{ a: { dtype: 'i64', shape: [1], data: [1] }, b: [1] }, 'INFC6003', /'a' is f32 and was given i64/],
    [{ a: new Float64Array(1), b: [1] }, 'INFC6003', /'a' is f32 and was given a Float64Array/],
    [{ a: { shape: [2], data: [1] }, b: [1] }, 'INFC6006', /'b'/],
    [{ a: { shape: [1], data: [1, 2] }, b: [1] }, 'INFC6004', /'a' needs 1 values for its shape and has 2/],
    [
      { a: new Float32Array(1001), b: new Float32Array(1001) },
      'INFC6007',
      /'n' 1001; the model was compiled for 1 to 1000/,
    ],
    [{ a: [], b: [] }, 'INFC6007', /'n' 0/],
    [{ a: { shape: [-1], data: [] }, b: [] }, 'INFC6006', /\[-1\]/],
    [{ a: { shape: ['x'], data: [] }, b: [] }, 'INFC6006', /'a'/],
    [{ a: 'text', b: [] }, 'INFC6003', /'a'/],
  ])('refuses wrong inputs, case %#', async (inputs, code, message) => {
    await using model = await open(simple);
    const refused = model.run(inputs as never);
    await expect(refused).rejects.toThrow(code);
    await expect(refused).rejects.toThrow(message);
    expect((await model.run({ a: [1], b: [1] })).y?.data[0]).toBe(3);
  });

  it('refuses unknown entries and outputs, broken guards, and use after disposal', async () => {
    const guarded = plan(simple.buffers, simple.entries.main?.steps ?? []);
    const main = guarded.entries.main;
    if (!main) throw new Error('no entry');
    const withGuard = {
      ...guarded,
      entries: { main: { ...main, guards: [{ condition: ['ne', 'n', 3] as const, why: 'n is not 3' }] } },
    };
    const model = await open(withGuard);
    await expect(model.run({ a: [1], b: [1] }, { entry: 'decode' })).rejects.toThrow(/INFC6014.*main/);
    await expect(model.run({ a: [1], b: [1] }, { outputs: ['z'] })).rejects.toThrow(/INFC6005.*'z'/);
    await expect(model.run({ a: [1, 2, 3], b: [1, 2, 3] })).rejects.toThrow(/INFC6009.*n is not 3/);
    await model.dispose();
    await expect(model.run({ a: [1], b: [1] })).rejects.toThrow('INFC6017');
  });

  it('solves compound input dimensions and checks them', async () => {
    const model = await open(
      plan(
        [f32('input', [['mul', 2, 'n']], { name: 'a' }), f32('output', [['mul', 2, 'n']], { name: 'y' })],
        [add(0, 0, 1, ['mul', 2, 'n'])],
      ),
    );
    expect((await model.run({ a: [1, 2, 3, 4] })).y?.data).toEqual(Float32Array.of(2, 4, 6, 8));
    await expect(model.run({ a: [1, 2, 3] })).rejects.toThrow(/INFC6006.*\[2\*n\]/);
    await model.dispose();
  });

  it('refuses inputs that make an inner axis negative', async () => {
    const less = ['add', 'n', -3] as const;
    await using model = await open(
      plan([f32('input', ['n'], { name: 'a' }), f32('output', [less], { name: 'y' })], [add(0, 0, 1, less)]),
    );
    await expect(model.run({ a: [1, 2] })).rejects.toThrow(/INFC6008.*\[n-3\] has -1 elements/);
    expect((await model.run({ a: [1, 2, 3] })).y?.shape).toEqual([0]);
    expect((await model.run({ a: [1, 2, 3, 4] })).y?.data).toEqual(Float32Array.of(2));
  });

  it('refuses a shape that needs too much memory before it allocates, and goes on with others', async () => {
    const cube = ['mul', 'n', 'n', 'n', 100] as const;
    const buffers = [f32('input', ['n'], { name: 'a' }), f32('arena', [cube]), f32('output', ['n'], { name: 'y' })];
    const steps: PlanStep[] = [{ kind: 'kernel', kernel: 0, bind: [0, 0, 1], grid: ['n', 1, 1] }, add(0, 0, 2)];
    await using model = await open(plan(buffers, steps));
    const small = () => model.run({ a: [1, 2] });
    expect((await small()).y?.data).toEqual(Float32Array.of(2, 4));
    for (let i = 0; i < 2; i++)
      await expect(model.run({ a: new Float32Array(1000) })).rejects.toThrow(/INFC6011.*4\d{11} bytes/);
    expect((await small()).y?.data).toEqual(Float32Array.of(2, 4));
    expect((await model.run({ a: new Float32Array(20).fill(1) })).y?.data).toEqual(new Float32Array(20).fill(2));
  });

  it('lets a run finish that was under way when the model was disposed', async () => {
    const model = await open(simple);
    const [last, gone] = [model.run({ a: [1], b: [1] }), model.dispose()];
    expect((await last).y?.data).toEqual(Float32Array.of(3));
    await gone;
  });

  it('chooses a case by dims', async () => {
    const buffers = [f32('input', ['n'], { name: 'a' }), f32('output', ['n'], { name: 'y' })];
    const mul: PlanStep = { kind: 'kernel', kernel: 1, bind: [0, 0, 1], grid: ['n', 1, 1] };
    const choose: PlanStep = {
      kind: 'choose',
      cases: [{ when: ['le', 'n', 1], steps: [mul] }, { steps: [add(0, 0, 1)] }],
    };
    await using model = await open(plan(buffers, [choose]));
    expect((await model.run({ a: [5] })).y?.data).toEqual(Float32Array.of(25));
    expect((await model.run({ a: [5, 6] })).y?.data).toEqual(Float32Array.of(10, 12));
  });

  it('keeps states between runs and resets them', async () => {
    const buffers = [
      f32('input', [2], { name: 'a' }),
      f32('state', [2], { name: 's' }),
      f32('output', [2], { name: 'y' }),
    ];
    const steps: PlanStep[] = [add(0, 1, 2, 2), { kind: 'copy', from: 2, to: 1 }];
    await using model = await open(plan(buffers, steps));
    await model.run({ a: [1, 2] });
    expect((await model.run({ a: [1, 2] })).y?.data).toEqual(Float32Array.of(2, 4));
    model.reset();
    expect((await model.run({ a: [1, 2] })).y?.data).toEqual(Float32Array.of(1, 2));
  });

  it('plays loops with carried, sliced and gathered values, and branches', async () => {
    // xs [t, 2] is scanned: sum += x; every sum is gathered; then if flag: y = sum + sum else y = sum.
    const buffers: PlanBuffer[] = [
      f32('input', ['t', 2], { name: 'xs' }),
      { role: 'input', dtype: 'bool', shape: [], name: 'flag' },
      { role: 'input', dtype: 'i64', shape: [], name: 'trip' },
      f32('input', [2], { name: 'init' }),
      f32('arena', [2]), // 4 sum
      f32('arena', [2]), // 5 x
      f32('arena', [2]), // 6 next
      f32('output', ['t', 2], { name: 'yAll' }),
      f32('output', ['t', 2], { name: 'yReversed' }),
      f32('output', [2], { name: 'y' }),
      f32('output', [2, 'k'], { name: 'yColumns' }),
    ];
    const steps: PlanStep[] = [
      { kind: 'copy', from: 3, to: 4 },
      {
        kind: 'loop',
        trip: 2,
        body: [add(4, 5, 6, 2)],
        carry: [{ from: 6, to: 4 }],
        slice: [{ from: 0, to: 5, axis: 0 }],
        collect: [
          { from: 6, to: 7 },
          { from: 6, to: 8, reverse: true },
          { from: 6, to: 10, axis: 1, defines: ['k'] },
        ],
      },
      { kind: 'if', condition: 1, body: [add(4, 4, 9, 2)], otherwise: [{ kind: 'copy', from: 4, to: 9 }] },
    ];
    await using model = await open(plan(buffers, steps, { symbols: { t: { min: 0 }, k: { min: 0 } } }));
    const xs = tensor('f32', [3, 2], [1, 10, 2, 20, 3, 30]);
    const yes = await model.run({ xs, flag: [true], trip: [3n], init: [0.5, 0] });
    expect(Array.from(yes.yAll?.data as Float32Array)).toEqual([1.5, 10, 3.5, 30, 6.5, 60]);
    expect(Array.from(yes.yReversed?.data as Float32Array)).toEqual([6.5, 60, 3.5, 30, 1.5, 10]);
    expect(yes.yColumns?.shape).toEqual([2, 3]);
    expect(Array.from(yes.yColumns?.data as Float32Array)).toEqual([1.5, 3.5, 6.5, 10, 30, 60]);
    expect(Array.from(yes.y?.data as Float32Array)).toEqual([13, 120]);
    const no = await model.run({ xs: tensor('f32', [0, 2]), flag: [false], trip: [0n], init: [7, 8] });
    expect(no.yColumns?.shape).toEqual([2, 0]);
    expect(Array.from(no.y?.data as Float32Array)).toEqual([7, 8]);
    await expect(model.run({ xs, flag: [false], trip: [4n], init: [7, 8] })).rejects.toThrow('INFC6018');
  });

  it('places buffers whose size a host step decides, again in every iteration', async () => {
    // The body grows a vector: v := concat(v, v) through the host; y = v + v after the loop.
    const buffers: PlanBuffer[] = [
      f32('input', ['n'], { name: 'a' }),
      { role: 'input', dtype: 'i64', shape: [], name: 'trip' },
      f32('arena', ['s']), // 2 v
      f32('arena', ['r']), // 3 doubled
      f32('arena', ['r']), // 4 doubled + doubled
      f32('output', ['s'], { name: 'y' }),
    ];
    const steps: PlanStep[] = [
      { kind: 'copy', from: 0, to: 2, defines: ['s'] },
      {
        kind: 'loop',
        trip: 1,
        body: [{ kind: 'host', op: 'twice', inputs: [2], outputs: [3], attrs: {}, defines: ['r'] }, add(3, 3, 4, 'r')],
        carry: [{ from: 4, to: 2, defines: ['s'] }],
        collect: [],
        slice: [],
      },
      add(2, 2, 5, 's'),
    ];
    const symbols = { n: { min: 0 }, s: { min: 0, max: 32 }, r: { min: 0 } };
    const p = plan(buffers, steps, { symbols, host: ['twice'] });
    const twice = ([v]: readonly unknown[]) => {
      const { data } = v as { data: Float32Array };
      return [tensor('f32', [data.length * 2], [...data, ...data])];
    };
    await expect(open(p)).rejects.toThrow(/INFC6015.*twice/);
    await using model = await open(p, { hostOps: { twice } });
    const three = await model.run({ a: [1, 2], trip: [3n] });
    expect(three.y?.shape).toEqual([16]);
    expect(Array.from(three.y?.data as Float32Array)).toEqual(Array.from({ length: 16 }, (_, i) => (i % 2 ? 32 : 16)));
    expect((await model.run({ a: [1, 2], trip: [0n] })).y?.data).toEqual(Float32Array.of(2, 4));
    await expect(model.run({ a: [1, 2], trip: [5n] })).rejects.toThrow('INFC6007');
    expect((await model.run({ a: [1, 2], trip: [1n] })).y?.shape).toEqual([4]);
  });

  it('reports steps and can be aborted before, between steps and in a loop without end', async () => {
    await using model = await open(simple);
    const names: string[] = [];
    await model.run({ a: [1], b: [1] }, { onStep: (s) => names.push(`${s.kind} ${s.name} ${s.ms >= 0}`) });
    expect(names).toEqual(['kernel add true', 'kernel add true']);
    await expect(model.run({ a: [1], b: [1] }, { signal: AbortSignal.abort() })).rejects.toThrow('INFC6010');
    const endless: PlanStep = { kind: 'loop', body: [add(0, 0, 1)], carry: [], collect: [], slice: [] };
    const loops = plan([f32('input', ['n'], { name: 'a' }), f32('output', ['n'], { name: 'y' })], [endless]);
    await using second = await open(loops);
    const started = performance.now();
    await expect(second.run({ a: [1] }, { signal: AbortSignal.timeout(50) })).rejects.toThrow('INFC6010');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
