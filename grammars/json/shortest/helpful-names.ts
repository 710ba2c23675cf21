import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { wellFormed } from '../formula/string-sets.ts';
import type { Shape } from '../formula/terms.ts';
import { Barred, ownNames, type Region } from '../solver/object-solver.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import type { Solver } from '../solver/solver.ts';

/** The names that can help an object to its end: those that must come, those that break a shape, and all where it is a matter of numbers. */
export class HelpfulNames {
  /** First those on which most depends. */
  readonly list: readonly string[];
  /** Names that are not fresh. */
  readonly known: ReadonlySet<string>;
  private readonly shapes: readonly Shape[];
  private readonly barred: Barred;
  private readonly any: boolean;
  /** By atom: the last name that can satisfy (or break) it. */
  private readonly lasts = new Map<number, number>();
  private readonly final: ReadonlySet<number>;
  private regionList: readonly Region[] | undefined;

  /** @param seen names that cannot come */
  constructor(
    private readonly solver: Solver,
    demand: Formula,
    seen: SeenSet | undefined,
  ) {
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
        shapes.push(term.shape);
        if ((polarity & 2) === 0) continue;
        if (ownNames(term.shape)) deciding.set(leaf, term.shape.names);
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
    this.list = [...weights.keys()].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0));
    const places = new Map(this.list.map((name, i) => [name, i]));
    for (const [leaf, names] of deciding) this.lasts.set(leaf, Math.max(-1, ...names.map((x) => places.get(x) ?? -1)));
    this.final = new Set(this.lasts.values());
    this.known = new Set([...shapes.flatMap((shape) => shape.names), ...barred.names()]);
    this.shapes = shapes;
    this.barred = barred;
    this.any = any;
  }

  /** Classes of the other names. */
  get regions(): readonly Region[] {
    return (this.regionList ??= this.any ? [...this.solver.objects.regions(this.shapes, this.barred)] : []);
  }

  /** Whether a name must come. */
  owed(rest: Formula, name: string): boolean {
    return this.solver.formulas.conjuncts(rest).includes(this.solver.terms.required(name));
  }

  /** What is demanded where the name at a place does not come, nor do those before it. */
  without(rest: Formula, at: number): Formula {
    if (!this.final.has(at)) return rest;
    const { formulas, terms } = this.solver;
    return formulas.substitute(rest, (leaf) => {
      if ((this.lasts.get(leaf) ?? Number.POSITIVE_INFINITY) > at) return formulas.leaf(leaf);
      return terms.get(leaf).sort === 'required' ? FALSE : TRUE;
    });
  }
}
