import { InfcError } from '../runtime/errors.ts';
import {
  ARTIFACT_MAGIC,
  ARTIFACT_VERSION,
  checksum,
  HEADER_WORDS,
  MASK_WORDS,
  OUTSIDE,
  RUN_BYTE,
} from './artifact-machine.ts';
import type { MaskId, SetHash } from './mask-pool.ts';
import { minimize } from './minimize.ts';
import type { TokenMachine } from './token-machine.ts';

/** Options of {@link compileArtifact}. */
export interface ArtifactOptions {
  /** States to look at (default 20,000), nearest to the start first; equivalent ones are then merged. */
  readonly maxStates?: number;
  /** Fail with INFC5501 when not all states fit, instead of leaving the rest to a fallback. */
  readonly complete?: boolean;
}

/** What an artifact holds. */
export interface ArtifactReport {
  readonly states: number;
  readonly masks: number;
  /** All states are inside: no fallback is ever needed. */
  readonly complete: boolean;
}

/**
 * Compiles a constraint over a vocabulary ahead of time: its states nearest to the start, their transitions and masks, in one buffer that
 * loads without parsing. The buffer is bound to the vocabulary by its hash. States of unbounded constraints (recursion, free keys) beyond
 * `maxStates` are left to a live fallback.
 */
export function compileArtifact(
  machine: TokenMachine,
  options: ArtifactOptions = {},
): { readonly bytes: Uint8Array; readonly report: ArtifactReport } {
  const limit = options.maxStates ?? 20_000;
  const { complete, ...found } = explore(machine, limit);
  const { states, rows, parents, specials } = merge(machine, found);
  if (!complete && options.complete) {
    throw new InfcError('INFC5501', `the constraint has more than ${limit} states`, {
      fix: 'Forbid additional properties, bound lengths, or raise maxStates',
    });
  }
  const { starts, runs } = runsOf(rows);
  const masks = new MaskTable(machine.pool.words);
  const maskOf = states.map((state) => {
    const id = machine.mask(state);
    return masks.add(id, machine.pool.hashOf(id), () => machine.pool.view(id));
  });
  const { hash, size } = machine.vocabulary;
  const words = new Words(HEADER_WORDS);
  for (let i = 0; i < 8; i++) words.data[4 + i] = Number.parseInt(hash.padEnd(64, '0').slice(8 * i, 8 * i + 8), 16) | 0;
  words.data[12] = states.length;
  words.data[14] = size;
  words.data[15] = complete ? 1 : 0;
  words.section(16, starts);
  words.section(18, runs);
  words.section(
    20,
    states.map((state) => (machine.accepts(state) ? 1 : 0)),
  );
  words.section(
    22,
    states.map((state) => Math.min(machine.shortest(state), 0x7fffffff)),
  );
  words.section(24, parents);
  words.section(26, maskOf);
  words.section(28, masks.index);
  words.section(30, masks.data);
  words.section(32, specials);
  const data = Int32Array.from(words.data);
  data[0] = ARTIFACT_MAGIC;
  data[1] = ARTIFACT_VERSION;
  data[2] = data.length;
  data[3] = checksum(data);
  return {
    bytes: new Uint8Array(data.buffer),
    report: { states: states.length, masks: masks.index.length / MASK_WORDS, complete },
  };
}

interface Explored {
  readonly states: readonly number[];
  readonly rows: readonly Int32Array[];
  readonly parents: readonly number[];
  /** From, token, and row entry of each step over a special token. */
  readonly specials: readonly number[];
}

/** Keeps one state of each class of equivalent ones. */
function merge(machine: TokenMachine, { states, rows, parents, specials }: Explored): Explored {
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
    parents: leaders.flatMap((leader) => [
      leader === 0 ? -1 : (classOf[parents[2 * leader] ?? 0] ?? 0),
      parents[2 * leader + 1] ?? 0,
    ]),
    specials: leaders.flatMap((leader, cls) => {
      const own = edges[leader] ?? [];
      const out: number[] = [];
      for (let i = 0; i < own.length; i += 2) out.push(cls, own[i] ?? 0, renamed(own[i + 1] ?? 0));
      return out;
    }),
  };
}

