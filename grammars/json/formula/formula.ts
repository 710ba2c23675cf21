import { InfcError } from '../../../runtime/errors.ts';

/** An interned Boolean formula in negation normal form. Equal ids mean equal syntax (after simplification). */
export type Formula = number;

/** The formula no assignment satisfies. */
export const FALSE: Formula = 0;
/** The formula every assignment satisfies. */
export const TRUE: Formula = 1;

const LITERAL = 1;
const AND = 2;
const OR = 3;

/** What a new leaf counts for. */
const LEAF = 8;
/** What looking into one operand counts for, where operands are looked up. */
const SUBSTITUTED = 4;

const NONE: readonly number[] = [];

/**
 * Hash-consed Boolean formulas over numbered leaves.
 *
 * Negation is pushed to the leaves, conjunctions and disjunctions are flattened, sorted and simplified (complements,
 * absorption, unit resolution), so that most equal functions get equal ids and every traversal can be memoised by id.
 */
export class Formulas {
  private readonly kinds: number[] = [0, 0];
  private readonly args: (readonly number[])[] = [NONE, NONE];
  private readonly leafOf: number[] = [-1, -1];
  private readonly complement: number[] = [TRUE, FALSE];
  /** Conjunctions and disjunctions by their operands; 0 is free. */
  private table = new Int32Array(1024);
  private readonly hashes: number[] = [0, 0];
  private readonly marks: number[] = [0, 0];
  private stamps = 0;
  private readonly literals: Formula[] = [];

  /**
   * @param work is told the size of each simplification
   * @param budget most formula nodes kept before the schema counts as too complex (INFC5020)
   */
  constructor(
    private readonly work: (operands: number) => void = () => undefined,
    private readonly budget = 400_000,
  ) {}

  get size(): number {
    return this.kinds.length;
  }

  /** The formula that is true exactly when leaf number `leaf` is. */
  leaf(leaf: number): Formula {
    const known = this.literals[leaf];
    if (known !== undefined) return known;
    this.work(LEAF);
    const positive = this.add(LITERAL, NONE, leaf);
    const negative = this.add(LITERAL, NONE, leaf);
    this.complement[positive] = negative;
    this.complement[negative] = positive;
    this.literals[leaf] = positive;
    return positive;
  }

  isLiteral(f: Formula): boolean {
    return this.kinds[f] === LITERAL;
  }

  isAnd(f: Formula): boolean {
    return this.kinds[f] === AND;
  }

  isOr(f: Formula): boolean {
    return this.kinds[f] === OR;
  }

  /** Leaf number of a literal. */
  leafNumber(f: Formula): number {
    return this.leafOf[f] ?? -1;
  }

  isPositive(f: Formula): boolean {
    return this.literals[this.leafOf[f] ?? -1] === f;
  }

  /** Operands of a conjunction or disjunction. */
  operands(f: Formula): readonly Formula[] {
    return this.args[f] ?? NONE;
  }

  /** The conjuncts of a formula: its operands when it is a conjunction, itself otherwise, none when true. */
  conjuncts(f: Formula): readonly Formula[] {
    return f === TRUE ? NONE : this.kinds[f] === AND ? this.operands(f) : [f];
  }

  not(f: Formula): Formula {
    const known = this.complement[f];
    if (known !== undefined && known >= 0) return known;
    const parts = this.operands(f).map((x) => this.not(x));
    const result = this.kinds[f] === AND ? this.or(parts) : this.and(parts);
    this.complement[f] = result;
    if (this.complement[result] === -1) this.complement[result] = f;
    return result;
  }

  and(parts: readonly Formula[]): Formula {
    return this.combine(AND, parts);
  }

  or(parts: readonly Formula[]): Formula {
    return this.combine(OR, parts);
  }

  /** True when exactly one of `parts` is: a chain of linear size instead of the quadratic textbook form. */
  exactlyOne(parts: readonly Formula[]): Formula {
    let none = TRUE;
    let one = FALSE;
    for (const part of parts) {
      const no = this.not(part);
      one = this.or([this.and([part, none]), this.and([no, one])]);
      none = this.and([no, none]);
    }
    return one;
  }

  /** Replaces every leaf by a formula; `memo` may be shared between calls with the same `replace`. */
  substitute(f: Formula, replace: (leaf: number) => Formula, memo: Map<Formula, Formula> = new Map()): Formula {
    if (f <= TRUE) return f;
    const known = memo.get(f);
    if (known !== undefined) return known;
    let result: Formula;
    if (this.kinds[f] === LITERAL) {
      const value = replace(this.leafNumber(f));
      result = this.isPositive(f) ? value : this.not(value);
    } else {
      this.work(SUBSTITUTED * this.operands(f).length);
      const parts = this.operands(f).map((x) => this.substitute(x, replace, memo));
      result = this.kinds[f] === AND ? this.and(parts) : this.or(parts);
    }
    memo.set(f, result);
    return result;
  }

