import { InfcError } from '../../../runtime/errors.ts';
import { compare, type Decimal, decimal, isMultiple, negate, power10 } from './decimal.ts';
import type { Formula, Formulas } from './formula.ts';
import { type NumberSet, numberKey, sublist } from './number-sets.ts';
import type { NumberTest, Terms } from './terms.ts';

/** An interval of decimals; undefined bounds are infinite. */
export interface Range {
  readonly low: Decimal | undefined;
  readonly lowIn: boolean;
  readonly high: Decimal | undefined;
  readonly highIn: boolean;
}

/** Multiples of `step` whose factor no `rest` divides, in units of the cell's scale. */
interface Lattice {
  readonly step: bigint;
  readonly rests: readonly bigint[];
}

/** The numbers between two thresholds that satisfy a formula: nearly all of them (`dense`), or those of some lattices. */
interface NumberCell {
  readonly dense: boolean;
  readonly scale: number;
  readonly lattices: readonly Lattice[];
}

/** The number atoms of formulas: thresholds in order, and units of `multipleOf`. */
export interface NumberAtoms {
  readonly thresholds: readonly Decimal[];
  readonly units: readonly Decimal[];
  /** What was found between thresholds, by formula and how many thresholds lie below. */
  readonly cells: Map<string, NumberCell>;
  /** How the thresholds are written, once asked for. */
  digits?: readonly (readonly [int: string, fraction: string])[];
  /** Whether all of them are zero or powers of ten, once asked for. */
  powers?: boolean;
}

const EVERYTHING: Range = { low: undefined, lowIn: false, high: undefined, highIn: false };
/** Alternatives over more units than this are not enumerated. */
const MAX_UNITS = 10;
/** Numbers that are multiples of several units have so many digits at most, or they would be looked for digit by digit. */
const MAX_MULTIPLE = 64;
const NUMBER_UNITS = ['multiple', 'spelled'] as const;

/** Whether a test is about remainders. */
export function isUnit(test: NumberTest): boolean {
  return test === 'multiple' || test === 'spelled';
}

/** Collects the number atoms of formulas. */
export function numberAtoms(formulas: Formulas, terms: Terms, list: readonly Formula[]): NumberAtoms {
  const [only = 0] = list;
  const whole = list.length === 1 ? listOf(formulas, terms, only) : undefined;
  // It is in order already, and may have thousands of members.
  if (whole) return { thresholds: whole.members.map(({ value }) => value), units: [], cells: new Map() };
  const thresholds = new Map<string, Decimal>();
  const units = new Map<string, Decimal>();
  const seen = new Set<number>();
  for (const formula of list) {
    for (const leaf of formulas.leaves(formula).keys()) {
      if (seen.has(leaf)) continue;
      seen.add(leaf);
      const term = terms.get(leaf);
      if (term.sort === 'numbers') for (const { value } of term.set.members) thresholds.set(numberKey(value), value);
      if (term.sort !== 'number') continue;
      (isUnit(term.test) ? units : thresholds).set(numberKey(term.value), term.value);
    }
  }
  return { thresholds: [...thresholds.values()].sort(compare), units: [...units.values()], cells: new Map() };
}

/** Whether one number satisfies a number formula. */
export function numberSatisfies(formulas: Formulas, terms: Terms, formula: Formula, value: Decimal): boolean {
  return formulas.evaluate(formula, (leaf) => {
    const term = terms.get(leaf);
    if (term.sort === 'numbers') return term.set.has(value);
    if (term.sort !== 'number') return true;
    if (isUnit(term.test)) return isMultiple(value, term.value);
    const order = compare(value, term.value);
    return term.test === 'above' ? order > 0 : order >= 0;
  });
}

