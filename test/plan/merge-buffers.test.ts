import { describe, expect, it } from 'vitest';
import { mergeBuffers } from '../../compiler/plan/merge-buffers.ts';
import type { Plan, PlanBuffer } from '../../runtime/plan.ts';

const f32 = { dtype: 'f32', shape: ['seq', 4] } as const;
const arena = (offset: number): PlanBuffer => ({ role: 'arena', ...f32, offset });
const launch = (...bind: number[]) => ({ kind: 'kernel', kernel: 0, bind, grid: [1, 1, 1] }) as const;

const plan: Plan = {
  infc: 1,
  minor: 0,
  name: 'p',
  target: { kind: 'wasm', features: [] },
  symbols: { seq: { min: 1, max: 8 } },
  kernels: [],
  weights: [],
  host: [],
  buffers: [
    { name: 'x', role: 'input', ...f32, offset: 0 },
    { role: 'weight', ...f32, tensor: 'w' },
    arena(128),
    arena(0),
    arena(128),
    { role: 'alias', ...f32, of: 2 },
    { role: 'alias', ...f32, of: 4 },
    { role: 'alias', ...f32, of: 4, at: 16 },
    { role: 'state', ...f32, name: 's' },
    { role: 'state', ...f32, name: 't' },
    { ...arena(128), shape: ['seq', 2] },
    { name: 'y', role: 'output', ...f32, offset: 128 },
  ],
  entries: {
    main: {
      inputs: [{ name: 'x', buffer: 0, ...f32 }],
      outputs: [{ name: 'y', buffer: 11, ...f32 }],
      guards: [],
      arena: 256,
      steps: [launch(0, 1, 2), launch(5, 3), launch(3, 4), launch(6, 8, 10), { kind: 'copy', from: 4, to: 11 }],
    },
  },
};

describe('mergeBuffers', () => {
  it('counts what is the same bytes once and leaves out what nothing names', () => {
    const { buffers, entries } = mergeBuffers(plan);
    // x, w, arena at 128, arena at 0, its alias, two states, the other shape, y
    expect(buffers.map((b) => b.role)).toEqual([
      ...['input', 'weight', 'arena', 'arena', 'alias', 'state', 'state', 'arena', 'output'],
    ]);
    expect(buffers[4]).toEqual({ role: 'alias', ...f32, of: 2 });
    expect(entries.main?.steps).toEqual([
      ...[launch(0, 1, 2), launch(4, 3), launch(3, 2), launch(4, 5, 7)],
      { kind: 'copy', from: 2, to: 8 },
    ]);
    expect(entries.main?.outputs[0]?.buffer).toBe(8);
  });

  it('leaves plans alone whose buffers get a place at run time', () => {
    const { arena: _, ...main } = plan.entries.main ?? expect.fail();
    const open = { ...plan, entries: { main } };
    expect(mergeBuffers(open)).toBe(open);
  });
});