/** Breadth-first over bytes. Row entries are table states counted from 1, 0 for dead, {@link OUTSIDE} beyond the limit. */
function explore(
  machine: TokenMachine,
  limit: number,
): {
  states: number[];
  rows: Int32Array[];
  parents: number[];
  /** From, token, and row entry of each step over a special token. */
  specials: number[];
  complete: boolean;
} {
  const states = [machine.start];
  const ids = new Map<number, number>([[machine.start, 0]]);
  const rows: Int32Array[] = [];
  const parents = [-1, 0];
  const specials: number[] = [];
  let complete = true;
  const enter = (state: number, from: number, byte: number): number => {
    if (state === 0) return 0;
    let id = ids.get(state);
    if (id === undefined) {
      if (states.length >= limit) {
        complete = false;
        return OUTSIDE;
      }
      id = states.push(state) - 1;
      ids.set(state, id);
      parents.push(from, byte);
    }
    return id + 1;
  };
  for (let at = 0; at < states.length; at++) {
    const row = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) row[byte] = enter(machine.step(states[at] ?? 0, byte), at, byte);
    rows.push(row);
    for (const token of machine.vocabulary.special.values()) {
      const next = machine.vocabulary.eos.includes(token) ? 0 : (machine.special?.(states[at] ?? 0, token) ?? 0);
      // In paths, special tokens count as bytes from 256 on.
      if (next !== 0) specials.push(at, token, enter(next, at, 256 + token));
    }
  }
  return { states, rows, parents, specials, complete };
}

/** Of each state, where its runs start; and the runs of bytes that lead to one state, see {@link RUN_BYTE}. */
function runsOf(rows: readonly Int32Array[]): { readonly starts: number[]; readonly runs: number[] } {
  const starts = [0];
  const runs: number[] = [];
  for (const row of rows) {
    row.forEach((target, byte) => {
      if (byte === 0 || target !== row[byte - 1]) runs.push(((target + 1) << RUN_BYTE) | byte);
    });
    starts.push(runs.length);
  }
  return { starts, runs };
}

const NEAR = 1024;

/** Masks as words, or as the tokens in which they differ from a mask kept as words. */
class MaskTable {
  /** {@link MASK_WORDS} numbers a mask. */
  readonly index: number[] = [];
  readonly data: number[] = [];
  readonly #known = new Map<MaskId, number>();
  readonly #dense: { id: number; words: Uint32Array }[] = [];

  constructor(private readonly words: number) {}

  add(mask: MaskId, { a, b }: SetHash, words: () => Uint32Array): number {
    const known = this.#known.get(mask);
    if (known !== undefined) return known;
    const id = this.index.length / MASK_WORDS;
    this.#known.set(mask, id);
    const view = words();
    let best: { base: number; tokens: number[] } | undefined;
    for (const base of [{ id: -1, words: new Uint32Array(this.words) }, ...this.#dense]) {
      const tokens = differences(base.words, view, best ? best.tokens.length : NEAR);
      if (tokens) best = { base: base.id, tokens };
    }
    if (best) {
      this.index.push(best.base, this.data.length, best.tokens.length, a, b);
      for (const token of best.tokens) this.data.push(token);
    } else {
      this.index.push(-1, this.data.length, -1, a, b);
      for (const word of view) this.data.push(word | 0);
      this.#dense.push({ id, words: view.slice() });
    }
    return id;
  }
}

/** Tokens in which two masks differ, or undefined when they are not fewer than a limit. */
function differences(a: Uint32Array, b: Uint32Array, limit: number): number[] | undefined {
  const tokens: number[] = [];
  for (let w = 0; w < b.length; w++) {
    for (let bits = ((a[w] ?? 0) ^ (b[w] ?? 0)) >>> 0; bits !== 0; bits = (bits & (bits - 1)) >>> 0) {
      if (tokens.length + 1 >= limit) return undefined;
      tokens.push(32 * w + 31 - Math.clz32(bits & -bits));
    }
  }
  return tokens;
}

class Words {
  readonly data: number[];

  constructor(header: number) {
    this.data = new Array<number>(header).fill(0);
  }

  section(at: number, values: readonly number[]): void {
    this.data[at] = this.data.length;
    this.data[at + 1] = values.length;
    for (const value of values) this.data.push(value);
  }
}
