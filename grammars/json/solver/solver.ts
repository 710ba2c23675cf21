import { InfcError } from '../../../runtime/errors.ts';
import { FALSE, type Formula, type Formulas, TRUE } from '../formula/formula.ts';
import { numberExists } from '../formula/number-cells.ts';
import { type Branch, Splitter } from '../formula/split.ts';
import { spellable } from '../formula/string-sets.ts';
import { itemValue, JSON_TYPES, type JsonType, type Term, type Terms } from '../formula/terms.ts';
import type { Budget } from '../schema/budget.ts';
import type { SchemaCompiler } from '../schema/compiler.ts';
import { typeBit, typeOf } from '../schema/declared-types.ts';
import type { Json } from '../schema/document.ts';
import { hasEvidentValues } from '../schema/evident.ts';
import { hardPlace, located, type SchemaPlace } from '../schema/located.ts';
import { ArraySolver } from './array-solver.ts';
import { Fixpoint } from './fixpoint.ts';
import { ObjectSolver } from './object-solver.ts';
import { plentyOfProperties } from './plenty.ts';
import type { SeenSet } from './seen-keys.ts';
import { ValueLists } from './value-lists.ts';

/**
 * Decides whether values exist: the reason no constraint state is a dead end.
 *
 * Exact least fixpoint over recursive schemas: a question asked again while it is open counts as "no" (a value is finite),
 * and "no" answers that leaned on such an assumption are not remembered.
 */
export class Solver {
  readonly formulas: Formulas;
  readonly terms: Terms;
  readonly objects: ObjectSolver;
  readonly lists: ValueLists;
  readonly arrays: ArraySolver;
  private readonly splitter: Splitter;
  private readonly answers: Fixpoint<boolean>;
  private readonly endings = new Map<Formula, boolean>();

  constructor(
    readonly compiler: SchemaCompiler,
    readonly budget: Budget,
  ) {
    this.formulas = compiler.formulas;
    this.terms = compiler.terms;
    this.answers = new Fixpoint(false, true, budget.spend);
    this.objects = new ObjectSolver(this);
    this.arrays = new ArraySolver(this);
    this.lists = new ValueLists(this);
    this.splitter = new Splitter(
      this.formulas,
      this.terms,
      (value) => this.satisfiable(value) || this.answers.known(value) !== false,
      budget.spend,
    );
  }

  /** Whether some value satisfies a value formula; where it is one of `many` alternatives it is not compiled to see what is evident. */
  satisfiable(value: Formula, many = false): boolean {
    if (value <= TRUE) return value === TRUE;
    const one = this.one(value);
    if (one !== undefined && spellable(one)) return true;
    const known = this.answers.known(value);
    if (known !== undefined) return known;
    const site = many ? this.compiler.siteOf(value) : undefined;
    if (site && hasEvidentValues(site)) return true;
    return located(
      () => this.answers.ask(value, () => JSON_TYPES.some((type) => this.satisfiableAs(value, type))),
      () => this.placeOf(value),
    );
  }

  /** Whether some value of one JSON type satisfies a value formula. */
  satisfiableAs(value: Formula, type: JsonType): boolean {
    const one = this.one(value);
    if (one !== undefined) return typeOf(one) === typeBit(type) && spellable(one);
    const typed = this.compiler.typed(value, type);
    if (typed <= TRUE) return typed === TRUE;
    switch (type) {
      case 'null':
        return false;
      case 'boolean':
        return true;
      case 'number':
        return numberExists(this.formulas, this.terms, typed);
      case 'string':
        return !this.compiler.strings.isEmpty(this.compiler.stringSet(value));
      case 'array':
      case 'object': {
        const { listed, rest } = this.lists.split(typed, type);
        return listed !== FALSE || (type === 'array' ? this.arrayRest(rest) : this.objectRest(rest, undefined));
      }
    }
  }

  /** Whether an object can be completed: `rest` is what is still demanded of the properties to come. */
  objectRest(rest: Formula, seen: SeenSet | undefined, many = false): boolean {
    if (rest <= TRUE || this.compiler.listed.get(rest)) return rest !== FALSE;
    const key = seen === undefined || this.objects.dependsOnSeen(rest) === 0 ? rest + 0.25 : `${rest} ${seen.id}`;
    return this.answers.ask(key, () => {
      // What needs no property needs no search.
      if (this.objectCanEnd(rest)) return true;
      if (this.lists.excludes(rest)) {
        const { base, spelled } = this.lists.excluded(rest, 'object');
        const roomy = plentyOfProperties(this, base, seen) && this.objectRest(base, seen, many);
        return roomy || this.objectRest(spelled, seen, many);
      }
      return this.formulas.someCube(
        rest,
        (cube) => this.objects.cube(this.objects.read(cube), seen, many),
        this.budget.spend,
      );
    });
  }

