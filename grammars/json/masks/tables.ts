import type { MaskId } from '../../matching/mask-pool.ts';
import {
  type MaskTree,
  OUTSIDE,
  type Tables,
  type TablesWork,
  type TokenMachine,
} from '../../matching/token-machine.ts';
import { goTo, type Leaf, push, type ResultId } from '../automaton/leaf.ts';
import type { StackId } from '../automaton/stack.ts';

/** Frames of a stack that a mask is told apart by at most; masks that look further are left to be found when they are needed. */
const MAX_FRAMES = 8;

/** Situations whose masks are written out at most; others are found by a walk over the tokens when they are first met. */
const MAX_MASKS = 20_000;

/** The frame of the document, and what lies below it. */
const ROOT = 0;
const NOTHING = -1;

/** What is asked of a JSON automaton to write it out, be it of this entry of the package or of another, whose classes are not these. */
export interface StackMachine extends TokenMachine {
  situated(leaf: number, stack: StackId): { readonly mask: MaskId; readonly frames: number } | undefined;
  readonly acceptor: {
    readonly entry: number;
    ask(leaf: number): void;
    costs(leaf: number): readonly { readonly result: ResultId; readonly bytes: number }[];
    readonly stacks: { push(parent: StackId, frame: number, captures: boolean, start: number): StackId };
    readonly machine: {
      readonly pushFrame: readonly number[];
      readonly pushLeaf: readonly number[];
      readonly frames: readonly { readonly captures: boolean }[];
      readonly leaves: readonly Pick<Leaf, 'kind' | 'end'>[];
      readonly results: { anyValue(result: ResultId): ResultId };
      resume(frame: number, result: ResultId): number;
      step(leaf: number, byte: number): number;
    };
  };
}

/** Numbers in the order in which they are met. */
class Numbering {
  readonly list: number[] = [];
  private readonly ids = new Map<number, number>();

  of(given: number): number {
    let id = this.ids.get(given);
    if (id === undefined) {
      id = this.list.push(given) - 1;
      this.ids.set(given, id);
    }
    return id;
  }

  has(given: number): boolean {
    return this.ids.has(given);
  }
}

/**
 * Writes a JSON automaton out: which leaves can be on top of which frames is a least fixpoint over transitions, pushes and pops, whatever the
 * depth of the documents; then the masks of all of these, told apart by as many frames as each depends on. Frames that capture text
 * (uniqueItems, counted names) have no end of states: what enters them lies outside.
 */
