import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import { Graph, tensor as type, type Value } from '../../compiler/ir/graph.ts';
import { assemblePlan } from '../../compiler/plan/assemble.ts';
import type { Schedule, ScheduledItem } from '../../compiler/plan/schedule.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { playControl } from '../../runtime/control.ts';
import { WasmDevice } from '../../runtime/devices/wasm.ts';
import { createLoad } from '../../runtime/load.ts';
import { liveIntervals, type MemoryPlanner, memoryPlanner, planMemory } from '../../runtime/memory.ts';
import { binary, handBackend, resetNames, target } from './hand-backend.ts';

/** Where no two buffers share bytes, liveness cannot be wrong. */
const noReuse: MemoryPlanner = {
  liveIntervals,
  planMemory: (requests, align) =>
    planMemory(
      requests.map((r) => ({ ...r, first: 0, last: 1 })),
      align,
    ),
};

type Item =
  | { readonly kind: 'binary'; readonly op: 'add' | 'mul' | 'mirror'; readonly a: number; readonly b: number }
  | { readonly kind: 'alias' | 'copy'; readonly a: number }
  | { readonly kind: 'host'; readonly a: number; readonly b: number }
  | {
      readonly kind: 'if';
      readonly body: readonly Item[];
      readonly otherwise: readonly Item[];
      readonly a: number;
      readonly b: number;
    }
  | {
      readonly kind: 'loop';
      readonly body: readonly Item[];
      readonly carried: readonly { readonly from: number; readonly result: number }[];
    };

const pick = fc.nat(1000);
const simple: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('binary' as const),
      op: fc.constantFrom('add' as const, 'mul' as const, 'mirror' as const),
      a: pick,
      b: pick,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('alias' as const, 'copy' as const), a: pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('host' as const), a: pick, b: pick }) },
);
const { items } = fc.letrec<{ items: readonly Item[]; item: Item }>((tie) => ({
  items: fc.array(tie('item'), { minLength: 1, maxLength: 5 }),
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 5, arbitrary: simple },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('if' as const),
        body: tie('items'),
        otherwise: tie('items'),
        a: pick,
        b: pick,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('loop' as const),
        body: tie('items'),
        carried: fc.array(fc.record({ from: pick, result: pick }), { minLength: 1, maxLength: 3 }),
      }),
    },
  ),
}));

const n = sym('n', { min: 1, max: 64 });

/** A schedule over f32[n] values; numbers pick among the values that exist so far. */
function scheduleOf(program: readonly Item[], kept: number): Schedule {
  resetNames();
  const g = new Graph('random');
  let counter = 0;
  const fresh = () => g.input(`v${counter++}`, type('f32', [n]));
  const x = fresh();
  const [flag, trip] = [g.input('flag', type('bool', [])), g.input('trip', type('i64', []))];
  const lower = (list: readonly Item[], outer: readonly Value[]): { items: ScheduledItem[]; scope: Value[] } => {
    const scope = [...outer];
    const at = (i: number): Value => scope[i % scope.length] ?? x;
    const lowered = list.map((item): ScheduledItem => {
      const to = fresh();
      switch (item.kind) {
        case 'binary': {
          const [a, b] = [at(item.a), at(item.b)];
          scope.push(to);
          return binary(item.op, a, b, to);
        }
        case 'alias':
        case 'copy': {
          const from = at(item.a);
          scope.push(to);
          return { kind: item.kind, from, to };
        }
        case 'host': {
          const inputs = [at(item.a), at(item.b)];
          scope.push(to);
          return { kind: 'host', op: 'halves', inputs, outputs: [to], attrs: {}, source: 'h' };
        }
        case 'if': {
          const [body, otherwise] = [lower(item.body, scope), lower(item.otherwise, scope)];
          const value = (s: readonly Value[], i: number) => s[i % s.length] ?? x;
          const second = fresh();
          const outputs = [
            { body: value(body.scope, item.a), otherwise: value(otherwise.scope, item.b), to },
            { body: value(body.scope, item.b), otherwise: value(otherwise.scope, item.a), to: second },
          ];
          scope.push(to, second);
          return { kind: 'if', condition: flag, body: body.items, otherwise: otherwise.items, outputs };
        }
        case 'loop': {
          const carried = item.carried.map((c) => ({
            initial: at(c.from),
            inner: fresh(),
            to: fresh(),
            result: c.result,
          }));
          const body = lower(item.body, [...scope, ...carried.map((c) => c.inner)]);
          const carry = carried.map((c) => ({ ...c, result: body.scope[c.result % body.scope.length] ?? x }));
          scope.push(...carried.map((c) => c.to));
          return { kind: 'loop', trip, body: body.items, carry, collect: [], slice: [] };
        }
      }
    });
    return { items: lowered, scope };
  };
  const start = fresh();
  const first: ScheduledItem = { kind: 'host', op: 'halves', inputs: [x, x], outputs: [start], attrs: {}, source: 'h' };
  const { items: body, scope } = lower(program, [x, start]);
  return {
    name: 'random',
    entries: [
      {
        name: 'main',
        inputs: [x, flag, trip],
        // Few outputs, so that most values die early and their memory is used again.
        outputs: scope
          .map((value, i) => ({ name: `y${i}`, value }))
          .filter((_, i) => i === scope.length - 1 || i % 7 === kept),
        items: [first, ...body],
        guards: [],
      },
    ],
    states: [],
    symbols: new Map(),
  };
}

