import { InfcError } from '../../runtime/errors.ts';
import { type CancelSignal, refuseCancelled } from '../cancel.ts';
import { type StackMachine, tablesOf } from '../json/masks/tables.ts';
import type { MaskId, SetHash } from '../matching/mask-pool.ts';
import type { MaskTree, TablesProgress, TablesWork, TokenMachine } from '../matching/token-machine.ts';
import {
  ARTIFACT_MAGIC,
  ARTIFACT_VERSION,
  checksum,
  Flag,
  HEADER_WORDS,
  MASK_WORDS,
  RUN_BYTE,
  SECTIONS,
} from './artifact-machine.ts';
import { flatTables } from './flat-tables.ts';

/** Options of {@link compileConstraint}. */
export interface CompileConstraintOptions {
  /** States to write out (default 65,536: `email` and `hostname` have 42,000), nearest to the start first; and 20,000 masks at most. */
  readonly maxStates?: number;
  /** Fail with INFC5501 when not all states fit, instead of leaving the rest to a fallback. */
  readonly complete?: boolean;
  /** Stops the work when it turns `aborted` (INFC5023). */
  readonly signal?: CancelSignal;
  /** Called often: with how many states, then masks, are found of those known so far. */
  readonly onProgress?: (progress: TablesProgress) => void;
}

/** A constraint compiled ahead of time. */
export interface CompiledConstraint {
  readonly bytes: Uint8Array;
  readonly report: CompileConstraintReport;
}

/** What an artifact holds. */
export interface CompileConstraintReport {
  readonly states: number;
  readonly masks: number;
  /** All states are inside: no fallback is ever needed. */
  readonly complete: boolean;
}

/**
 * Compiles a constraint over a vocabulary ahead of time: its states, their transitions and masks, in one buffer that loads without parsing.
 * The buffer is bound to the vocabulary by its hash. Of JSON the states are those of one level with what may be around it, so that documents
 * nest as deep as they like. What remembers text (uniqueItems, `repeats: 'never'` beside names that are not listed) or has more than `maxStates`
 * is left to a live fallback.
 */
export function compileConstraint(machine: TokenMachine, options: CompileConstraintOptions = {}): CompiledConstraint {
  const work = compiling(machine, options);
  for (;;) {
    const compiled = advance(work, options);
    if (compiled) return compiled;
  }
}

/** Milliseconds of work between turns of the event loop. */
const TURN = 50;

/** {@link compileConstraint} that gives the event loop turns: timers run, and a signal from outside is heard. */
export async function compileConstraintInTurns(
  machine: TokenMachine,
  options: CompileConstraintOptions = {},
): Promise<CompiledConstraint> {
  const work = compiling(machine, options);
  for (let turn = performance.now(); ; ) {
    const compiled = advance(work, options);
    if (compiled) return compiled;
    if (performance.now() - turn < TURN) continue;
    await new Promise((resolve) => setTimeout(resolve));
    turn = performance.now();
  }
}

/** The next piece of work; what it comes to, or undefined. */
function advance(
  work: TablesWork<CompiledConstraint>,
  { signal, onProgress }: CompileConstraintOptions,
): CompiledConstraint | undefined {
  refuseCancelled(signal);
  const { done, value } = work.next();
  if (done) return value;
  onProgress?.(value);
  return undefined;
}

