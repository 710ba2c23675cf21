import { FALSE, type Formula, type Formulas, TRUE } from './formula.ts';
import { ofWhole, type Terms } from './terms.ts';

/** One way on: a value that satisfies `need` leaves `rest` to be satisfied by what follows it. */
export interface Branch {
  readonly need: Formula;
  readonly rest: Formula;
}

/** Told of a way on; true when no more are wanted. */
type Test = (need: Formula, rest: Formula) => boolean;

/**
 * Splits a formula over both a child value ({@link ofWhole}) and what follows it into branches: the formula holds
 * exactly when some branch has both its halves. Where a child term occurs positively only, no negation is introduced;
 * combinations of needs that no value satisfies are dropped early, which keeps a discriminated oneOf linear.
 */
export class Splitter {
  private readonly memo = new Map<Formula, readonly Branch[]>();
  private readonly sideMemo = new Map<Formula, number>([
    [TRUE, 0],
    [FALSE, 0],
  ]);

  constructor(
    private readonly formulas: Formulas,
    private readonly terms: Terms,
    private readonly satisfiable: (value: Formula) => boolean,
    private readonly spend: () => void,
  ) {}

  split(formula: Formula): readonly Branch[] {
    const known = this.memo.get(formula);
    if (known) return known;
    // Alternatives are gathered before they are joined: there may be thousands.
    const byRest = new Map<Formula, Formula[]>();
    this.expand(formula, TRUE, TRUE, (need, rest) => {
      gather(byRest, rest, need);
      return false;
    });
    const byNeed = new Map<Formula, Formula[]>();
    for (const [rest, needs] of byRest) gather(byNeed, this.formulas.or(needs), rest);
    const branches = [...byNeed]
      .map(([need, rests]) => ({ need, rest: this.formulas.or(rests) }))
      .filter((b) => b.need !== FALSE && b.rest !== FALSE);
    this.memo.set(formula, branches);
    return branches;
  }

  /** Whether some way on passes a test: the others are not looked for. */
  some(formula: Formula, test: Test): boolean {
    return this.expand(formula, TRUE, TRUE, test);
  }

  /** 1 when only child terms occur, 2 when only others, 3 when both, 0 for constants. */
  private side(f: Formula): number {
    const known = this.sideMemo.get(f);
    if (known !== undefined) return known;
    let side = 0;
    if (this.formulas.isLiteral(f)) {
      side = ofWhole(this.terms.get(this.formulas.leafNumber(f))) ? 1 : 2;
    } else for (const x of this.formulas.operands(f)) side |= this.side(x);
    this.sideMemo.set(f, side);
    return side;
  }

  /** Tells one way after another until one is accepted. */
  private expand(formula: Formula, need: Formula, rest: Formula, test: Test): boolean {
    this.spend();
    const { formulas } = this;
    const needs = [need];
    const rests = [rest];
    const mixed: Formula[] = [];
    for (const part of formulas.conjuncts(formula)) {
      const side = this.side(part);
      if (side === 1) needs.push(part);
      else if (side === 3) mixed.push(part);
      else rests.push(part);
    }
    const here = formulas.and(needs);
    const later = formulas.and(rests);
    if (here === FALSE || later === FALSE) return false;
    if (mixed.length === 0) return test(here, later);
    if (here !== need && !this.satisfiable(here)) return false;
    const [only] = mixed;
    if (mixed.length === 1 && only !== undefined && formulas.isOr(only) && !this.tells(only))
      return formulas.operands(only).some((option) => this.expand(option, here, later, test));
    return this.decide(formulas.and(mixed), here, later, test);
  }

  /** Whether the child's value tells which values of a list are still to be kept from: it must be known for one of them, or for none. */
  private tells(formula: Formula): boolean {
    const { formulas, terms } = this;
    const isList = (leaf: number): boolean => terms.get(leaf).sort === 'listed';
    return terms.lists && [...formulas.leaves(formula).keys()].some(isList);
  }

  /** Shannon expansion on one child term. */
  private decide(formula: Formula, need: Formula, rest: Formula, test: Test): boolean {
    const { formulas } = this;
    const leaves = formulas.leaves(formula);
    let chosen = -1;
    let polarity = 0;
    for (const [leaf, sign] of leaves) {
      if (!ofWhole(this.terms.get(leaf))) continue;
      chosen = leaf;
      polarity = sign;
      break;
    }
    if (chosen < 0) return this.expand(formula, need, rest, test);
    const positive = formulas.leaf(chosen);
    const negative = formulas.not(positive);
    const assign = (value: Formula): Formula =>
      formulas.substitute(formula, (leaf) => (leaf === chosen ? value : formulas.leaf(leaf)));
    const can = this.satisfiable(formulas.and([need, positive]));
    const cannot = this.satisfiable(formulas.and([need, negative]));
    // A value that satisfies one demand often excludes others (a constant, a tag): said of the value, that keeps their combinations few.
    return (
      (can &&
        this.expand(assign(TRUE), cannot || this.tells(formula) ? formulas.and([need, positive]) : need, rest, test)) ||
      (cannot && this.expand(assign(FALSE), polarity === 1 || !can ? need : formulas.and([need, negative]), rest, test))
    );
  }
}

function gather(lists: Map<Formula, Formula[]>, key: Formula, entry: Formula): void {
  const list = lists.get(key);
  if (list) list.push(entry);
  else lists.set(key, [entry]);
}
