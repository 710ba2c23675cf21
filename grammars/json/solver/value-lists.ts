import { decimalOf } from '../formula/decimal.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import { numberSatisfies } from '../formula/number-cells.ts';
import { canonical, itemValue, JSON_TYPES, shapeValue, type Term } from '../formula/terms.ts';
import { typeBit, typeOf } from '../schema/declared-types.ts';
import { isObject, type Json } from '../schema/document.ts';
import type { Listed } from '../schema/listed-values.ts';
import type { Solver } from './solver.ts';

/** A demand as a list of values, and what else admits others. */
export interface Parts {
  readonly listed: Formula;
  readonly rest: Formula;
}

/** What judging one value of a list counts for. */
const JUDGED = 16;

/** Takes listed values out of the demands they stand in: the others then are demands without lists. */
export class ValueLists {
  private readonly memo = new Map<Formula, Parts>();
  /** By text: what holds for that array or object only. */
  private readonly constants = new Map<string, Formula>();
  private readonly canonicals = new Map<object, string>();
  private readonly texts = new Map<number, ReadonlySet<string>>();

  constructor(private readonly solver: Solver) {}

  /**
   * A demand on arrays or objects holds for those listed values that it holds for, and for values that are not listed when it holds with all
   * lists empty. Of the latter the listed ones are excluded, one by one, where that makes a difference.
   */
  split(typed: Formula, type: 'array' | 'object'): Parts {
    const { formulas, terms, compiler } = this.solver;
    if (!terms.lists || typed <= 1) return { listed: FALSE, rest: typed };
    if (compiler.listed.get(typed)) return { listed: typed, rest: FALSE };
    const known = this.memo.get(typed);
    if (known) return known;
    const lists = [...formulas.leaves(typed).keys()].flatMap((leaf) => {
      const term = terms.get(leaf);
      return term.sort === 'listed' ? [term.listed] : [];
    });
    // Objects go past what is excluded, property by property.
    const none = type === 'object' ? typed : this.excluded(typed, type).spelled;
    const parts =
      lists.length === 0 || this.excludes(typed) ? { listed: FALSE, rest: none } : this.apart(typed, type, lists);
    this.memo.set(typed, parts);
    return parts;
  }

  /** Whether lists occur in a demand, and only such that the value is none of. */
  excludes(typed: Formula): boolean {
    const { formulas, terms } = this.solver;
    if (!terms.lists) return false;
    const signs = [...formulas.leaves(typed)].flatMap(([leaf, sign]) =>
      terms.get(leaf).sort === 'listed' ? sign : [],
    );
    return signs.length > 0 && signs.every((sign) => sign === 2);
  }

  /** A demand without the lists that it excludes, and with each of their values excluded by itself. */
  excluded(typed: Formula, type: 'array' | 'object'): { readonly base: Formula; readonly spelled: Formula } {
    if (!this.excludes(typed)) return { base: typed, spelled: typed };
    const { formulas, terms, compiler } = this.solver;
    const replaced = (by: (listed: Listed) => Formula): Formula =>
      formulas.substitute(typed, (leaf) => {
        const term = terms.get(leaf);
        return term.sort === 'listed' ? by(term.listed) : formulas.leaf(leaf);
      });
    const constant = (value: Json): Formula => {
      const text = canonical(value);
      let known = this.constants.get(text);
      if (known === undefined) this.constants.set(text, (known = compiler.constant(value, type)));
      return known;
    };
    return {
      base: replaced(() => FALSE),
      spelled: replaced((listed) => formulas.or(compiler.listed.left(listed).map(constant))),
    };
  }

