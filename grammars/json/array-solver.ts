import { cardinality } from './cardinality.ts';
import type { Formula, Formulas } from './formula.ts';
import type { Solver } from './solver.ts';
import { type ItemShape, itemValue, type Terms } from './terms.ts';

interface Items {
  readonly shape: ItemShape;
  readonly offset: number;
}

/** Satisfiability and derivatives of array demands. */
export class ArraySolver {
  private readonly formulas: Formulas;
  private readonly terms: Terms;
  private readonly memo = new Map<Formula, Formula>();

  constructor(private readonly solver: Solver) {
    this.formulas = solver.formulas;
    this.terms = solver.terms;
  }

  /** Replaces each atom by what it demands of the next item and of the items after it. */
  afterItem(rest: Formula): Formula {
    return this.formulas.substitute(
      rest,
      (leaf) => {
        const term = this.terms.get(leaf);
        switch (term.sort) {
          case 'items':
            return this.formulas.and([
              itemValue(term.shape, term.offset),
              this.terms.items(term.shape, term.offset + 1),
            ]);
          case 'atLeast':
            return this.terms.atLeast(term.min - 1);
          case 'contains':
            return this.formulas.or([
              this.formulas.and([term.value, this.terms.contains(term.value, term.min - 1)]),
              this.formulas.leaf(leaf),
            ]);
          default:
            return this.formulas.leaf(leaf);
        }
      },
      this.memo,
    );
  }

  cube(cube: readonly Formula[]): boolean {
    const all: Items[] = [];
    let min = 0;
    let max = Number.POSITIVE_INFINITY;
    let plain = true;
    let unique = 0;
    for (const literal of cube) {
      const term = this.solver.term(literal);
      const positive = this.formulas.isPositive(literal);
      if (term.sort === 'items' && positive) all.push(term);
      else if (term.sort === 'atLeast') {
        if (positive) min = Math.max(min, term.min);
        else max = Math.min(max, term.min - 1);
      } else if (term.sort === 'unique') unique |= positive ? 1 : 2;
      else plain = false;
    }
    if (min > max) return false;
    const demand = (i: number): Formula => this.formulas.and(all.map((x) => itemValue(x.shape, x.offset + i)));
    const distinct = Math.max(0, ...all.map((x) => x.shape.prefix.length - x.offset)) + 1;
    if (plain && unique === 0) {
      for (let i = 0; i < Math.min(min, distinct); i++) if (!this.solver.satisfiable(demand(i))) return false;
      return true;
    }
    if (unique === 2 && plain) return this.repeats(demand, min, max, distinct);
    if (unique === 1 && plain) return this.allDistinct(demand, min, distinct);
    const others = cube.filter((x) => this.solver.term(x).sort !== 'unique');
    if (unique === 0) return this.walk(this.formulas.and(cube));
    if (unique === 1) {
      // With unlimited choice at every position distinctness costs nothing.
      let free = true;
      for (let i = 0; i < distinct && free; i++)
        free = cardinality(this.solver, demand(i), 2) === Number.POSITIVE_INFINITY;
      const wanted = others.some((x) => this.solver.term(x).sort === 'contains' && this.formulas.isPositive(x));
      if (!this.solver.arrayRest(this.formulas.and(others))) return false;
      if (free && !wanted) return true;
      if (this.manyContained(others)) return true;
    }
    throw this.solver.tooComplex('uniqueItems beside contains or negated items over few values');
  }

  /** Every `contains` demand either has unlimited values or asks for one only, and positions are unlimited too. */
  private manyContained(cube: readonly Formula[]): boolean {
    return cube.every((x) => {
      const term = this.solver.term(x);
      if (term.sort !== 'contains') return term.sort !== 'items' || this.formulas.isPositive(x);
      return (
        !this.formulas.isPositive(x) ||
        term.min === 1 ||
        cardinality(this.solver, term.value, 1) === Number.POSITIVE_INFINITY
      );
    });
  }

  /** Item by item over derivatives: they are finitely many, and the solver's fixpoint closes their cycles. */
  private walk(rest: Formula): boolean {
    if (this.canEnd(rest)) return true;
    for (const { need, rest: later } of this.solver.split(this.afterItem(rest)))
      if (this.solver.satisfiable(need) && this.solver.arrayRest(later)) return true;
    return false;
  }

  /** Whether an array may end where `rest` is demanded of the items still to come. */
  canEnd(rest: Formula): boolean {
    return this.formulas.evaluate(rest, (leaf) => {
      const { sort } = this.terms.get(leaf);
      return sort === 'items' || sort === 'unique';
    });
  }

  private repeats(demand: (i: number) => Formula, min: number, max: number, distinct: number): boolean {
    const horizon = Math.min(max, distinct + 1);
    for (let j = 1; j < horizon; j++) {
      for (let i = 0; i < j; i++) {
        const both = this.formulas.and([demand(i), demand(j)]);
        if (!this.solver.satisfiable(both)) continue;
        let ok = true;
        for (let k = 0; k < Math.min(Math.max(min, j + 1), distinct + 1) && ok; k++)
          ok = k === i || k === j || this.solver.satisfiable(demand(k));
        if (ok) return true;
      }
    }
    return false;
  }

  /** Whether the first `min` positions can hold pairwise different values. */
  private allDistinct(demand: (i: number) => Formula, min: number, distinct: number): boolean {
    const scarce: { need: Formula; count: number }[] = [];
    for (let i = 0; i < Math.min(min, distinct); i++) {
      const need = demand(i);
      const repeats = i === distinct - 1 ? min - i : 1;
      const count = cardinality(this.solver, need, min);
      if (count === 0) return false;
      if (count < min) for (let k = 0; k < repeats; k++) scarce.push({ need, count });
    }
    if (scarce.length === 0) return true;
    const [first] = scarce;
    if (first && scarce.every((x) => x.need === first.need)) return first.count >= scarce.length;
    return this.halls(scarce);
  }

  /** Hall's condition, over the few distinct scarce demands. */
  private halls(scarce: readonly { need: Formula; count: number }[]): boolean {
    const needs = [...new Set(scarce.map((x) => x.need))];
    if (needs.length > 10) throw this.solver.tooComplex('uniqueItems over many different finite item schemas');
    for (let mask = 1; mask < 1 << needs.length; mask++) {
      const chosen = needs.filter((_, i) => (mask >> i) & 1);
      const positions = scarce.filter((x) => chosen.includes(x.need)).length;
      if (cardinality(this.solver, this.formulas.or(chosen), positions) < positions) return false;
    }
    return true;
  }
}
