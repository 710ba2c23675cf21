import { describe, expect, it } from 'vitest';
import { ReferenceDevice } from '../../backends/reference/device.ts';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { type Constant, Graph, tensor as type } from '../../compiler/ir/graph.ts';
import { assemblePlan } from '../../compiler/plan/assemble.ts';
import type { Schedule, ScheduledItem } from '../../compiler/plan/schedule.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { load } from '../../runtime/index.ts';
import { binary } from '../plan/hand-backend.ts';

const kernelsOf = (items: readonly ScheduledItem[]) =>
  items.flatMap((i) => (i.kind === 'kernel' ? [i.lowered.kernel] : []));

describe('ReferenceDevice', () => {
  it('plays the same plan as the device of the target, to the same result', async () => {
    const n = sym('n', { min: 1, max: 64 });
    const g = new Graph('g');
    const x = g.input('x', type('f32', [n]));
    const [a, y] = [g.input('a', type('f32', [n])), g.input('y', type('f32', [n]))];
    const items = [binary('add', x, x, a), binary('mul', a, x, y)].map((i): ScheduledItem => {
      // The Wasm backend passes scalars, which the hand-written kernels of other tests leave out.
      if (i.kind !== 'kernel') return i;
      return { kind: 'kernel', lowered: { ...i.lowered, kernel: { ...i.lowered.kernel, scalars: ['n'] } } };
    });
    const schedule: Schedule = {
      name: 'both',
      entries: [{ name: 'main', inputs: [x], outputs: [{ name: 'y', value: y }], items, guards: [] }],
      states: [],
      symbols: new Map(),
    };
    const { plan, files } = await assemblePlan(schedule, { backend: wasmBackend, target: wasmBackend.target() });
    const contents = Object.fromEntries(files.map((f) => [f.name, contentsOf(f)]));
    await using wasm = await load({ plan, files: contents }, { threads: 1 });
    await using reference = await load({ plan, files: contents }, { device: new ReferenceDevice(kernelsOf(items)) });
    for (const length of [1, 7, 64]) {
      const input = { x: Float32Array.from({ length }, (_, i) => i / 3 - 2) };
      const expected = await reference.run(input);
      expect(await wasm.run(input)).toEqual(expected);
      expect(expected.y?.data[0]).toBe(8);
    }
  });

  it('refuses a plan of other kernels', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', [4]));
    const y = g.input('y', type('f32', [4]));
    const w: Constant = { name: 'w', type: type('f32', [4]), bytes: 16, read: () => new Uint8Array(16) };
    const items = [binary('add', x, g.constant(w), y)];
    const entry = { name: 'main', inputs: [x], outputs: [{ name: 'y', value: y }], items, guards: [] };
    const schedule: Schedule = { name: 'one', entries: [entry], states: [], symbols: new Map() };
    const { plan, files } = await assemblePlan(schedule, { backend: wasmBackend, target: wasmBackend.target() });
    const contents = Object.fromEntries(files.map((f) => [f.name, contentsOf(f)]));
    await expect(load({ plan, files: contents }, { device: new ReferenceDevice([]) })).rejects.toThrow(/INFC6022.*add/);
  });
});
