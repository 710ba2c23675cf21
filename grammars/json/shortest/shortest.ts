import { FreeNumberLeaf, NumberLeaf, numberAlive, numberPhase } from '../automaton/leaf-number.ts';
import { KeyLeaf, ObjectLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf, type StringSlot } from '../automaton/leaf-string.ts';
import { ArrayLeaf, ColonLeaf, EndLeaf, ValueLeaf, WordLeaf } from '../automaton/leaf-structure.ts';
import type { Machine } from '../automaton/machine.ts';
import type { StackId, Stacks } from '../automaton/stack.ts';
import { JSON_STRING_COST, jsonLength } from '../automaton/string-cost.ts';
import { bytesTowards, waysWithin } from '../automaton/utf8-json.ts';
import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { listOf, numberAtoms, settled } from '../formula/number-cells.ts';
import { Fixpoint } from '../solver/fixpoint.ts';
import { type Cost, ItemCost } from './item-cost.ts';
import { ListedCost } from './listed-cost.ts';
import { listedNumberBytes, numberBytes } from './number-cost.ts';
import { ObjectCost } from './object-cost.ts';

const INFINITE = Number.POSITIVE_INFINITY;
/** More unknown items than this are counted as so many. */
const MAX_GONE = 16;
/** So many values of a list that is excluded are looked at. */
const TOLD_APART = 16;

/** Bytes that go on within a character, the long way of escapes last. */
const INNER_BYTES = [...Array.from({ length: 256 }, (_, b) => b).filter((b) => b !== 0x75), 0x75];
const FIRST = '0123456789-';
/** What finishing a value costs, by the result it gives. */
export type Finish = readonly { readonly result: number; readonly bytes: number }[];

/**
 * Bytes of the shortest completion of every state: least fixpoint over value formulas, one stack frame at a time. Where names
 * must be invented (minProperties over unlisted names, negated shapes) the figure is an upper bound.
 */
export class Shortest {
  private readonly values = new Fixpoint<number>(INFINITE);
  private readonly states = new Map<number, number>();
  private readonly objects: ObjectCost;
  private readonly items: ItemCost;
  private readonly lists: ListedCost;
  /** By leaf, without and with an unknown item before it. */
  private readonly ends: (Finish | undefined)[] = [];

  /** @param soonest source of the value that a leaf before a value ends soonest with */
  constructor(
    private readonly machine: Machine,
    private readonly stacks: Stacks,
    soonest: (leaf: number) => string | undefined,
  ) {
    this.objects = new ObjectCost(machine.solver, (demand) => this.value(demand));
    this.lists = new ListedCost(machine.compiler.listed, machine.options.order === 'schema', (demand) =>
      this.value(demand),
    );
    this.items = new ItemCost(
      machine.solver,
      (demand) => this.leaning(() => this.value(demand)),
      (demand) => soonest(machine.valueState([{ state: demand, results: machine.results.of([0]) }], 'none', 0)),
    );
  }

  /** Bytes from a configuration to the end of the document; `unknown`: items just read whose text is not known (none or one). */
  document(leaf: number, stack: StackId, unknown = 0): number {
    const key = ((stack + 1) * 0x4000000 + leaf) * 2 + unknown;
    const known = this.states.get(key);
    if (known !== undefined) return known;
    this.states.set(key, INFINITE);
    let found: Cost = { bytes: INFINITE, leans: true };
    try {
      found = this.leaning(() => {
        if (this.machine.leaves[leaf] instanceof EndLeaf) return 0;
        let best = INFINITE;
        const frame = this.stacks.frame(stack);
        for (const { result, bytes } of this.finishes(leaf, unknown)) {
          const next = this.machine.resume(frame, result);
          if (next === 0) continue;
          best = Math.min(best, bytes + this.document(next, this.stacks.parent(stack), this.unknownAfter(frame)));
        }
        return best;
      });
    } finally {
      if (found.leans) this.states.delete(key);
      else this.states.set(key, found.bytes);
    }
    return found.bytes;
  }

  /** Whether what follows a value depends on its text, as under uniqueItems. */
  private unknownAfter(frame: number): number {
    const info = this.machine.frames[frame];
    return info?.captures === true && info.kind === 'array' ? 1 : 0;
  }

  /** What finishing the value of a leaf costs, by the result it gives. */
  finishes(id: number, unknown = 0): Finish {
    const known = this.ends[id * 2 + unknown];
    if (known) return known;
    let found: Finish = [];
    const leans = this.values.leans(() => {
      found = this.finish(id, unknown);
    });
    if (!leans) this.ends[id * 2 + unknown] = found;
    return found;
  }

  /** A figure, and whether it leaned on a question that is still open. */
  private leaning(figure: () => number): Cost {
    let bytes = INFINITE;
    const leans = this.values.leans(() => {
      bytes = figure();
    });
    return { bytes, leans };
  }