  /** Folds a formula into another Boolean algebra. */
  fold<T>(f: Formula, algebra: BooleanAlgebra<T>, memo: Map<Formula, T> = new Map()): T {
    if (f === FALSE) return algebra.bottom;
    if (f === TRUE) return algebra.top;
    const known = memo.get(f);
    if (known !== undefined) return known;
    let result: T;
    if (this.kinds[f] === LITERAL) {
      const value = algebra.leaf(this.leafNumber(f));
      result = this.isPositive(f) ? value : algebra.not(value);
    } else {
      this.work(this.operands(f).length);
      const parts = this.operands(f).map((x) => this.fold(x, algebra, memo));
      result = this.kinds[f] === AND ? algebra.and(parts) : algebra.or(parts);
    }
    memo.set(f, result);
    return result;
  }

  /** Truth value of a formula under an assignment; `memo` may be shared between calls with the same assignment. */
  evaluate(f: Formula, leaf: (leaf: number) => boolean, memo?: Map<Formula, boolean>): boolean {
    if (f <= TRUE) return f === TRUE;
    if (this.kinds[f] === LITERAL) return leaf(this.leafNumber(f)) === this.isPositive(f);
    const known = memo?.get(f);
    if (known !== undefined) return known;
    const parts = this.operands(f);
    const holds = (x: Formula): boolean => this.evaluate(x, leaf, memo);
    const truth = this.kinds[f] === AND ? parts.every(holds) : parts.some(holds);
    memo?.set(f, truth);
    return truth;
  }

  /** Calls `visit` once for every leaf that occurs, with the polarities it occurs in (1 positive, 2 negative, 3 both). */
  leaves(f: Formula): Map<number, number> {
    const found = new Map<number, number>();
    const seen = new Set<Formula>();
    const walk = (g: Formula): void => {
      if (g <= TRUE || seen.has(g)) return;
      seen.add(g);
      if (this.kinds[g] === LITERAL) {
        const leaf = this.leafNumber(g);
        found.set(leaf, (found.get(leaf) ?? 0) | (this.isPositive(g) ? 1 : 2));
      } else for (const x of this.operands(g)) walk(x);
    };
    walk(f);
    return found;
  }

  /**
   * Searches the disjunctive normal form lazily: calls `test` with the literals of one cube after another until one is
   * accepted. Contradictory cubes are never built. `spend` bounds the search (INFC5021).
   */
  someCube(f: Formula, test: (cube: readonly Formula[]) => boolean, spend: () => void): boolean {
    const parts = this.conjuncts(f);
    if (parts.every((part) => this.isLiteral(part))) {
      spend();
      return test(parts);
    }
    const cube: Formula[] = [];
    const has = new Set<Formula>();
    const search = (pending: readonly Formula[], from: number): boolean => {
      spend();
      let i = from;
      const mark = cube.length;
      const undo = (): false => {
        for (let k = mark; k < cube.length; k++) has.delete(cube[k] ?? -1);
        cube.length = mark;
        return false;
      };
      let choices: Formula[] = [];
      const todo = pending.slice(i);
      const settle = (from: number): boolean => {
        for (i = from; i < todo.length; i++) {
          const g = todo[i] ?? FALSE;
          if (g === FALSE) return false;
          if (g === TRUE || has.has(g)) continue;
          if (this.kinds[g] === LITERAL) {
            if (has.has(this.not(g))) return false;
            has.add(g);
            cube.push(g);
          } else if (this.kinds[g] === AND) for (const x of this.operands(g)) todo.push(x);
          else choices.push(g);
        }
        return true;
      };
      if (!settle(0)) return undo();
      let best: Formula = -1;
      let live: Formula[] = [];
      for (let again = true; again; ) {
        again = false;
        best = -1;
        const left = choices;
        choices = [];
        this.work(left.length);
        for (const choice of left) {
          const parts = this.operands(choice);
          if (parts.some((x) => has.has(x))) continue;
          const open = parts.filter((x) => this.kinds[x] !== LITERAL || !has.has(this.not(x)));
          const [only] = open;
          if (only === undefined) return undo();
          if (open.length === 1) {
            // There is no choice, and what follows from it may settle others.
            if (!settle(todo.push(only) - 1)) return undo();
            again = true;
            continue;
          }
          choices.push(choice);
          if (best < 0 || open.length < live.length) {
            best = choice;
            live = open;
          }
        }
      }
      if (best < 0) return test(cube) || undo();
      const others = choices.filter((x) => x !== best);
      for (const option of live) if (search([option, ...others], 0)) return true;
      return undo();
    };
    return search([f], 0);
  }