  /** Whether an array can be completed: `rest` is what is still demanded of the items to come. */
  arrayRest(rest: Formula): boolean {
    if (rest <= TRUE || this.compiler.listed.get(rest)) return rest !== FALSE;
    return this.answers.ask(
      rest + 0.5,
      () => this.arrayCanEnd(rest) || this.formulas.someCube(rest, (cube) => this.arrays.cube(cube), this.budget.spend),
    );
  }

  /** Branches of a formula over a child and what follows it. */
  split(formula: Formula): readonly Branch[] {
    return this.splitter.split(formula);
  }

  /** Whether an object can be completed after a property where `demand` is said of its value and of what follows. */
  someProperty(demand: Formula, seen: SeenSet | undefined): boolean {
    return this.splitter.some(demand, (need, rest) => this.completable(need, rest, seen, true) !== FALSE);
  }

  /** What the value of a property must be so that, beside it, the object can be completed. */
  completable(need: Formula, rest: Formula, seen: SeenSet | undefined, many: boolean): Formula {
    const { listed } = this.compiler;
    if (!this.satisfiable(need)) return FALSE;
    const values = listed.awaited(rest);
    if (!values) return this.objectRest(rest, seen, many) ? need : FALSE;
    // With values without end whatever is excluded, none of thousands need be looked at.
    const { base } = this.lists.excluded(rest, 'object');
    if (plentyOfProperties(this, base, seen) && this.objectRest(base, seen, many)) return need;
    const doomed = values.filter((value) => !this.objectRest(listed.narrow(rest, value), seen));
    if (doomed.length === 0) return need;
    const left = this.formulas.and([need, this.terms.noneOf(doomed)]);
    return this.satisfiable(left) ? left : FALSE;
  }

  /** What the next item of an array can be, and what then remains: whatever the item, it can be completed. */
  items(rest: Formula): readonly Branch[] {
    const { listed } = this.compiler;
    const list = listed.get(rest);
    const item = list && listed.after(list, String(list.count), undefined);
    if (list) return item ? [item] : [];
    const only = this.formulas.isLiteral(rest) && this.formulas.isPositive(rest) ? this.term(rest) : undefined;
    if (only?.sort === 'items') {
      const need = itemValue(only.shape, only.offset);
      return this.satisfiable(need) ? [{ need, rest: this.terms.items(only.shape, only.offset + 1) }] : [];
    }
    const found: Branch[] = [];
    for (const branch of this.splitter.split(this.arrays.afterItem(rest))) {
      if (!this.satisfiable(branch.need) || !this.arrayRest(branch.rest)) continue;
      const owed = this.arrays.owed(branch.rest);
      const need = this.formulas.and([branch.need, this.formulas.not(owed)]);
      if (owed === FALSE || this.satisfiable(need)) found.push({ need, rest: branch.rest });
    }
    return found;
  }

  /** Whether an object may end where `rest` is demanded of the properties to come. */
  objectCanEnd(rest: Formula): boolean {
    const list = this.compiler.listed.get(rest);
    if (list) return this.compiler.listed.whole(list) !== undefined;
    const ends = (leaf: number): boolean => {
      const term = this.terms.get(leaf);
      return term.sort === 'shape' || (term.sort === 'listed' && this.compiler.listed.whole(term.listed) !== undefined);
    };
    return this.formulas.evaluate(rest, ends, this.endings);
  }

  /** Whether an array may end where `rest` is demanded of the items to come. */
  arrayCanEnd(rest: Formula): boolean {
    const list = this.compiler.listed.get(rest);
    if (list) return this.compiler.listed.whole(list) !== undefined;
    return this.arrays.canEnd(rest);
  }

  term(literal: Formula): Term {
    return this.terms.get(this.formulas.leafNumber(literal));
  }

  /** The one value a formula lists, which needs no search: there may be thousands. */
  one(value: Formula): Json | undefined {
    if (!this.formulas.isLiteral(value) || !this.formulas.isPositive(value)) return undefined;
    const term = this.term(value);
    return term.sort === 'const' ? term.value : undefined;
  }

  /** Where a formula comes from, if it is one schema. */
  private placeOf(value: Formula): SchemaPlace | undefined {
    const site = this.compiler.siteOf(value);
    return site && hardPlace(site);
  }

  /** The error of questions beyond what is decided exactly. */
  tooComplex(reason: string): InfcError {
    return new InfcError('INFC5006', `undecided: ${reason}`, {
      fix: 'Simplify the schema or use `relax`',
    });
  }
}