  private finish(id: number, unknown: number): Finish {
    const leaf = this.machine.leaves[id];
    if (leaf instanceof ValueLeaf) return leaf.slots.map((s) => ({ result: s.results, bytes: this.value(s.state) }));
    if (leaf instanceof WordLeaf) return [{ result: leaf.results, bytes: leaf.text.length - leaf.at }];
    if (leaf instanceof ColonLeaf) return this.pushed(leaf.entry, 1);
    if (leaf instanceof FreeNumberLeaf) return [{ result: leaf.results, bytes: leaf.end() === 0 ? 1 : 0 }];
    if (leaf instanceof NumberLeaf)
      return leaf.slots.map((s) => ({
        result: s.results,
        bytes: numberBytes(this.machine, s.state, leaf.atoms, leaf.phase, leaf.text),
      }));
    if (leaf instanceof StringLeaf)
      return leaf.decoder !== 0
        ? this.within(id, leaf)
        : leaf.slots.map((s) => ({ result: s.results, bytes: this.stringRest(s) + 1 }));
    if (leaf instanceof KeyLeaf)
      return leaf.decoder !== 0 ? this.within(id, leaf) : leaf.space.cheapest(leaf, JSON_STRING_COST);
    // After bounded whitespace an item or a property must follow.
    if (leaf instanceof ArrayLeaf && leaf.at === 'open' && leaf.space > 0)
      return this.pushed(this.machine.itemEntry(leaf.slots), 0);
    if (leaf instanceof ArrayLeaf)
      return leaf.slots.map((s) => ({
        result: s.results,
        bytes: this.arrayRest(s.state, leaf.at === 'next', unknown) + 1,
      }));
    if (leaf instanceof ObjectLeaf) return this.objectFinish(leaf);
    return [];
  }

  /** Costs of a state whose value is read one level up. */
  private pushed(entry: number, bytes: number): Finish {
    const { machine } = this;
    const frame = machine.pushFrame[entry] ?? 0;
    const best = new Map<number, number>();
    for (const inner of this.finishes(machine.pushLeaf[entry] ?? 0)) {
      const next = machine.resume(frame, inner.result);
      if (next === 0) continue;
      for (const outer of this.finishes(next, this.unknownAfter(frame))) {
        const total = bytes + inner.bytes + outer.bytes;
        if (total < (best.get(outer.result) ?? INFINITE)) best.set(outer.result, total);
      }
    }
    return [...best].map(([result, total]) => ({ result, bytes: total }));
  }

  /**
   * In the middle of a character: towards the characters that names and listed values go on with, and over the first few other bytes (all that end an escape). What
   * ends soonest may lie behind yet another; but the same ways are seen again after each of these, so the figure falls with every byte.
   */
  private within(id: number, leaf: KeyLeaf | StringLeaf): Finish {
    const { machine } = this;
    const best = new Map<number, number>();
    const points =
      leaf instanceof KeyLeaf
        ? [...new Set(leaf.listed())]
        : leaf.slots.flatMap((s) => s.list.slice(s.low, s.high).map((text) => text.codePointAt(s.at) ?? 0));
    const ways = new Set<number>();
    const towards = bytesTowards(leaf.decoder, points);
    const most = new Set(towards).size + waysWithin(leaf.decoder);
    for (const byte of [...towards, ...INNER_BYTES]) {
      const code = machine.step(id, byte);
      if (code === 0 || (code & 3) !== 0 || ways.has(code)) continue;
      ways.add(code);
      for (const { result, bytes } of this.finishes(code >> 2))
        if (bytes + 1 < (best.get(result) ?? INFINITE)) best.set(result, bytes + 1);
      if (ways.size >= most) break;
    }
    return [...best].map(([result, bytes]) => ({ result, bytes }));
  }

  private stringRest(slot: StringSlot): number {
    const { engine } = this.machine;
    let best = INFINITE;
    if (this.machine.facts.fits(slot.lang, slot.min, slot.max)) {
      best = engine.shortest(slot.lang, JSON_STRING_COST);
      // Where the bounds beside the pattern matter, the word must keep them too (a character costs at least a byte).
      if (best > slot.max || (slot.min > 0 && engine.lengths(slot.lang).min < slot.min)) {
        const counted = engine.ofLength(slot.min, slot.max);
        best = engine.shortest(engine.intersect(slot.lang, counted), JSON_STRING_COST);
      }
    }
    // All begin alike.
    const begun = slot.at === 0 ? 0 : jsonLength(slot.list[slot.low]?.slice(0, slot.at) ?? '');
    for (let i = slot.low; i < slot.high; i++)
      best = Math.min(best, this.machine.facts.jsonLength(slot.list[i] ?? '') - begun);
    return best;
  }

