import { FALSE } from '../formula/formula.ts';
import { numberAtoms } from '../formula/number-cells.ts';
import { type FormulaSlot, goTo } from './leaf.ts';
import { numberPhase } from './leaf-number.ts';
import type { Machine } from './machine.ts';

// The transitions for the first byte of a value of each type, given what is demanded of such a value.

export function openObject(machine: Machine, slots: readonly FormulaSlot[]): number {
  if (slots.length === 0) return 0;
  const seen = machine.options.order === 'schema' ? machine.seen.ordered(declaredOrder(machine, slots)) : 0;
  const all = apart(machine, slots, 'object');
  const live = seen === 0 ? all : all.filter((s) => machine.solver.objectRest(s.state, machine.seen.get(seen)));
  return live.length === 0 ? 0 : goTo(machine.objectState('open', live, seen, 0));
}

export function openArray(machine: Machine, slots: readonly FormulaSlot[]): number {
  return slots.length === 0 ? 0 : goTo(machine.arrayState('open', apart(machine, slots, 'array'), 0));
}

/** Lists of values as slots of their own. */
function apart(machine: Machine, slots: readonly FormulaSlot[], type: 'array' | 'object'): readonly FormulaSlot[] {
  if (!machine.terms.lists) return slots;
  const all = slots.flatMap(({ state, results }) => {
    const { listed, rest } = machine.solver.lists.split(state, type);
    const live = type === 'array' ? machine.solver.arrayRest(rest) : machine.solver.objectRest(rest, undefined);
    return [
      { state: listed, results },
      { state: live ? rest : FALSE, results },
    ];
  });
  return machine.merge(all.filter(({ state }) => state !== FALSE));
}

export function openString(machine: Machine, slots: readonly FormulaSlot[]): number {
  if (slots.length === 0) return 0;
  const bySet = machine.merge(slots.map((s) => ({ state: machine.compiler.stringSet(s.state), results: s.results })));
  return machine.stringState(
    bySet.map(({ state, results }) => {
      const { members, lang, window } = machine.strings.get(state);
      const list = lang === machine.engine.any ? [] : members;
      const { core, min, max } = window ?? { core: lang, min: 0, max: Number.POSITIVE_INFINITY };
      return { list, low: 0, high: list.length, at: 0, lang: core, min, max, results };
    }),
    0,
  );
}

export function openNumber(machine: Machine, slots: readonly FormulaSlot[], byte: number): number {
  const phase = numberPhase('start', byte);
  if (slots.length === 0 || phase === undefined) return 0;
  if (slots.every((s) => s.state === 1))
    return goTo(machine.freeNumber(phase, machine.results.union(slots.map((s) => s.results))));
  const key = machine.key(slots);
  let atoms = machine.atomsOf.get(key);
  if (!atoms) {
    atoms = numberAtoms(
      machine.formulas,
      machine.terms,
      slots.map((s) => s.state),
    );
    machine.atomsOf.set(key, atoms);
  }
  return machine.numberState(slots, atoms, phase, String.fromCharCode(byte));
}

/** Names in the order in which the schemas of the slots declare them. */
export function declaredOrder({ formulas, terms }: Machine, slots: readonly FormulaSlot[]): readonly string[] {
  const lists: (readonly string[])[] = [];
  for (const slot of slots)
    for (const [leaf, polarity] of formulas.leaves(slot.state)) {
      const term = terms.get(leaf);
      if (term.sort === 'shape') lists.push(term.shape.names);
      else if (term.sort === 'listed' && polarity === 1) lists.push(term.listed.list.names);
    }
  // One schema's names differ from each other, and there may be 100,000.
  const [only = []] = lists;
  return lists.length < 2 ? only : [...new Set(lists.flat())];
}
