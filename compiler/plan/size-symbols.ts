import type { DimCode, PlanBuffer, PlanEntry, PlanStep } from '../../runtime/plan.ts';

/** Symbols that decide the size or place of a buffer which the entry uses. */
export function sizeSymbols(buffers: readonly PlanBuffer[], entry: PlanEntry): ReadonlySet<string> {
  const names = new Set<string>();
  const code = (c: DimCode | undefined): void => {
    if (typeof c === 'string') names.add(c);
    else if (typeof c === 'object') for (const operand of c.slice(1)) code(operand as DimCode);
  };
  const seen = new Set<number>();
  const buffer = (i: number | null | undefined): void => {
    const b = typeof i === 'number' && !seen.has(i) ? buffers[i] : undefined;
    if (!b || typeof i !== 'number') return;
    seen.add(i);
    if (b.bytes === undefined || b.role === 'alias') b.shape.forEach(code);
    code(b.bytes);
    code(b.at);
    buffer(b.of);
  };
  /** Every number in a step that is not a kernel's is looked at as a buffer: too many rather than too few. */
  const anything = (x: unknown): void => {
    if (typeof x === 'number') buffer(x);
    else if (Array.isArray(x)) for (const y of x) anything(y);
    else if (typeof x === 'object' && x !== null) for (const y of Object.values(x)) anything(y);
  };
  const walk = (steps: readonly PlanStep[]): void => {
    for (const step of steps) {
      if (step.kind === 'kernel') step.bind.forEach(buffer);
      else if (step.kind === 'choose') for (const c of step.cases) walk(c.steps);
      else anything(step);
    }
  };
  walk(entry.steps);
  for (const port of [...entry.inputs, ...entry.outputs]) buffer(port.buffer);
  return names;
}