  /** Bytes of the shortest value of a formula. */
  private value(formula: Formula): number {
    if (formula === FALSE) return INFINITE;
    if (formula === TRUE) return 1;
    return this.values.ask(formula, () => {
      const { solver, compiler } = this.machine;
      let best = INFINITE;
      const consider = (bytes: number): void => {
        best = Math.min(best, bytes);
      };
      if (solver.satisfiableAs(formula, 'number')) consider(this.number(compiler.typed(formula, 'number')));
      if (best > 2 && solver.satisfiableAs(formula, 'string')) {
        const { members, lang } = this.machine.strings.get(compiler.stringSet(formula));
        consider(
          2 +
            this.stringRest({
              list: members,
              low: 0,
              high: members.length,
              at: 0,
              lang,
              min: 0,
              max: INFINITE,
              results: 0,
            }),
        );
      }
      for (const type of ['array', 'object'] as const) {
        if (best <= 2 || !solver.satisfiableAs(formula, type)) continue;
        const { listed, rest } = solver.lists.split(compiler.typed(formula, type), type);
        const list = compiler.listed.get(listed);
        if (list) consider(2 + this.lists.rest(list, false));
        if (best > 2 && rest !== FALSE)
          consider(2 + (type === 'array' ? this.arrayRest(rest, false) : this.objectRest(rest, false)));
      }
      if (best > 4 && solver.satisfiableAs(formula, 'null')) consider(4);
      if (best > 4) {
        const truth = compiler.typed(formula, 'boolean');
        for (const bit of [true, false]) if (this.machine.formulas.evaluate(truth, () => bit)) consider(bit ? 4 : 5);
      }
      return best;
    });
  }

  private number(typed: Formula): number {
    if (typed === TRUE) return 1;
    const { machine } = this;
    const state = settled(machine.formulas, machine.terms, typed);
    const list = listOf(machine.formulas, machine.terms, state);
    if (list) return listedNumberBytes(list);
    const atoms = numberAtoms(machine.formulas, machine.terms, [state]);
    let best = INFINITE;
    for (const text of FIRST) {
      const phase = numberPhase('start', text.charCodeAt(0));
      // Where none goes on so, numbers of all lengths would be tried.
      if (phase !== undefined && numberAlive(machine, state, atoms, phase, text))
        best = Math.min(best, 1 + numberBytes(machine, state, atoms, phase, text));
      if (best === 1) break;
    }
    return best;
  }

  /**
   * Bytes of the items still to come, without the closing bracket; `after`: an item came before; `taken`: how many items under
   * uniqueItems came before whose values are not known.
   */
  private arrayRest(rest: Formula, after: boolean, taken = 0): number {
    const { solver, compiler } = this.machine;
    const list = compiler.listed.get(rest);
    if (list) return this.lists.rest(list, after);
    if (solver.arrayCanEnd(rest)) return 0;
    const unique = solver.arrays.isUnique(rest);
    const gone = unique ? taken : 0;
    return this.values.ask(`a${rest}${after}${gone}`, () => {
      const comma = after ? 1 : 0;
      const plain = this.items.plain(rest, gone);
      if (plain !== undefined) return plain + comma;
      // Which values were taken does not matter then, only how many.
      const known = unique ? solver.arrays.withoutGone(rest) : { base: rest, gone: [] };
      if (known.gone.length > 0) return this.arrayRest(known.base, after, Math.min(gone + known.gone.length, MAX_GONE));
      let best = INFINITE;
      for (const { need, rest: later } of solver.items(rest)) {
        const bytes = comma + this.items.nth(need, gone);
        best = Math.min(best, bytes + this.arrayRest(later, true, unique ? Math.min(gone + 1, MAX_GONE) : 0));
      }
      return best;
    });
  }

  private objectFinish(leaf: ObjectLeaf): Finish {
    if (leaf.at === 'next' || (leaf.at === 'open' && leaf.space === 0))
      return leaf.slots.map((s) => ({
        result: s.results,
        bytes: this.objectRest(s.state, leaf.at === 'next', leaf.seen) + 1,
      }));
    const code = this.machine.openKey(leaf.slots, leaf.seen);
    return code === 0 ? [] : this.pushed(code >> 2, 1);
  }

  /** Bytes of the properties still to come, without the closing brace; `after`: a property came before; `seen`: names that cannot come. */
  private objectRest(rest: Formula, after: boolean, seen = 0): number {
    const { solver, compiler } = this.machine;
    const list = compiler.listed.get(rest);
    if (list) return this.lists.rest(list, after);
    // Of values that are not told apart yet the one that leads on best.
    const values = compiler.listed.awaited(rest);
    if (values) {
      let best = INFINITE;
      for (const [i, value] of values.entries()) {
        if (i >= TOLD_APART && best < INFINITE) break;
        best = Math.min(best, this.objectRest(compiler.listed.narrow(rest, value), after, seen));
      }
      return best;
    }
    if (solver.objectCanEnd(rest)) return 0;
    const barred = solver.objects.dependsOnSeen(rest) > 0 ? this.machine.seen.get(seen) : undefined;
    const comma = after ? 1 : 0;
    const figure = (): number => this.objects.of(solver.lists.excluded(rest, 'object').spelled, barred);
    return this.values.ask(`o${rest} ${barred?.id ?? ''}`, figure) + comma;
  }
}