/** Whether some decimal in the range satisfies a number formula (exact: decimals are dense). */
export function numberExists(
  formulas: Formulas,
  terms: Terms,
  formula: Formula,
  range: Range = EVERYTHING,
  atoms?: NumberAtoms,
): boolean {
  if (formula <= 1) return formula === 1;
  const known = atoms ?? numberAtoms(formulas, terms, [formula]);
  const { thresholds } = known;
  const inside = (x: Decimal): boolean => {
    if (range.low) {
      const c = compare(x, range.low);
      if (c < 0 || (c === 0 && !range.lowIn)) return false;
    }
    if (range.high) {
      const c = compare(x, range.high);
      if (c > 0 || (c === 0 && !range.highIn)) return false;
    }
    return true;
  };
  const points = thresholds.filter(inside);
  for (const bound of [range.low, range.high]) if (bound && inside(bound)) points.push(bound);
  if (points.some((x) => numberSatisfies(formulas, terms, formula, x))) return true;
  // One of a list: nothing lies between.
  if (formulas.conjuncts(formula).some((part) => listOf(formulas, terms, part) !== undefined)) return false;
  const cuts = thresholds.filter(
    (x) => (!range.low || compare(x, range.low) > 0) && (!range.high || compare(x, range.high) < 0),
  );
  const edges: (Decimal | undefined)[] = [range.low, ...cuts, range.high];
  if (range.low && range.high && compare(range.low, range.high) >= 0) return false;
  for (let i = 0; i + 1 < edges.length; i++)
    if (cellExists(formulas, terms, formula, edges[i], edges[i + 1], known)) return true;
  return false;
}

/**
 * The same demand in fewer terms: of listed numbers beside other demands those that satisfy them, as a list; multiples of several units as
 * multiples of one.
 */
export function settled(formulas: Formulas, terms: Terms, formula: Formula): Formula {
  if (!formulas.isAnd(formula)) return formula;
  const units: Decimal[] = [];
  const others = formulas.conjuncts(formula).filter((part) => {
    const term = formulas.isLiteral(part) && formulas.isPositive(part) && terms.get(formulas.leafNumber(part));
    if (term === false || term.sort !== 'number' || term.test !== 'multiple') return true;
    units.push(term.value);
    return false;
  });
  if (units.length > 1) {
    const scale = Math.min(...units.map((unit) => unit.exponent));
    const whole = units.map((unit) => unit.digits * power10(unit.exponent - scale)).reduce(lcm);
    if (whole > power10(MAX_MULTIPLE))
      throw new InfcError('INFC5006', `undecided: multipleOf values whose multiples have ${MAX_MULTIPLE} digits`, {
        fix: 'Use fewer multipleOf values',
      });
    return settled(formulas, terms, formulas.and([...others, terms.number('multiple', decimal(whole, scale))]));
  }
  for (const part of formulas.conjuncts(formula)) {
    const list = listOf(formulas, terms, part);
    if (!list) continue;
    for (const leaf of formulas.leaves(formula).keys()) {
      const term = terms.get(leaf);
      // That is not about the number alone.
      if (term.sort === 'number' && term.test === 'spelled') return formula;
    }
    return terms.numberSet(sublist(list, ({ value }) => numberSatisfies(formulas, terms, formula, value)));
  }
  return formula;
}

/** The list that a formula is, if it is one. */
export function listOf(formulas: Formulas, terms: Terms, part: Formula): NumberSet | undefined {
  if (!formulas.isLiteral(part) || !formulas.isPositive(part)) return undefined;
  const term = terms.get(formulas.leafNumber(part));
  return term.sort === 'numbers' ? term.set : undefined;
}

/** The same within one open interval that no threshold cuts. */
function cellExists(
  formulas: Formulas,
  terms: Terms,
  formula: Formula,
  low: Decimal | undefined,
  high: Decimal | undefined,
  atoms: NumberAtoms,
): boolean {
  const rank = low === undefined ? 0 : atoms.thresholds.filter((x) => compare(x, low) <= 0).length;
  const key = `${formula} ${rank}`;
  let cell = atoms.cells.get(key);
  if (!cell) atoms.cells.set(key, (cell = cellOf(formulas, terms, formula, low, atoms.units)));
  if (cell.dense) return true;
  const first = low && floorDiv(low, cell.scale) + 1n;
  const last = high && -floorDiv(negate(high), cell.scale) - 1n;
  for (const { step, rests } of cell.lattices) {
    const from =
      first === undefined ? (last === undefined ? 1n : floorTo(last, step) / step) : -floorTo(-first, step) / step;
    // Among this many numbers in a row some number is off up to ten units (Jacobsthal's function at 10 primes is 46).
    for (let n = 0n; n < 64n; n++) {
      const k = first === undefined ? from - n : from + n;
      if ((first !== undefined && k * step < first) || (last !== undefined && k * step > last)) break;
      if (rests.every((rest) => k % rest !== 0n)) return true;
      if (first === undefined && last === undefined) break;
    }
  }
  return false;
}

