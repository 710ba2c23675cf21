import { FALSE, type Formula, TRUE } from './formula.ts';
import type { FormulaSlot } from './leaf.ts';
import { FreeNumberLeaf, NumberLeaf, numberPhase } from './leaf-number.ts';
import { KeyLeaf, ObjectLeaf } from './leaf-object.ts';
import { StringLeaf, type StringSlot } from './leaf-string.ts';
import { ArrayLeaf, ColonLeaf, EndLeaf, ValueLeaf, WordLeaf } from './leaf-structure.ts';
import type { Machine } from './machine.ts';
import { numberAtoms } from './number-cells.ts';
import { ObjectCost } from './object-cost.ts';
import type { StackId, Stacks } from './stack.ts';
import { JSON_STRING_COST, jsonLength } from './string-cost.ts';
import { itemValue } from './terms.ts';
import { bytesTowards } from './utf8-json.ts';

const INFINITE = Number.POSITIVE_INFINITY;

/** Other bytes looked at within a character. */
const FEW = 2;
/** Bytes that go on within a character, the long way of escapes last. */
const INNER_BYTES = [...Array.from({ length: 256 }, (_, b) => b).filter((b) => b !== 0x75), 0x75];
const NUMBER_BYTES = [...new TextEncoder().encode('0123456789.-+eE')];
/** What finishing a value costs, by the result it gives. */
type Finish = readonly { readonly result: number; readonly bytes: number }[];

/**
 * Bytes of the shortest completion of every state: least fixpoint over value formulas, one stack frame at a time. Where names
 * must be invented (minProperties over unlisted names, negated shapes) the figure is an upper bound.
 */
export class Shortest {
  private readonly values = new Map<string | number, number>();
  private readonly open = new Map<string | number, number>();
  private readonly states = new Map<number, number>();
  private readonly objects: ObjectCost;
  /** By leaf. */
  private readonly ends: (Finish | undefined)[] = [];
  private low = INFINITE;
  private depth = 0;

  constructor(
    private readonly machine: Machine,
    private readonly stacks: Stacks,
  ) {
    this.objects = new ObjectCost(machine.solver, (demand) => this.value(demand));
  }

  /** Bytes from a configuration to the end of the document. */
  document(leaf: number, stack: StackId): number {
    const key = (stack + 1) * 0x4000000 + leaf;
    const known = this.states.get(key);
    if (known !== undefined) return known;
    this.states.set(key, INFINITE);
    let best = INFINITE;
    if (this.machine.leaves[leaf] instanceof EndLeaf) best = 0;
    else
      for (const { result, bytes } of this.finishes(leaf)) {
        const next = this.machine.resume(this.stacks.frame(stack), result);
        if (next !== 0) best = Math.min(best, bytes + this.document(next, this.stacks.parent(stack)));
      }
    this.states.set(key, best);
    return best;
  }

  private finishes(id: number): Finish {
    let known = this.ends[id];
    if (!known) this.ends[id] = known = this.finish(id);
    return known;
  }

