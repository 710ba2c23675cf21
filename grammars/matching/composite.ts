import type { Acceptor } from './acceptor.ts';

/** One part of a composite: an acceptor and what may follow once it accepts. */
export interface Part {
  readonly acceptor: Acceptor;
  /** Parts that may follow, directly or after a special token. */
  readonly next: readonly { readonly part: number; readonly token?: number }[];
  /** The text may end when this part accepts. */
  readonly final: boolean;
  /** Whether this part belongs to a stretch of which one may ask how to leave it. */
  readonly stretch?: boolean;
  /** Parts that may follow in a state, whether or not this one accepts there; they may have been added since. */
  follow?(state: number): readonly number[];
  /** Fewest bytes from acceptance to the end, where the parts do not tell. */
  readonly tail?: number;
}

/** Several acceptors as one. */
export interface Composite extends Acceptor {
  /** Fewest bytes to the end of a stretch from a state, a special token counted as one; 0 where the text may be outside of one. */
  leaving(state: number): number;
}

interface State {
  /** Pairs of a part and a state of its acceptor, flattened, sorted. */
  readonly threads: readonly number[];
  row: Int32Array | undefined;
  specials: readonly number[] | undefined;
}

/**
 * Joins acceptors into one: a graph of parts, followed in all ways at once (a state is a set of part states). Parts from which the end
 * cannot be reached are never entered, so the whole is prefix-exact when its parts are.
 */
export function composite(parts: readonly Part[], start: number): Composite {
  const live = reachEnd(parts);
  const states: State[] = [{ threads: [], row: undefined, specials: [] }];
  const ids = new Map<string, number>([['', 0]]);
  let tails: readonly number[] | undefined;
  let exits: readonly number[] | undefined;

  const enter = (threads: Map<number, number[]>, part: number, inner: number): void => {
    if (live[part] === false || inner === 0) return;
    const known = threads.get(part) ?? [];
    if (known.includes(inner)) return;
    known.push(inner);
    threads.set(part, known);
    const { acceptor, next, follow } = parts[part] ?? NO_PART;
    for (const other of follow?.(inner) ?? []) enter(threads, other, parts[other]?.acceptor.start ?? 0);
    if (!acceptor.accepts(inner)) return;
    for (const edge of next)
      if (edge.token === undefined) enter(threads, edge.part, parts[edge.part]?.acceptor.start ?? 0);
  };
  const intern = (threads: Map<number, number[]>): number => {
    const flat = [...threads]
      .sort((a, b) => a[0] - b[0])
      .flatMap(([part, inners]) => inners.sort((a, b) => a - b).flatMap((inner) => [part, inner]));
    const key = flat.join();
    let id = ids.get(key);
    if (id === undefined) {
      id = states.push({ threads: flat, row: undefined, specials: undefined }) - 1;
      ids.set(key, id);
    }
    return id;
  };
  function* threadsOf(id: number): Generator<{ part: number; inner: number; definition: Part }> {
    const { threads } = states[id] ?? { threads: [] };
    for (let i = 0; i < threads.length; i += 2) {
      const part = threads[i] ?? 0;
      yield { part, inner: threads[i + 1] ?? 0, definition: parts[part] ?? NO_PART };
    }
  }

  const first = new Map<number, number[]>();
  enter(first, start, parts[start]?.acceptor.start ?? 0);
  return {
    start: intern(first),
    step(id, byte) {
      const state = states[id];
      if (!state || id === 0) return 0;
      state.row ??= new Int32Array(256).fill(-1);
      let next = state.row[byte] ?? 0;
      if (next < 0) {
        const threads = new Map<number, number[]>();
        for (const { part, inner, definition } of threadsOf(id))
          enter(threads, part, definition.acceptor.step(inner, byte));
        state.row[byte] = next = intern(threads);
      }
      return next;
    },
    accepts(id) {
      for (const { inner, definition } of threadsOf(id))
        if (definition.final && definition.acceptor.accepts(inner)) return true;
      return false;
    },
    within(id) {
      const { threads = [] } = states[id] ?? {};
      const { acceptor } = parts[threads[0] ?? -1] ?? NO_PART;
      const inner = threads[1] ?? 0;
      return threads.length === 2 && !acceptor.accepts(inner) ? { acceptor, state: inner } : undefined;
    },
    shortest(id) {
      tails ??= distances(parts);
      let least = Number.POSITIVE_INFINITY;
      for (const { part, inner, definition } of threadsOf(id))
        least = Math.min(least, definition.acceptor.shortest(inner) + (definition.tail ?? tails[part] ?? 0));
      return least;
    },
    leaving(id) {
      exits ??= distances(parts, (part) => !part.stretch);
      let least = Number.POSITIVE_INFINITY;
      for (const { part, inner, definition } of threadsOf(id))
        least = Math.min(least, definition.stretch ? definition.acceptor.shortest(inner) + (exits[part] ?? 0) : 0);
      return least;
    },
    special(id, token) {
      const threads = new Map<number, number[]>();
      for (const { part, inner, definition } of threadsOf(id)) {
        enter(threads, part, definition.acceptor.special?.(inner, token) ?? 0);
        if (!definition.acceptor.accepts(inner)) continue;
        for (const edge of definition.next)
          if (edge.token === token) enter(threads, edge.part, parts[edge.part]?.acceptor.start ?? 0);
      }
      return intern(threads);
    },
    specials(id) {
      const state = states[id];
      if (!state) return [];
      if (!state.specials) {
        const tokens = new Set<number>();
        for (const { inner, definition } of threadsOf(id)) {
          for (const token of definition.acceptor.specials?.(inner) ?? []) tokens.add(token);
          if (!definition.acceptor.accepts(inner)) continue;
          for (const { part, token } of definition.next)
            if (token !== undefined && live[part] && parts[part]?.acceptor.start !== 0) tokens.add(token);
        }
        state.specials = [...tokens].sort((a, b) => a - b);
      }
      return state.specials;
    },
  };
}

const NO_PART: Part = {
  acceptor: { start: 0, step: () => 0, accepts: () => false, shortest: () => Number.POSITIVE_INFINITY },
  next: [],
  final: false,
};

function reachEnd(parts: readonly Part[]): boolean[] {
  const live = parts.map((part) => part.final && part.acceptor.start !== 0);
  for (let changed = true; changed; ) {
    changed = false;
    parts.forEach((part, i) => {
      if (live[i] || part.acceptor.start === 0 || !part.next.some((edge) => live[edge.part])) return;
      live[i] = true;
      changed = true;
    });
  }
  return live;
}

/** Fewest bytes from the acceptance of each part to the end, or to a part where one is `there`; a special token counts as one byte. */
function distances(parts: readonly Part[], there?: (part: Part) => boolean): number[] {
  const tails = parts.map((part) => (part.final || there?.(part) ? 0 : Number.POSITIVE_INFINITY));
  const own = parts.map((part) => (there?.(part) ? 0 : part.acceptor.shortest(part.acceptor.start)));
  for (let changed = true; changed; ) {
    changed = false;
    parts.forEach((part, i) => {
      for (const edge of part.next) {
        const through = (edge.token === undefined ? 0 : 1) + (own[edge.part] ?? 0) + (tails[edge.part] ?? 0);
        if (through < (tails[i] ?? 0)) {
          tails[i] = through;
          changed = true;
        }
      }
    });
  }
  return tails;
}