  private apart(typed: Formula, type: 'array' | 'object', lists: readonly Listed[]): Parts {
    const { formulas, terms, compiler, budget } = this.solver;
    // Of a list beside other demands those remain that satisfy them.
    const parts = formulas.conjuncts(typed);
    const whole = parts.find((part) => compiler.listed.get(part) !== undefined);
    const one = whole && compiler.listed.get(whole);
    if (one) {
      const others = formulas.and(parts.filter((part) => part !== whole));
      const kept = one.members.flatMap((member) => {
        budget.work(JUDGED);
        const value = one.list.values[member] ?? null;
        return this.judge(others, value) ? [value] : [];
      });
      return { listed: compiler.listed.of(kept, one.list.names), rest: FALSE };
    }
    const candidates = new Map<string, Json>();
    for (const { list } of lists) for (const value of list.values) candidates.set(this.textOf(value), value);
    const others = formulas.substitute(typed, (leaf) =>
      terms.get(leaf).sort === 'listed' ? FALSE : formulas.leaf(leaf),
    );
    const kept: Json[] = [];
    const excluded: Json[] = [];
    for (const value of candidates.values()) {
      budget.work(JUDGED);
      if (this.judge(typed, value)) kept.push(value);
      else if (this.judge(others, value)) excluded.push(value);
    }
    const names = new Set(lists.flatMap(({ list }) => list.names));
    const but = formulas.not(compiler.listed.of(excluded));
    const rest = formulas.and([others, type === 'object' ? but : this.excluded(but, type).spelled]);
    return { listed: compiler.listed.of(kept, [...names]), rest };
  }

  /** Whether a value satisfies a formula. */
  private holds(formula: Formula, value: Json): boolean {
    if (formula <= 1) return formula === 1;
    const one = this.solver.one(formula);
    if (one !== undefined) return this.textOf(one) === this.textOf(value);
    const bit = typeOf(value);
    const type = JSON_TYPES.find((t) => typeBit(t) === bit);
    return type !== undefined && this.judge(this.solver.compiler.typed(formula, type), value);
  }

  /** The same for a formula over the atoms of the value's type. */
  private judge(typed: Formula, value: Json): boolean {
    return this.solver.formulas.evaluate(typed, (leaf) => this.atom(this.solver.terms.get(leaf), leaf, value));
  }

  private atom(term: Term, leaf: number, value: Json): boolean {
    const { formulas, terms, compiler } = this.solver;
    const items: readonly Json[] = Array.isArray(value) ? value : [];
    const entries = isObject(value) ? Object.entries(value) : [];
    switch (term.sort) {
      case 'true':
        return value === true;
      case 'string':
        return compiler.strings.has(term.set, String(value));
      case 'number':
      case 'numbers':
        return numberSatisfies(formulas, terms, formulas.leaf(leaf), decimalOf(Number(value)));
      case 'shape':
        return entries.every(([name, inner]) =>
          this.holds(
            shapeValue(term.shape, name, formulas, (names, key) => compiler.strings.has(names, key)),
            inner,
          ),
        );
      case 'required':
        return entries.some(([name]) => name === term.key);
      case 'atLeast':
        return Math.max(items.length, entries.length) >= term.min;
      case 'items':
        return items.every((item, i) => this.holds(itemValue(term.shape, term.offset + i), item));
      case 'contains':
        return items.filter((item) => this.holds(term.value, item)).length >= term.min;
      case 'unique':
        return new Set(items.map(canonical)).size === items.length;
      case 'listed':
        return this.textsOf(term.listed).has(this.textOf(value));
      default:
        return this.holds(formulas.leaf(leaf), value);
    }
  }

  /** {@link canonical}, remembered: lists are gone through for every value that is excluded. */
  private textOf(value: Json): string {
    if (value === null || typeof value !== 'object') return canonical(value);
    let text = this.canonicals.get(value);
    if (text === undefined) this.canonicals.set(value, (text = canonical(value)));
    return text;
  }

  private textsOf({ id, list, members }: Listed): ReadonlySet<string> {
    let texts = this.texts.get(id);
    if (!texts)
      this.texts.set(id, (texts = new Set(members.map((member) => this.textOf(list.values[member] ?? null)))));
    return texts;
  }
}
