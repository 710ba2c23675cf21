import type { Plan, PlanBuffer, PlanStep } from '../../runtime/plan.ts';

/**
 * The same plan with buffers that are the same bytes counted once: values of the same type in the same place of an arena, as those of a
 * model's layers are, and equal views. A buffer is then a place and no longer a value, which is all that whoever plays the plan needs.
 */
export function mergeBuffers(plan: Plan): Plan {
  const entries = Object.entries(plan.entries);
  // Steps that give buffers a place at run time tell them apart.
  if (!entries.every(([, e]) => e.arena !== undefined && e.steps.every(isPlain))) return plan;
  const buffers: PlanBuffer[] = [];
  const known = new Map<string, number>();
  const moved = new Map<number, number>();
  const move = (i: number): number => {
    const b = plan.buffers[i];
    const at = moved.get(i);
    if (at !== undefined || !b) return at ?? i;
    const own = b.of === undefined ? b : { ...b, of: move(b.of) };
    const key = JSON.stringify(own);
    const same = b.role === 'arena' || b.role === 'alias' ? known.get(key) : undefined;
    const to = same ?? buffers.push(own) - 1;
    known.set(key, to);
    moved.set(i, to);
    return to;
  };
  // In their order, so that those of layers keep their distances; what only the arena's layout knew of goes.
  const used = usedBuffers(plan);
  for (const i of plan.buffers.keys()) if (used.has(i)) move(i);
  const port = <T extends { readonly buffer: number }>(p: T): T => ({ ...p, buffer: move(p.buffer) });
  const step = (s: PlanStep): PlanStep =>
    s.kind === 'kernel'
      ? { ...s, bind: s.bind.map(move) }
      : s.kind === 'copy'
        ? { ...s, from: move(s.from), to: move(s.to) }
        : s;
  return {
    ...plan,
    buffers,
    entries: Object.fromEntries(
      entries.map(([name, e]) => [
        name,
        { ...e, inputs: e.inputs.map(port), outputs: e.outputs.map(port), steps: e.steps.map(step) },
      ]),
    ),
    ...(plan.load ? { load: { ...plan.load, steps: plan.load.steps.map(step) } } : {}),
  };
}

const isPlain = (s: PlanStep): boolean => s.kind === 'kernel' || (s.kind === 'copy' && s.defines === undefined);

/** Buffers that steps and ports name; states and weights are there whether or not any does. */
function usedBuffers(plan: Plan): ReadonlySet<number> {
  const used = new Set(
    [...plan.buffers.keys()].filter((i) => /^(state|weight|derived)$/.test(plan.buffers[i]?.role ?? '')),
  );
  for (const e of Object.values(plan.entries)) {
    for (const p of [...e.inputs, ...e.outputs]) used.add(p.buffer);
    for (const s of e.steps) {
      if (s.kind === 'kernel') for (const i of s.bind) used.add(i);
      else if (s.kind === 'copy') used.add(s.from).add(s.to);
    }
  }
  return used;
}
