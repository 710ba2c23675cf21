import type { Plan, PlanEntry } from '../../runtime/plan.ts';
import { mergeBuffers } from './merge-buffers.ts';

/** Nodes named with a kernel: enough to know it by. Who wants all of them compiles again (`infc explain`, `view`, `verify`). */
const SOURCES = 3;

/**
 * The text of plan.json: equal buffers merged, which those who want values by name (`infc verify`) do not find here. Bindings of an entry's own kernel steps are written as differences to those of the step before that launches the
 * same kernel: the layers of a model then read alike and shrink well (the plan of a 135 M Llama: 18.9 to 8.6 kB gzipped). `parsePlan` of the
 * runtime undoes it.
 */
export function planText(whole: Plan): string {
  const plan = mergeBuffers(whole);
  const last: (readonly number[])[] = [];
  const entries = Object.entries(plan.entries).map(([name, entry]): [string, PlanEntry] => {
    const steps = entry.steps.map((step) => {
      if (step.kind !== 'kernel') return step;
      const before = last[step.kernel] ?? [];
      last[step.kernel] = step.bind;
      return { ...step, bind: step.bind.map((b, i) => b - (before[i] ?? 0)) };
    });
    return [name, { ...entry, steps }];
  });
  const kernels = plan.kernels.map(({ note, ...k }) =>
    note ? { ...k, note: { ...note, sources: note.sources.slice(0, SOURCES) } } : k,
  );
  return `${JSON.stringify({ ...plan, kernels, entries: Object.fromEntries(entries), deltas: true })}\n`;
}
