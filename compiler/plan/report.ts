import { evaluateDim } from '../../runtime/dims.ts';
import { byteLength } from '../../runtime/dtype.ts';
import { liveIntervals, planMemory } from '../../runtime/memory.ts';
import type { DimCode, Plan, PlanBuffer, PlanStep } from '../../runtime/plan.ts';

/** One buffer of an entry's arena over time. */
export interface BufferLife {
  readonly buffer: number;
  readonly name: string;
  readonly bytes: number;
  readonly offset: number;
  /** Positions of the first and last step that need it. */
  readonly first: number;
  readonly last: number;
}

/** Memory of one entry, at given values of the symbols. */
export interface MemoryReport {
  readonly entry: string;
  /** Symbol values the sizes hold for. */
  readonly at: Readonly<Record<string, number>>;
  /** Size of the arena. */
  readonly peakBytes: number;
  /** What the arena would take if no two buffers shared bytes. */
  readonly bytesWithoutReuse: number;
  /** Weights and states, outside of the arena. */
  readonly fixedBytes: number;
  /** Position and name of the step at which most bytes are live, and how many. */
  readonly peakStep: { readonly position: number; readonly name: string; readonly bytes: number };
  readonly lives: readonly BufferLife[];
  /** Names by position; 0 is the inputs' arrival and the last the outputs' departure. */
  readonly positions: readonly string[];
}

/** Values at which symbolic sizes are reported: a symbol's largest value when bounded, else its smallest useful one. */
export function typicalSymbols(plan: Plan): Record<string, number> {
  const least = Object.entries(plan.symbols).map(([name, { min, max, multipleOf = 1 }]): [string, number] => [
    name,
    Math.ceil((max ?? Math.max(min, 1)) / multipleOf) * multipleOf,
  ]);
  return largeEnough(
    plan,
    Object.fromEntries(least),
    Object.keys(plan.symbols).filter((name) => plan.symbols[name]?.max === undefined),
  );
}

/**
 * Doubles those of `open` until no axis of the plan is negative: a convolution over 3 steps has no output for fewer; and until no output is
 * empty, where few doublings do that.
 */
export function largeEnough(
  plan: Plan,
  values: Readonly<Record<string, number>>,
  open: readonly string[],
): Record<string, number> {
  const doubled = (
    from: Readonly<Record<string, number>>,
    rounds: number,
    isBad: (size: number, b: PlanBuffer) => boolean,
  ) => {
    const sizes = { ...from };
    for (let round = 0; round < rounds; round++) {
      const at = new Map(Object.entries(sizes));
      const axes = plan.buffers.flatMap((b) =>
        b.shape.filter((d) => typeof d !== 'number' && symbolsKnown(d, at) && isBad(evaluateDim(d, at), b)),
      );
      const names = open.filter((name) => axes.some((d) => symbolsIn(d).has(name)));
      if (names.length === 0) return sizes;
      for (const name of names) sizes[name] = 2 * (sizes[name] ?? 1);
    }
    return undefined;
  };
  const whole = doubled(values, 20, (size) => size < 0) ?? { ...values };
  return doubled(whole, 8, (size, { role }) => size < (role === 'output' ? 1 : 0)) ?? whole;
}

const symbolsKnown = (dim: DimCode, values: ReadonlyMap<string, number>): boolean =>
  [...symbolsIn(dim)].every((name) => values.has(name));

/** Names of the symbols in a dim. */
export function symbolsIn(dim: DimCode, into: Set<string> = new Set()): Set<string> {
  if (typeof dim === 'string') into.add(dim);
  else if (typeof dim !== 'number') for (const d of operands(dim)) symbolsIn(d, into);
  return into;
}

function operands(dim: Exclude<DimCode, number | string>): readonly DimCode[] {
  const [, ...rest] = dim;
  return rest;
}

/** What an entry's memory looks like; sizes of data-dependent buffers count at the given symbol values. */
export function memoryReport(
  plan: Plan,
  entryName: string,
  symbols: Readonly<Record<string, number>> = {},
): MemoryReport {
  const entry = plan.entries[entryName];
  const at = { ...typicalSymbols(plan), ...symbols };
  const values = new Map(Object.entries(at));
  const sizeOf = (b: PlanBuffer | undefined): number => {
    if (!b || b.role === 'host' || b.role === 'alias') return 0;
    if (b.bytes !== undefined) return evaluateDim(b.bytes, values);
    return byteLength(
      b.dtype,
      b.shape.reduce<number>((n, d) => n * evaluateDim(d, values), 1),
    );
  };
  const live = entry ? [...liveIntervals(plan.buffers, entry)] : [];
  const requests = live.map(([i, life]) => ({ ...life, bytes: sizeOf(plan.buffers[i]) }));
  const { offsets, bytes } = planMemory(requests, 64);
  const positions = ['inputs', ...(entry ? names(plan, entry.steps) : []), 'outputs'];
  const lives = live.map(([buffer, life], k): BufferLife => {
    const b = plan.buffers[buffer];
    return {
      buffer,
      name: b?.name ?? `b${buffer}`,
      bytes: requests[k]?.bytes ?? 0,
      offset: b?.offset ?? offsets[k] ?? 0,
      ...life,
    };
  });
  let peakStep = { position: 0, name: positions[0] ?? '', bytes: -1 };
  positions.forEach((name, position) => {
    const sum = lives.reduce((n, l) => n + (l.first <= position && position <= l.last ? l.bytes : 0), 0);
    if (sum > peakStep.bytes) peakStep = { position, name, bytes: sum };
  });
  const states = plan.buffers.reduce((n, b) => n + (b.role === 'state' ? sizeOf(b) : 0), 0);
  return {
    entry: entryName,
    at,
    peakBytes: entry?.arena ?? bytes,
    bytesWithoutReuse: requests.reduce((n, r) => n + r.bytes, 0),
    fixedBytes: plan.weights.reduce((n, w) => n + w.bytes, states),
    peakStep,
    lives,
    positions,
  };
}

/** Names of steps in the order in which {@link liveIntervals} counts positions. */
const names = (plan: Plan, steps: readonly PlanStep[]): string[] => steps.flatMap((s) => namesOf(plan, s));

function namesOf(plan: Plan, s: PlanStep): string[] {
  switch (s.kind) {
    case 'kernel':
      return [plan.kernels[s.kernel]?.name ?? `kernel ${s.kernel}`];
    case 'host':
      return [s.op];
    case 'copy':
      return ['copy'];
    case 'choose':
      return ['choose', ...s.cases.flatMap((c) => names(plan, c.steps))];
    case 'if':
      return ['if', ...names(plan, s.body), ...names(plan, s.otherwise)];
    case 'loop':
      return ['loop', ...names(plan, s.body), 'end of loop'];
  }
}

/** What a model takes while it runs. */
export interface Footprint {
  readonly weights: number;
  /** KV cache or recurrent state. */
  readonly states: number;
  /** The arena of the largest entry, at its longest run. */
  readonly activations: number;
  readonly total: number;
}

/** Memory of a loaded language model: its arenas are known for the longest runs. */
export function footprint(plan: Plan): Footprint {
  const weights = plan.weights.reduce((n, w) => n + w.bytes, 0);
  const states = plan.generation?.stateBytes ?? 0;
  const activations = Math.max(0, ...Object.values(plan.entries).map((e) => e.arena ?? 0));
  return { weights, states, activations, total: weights + states + activations };
}