/** Which numbers of a cell satisfy a formula, wherever the cell's bounds lie. */
function cellOf(
  formulas: Formulas,
  terms: Terms,
  formula: Formula,
  low: Decimal | undefined,
  units: readonly Decimal[],
): NumberCell {
  const indexOf = new Map(units.map((unit, i) => [numberKey(unit), i]));
  const tests = new Map<number, number | boolean>();
  for (const leaf of formulas.leaves(formula).keys()) {
    const term = terms.get(leaf);
    if (term.sort === 'numbers') tests.set(leaf, false);
    else if (term.sort !== 'number') tests.set(leaf, true);
    else if (isUnit(term.test)) tests.set(leaf, indexOf.get(numberKey(term.value)) ?? -1);
    else tests.set(leaf, low !== undefined && compare(term.value, low) <= 0);
  }
  const holds = (chosen: readonly boolean[]): boolean =>
    formulas.evaluate(formula, (leaf) => {
      const test = tests.get(leaf) ?? true;
      return typeof test === 'number' ? chosen[test] === true : test;
    });
  if (holds([])) return { dense: true, scale: 0, lattices: [] };
  const scale = Math.min(0, ...units.map((u) => u.exponent));
  const whole = units.map((u) => u.digits * power10(u.exponent - scale));
  const due = new Set(formulas.conjuncts(formula));
  const forced = units.map((u) => NUMBER_UNITS.some((test) => due.has(terms.number(test, u))));
  const barred = units.map((u) => NUMBER_UNITS.some((test) => due.has(formulas.not(terms.number(test, u)))));
  const lattices = new Map<string, Lattice>();
  if (forced.some((must, i) => must && barred[i])) return { dense: false, scale, lattices: [] };
  const free = units.flatMap((_, i) => (forced[i] || barred[i] ? [] : [i]));
  if (free.length > MAX_UNITS) {
    throw new InfcError('INFC5006', `undecided: more than ${MAX_UNITS} multipleOf values in alternatives`, {
      fix: 'Use fewer multipleOf values',
    });
  }
  for (let choice = 0; choice < 1 << free.length; choice++) {
    const chosen = forced.slice();
    free.forEach((unit, bit) => {
      chosen[unit] = ((choice >> bit) & 1) === 1;
    });
    if (!chosen.includes(true) || !holds(chosen)) continue;
    const step = whole.filter((_, i) => chosen[i]).reduce(lcm, 1n);
    // A multiple k * step is one of another unit exactly when `rest` divides k.
    const rests = whole.filter((_, i) => !chosen[i]).map((unit) => unit / gcd(unit, step));
    if (!rests.includes(1n)) lattices.set(`${step}!${rests}`, { step, rests });
  }
  return { dense: false, scale, lattices: [...lattices.values()] };
}

/** floor(a / 10^scale). */
function floorDiv(a: Decimal, scale: number): bigint {
  const shift = a.exponent - scale;
  if (shift >= 0) return a.digits * power10(shift);
  return floorTo(a.digits, power10(-shift)) / power10(-shift);
}

function floorTo(a: bigint, step: bigint): bigint {
  const rest = ((a % step) + step) % step;
  return a - rest;
}

function gcd(a: bigint, b: bigint): bigint {
  let x = a;
  let y = b;
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function lcm(a: bigint, b: bigint): bigint {
  return (a / gcd(a, b)) * b;
}