  private combine(kind: number, parts: readonly Formula[]): Formula {
    const { kinds, complement, marks } = this;
    const neutral = kind === AND ? TRUE : FALSE;
    const absorbing = kind === AND ? FALSE : TRUE;
    const dual = kind === AND ? OR : AND;
    const list: Formula[] = [];
    for (const part of parts) {
      if (part === absorbing) return absorbing;
      if (part === neutral) continue;
      if (kinds[part] === kind) for (const x of this.operands(part)) list.push(x);
      else list.push(part);
    }
    for (let again = true; again; ) {
      again = false;
      this.work(Math.max(list.length, parts.length));
      sortDistinct(list);
      // Members of the list are told by a stamp; simplifying within takes another.
      const stamp = ++this.stamps;
      for (const part of list) marks[part] = stamp;
      const has = (x: Formula): boolean => marks[x] === stamp;
      const denied = (x: Formula): boolean => {
        const no = complement[x] ?? -1;
        return no >= 0 && marks[no] === stamp;
      };
      let live = list.length;
      for (let i = 0; i < list.length; i++) {
        const part = list[i] ?? neutral;
        if (denied(part)) return absorbing;
        if (kinds[part] !== dual || live === 1) continue;
        const inner = this.operands(part);
        const absorbed = inner.some(has);
        if (!absorbed && !inner.some(denied)) continue;
        marks[part] = 0;
        list[i] = neutral;
        live--;
        if (absorbed) continue;
        const rest = this.combine(
          dual,
          inner.filter((x) => !denied(x)),
        );
        if (rest === absorbing) return absorbing;
        if (rest !== neutral) {
          if (kinds[rest] === kind) list.push(...this.operands(rest));
          else list.push(rest);
        }
        again = true;
        break;
      }
      if (live < list.length) keepOthers(list, neutral);
    }
    const [first] = list;
    if (first === undefined) return neutral;
    this.work(list.length);
    return list.length === 1 ? first : this.intern(kind, list);
  }

  /** The formula of sorted operands, found by open addressing. */
  private intern(kind: number, sorted: readonly Formula[]): Formula {
    if (this.kinds.length * 2 > this.table.length) this.grow();
    const { table } = this;
    const last = table.length - 1;
    const code = hash(kind, sorted);
    let at = code & last;
    for (let known = table[at] ?? 0; known !== 0; known = table[at] ?? 0) {
      if (this.hashes[known] === code && this.kinds[known] === kind && equal(this.operands(known), sorted))
        return known;
      at = (at + 1) & last;
    }
    const id = this.add(kind, sorted, -1);
    table[at] = id;
    this.hashes[id] = code;
    return id;
  }

  private grow(): void {
    const table = new Int32Array(this.table.length * 4);
    const last = table.length - 1;
    for (const id of this.table) {
      if (id === 0) continue;
      let at = (this.hashes[id] ?? 0) & last;
      while (table[at] !== 0) at = (at + 1) & last;
      table[at] = id;
    }
    this.table = table;
  }

  private add(kind: number, args: readonly number[], leaf: number): Formula {
    if (this.kinds.length >= this.budget)
      throw new InfcError('INFC5020', `the schema needs more than ${this.budget} Boolean terms`, {
        fix: 'Simplify nested oneOf, not or if, or raise the formula budget',
      });
    this.kinds.push(kind);
    this.args.push(args);
    this.leafOf.push(leaf);
    this.complement.push(-1);
    this.marks.push(0);
    this.hashes.push(0);
    return this.kinds.length - 1;
  }
}

function hash(kind: number, args: readonly number[]): number {
  let h = kind;
  for (const arg of args) {
    h = Math.imul(h ^ arg, 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 12);
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Sorts a list in place and leaves out what comes twice. */
function sortDistinct(list: number[]): void {
  let ordered = true;
  for (let i = 1; i < list.length && ordered; i++) ordered = (list[i - 1] ?? 0) < (list[i] ?? 0);
  if (ordered) return;
  list.sort((a, b) => a - b);
  let kept = 0;
  for (let i = 0; i < list.length; i++) if (i === 0 || list[i] !== list[i - 1]) list[kept++] = list[i] ?? 0;
  list.length = kept;
}

/** Leaves out a value of a list in place. */
function keepOthers(list: number[], out: number): void {
  let kept = 0;
  for (const x of list) if (x !== out) list[kept++] = x;
  list.length = kept;
}

/** A Boolean algebra a formula can be folded into. */
export interface BooleanAlgebra<T> {
  readonly top: T;
  readonly bottom: T;
  leaf(leaf: number): T;
  not(value: T): T;
  and(values: readonly T[]): T;
  or(values: readonly T[]): T;
}