  private finish(id: number): Finish {
    const leaf = this.machine.leaves[id];
    if (leaf instanceof ValueLeaf) return leaf.slots.map((s) => ({ result: s.results, bytes: this.value(s.state) }));
    if (leaf instanceof WordLeaf) return [{ result: leaf.results, bytes: leaf.text.length - leaf.at }];
    if (leaf instanceof ColonLeaf) return this.pushed(leaf.entry, 1);
    if (leaf instanceof FreeNumberLeaf || leaf instanceof NumberLeaf) return this.search(id);
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
      return leaf.slots.map((s) => ({ result: s.results, bytes: this.arrayRest(s.state, leaf.at === 'next') + 1 }));
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
      for (const outer of this.finishes(next)) {
        const total = bytes + inner.bytes + outer.bytes;
        if (total < (best.get(outer.result) ?? INFINITE)) best.set(outer.result, total);
      }
    }
    return [...best].map(([result, total]) => ({ result, bytes: total }));
  }

  /**
   * In the middle of a character: towards the characters that names and listed values go on with, and over the first few other bytes. What
   * ends soonest may lie behind yet another; but the same ways are seen again after each of these, so the figure falls with every byte.
   */
  private within(id: number, leaf: KeyLeaf | StringLeaf): Finish {
    const { machine } = this;
    const best = new Map<number, number>();
    const points =
      leaf instanceof KeyLeaf
        ? leaf.listed()
        : leaf.slots.flatMap((s) => s.list.slice(s.low, s.high).map((text) => text.codePointAt(s.at) ?? 0));
    const ways = new Set<number>();
    const towards = bytesTowards(leaf.decoder, points);
    const most = new Set(towards).size + FEW;
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

  /** Breadth-first over bytes, for numbers. */
  private search(...starts: readonly number[]): Finish {
    const { machine } = this;
    const best = new Map<number, number>();
    const seen = new Map<number, number>(starts.map((start) => [start, 0]));
    // Once every demand has been met somehow, longer texts are not worth the search (numbers go on for ever).
    const first = machine.leaves[starts[0] ?? 0];
    const unmet = new Set(
      first instanceof NumberLeaf ? first.slots.flatMap((s) => machine.results.get(s.results)) : [-1],
    );
    for (const [id, bytes] of seen) {
      if (unmet.size === 0) break;
      const end = machine.leaves[id]?.end() ?? 0;
      if (end !== 0) {
        if (bytes < (best.get(end) ?? INFINITE)) best.set(end, bytes);
        for (const branch of machine.results.get(end)) unmet.delete(branch);
      }
      if (bytes > 420 || seen.size > 20_000) continue;
      for (const byte of NUMBER_BYTES) {
        const code = machine.step(id, byte);
        if (code !== 0 && (code & 3) === 0 && !seen.has(code >> 2)) seen.set(code >> 2, bytes + 1);
      }
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
        const counted = engine.repeat(
          engine.cls([[0, 0x10ffff]]),
          slot.min,
          slot.max === Number.POSITIVE_INFINITY ? null : slot.max,
        );
        best = engine.shortest(engine.intersect(slot.lang, counted), JSON_STRING_COST);
      }
    }
    for (let i = slot.low; i < slot.high; i++) best = Math.min(best, jsonLength(slot.list[i]?.slice(slot.at) ?? ''));
    return best;
  }

  /** Bytes of the shortest value of a formula. */
  value(formula: Formula): number {
    if (formula === FALSE) return INFINITE;
    if (formula === TRUE) return 1;
    return this.ask(formula, () => {
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
      if (best > 2 && solver.satisfiableAs(formula, 'array'))
        consider(2 + this.arrayRest(compiler.typed(formula, 'array'), false));
      if (best > 2 && solver.satisfiableAs(formula, 'object'))
        consider(2 + this.objectRest(compiler.typed(formula, 'object'), false));
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
    const slots: FormulaSlot[] = [{ state: typed, results: 1 }];
    const atoms = numberAtoms(machine.formulas, machine.terms, [typed]);
    const starts: number[] = [];
    for (const byte of [0x2d, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39]) {
      const phase = numberPhase('start', byte);
      const code = phase === undefined ? 0 : machine.numberState(slots, atoms, phase, String.fromCharCode(byte));
      if (code !== 0) starts.push(code >> 2);
    }
    return Math.min(INFINITE, ...this.search(...starts).map(({ bytes }) => bytes + 1));
  }

  /** Bytes of the items still to come, without the closing bracket; `after`: an item came before. */
  private arrayRest(rest: Formula, after: boolean): number {
    const { formulas, solver } = this.machine;
    if (solver.arrayCanEnd(rest)) return 0;
    return this.ask(`a${rest}${after}`, () => {
      const plain = this.plainItems(rest);
      if (plain !== undefined) return plain + (after ? 1 : 0);
      let best = INFINITE;
      for (const { need, rest: later } of solver.split(solver.afterItem(rest))) {
        if (need === FALSE || later === FALSE || !solver.satisfiable(need)) continue;
        best = Math.min(best, (after ? 1 : 0) + this.value(need) + this.arrayRest(formulas.or([later]), true));
      }
      return best;
    });
  }

  /** A plain conjunction of item shapes and bounds, summed without derivatives. */
  private plainItems(rest: Formula): number | undefined {
    const { formulas, solver } = this.machine;
    let min = 0;
    const shapes: { shape: Parameters<typeof itemValue>[0]; offset: number }[] = [];
    for (const literal of formulas.conjuncts(rest)) {
      if (!formulas.isLiteral(literal)) return undefined;
      const term = solver.term(literal);
      if (term.sort === 'atLeast') {
        if (formulas.isPositive(literal)) min = Math.max(min, term.min);
      } else if (term.sort === 'items' && formulas.isPositive(literal)) shapes.push(term);
      else if (term.sort !== 'unique') return undefined;
    }
    const distinct = Math.max(0, ...shapes.map((x) => x.shape.prefix.length - x.offset)) + 1;
    const cost = (i: number): number => this.value(formulas.and(shapes.map((x) => itemValue(x.shape, x.offset + i))));
    let total = Math.max(0, min - 1);
    for (let i = 0; i < Math.min(min, distinct); i++) total += cost(i) * (i === distinct - 1 ? min - i : 1);
    return total;
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
    const { formulas, solver } = this.machine;
    if (solver.objectCanEnd(rest)) return 0;
    const barred = solver.dependsOnSeen(rest) ? this.machine.seen.get(seen) : undefined;
    return this.ask(`o${rest}${after}${barred?.id ?? ''}`, () => {
      let best = INFINITE;
      formulas.someCube(
        rest,
        (literals) => {
          const least = this.objects.of(solver.objectCube(literals), barred, best);
          best = Math.min(best, least + (after ? 1 : 0));
          return false;
        },
        () => undefined,
      );
      return best;
    });
  }

  private ask(key: string | number, decide: () => number): number {
    const known = this.values.get(key);
    if (known !== undefined) return known;
    const pending = this.open.get(key);
    if (pending !== undefined) {
      this.low = Math.min(this.low, pending);
      return INFINITE;
    }
    const depth = ++this.depth;
    const outer = this.low;
    this.low = INFINITE;
    this.open.set(key, depth);
    const answer = decide();
    this.open.delete(key);
    this.depth--;
    if (this.low >= depth) {
      this.values.set(key, answer);
      this.low = outer;
    } else this.low = Math.min(this.low, outer);
    return answer;
  }
}