const halves = ([a, b]: readonly unknown[]) => {
  const [p, q] = [a, b].map((v) => (v as { data: Float32Array }).data);
  const data = Float32Array.from(p ?? [], (v, i) => Math.sin(v) - (q?.[i] ?? 0) / 2);
  return [{ dtype: 'f32' as const, shape: [data.length], data }];
};

/** What a schedule means, on plain arrays: every value keeps its own. */
function meaning(items: readonly ScheduledItem[], values: Map<Value, Float32Array>, flag: boolean, trip: number): void {
  const of = (v: Value): Float32Array => {
    const data = values.get(v);
    if (!data) throw new Error(`${v.name} has no value`);
    return data;
  };
  for (const item of items) {
    switch (item.kind) {
      case 'kernel': {
        const [a, b, c] = item.lowered.args.map((arg) => (arg.kind === 'value' ? arg.value : undefined));
        if (!a || !b || !c) throw new Error('three values expected');
        const [p, q] = [of(a), of(b)];
        const { op } = item.lowered.kernel.note;
        const left = op === 'mirror' ? p.toReversed() : p;
        values.set(
          c,
          left.map((v, i) => (op === 'mul' ? v * (q[i] ?? 0) : v + (q[i] ?? 0))),
        );
        break;
      }
      case 'alias':
      case 'copy':
        values.set(item.to, of(item.from));
        break;
      case 'host': {
        const [result] = halves(item.inputs.map((v) => ({ data: v ? of(v) : undefined })));
        const [to] = item.outputs;
        if (result && to) values.set(to, result.data);
        break;
      }
      case 'if':
        meaning(flag ? item.body : item.otherwise, values, flag, trip);
        for (const o of item.outputs) values.set(o.to, of(flag ? o.body : o.otherwise));
        break;
      case 'loop':
        for (const c of item.carry) values.set(c.inner, of(c.initial));
        for (let i = 0; i < trip; i++) {
          meaning(item.body, values, flag, trip);
          const results = item.carry.map((c) => of(c.result));
          item.carry.forEach((c, k) => {
            values.set(c.inner, results[k] ?? of(c.inner));
          });
        }
        for (const c of item.carry) values.set(c.to, of(c.inner));
        break;
      default:
        throw new Error(`no meaning for ${item.kind}`);
    }
  }
}

describe('memory planning', () => {
  it('never changes what a schedule means: random ones with branches, nested loops, aliases and host steps', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.boolean(), fc.nat(3), fc.nat(6), async (program, flag, trip, kept) => {
        const schedule = scheduleOf(program, kept);
        const { files } = await assemblePlan(schedule, { backend: handBackend, target });
        const contents = Object.fromEntries(files.map((f) => [f.name, contentsOf(f)]));
        const plan = contents['plan.json'] ?? new Uint8Array(0);
        const x = Float32Array.from({ length: 20 }, (_, i) => i / 10 - 1);
        const play = async (planner: MemoryPlanner) => {
          const load = createLoad({ devices: { wasm: WasmDevice.create }, control: playControl, planner });
          await using model = await load({ plan, files: contents, hostOps: { halves } }, { threads: 1 });
          return model.run({ v0: x, flag: [flag], trip: [trip] });
        };
        const [entry] = schedule.entries;
        const [input] = entry?.inputs ?? [];
        if (!entry || !input) throw new Error('no entry');
        const values = new Map([[input, x]]);
        meaning(entry.items, values, flag, trip);
        const expected = Object.fromEntries(entry.outputs.map(({ name, value }) => [name, values.get(value)]));
        for (const planner of [memoryPlanner, noReuse]) {
          const got = await play(planner);
          expect(Object.fromEntries(Object.entries(got).map(([name, t]) => [name, t.data]))).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
