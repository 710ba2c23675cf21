import { FALSE, type Formula } from '../formula/formula.ts';
import { canonical, type ItemShape, itemValue } from '../formula/terms.ts';
import type { Json } from '../schema/document.ts';
import type { Solver } from '../solver/solver.ts';

/** Values of one demand that are told apart; further ones are taken to cost as much more each as the widest step between these. */
const TOLD_APART = 16;

/** A cost, and whether it leaned on the answer to a question that is still open. */
export interface Cost {
  readonly bytes: number;
  readonly leans: boolean;
}

/** The cheapest values of a demand, cheapest first. */
interface Cheapest {
  readonly values: { readonly name: string; readonly bytes: number }[];
  /** The values but for those found. */
  rest: Formula;
}

/** Bytes of array items, which under uniqueItems must be different ones. */
export class ItemCost {
  private readonly known = new Map<Formula, Cheapest>();

  /**
   * @param value bytes of the cheapest value of a formula
   * @param soonest source of such a value
   */
  constructor(
    private readonly solver: Solver,
    private readonly value: (demand: Formula) => Cost,
    private readonly soonest: (demand: Formula) => string | undefined,
  ) {}

  /** Bytes of the cheapest value of a demand after `index` cheaper ones; of the dearest where there are fewer. */
  nth(demand: Formula, index: number): number {
    const { bytes: least, leans } = this.value(demand);
    // Of what is still open a guess does, which is asked again.
    if (index === 0 || leans || least === Number.POSITIVE_INFINITY) return least + index;
    const { base, exceptions } = this.exceptions(demand);
    let cheapest = this.known.get(base);
    if (!cheapest) this.known.set(base, (cheapest = { values: [], rest: base }));
    let bytes = least;
    let widest = 1;
    let left = index;
    for (let i = 0; i < TOLD_APART + exceptions.size; i++) {
      const entry = this.entry(cheapest, i);
      if (entry === undefined) return bytes;
      if (exceptions.has(entry.name)) continue;
      widest = Math.max(widest, entry.bytes - bytes);
      bytes = entry.bytes;
      if (left-- === 0) return bytes;
    }
    return bytes + widest * (left + 1);
  }

  private entry(cheapest: Cheapest, index: number): Cheapest['values'][number] | undefined {
    const { formulas, terms } = this.solver;
    const { values } = cheapest;
    while (values.length <= index && cheapest.rest !== FALSE) {
      const { bytes } = this.value(cheapest.rest);
      const text = bytes === Number.POSITIVE_INFINITY ? undefined : this.soonest(cheapest.rest);
      if (text === undefined) cheapest.rest = FALSE;
      else {
        const found: Json = JSON.parse(text);
        values.push({ name: canonical(found), bytes });
        cheapest.rest = formulas.and([cheapest.rest, formulas.not(terms.constant(found))]);
      }
    }
    return values[index];
  }

  /** A demand without the single values it excludes, and these. */
  private exceptions(demand: Formula): { readonly base: Formula; readonly exceptions: ReadonlySet<string> } {
    const { formulas, terms } = this.solver;
    const exceptions = new Set<string>();
    const others = formulas.conjuncts(demand).filter((x) => {
      const term = formulas.isLiteral(x) && !formulas.isPositive(x) ? terms.get(formulas.leafNumber(x)) : undefined;
      const values = term?.sort === 'const' ? [term.value] : term?.sort === 'oneOf' ? term.values : undefined;
      for (const value of values ?? []) exceptions.add(canonical(value));
      return values === undefined;
    });
    return { base: exceptions.size === 0 ? demand : formulas.and(others), exceptions };
  }

  /**
   * Bytes of the items a plain conjunction of item shapes and bounds still asks for, with commas between them; undefined for other
   * demands. `taken`: how many unknown values cannot come again.
   */
  plain(rest: Formula, taken: number): number | undefined {
    const { solver } = this;
    const { formulas } = solver;
    let min = 0;
    let unique = false;
    const shapes: { readonly shape: ItemShape; readonly offset: number }[] = [];
    for (const literal of formulas.conjuncts(rest)) {
      if (!formulas.isLiteral(literal)) return undefined;
      const term = solver.term(literal);
      const positive = formulas.isPositive(literal);
      if (term.sort === 'atLeast') min = positive ? Math.max(min, term.min) : min;
      else if (term.sort === 'items' && positive) shapes.push(term);
      else if (term.sort === 'unique') unique ||= positive;
      else return undefined;
    }
    const distinct = Math.max(0, ...shapes.map((x) => x.shape.prefix.length - x.offset)) + 1;
    const demand = (i: number): Formula => formulas.and(shapes.map((x) => itemValue(x.shape, x.offset + i)));
    let total = Math.max(0, min - 1);
    for (let i = 0; i < Math.min(min, distinct); i++) {
      const count = i === distinct - 1 ? min - i : 1;
      if (!unique) total += this.value(demand(i)).bytes * count;
      // Where positions differ, values that others need may be out of reach too.
      else total += this.sum(demand(i), taken + i + (distinct > 1 ? min : 0), count);
    }
    return total;
  }

  /** Bytes of `count` values after `index` cheaper ones. */
  private sum(demand: Formula, index: number, count: number): number {
    let total = 0;
    let i = 0;
    for (; i < count && index + i <= TOLD_APART; i++) total += this.nth(demand, index + i);
    // From there on costs rise evenly.
    const more = count - i;
    return more === 0
      ? total
      : total + (more * (this.nth(demand, index + i) + this.nth(demand, index + count - 1))) / 2;
  }
}