export function* tablesOf(masks: StackMachine, limit: number): TablesWork<Tables> {
  const { acceptor } = masks;
  const { machine, stacks } = acceptor;
  const leaves = new Numbering();
  const frames = new Numbering();
  const entries = new Numbering();
  /** By frame: leaves met on top of it, frames met below it, and its results with the leaves that go on. */
  const above: Set<number>[] = [];
  const below: Set<number>[] = [];
  const resumed: Map<number, number>[] = [];
  const todo: [leaf: number, frame: number][] = [];
  let complete = true;

  const at = <T>(list: T[], index: number, make: () => T): T => (list[index] ??= make());
  const add = (leaf: number, frame: number): void => {
    if (leaf === 0) return;
    if (!leaves.has(leaf) && leaves.list.length >= limit) {
      complete = false;
      return;
    }
    leaves.of(leaf);
    const known = at(above, frame + 1, () => new Set());
    if (known.has(leaf)) return;
    known.add(leaf);
    todo.push([leaf, frame]);
  };
  const follow = (code: number, frame: number): void => {
    const target = code >> 2;
    if ((code & 3) === 0) add(target, frame);
    else if ((code & 3) === 1) {
      const pushed = machine.pushFrame[target] ?? 0;
      if (machine.frames[pushed]?.captures) {
        complete = false;
        return;
      }
      entries.of(target);
      const own = frames.of(pushed);
      const parents = at(below, own, () => new Set());
      if (!parents.has(frame)) {
        parents.add(frame);
        for (const leaf of resumed[own]?.values() ?? []) add(leaf, frame);
      }
      add(machine.pushLeaf[target] ?? 0, own);
    } else {
      const results = at(resumed, frame, () => new Map());
      // Costs are told without the value.
      for (const result of [target, machine.results.anyValue(target)]) {
        if (frame === NOTHING || results.has(result)) continue;
        const leaf = machine.resume(frames.list[frame] ?? 0, result);
        results.set(result, leaf);
        for (const parent of below[frame] ?? []) add(leaf, parent);
      }
    }
  };

  frames.of(ROOT);
  below[ROOT] = new Set([NOTHING]);
  add(acceptor.entry, ROOT);
  const rowOf = (leaf: number): Int32Array => Int32Array.from({ length: 256 }, (_, byte) => machine.step(leaf, byte));
  const raw = new Map<number, Int32Array>();
  for (const [done, [leaf, frame]] of todo.entries()) {
    yield { phase: 'states', done, total: todo.length };
    acceptor.ask(leaf);
    let row = raw.get(leaf);
    if (!row) raw.set(leaf, (row = rowOf(leaf)));
    let last = 0;
    for (const code of row) if (code !== last) follow((last = code), frame);
  }

  const stackOf = (chain: readonly number[]): StackId => {
    if (chain.length === 0) return -1;
    const whole = [...chain];
    for (let frame = whole.at(-1) ?? ROOT; frame > ROOT; whole.push(frame))
      frame = [...(below[frame] ?? [ROOT])][0] ?? ROOT;
    let stack: StackId = 0;
    for (let i = whole.length - 2; i >= 0; i--) stack = stacks.push(stack, frames.list[whole[i] ?? 0] ?? 0, false, 0);
    return stack;
  };
  let prepared = 0;
  /** The masks of a leaf where the stack begins with a chain of frames, put into the tree of those with fewer. */
  function* prepare(tree: MaskTree, leaf: number, chain: readonly number[], from: number): TablesWork<MaskTree> {
    if (typeof tree === 'number') return tree;
    let found: MaskTree = tree;
    if (!tree || from === chain.length) {
      if (prepared >= MAX_MASKS) return tree;
      prepared++;
      yield { phase: 'masks', done: prepared, total: Math.max(prepared, todo.length) };
      const situated = masks.situated(leaf, stackOf(chain));
      if (!situated) return undefined;
      if (situated.frames <= from) return situated.mask;
      found = tree ?? new Map();
    }
    if (!(found instanceof Map)) return found;
    if (from < chain.length) {
      const frame = chain[from] ?? 0;
      found.set(frame, yield* prepare(found.get(frame), leaf, chain, from + 1));
    } else if (from < MAX_FRAMES) {
      for (const frame of below[chain[from - 1] ?? 0] ?? [])
        found.set(frame, yield* prepare(found.get(frame), leaf, [...chain, frame], from + 1));
    }
    return found;
  }
  const trees: MaskTree[] = leaves.list.map(() => undefined);
  for (const [i, set] of above.entries()) {
    for (const leaf of set ?? []) {
      const own = leaves.of(leaf);
      trees[own] = yield* prepare(trees[own], leaf, i === 0 ? [] : [i - 1], 0);
    }
  }

  const leafCode = (leaf: number): number => (leaves.has(leaf) ? leaves.of(leaf) + 1 : OUTSIDE);
  const renamed = (code: number): number => {
    const target = code >> 2;
    if (code === 0 || (code & 3) >= 2) return code;
    if ((code & 3) === 1) return entries.has(target) ? push(entries.of(target)) : OUTSIDE;
    const leaf = leafCode(target);
    return leaf === OUTSIDE ? OUTSIDE : goTo(leaf);
  };
  return {
    rows: leaves.list.map((leaf) => (raw.get(leaf) ?? rowOf(leaf)).map(renamed)),
    ends: leaves.list.map((leaf) => machine.leaves[leaf]?.end() ?? 0),
    costs: leaves.list.map((leaf) =>
      machine.leaves[leaf]?.kind === 'end'
        ? [1, 0]
        : acceptor.costs(leaf).flatMap(({ result, bytes }) => [result, bytes]),
    ),
    entries: entries.list.flatMap((entry) => [
      frames.of(machine.pushFrame[entry] ?? 0),
      leafCode(machine.pushLeaf[entry] ?? 0),
    ]),
    resumes: frames.list.map((_, frame) =>
      [...(resumed[frame] ?? [])].flatMap(([result, leaf]) => [result, leaf === 0 ? 0 : leafCode(leaf)]),
    ),
    masks: trees,
    specials: [],
    complete,
  };
}