function* compiling(machine: TokenMachine, options: CompileConstraintOptions): TablesWork<CompiledConstraint> {
  const limit = options.maxStates ?? 65_536;
  const given: Partial<TokenMachine> = machine;
  if (given.vocabulary === undefined || !(limit > 0))
    throw new InfcError('INFC5505', 'this cannot be compiled', {
      fix: 'Write compileConstraint(constraint.masks(vocabulary), { maxStates: a whole number above 0 })',
    });
  const own = hasStack(machine) ? yield* tablesOf(machine, limit) : undefined;
  // Few states need no stack: lists of different values out of a few, say.
  const flat = own?.complete ? undefined : yield* flatTables(machine, own ? Math.min(limit, FEW_STATES) : limit);
  const tables = own && !flat?.complete ? own : (flat ?? own);
  if (!tables || (!tables.complete && options.complete))
    throw new InfcError('INFC5501', `the constraint remembers text, or has more than ${limit} states`, {
      fix: "Leave out uniqueItems, let names repeat (repeats: 'unlisted'), bound lengths, or raise maxStates",
    });
  const masks = new MaskTable(machine.pool.words);
  const trees = treesOf(tables.masks, (id) => masks.add(id, machine.pool.hashOf(id), () => machine.pool.view(id)));
  const { hash, size } = machine.vocabulary;
  const sections: Readonly<Record<(typeof SECTIONS)[number], readonly number[]>> = {
    ...runsOf(tables.rows),
    ends: tables.ends,
    costs: listed(tables.costs),
    entries: tables.entries,
    resumes: tables.resumes.length > 0 ? listed(tables.resumes) : [],
    trees,
    maskIndex: masks.index,
    maskData: masks.data,
    specials: tables.specials,
  };
  const words = new Array<number>(HEADER_WORDS).fill(0);
  for (let i = 0; i < 8; i++) words[4 + i] = Number.parseInt(hash.padEnd(64, '0').slice(8 * i, 8 * i + 8), 16);
  words[12] = size;
  words[13] = (tables.complete ? Flag.complete : 0) | (own ? Flag.json : 0);
  let end = HEADER_WORDS;
  SECTIONS.forEach((name, i) => {
    words[14 + 2 * i] = end;
    words[15 + 2 * i] = sections[name].length;
    end += sections[name].length;
  });
  const data = new Int32Array(end);
  data.set(words.map((word) => word | 0));
  SECTIONS.forEach((name, i) => data.set(sections[name], words[14 + 2 * i]));
  data[0] = ARTIFACT_MAGIC;
  data[1] = ARTIFACT_VERSION;
  data[2] = data.length;
  data[3] = checksum(data);
  return {
    bytes: new Uint8Array(data.buffer),
    report: { states: tables.rows.length, masks: masks.index.length / MASK_WORDS, complete: tables.complete },
  };
}

/** By what it can do and not by its class: the package's entries each carry their own. */
const hasStack = (machine: TokenMachine): machine is StackMachine => 'situated' in machine;

/** States of a machine with a stack that are written out without it at most. */
const FEW_STATES = 2_000;

/** Lists after one another, with where each begins and the last one ends before them. */
function listed(lists: readonly (readonly number[])[]): number[] {
  const out: number[] = [];
  let at = lists.length + 1;
  for (const list of lists) {
    out.push(at);
    at += list.length;
  }
  out.push(at);
  for (const list of lists) for (const value of list) out.push(value);
  return out;
}

/** By leaf, where its tree is (0: none); of a tree its mask, or, negative, how many frames are told apart, and pairs of frame and tree. */
function treesOf(trees: readonly MaskTree[], add: (mask: MaskId) => number): number[] {
  const out: number[] = new Array<number>(Math.max(1, trees.length)).fill(0);
  const write = (tree: MaskTree): number => {
    if (tree === undefined) return 0;
    const at = out.length;
    if (typeof tree === 'number') out.push(add(tree));
    else {
      out.push(-tree.size);
      for (const frame of tree.keys()) out.push(frame, 0);
      [...tree.values()].forEach((below, i) => {
        out[at + 2 * i + 2] = write(below);
      });
    }
    return at;
  };
  trees.forEach((tree, leaf) => {
    out[leaf] = write(tree);
  });
  return out;
}

/** Of each leaf, where its runs start; and the runs of bytes that have one code, see {@link RUN_BYTE}. */
function runsOf(rows: readonly Int32Array[]): { readonly starts: number[]; readonly runs: number[] } {
  const starts = [0];
  const runs: number[] = [];
  for (const row of rows) {
    row.forEach((code, byte) => {
      if (byte === 0 || code !== row[byte - 1]) runs.push(((code + 1) << RUN_BYTE) | byte);
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
