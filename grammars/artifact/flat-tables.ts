import type { MaskId } from '../matching/mask-pool.ts';
import { OUTSIDE, type Tables, type TablesWork, type TokenMachine } from '../matching/token-machine.ts';
import { minimize } from './minimize.ts';

/** Tables of a machine without a stack: its states nearest to the start, equivalent ones merged. */
export function* flatTables(machine: TokenMachine, limit: number): TablesWork<Tables> {
  const { complete, ...found } = yield* explore(machine, limit);
  const { states, rows, specials } = merge(machine, found);
  const masks: MaskId[] = [];
  for (const state of states) {
    yield { phase: 'masks', done: masks.length, total: states.length };
    masks.push(machine.mask(state));
  }
  return {
    rows: rows.map((row) => row.map(coded)),
    ends: states.map((state) => (machine.accepts(state) ? 1 : 0)),
    costs: states.map((state) => [1, Math.min(machine.shortest(state), 0x7fffffff)]),
    entries: [],
    resumes: [],
    masks,
    specials: specials.map((value, i) => (i % 3 === 0 ? value + 1 : i % 3 === 1 ? value : coded(value))),
    complete,
  };
}

/** Rows hold states counted from 1. */
const coded = (entry: number): number => (entry > 0 ? entry << 2 : entry);

interface Explored {
  readonly states: readonly number[];
  readonly rows: readonly Int32Array[];
  /** From, token, and row entry of each step over a special token. */
  readonly specials: readonly number[];
}

/** Keeps one state of each class of equivalent ones. */
function merge(machine: TokenMachine, { states, rows, specials }: Explored): Explored {
  const edges: number[][] = states.map(() => []);
  for (let i = 0; i < specials.length; i += 3)
    edges[specials[i] ?? 0]?.push(specials[i + 1] ?? 0, specials[i + 2] ?? 0);
  const { classOf, count } = minimize({ rows, kinds: states.map((state) => (machine.accepts(state) ? 1 : 0)), edges });
  const leaders: number[] = new Array<number>(count).fill(-1);
  classOf.forEach((cls, state) => {
    if (leaders[cls] === -1) leaders[cls] = state;
  });
  const renamed = (entry: number): number => (entry > 0 ? (classOf[entry - 1] ?? 0) + 1 : entry);
  return {
    states: leaders.map((leader) => states[leader] ?? 0),
    rows: leaders.map((leader) => (rows[leader] ?? new Int32Array(256)).map(renamed)),
    specials: leaders.flatMap((leader, cls) => {
      const own = edges[leader] ?? [];
      const out: number[] = [];
      for (let i = 0; i < own.length; i += 2) out.push(cls, own[i] ?? 0, renamed(own[i + 1] ?? 0));
      return out;
    }),
  };
}

/** Breadth-first over bytes. Row entries are table states counted from 1, 0 for dead, {@link OUTSIDE} beyond the limit. */
function* explore(machine: TokenMachine, limit: number): TablesWork<Explored & { readonly complete: boolean }> {
  const states = [machine.start];
  const ids = new Map<number, number>([[machine.start, 0]]);
  const rows: Int32Array[] = [];
  const specials: number[] = [];
  let complete = true;
  const enter = (state: number): number => {
    if (state === 0) return 0;
    let id = ids.get(state);
    if (id === undefined) {
      if (states.length >= limit) {
        complete = false;
        return OUTSIDE;
      }
      id = states.push(state) - 1;
      ids.set(state, id);
    }
    return id + 1;
  };
  for (let at = 0; at < states.length; at++) {
    yield { phase: 'states', done: at, total: states.length };
    const row = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) row[byte] = enter(machine.step(states[at] ?? 0, byte));
    rows.push(row);
    for (const token of machine.vocabulary.special.values()) {
      const next = machine.vocabulary.eos.includes(token) ? 0 : (machine.special?.(states[at] ?? 0, token) ?? 0);
      if (next !== 0) specials.push(at, token, enter(next));
    }
  }
  return { states, rows, specials, complete };
}
