import type { PlanBuffer, PlanEntry, PlanStep } from './plan.ts';

/** Steps (by position) from the first to the last at which bytes are needed, both inclusive. */
export interface Interval {
  readonly first: number;
  readonly last: number;
}

export interface Placement {
  /** Byte offset of each request. */
  readonly offsets: readonly number[];
  /** Size of the arena. */
  readonly bytes: number;
}

/**
 * Offsets for buffers so that no two that live at the same time overlap. Greedy best fit: in order of decreasing size (and, as a
 * second try, of size times lifetime), each goes into the smallest gap left by those placed before that live at the same time
 * (greedy-by-size of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020). Deterministic.
 */
export function planMemory(requests: readonly (Interval & { readonly bytes: number })[], align: number): Placement {
  const sizes = requests.map((r) => Math.ceil(r.bytes / align) * align);
  const place = (weight: (i: number) => number): Placement => {
    const order = requests.map((_, i) => i).sort((i, j) => weight(j) - weight(i) || i - j);
    const offsets = requests.map(() => 0);
    const placed: number[] = []; // by offset
    let bytes = 0;
    for (const i of order) {
      const size = sizes[i] ?? 0;
      const mine = requests[i];
      if (!mine || size === 0) continue;
      let best = -1;
      let bestGap = Number.POSITIVE_INFINITY;
      let end = 0;
      for (let k = 0; k < placed.length; k++) {
        const j = placed[k] ?? 0;
        const other = requests[j];
        if (!other || other.first > mine.last || other.last < mine.first) continue;
        const gap = (offsets[j] ?? 0) - end;
        if (gap >= size && gap < bestGap) {
          best = end;
          bestGap = gap;
        }
        end = Math.max(end, (offsets[j] ?? 0) + (sizes[j] ?? 0));
      }
      const offset = best < 0 ? end : best;
      offsets[i] = offset;
      bytes = Math.max(bytes, offset + size);
      let at = placed.length;
      while (at > 0 && (offsets[placed[at - 1] ?? 0] ?? 0) > offset) at--;
      placed.splice(at, 0, i);
    }
    return { offsets, bytes };
  };
  const bySize = place((i) => sizes[i] ?? 0);
  const byArea = place((i) => (sizes[i] ?? 0) * ((requests[i]?.last ?? 0) - (requests[i]?.first ?? 0) + 1));
  return byArea.bytes < bySize.bytes ? byArea : bySize;
}

/** The buffer that owns the bytes of buffer `i`. */
export function rootOf(buffers: readonly PlanBuffer[], i: number): number {
  let at = i;
  for (let b = buffers[at]; b?.role === 'alias' && b.of !== undefined; b = buffers[at]) at = b.of;
  return at;
}

/** Roles whose bytes lie in an entry's arena. */
export const inArena = (buffer: PlanBuffer | undefined): boolean =>
  buffer?.role === 'arena' || buffer?.role === 'input' || buffer?.role === 'output';

/**
 * When each arena buffer (by number, aliases counted with their root) of an entry is needed. Inputs live from the start, outputs to the
 * end. A buffer used inside and outside of a loop lives through the whole loop, because a later iteration may still read it.
 */
export function liveIntervals(buffers: readonly PlanBuffer[], entry: PlanEntry): Map<number, Interval> {
  const live = new Map<number, { first: number; last: number }>();
  const loops: Interval[] = []; // innermost first
  let position = 0;
  const touch = (i: number | null | undefined) => {
    if (i === null || i === undefined) return;
    const root = rootOf(buffers, i);
    if (!inArena(buffers[root])) return;
    const known = live.get(root);
    if (known) known.last = position;
    else live.set(root, { first: position, last: position });
  };
  const walk = (steps: readonly PlanStep[]) => {
    for (const step of steps) {
      position++;
      switch (step.kind) {
        case 'kernel':
          step.bind.forEach(touch);
          break;
        case 'copy':
          touch(step.from);
          touch(step.to);
          break;
        case 'host':
          step.inputs.forEach(touch);
          step.outputs.forEach(touch);
          break;
        case 'choose':
          for (const c of step.cases) walk(c.steps);
          break;
        case 'if':
          touch(step.condition);
          walk(step.body);
          walk(step.otherwise);
          break;
        case 'loop': {
          const first = position;
          const held = [step.condition, ...step.carry.map((c) => c.to), ...step.collect.map((c) => c.to)];
          held.push(...step.slice.map((s) => s.from));
          for (const i of [...held, step.trip, step.iteration, ...step.slice.map((s) => s.to)]) touch(i);
          walk(step.body);
          position++;
          for (const i of [...held, ...step.carry.map((c) => c.from), ...step.collect.map((c) => c.from)]) touch(i);
          loops.push({ first, last: position });
          break;
        }
      }
    }
  };
  for (const p of entry.inputs) touch(p.buffer);
  walk(entry.steps);
  position++;
  for (const p of entry.outputs) touch(p.buffer);
  for (const loop of loops) {
    for (const at of live.values()) {
      if (at.first > loop.last || at.last < loop.first || (at.first >= loop.first && at.last <= loop.last)) continue;
      at.first = Math.min(at.first, loop.first);
      at.last = Math.max(at.last, loop.last);
    }
  }
  return live;
}

/** Lays out arenas at run time: for plans with symbolic sizes. */
export interface MemoryPlanner {
  readonly liveIntervals: typeof liveIntervals;
  readonly planMemory: typeof planMemory;
}

export const memoryPlanner: MemoryPlanner = { liveIntervals, planMemory };
