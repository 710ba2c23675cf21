import { FALSE, type Formula, type Formulas, TRUE } from '../formula/formula.ts';
import { type ItemShape, itemValue, type Terms } from '../formula/terms.ts';
import type { Json } from '../schema/document.ts';
import { cardinality } from './cardinality.ts';
import { plentyOf } from './plenty.ts';
import type { Solver } from './solver.ts';

interface Items {
  readonly shape: ItemShape;
  readonly offset: number;
}

/** Satisfiability and derivatives of array demands. */
export class ArraySolver {
  private readonly formulas: Formulas;
  private readonly terms: Terms;
  private readonly memo = new Map<Formula, Formula>();
  private readonly uniqueMemo = new Map<Formula, boolean>();
  private readonly owedMemo = new Map<Formula, Formula>();
  private readonly endings = new Map<Formula, boolean>();

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
    const { min, max, unique, plain, demand, distinct } = this.read(cube);
    if (min > max) return false;
    // A single item differs from all others.
    if (plain && unique === (min < 2 ? unique & 1 : 0)) {
      for (let i = 0; i < Math.min(min, distinct); i++) if (!this.solver.satisfiable(demand(i))) return false;
      return true;
    }
    if (unique === 2 && plain) return this.repeats(demand, min, max, distinct);
    if (unique === 0) return this.walk(this.formulas.and(cube));
    if (unique === 1) {
      if (plain) return this.allDistinct(demand, min, distinct);
      const others = cube.filter((x) => this.solver.term(x).sort !== 'unique');
      // Or is it enough that one item satisfies all else?
      if (this.solver.arrayRest(this.formulas.and([...others, this.formulas.not(this.terms.atLeast(2))]))) return true;
      if (max < 2) return false;
      if (this.roomy(others, demand, distinct)) return this.solver.arrayRest(this.formulas.and(others));
      const counted = distinct === 1 ? this.counted(others, demand(0), min, max) : undefined;
      if (counted !== undefined) return counted;
    }
    throw this.solver.tooComplex('uniqueItems beside contains or negated items over few values');
  }

  private read(cube: readonly Formula[]): ArrayCube {
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
    const demand = (i: number): Formula => this.formulas.and(all.map((x) => itemValue(x.shape, x.offset + i)));
    const distinct = Math.max(0, ...all.map((x) => x.shape.prefix.length - x.offset)) + 1;
    return { min, max, unique, plain, demand, distinct };
  }

  /** {@link cardinality}, unlimited where that is certain at a glance. */
  private count(value: Formula, limit: number): number {
    return plentyOf(this.solver, value) ? Number.POSITIVE_INFINITY : cardinality(this.solver, value, limit);
  }

  /**
   * Whether distinctness costs nothing: every position has unlimited values, for whatever `contains` counts and does not count too.
   * What is wanted once needs no choice: where two positions hold the same value, one of them serves all that `contains` asks for.
   */
  private roomy(cube: readonly Formula[], demand: (i: number) => Formula, distinct: number): boolean {
    const unlimited = (value: Formula): boolean => {
      for (let i = 0; i < distinct; i++)
        if (this.count(this.formulas.and([demand(i), value]), 2) !== Number.POSITIVE_INFINITY) return false;
      return true;
    };
    let broken = 0;
    let wanted = 0;
    for (const literal of cube) {
      const term = this.solver.term(literal);
      const positive = this.formulas.isPositive(literal);
      if (term.sort === 'items' && !positive) broken++;
      else if (term.sort === 'contains') {
        if (!positive && !unlimited(this.formulas.not(term.value))) return false;
        if (positive && term.min > 1 && !unlimited(term.value)) return false;
        if (positive) wanted++;
      }
    }
    return (broken === 0 || broken + wanted === 1) && unlimited(TRUE);
  }

  /** Different values of one demand, of which some are counted: how many of each kind is a matter of numbers. Undefined where there is more. */
  private counted(cube: readonly Formula[], demand: Formula, min: number, max: number): boolean | undefined {
    const { formulas, solver } = this;
    const counts: Count[] = [{ value: TRUE, least: min, most: max }];
    for (const literal of cube) {
      const term = solver.term(literal);
      const positive = formulas.isPositive(literal);
      if (term.sort === 'contains')
        counts.push({
          value: term.value,
          ...(positive ? { least: term.min, most: max } : { least: 0, most: term.min - 1 }),
        });
      if (term.sort !== 'items' || positive) continue;
      if (term.shape.prefix.length > term.offset) return undefined;
      counts.push({ value: formulas.not(term.shape.rest), least: 1, most: max });
    }
    const enough = counts.reduce((sum, { least }) => sum + least, 0);
    const kinds: Kind[] = [];
    const divide = (value: Formula, counted: readonly boolean[]): void => {
      const next = counts[counted.length];
      if (!solver.satisfiable(value)) return;
      if (!next) kinds.push({ counted, many: Math.min(enough, this.count(value, enough)) });
      else
        for (const yes of [true, false])
          divide(formulas.and([value, yes ? next.value : formulas.not(next.value)]), [...counted, yes]);
    };
    divide(demand, []);
    const fits = (left: readonly Kind[], taken: readonly number[]): boolean => {
      solver.budget.spend();
      const lacks = counts.some(({ least, most }, i) => {
        const now = taken[i] ?? 0;
        return now > most || left.reduce((sum, { counted, many }) => sum + (counted[i] ? many : 0), now) < least;
      });
      const [kind, ...others] = left;
      if (lacks || !kind) return !lacks;
      for (let n = kind.many; n >= 0; n--)
        if (
          fits(
            others,
            taken.map((x, i) => (kind.counted[i] ? x + n : x)),
          )
        )
          return true;
      return false;
    };
    return fits(
      kinds,
      counts.map(() => 0),
    );
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
    const ends = (leaf: number): boolean => {
      const { sort } = this.terms.get(leaf);
      return sort === 'items' || sort === 'unique';
    };
    return this.formulas.evaluate(rest, ends, this.endings);
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
    const scarce = this.scarce(demand, min, distinct, min);
    if (scarce.some((x) => x.count === 0)) return false;
    const [first] = scarce;
    if (first && scarce.every((x) => x.need === first.need)) return first.count >= scarce.length;
    for (const { positions, values } of this.halls(scarce)) if (this.count(values, positions) < positions) return false;
    return true;
  }

  /**
   * Of an array under uniqueItems: the values that the items to come cannot do without (Hall's condition holds with equality), which an
   * item before them must leave alone.
   */
  owed(rest: Formula): Formula {
    let owed = this.owedMemo.get(rest);
    if (owed !== undefined) return owed;
    const { formulas, solver } = this;
    owed = FALSE;
    if (this.isUnique(rest)) {
      // What one way to go on can do without is free.
      let all: Formula = TRUE;
      formulas.someCube(
        rest,
        (cube) => {
          const { min, unique, plain, demand, distinct } = this.read(cube);
          if (!this.cube(cube)) return false;
          const parts: Formula[] = [];
          if (plain && unique === 1)
            for (const { positions, values } of this.halls(this.scarce(demand, min, distinct, min + 1)))
              if (this.count(values, positions) === positions) parts.push(values);
          all = formulas.and([all, formulas.or(parts)]);
          return all === FALSE;
        },
        solver.budget.spend,
      );
      owed = all;
    }
    this.owedMemo.set(rest, owed);
    return owed;
  }

  /** Whether items to come must differ from each other. */
  isUnique(rest: Formula): boolean {
    let unique = this.uniqueMemo.get(rest);
    if (unique === undefined) {
      unique = [...this.formulas.leaves(rest).keys()].some((leaf) => this.terms.get(leaf).sort === 'unique');
      this.uniqueMemo.set(rest, unique);
    }
    return unique;
  }

  /** An array demand without the values that are gone, and these. */
  withoutGone(rest: Formula): { readonly base: Formula; readonly gone: readonly Json[] } {
    const { formulas, terms } = this;
    let gone: readonly Json[] = [];
    const base = formulas.substitute(rest, (leaf) => {
      const term = terms.get(leaf);
      if (term.sort !== 'items' || !term.shape.gone) return formulas.leaf(leaf);
      gone = term.shape.gone;
      return TRUE;
    });
    return { base, gone };
  }

  /** The first `min` positions that have fewer than `enough` values to choose from. */
  private scarce(demand: (i: number) => Formula, min: number, distinct: number, enough: number): readonly Scarce[] {
    const found: Scarce[] = [];
    for (let i = 0; i < Math.min(min, distinct); i++) {
      const need = demand(i);
      const count = this.count(need, enough);
      if (count >= enough) continue;
      const repeats = i === distinct - 1 ? min - i : 1;
      for (let k = 0; k < repeats; k++) found.push({ need, count });
    }
    return found;
  }

  /** Hall's sets, over the few distinct scarce demands: so many positions, and the values that must be enough for them. */
  private *halls(scarce: readonly Scarce[]): Generator<{ readonly positions: number; readonly values: Formula }> {
    const needs = [...new Set(scarce.map((x) => x.need))];
    if (needs.length > 10) throw this.solver.tooComplex('uniqueItems over many different finite item schemas');
    for (let mask = 1; mask < 1 << needs.length; mask++) {
      const chosen = needs.filter((_, i) => (mask >> i) & 1);
      const positions = scarce.filter((x) => chosen.includes(x.need)).length;
      yield { positions, values: this.formulas.or(chosen) };
    }
  }
}

/** A conjunction of array atoms: bounds, demands by position (alike from `distinct - 1` on), whether items differ (1) or repeat (2). */
interface ArrayCube {
  readonly min: number;
  readonly max: number;
  readonly unique: number;
  /** Nothing else is demanded. */
  readonly plain: boolean;
  readonly demand: (i: number) => Formula;
  readonly distinct: number;
}

/** How many items may satisfy a value formula. */
interface Count {
  readonly value: Formula;
  readonly least: number;
  readonly most: number;
}

/** Values that the same counts count, and how many there are (more than enough are none). */
interface Kind {
  readonly counted: readonly boolean[];
  readonly many: number;
}

/** A position with few values to choose from. */
interface Scarce {
  readonly need: Formula;
  readonly count: number;
}
