import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { wellFormed } from '../formula/string-sets.ts';
import { ownNames, type Shape } from '../formula/terms.ts';
import { Barred, type Region } from '../solver/object-solver.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import type { Solver } from '../solver/solver.ts';

/** The names that can help an object to its end. */
export interface HelpfulNames {
  /** First those on which most depends. */
  readonly list: readonly string[];
  /** Names that are not fresh. */
  readonly known: ReadonlySet<string>;
  /** Classes of the other names. */
  readonly regions: () => readonly Region[];
  /** What is demanded where the name at a place does not come, nor do those before it (at -1: none that cannot). */
  readonly without: (rest: Formula, at: number) => Formula;
}

/** Names that must come, names that break a shape, and where it is a matter of numbers all others; `seen`: those that cannot. */
export function helpfulNames(solver: Solver, demand: Formula, seen: SeenSet | undefined): HelpfulNames {
  const { formulas, terms } = solver;
  const shapes: Shape[] = [];
  const required: string[] = [];
  /** The names that decide on an atom. */
  const deciding = new Map<number, readonly string[]>();
  let any = false;
  for (const [leaf, polarity] of formulas.leaves(demand)) {
    const term = terms.get(leaf);
    if (term.sort === 'atLeast') any ||= (polarity & 1) !== 0;
    else if (term.sort === 'required') {
      required.push(term.key);
      deciding.set(leaf, [term.key]);
    } else if (term.sort === 'shape') {
      const { shape } = term;
      shapes.push(shape);
      if ((polarity & 2) === 0) continue;
      if (ownNames(shape)) deciding.set(leaf, shape.names);
      else any = true;
    }
  }
  const barred = new Barred(new Set(), seen, required);
  const weights = new Map<string, number>();
  const weigh = (names: readonly string[], weight: number): void => {
    for (const name of names)
      if (!barred.has(name) && wellFormed(name)) weights.set(name, (weights.get(name) ?? 0) + weight);
  };
  for (const names of deciding.values()) weigh(names, 1);
  if (any) for (const { names } of shapes) weigh(names, 0);
  const list = [...weights.keys()].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0));
  const places = new Map(list.map((name, i) => [name, i]));
  /** By atom: the place of the last name that decides on it. */
  const lasts = new Map<number, number>();
  for (const [leaf, names] of deciding) lasts.set(leaf, Math.max(-1, ...names.map((x) => places.get(x) ?? -1)));
  const final = new Set(lasts.values());
  let regions: readonly Region[] | undefined;
  return {
    list,
    known: new Set([...shapes.flatMap((shape) => shape.names), ...barred.names()]),
    regions: () => (regions ??= any ? [...solver.objects.regions(shapes, barred)] : []),
    without: (rest, at) =>
      final.has(at)
        ? formulas.substitute(rest, (leaf) => {
            if ((lasts.get(leaf) ?? Number.POSITIVE_INFINITY) > at) return formulas.leaf(leaf);
            return terms.get(leaf).sort === 'required' ? FALSE : TRUE;
          })
        : rest,
  };
}
