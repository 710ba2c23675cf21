import { compare, power10 } from '../formula/decimal.ts';
import { type Formula, TRUE } from '../formula/formula.ts';
import { isUnit, listOf, numberAtoms, numberExists, numberSatisfies, settled } from '../formula/number-cells.ts';
import type { Solver } from './solver.ts';

const INFINITE = Number.POSITIVE_INFINITY;

/**
 * Number of different values a formula admits; exact up to `limit` (beyond it any larger number, or Infinity).
 * Objects and arrays count as unlimited unless they admit constants only.
 */
export function cardinality(solver: Solver, value: Formula, limit: number): number {
  if (value === TRUE) return INFINITE;
  const { compiler } = solver;
  let total = 0;
  const add = (n: number): boolean => (total += n) > limit;
  if (solver.satisfiableAs(value, 'null')) add(1);
  const truth = compiler.typed(value, 'boolean');
  for (const bit of [false, true]) if (compiler.formulas.evaluate(truth, () => bit)) add(1);
  if (solver.satisfiableAs(value, 'string')) {
    const { members, lang } = compiler.strings.get(compiler.stringSet(value));
    const { engine } = compiler.strings;
    const none = lang === engine.empty;
    const extra = none ? members.length : members.filter((s) => !compiler.strings.matches(lang, s)).length;
    const size = none ? 0 : engine.isEmpty(lang) ? 0 : engine.cardinality(lang);
    if (add(extra + size)) return total;
  }
  if (solver.satisfiableAs(value, 'number') && add(countNumbers(solver, compiler.typed(value, 'number'), limit)))
    return total;
  for (const type of ['array', 'object'] as const) {
    if (!solver.satisfiableAs(value, type)) continue;
    const { listed, rest } = solver.lists.split(compiler.typed(value, type), type);
    if (add(compiler.listed.get(listed)?.members.length ?? 0)) return total;
    if (rest !== 0 && add(composite(solver, solver.lists.excluded(rest, type).spelled, type, limit))) return total;
  }
  return total;
}

/** Number of numbers a number formula admits, exact up to `limit`. */
export function countNumbers(solver: Solver, typed: Formula, limit: number): number {
  if (typed === TRUE) return INFINITE;
  const { formulas, terms } = solver;
  const list = listOf(formulas, terms, settled(formulas, terms, typed));
  if (list) return list.members.length;
  const atoms = numberAtoms(formulas, terms, [typed]);
  let count = atoms.thresholds.filter((x) => numberSatisfies(formulas, terms, typed, x)).length;
  const edges = [undefined, ...atoms.thresholds, undefined];
  for (let i = 0; i + 1 < edges.length; i++) {
    const range = { low: edges[i], lowIn: false, high: edges[i + 1], highIn: false };
    if (!numberExists(formulas, terms, typed, range, atoms)) continue;
    const { low, high } = range;
    const scale = Math.min(0, ...atoms.units.map((u) => u.exponent));
    const between = { low, lowIn: false, high, highIn: false };
    // Numbers off every unit are dense in the interval.
    const dense = formulas.evaluate(typed, (leaf) => {
      const term = terms.get(leaf);
      if (term.sort !== 'number' || isUnit(term.test)) return false;
      return low !== undefined && compare(term.value, low) <= 0;
    });
    if (dense || low === undefined || high === undefined) return INFINITE;
    const first =
      low.exponent >= scale
        ? low.digits * power10(low.exponent - scale)
        : low.digits / power10(scale - low.exponent) - 1n;
    for (let x = first, tries = 0; count <= limit; x++, tries++) {
      const value = { digits: x, exponent: scale };
      if (compare(value, between.high ?? value) >= 0) break;
      if (compare(value, low) > 0 && numberSatisfies(formulas, terms, typed, value)) count++;
      if (tries > 20_000) throw solver.tooComplex('uniqueItems over a sparse range of numbers');
    }
  }
  return count;
}

/** Constants are counted; everything else is assumed unlimited only where that is certain. */
function composite(solver: Solver, typed: Formula, type: 'array' | 'object', limit: number): number {
  const { formulas } = solver;
  if (typed === TRUE) return INFINITE;
  const alternatives = formulas.isOr(typed) ? formulas.operands(typed) : [typed];
  let total = 0;
  for (const cube of alternatives) {
    let max = INFINITE;
    let count = 1;
    for (const literal of formulas.conjuncts(cube)) {
      if (!formulas.isLiteral(literal)) continue;
      const term = solver.term(literal);
      const positive = formulas.isPositive(literal);
      if (term.sort === 'atLeast' && !positive) max = Math.min(max, term.min - 1);
      else if (term.sort === 'items' && positive && term.shape.rest === 0) {
        for (const part of term.shape.prefix.slice(term.offset))
          count = Math.min(limit + 1, count * cardinality(solver, part, limit));
        max = Math.min(max, term.shape.prefix.length - term.offset);
      } else if (term.sort === 'shape' && positive && term.shape.rest === 0 && term.shape.patterns.length === 0) {
        for (const name of term.shape.names)
          count = Math.min(limit + 1, count * Math.max(1, cardinality(solver, term.shape.named(name) ?? 0, limit)));
        max = Math.min(max, term.shape.names.length);
      }
    }
    if (max === INFINITE) return INFINITE;
    if (type === 'array' && max === 0) total += 1;
    else if (count > limit) return INFINITE;
    else if (isConstant(solver, cube)) total += 1;
    else throw solver.tooComplex(`uniqueItems over a finite set of ${type}s`);
  }
  return total;
}

/** A cube that admits one value only: every listed property required with a single value, or every item fixed. */
function isConstant(solver: Solver, cube: Formula): boolean {
  const { formulas } = solver;
  const required = new Set<string>();
  const names = new Set<string>();
  let fixed = 0;
  let min = 0;
  for (const literal of formulas.conjuncts(cube)) {
    if (!formulas.isLiteral(literal)) return false;
    const term = solver.term(literal);
    if (!formulas.isPositive(literal)) continue;
    if (term.sort === 'required') required.add(term.key);
    else if (term.sort === 'shape') {
      for (const name of term.shape.names) {
        names.add(name);
        if (cardinality(solver, term.shape.named(name) ?? 0, 1) !== 1) return false;
      }
    } else if (term.sort === 'atLeast') min = Math.max(min, term.min);
    else if (term.sort === 'items') {
      fixed = Math.max(fixed, term.shape.prefix.length - term.offset);
      for (const part of term.shape.prefix.slice(term.offset)) if (cardinality(solver, part, 1) !== 1) return false;
    }
  }
  return [...names].every((x) => required.has(x)) && min >= fixed;
}
