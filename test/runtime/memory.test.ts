import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveIntervals, planMemory } from '../../runtime/memory.ts';
import type { PlanBuffer, PlanEntry, PlanStep } from '../../runtime/plan.ts';

const request = fc
  .tuple(fc.integer({ min: 0, max: 5000 }), fc.nat(40), fc.nat(15))
  .map(([bytes, first, length]) => ({ bytes, first, last: first + length }));

describe('planMemory', () => {
  it('never overlaps two buffers that live at the same time, aligns, and stays within the arena', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 40 }), fc.constantFrom(16, 64, 256), (requests, align) => {
        const { offsets, bytes } = planMemory(requests, align);
        let sum = 0;
        requests.forEach((a, i) => {
          const at = offsets[i] ?? -1;
          sum += Math.ceil(a.bytes / align) * align;
          expect(at % align).toBe(0);
          expect(at).toBeGreaterThanOrEqual(0);
          expect(at + a.bytes).toBeLessThanOrEqual(bytes);
          requests.forEach((b, j) => {
            if (i >= j || a.bytes === 0 || b.bytes === 0 || a.last < b.first || b.last < a.first) return;
            const other = offsets[j] ?? -1;
            expect(at + a.bytes <= other || other + b.bytes <= at).toBe(true);
          });
        });
        // At least the largest sum of buffers alive at one step, at most no reuse at all.
        let peak = 0;
        for (let t = 0; t < 60; t++)
          peak = Math.max(
            peak,
            requests.reduce((n, r) => n + (r.first <= t && t <= r.last ? Math.ceil(r.bytes / align) * align : 0), 0),
          );
        expect(bytes).toBeGreaterThanOrEqual(peak);
        expect(bytes).toBeLessThanOrEqual(sum);
      }),
    );
  });

  it('is deterministic and reuses a chain down to two buffers', () => {
    const chain = Array.from({ length: 10 }, (_, i) => ({ bytes: 1000, first: i, last: i + 1 }));
    const a = planMemory(chain, 64);
    expect(planMemory(chain, 64)).toEqual(a);
    expect(a.bytes).toBe(2 * 1024);
  });
});

const buffer = (role: PlanBuffer['role'], more: Partial<PlanBuffer> = {}): PlanBuffer => ({
  role,
  dtype: 'f32',
  shape: [4],
  ...more,
});
const kernel = (...bind: number[]): PlanStep => ({ kind: 'kernel', kernel: 0, bind, grid: [1, 1, 1] });
const port = (index: number) => ({ name: `p${index}`, buffer: index, dtype: 'f32' as const, shape: [4] });

describe('liveIntervals', () => {
  it('keeps inputs from the start, outputs to the end, aliases with their root, and weights out', () => {
    const buffers = [buffer('input'), buffer('arena'), buffer('alias', { of: 1 }), buffer('output'), buffer('weight')];
    const entry: PlanEntry = {
      inputs: [port(0)],
      outputs: [port(3)],
      guards: [],
      steps: [kernel(0, 4, 1), kernel(4, 4, 4), kernel(2, 3)],
    };
    const live = liveIntervals(buffers, entry);
    expect([...live.keys()].sort()).toEqual([0, 1, 3]);
    expect(live.get(0)).toEqual({ first: 0, last: 1 });
    expect(live.get(1)).toEqual({ first: 1, last: 3 });
    expect(live.get(3)).toEqual({ first: 3, last: 4 });
  });

  it('keeps what a loop reads from outside, and what it carries, for the whole loop', () => {
    // 0 outer constant-like value read in the body; 1 carried; 2 next value; 3 private to the body
    const buffers = [buffer('arena'), buffer('arena'), buffer('arena'), buffer('arena'), buffer('output')];
    const loop: PlanStep = {
      kind: 'loop',
      body: [kernel(0, 1, 3), kernel(3, 2), kernel(2, 2)],
      carry: [{ from: 2, to: 1 }],
      collect: [],
      slice: [],
    };
    const entry: PlanEntry = {
      inputs: [],
      outputs: [port(4)],
      guards: [],
      steps: [kernel(0), kernel(1), loop, kernel(1, 4)],
    };
    const live = liveIntervals(buffers, entry);
    const loopFirst = 3;
    const loopLast = 7;
    expect(live.get(0)).toEqual({ first: 1, last: loopLast });
    expect(live.get(1)).toEqual({ first: 2, last: 8 });
    expect(live.get(2)?.last).toBe(loopLast);
    expect(live.get(3)).toEqual({ first: loopFirst + 1, last: loopFirst + 2 });
  });
});
