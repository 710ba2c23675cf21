import { asSpelled, exponentBytes, type NumberPhase } from '../automaton/leaf-number.ts';
import type { Machine } from '../automaton/machine.ts';
import { add, type Decimal, decimal, negate, parseDecimal } from '../formula/decimal.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import { type NumberAtoms, numberExists } from '../formula/number-cells.ts';
import type { NumberSet } from '../formula/number-sets.ts';

/** Longer numbers are not looked for. */
const MAX_BYTES = 420;

/**
 * Fewest bytes that finish a number whose beginning is `text`, so that it satisfies the formula; Infinity where none do. Found by arithmetic: some
 * number with so many more digits, and so many of them behind the point, is a multiple of a power of ten in an interval.
 */
export function numberBytes(
  machine: Machine,
  demand: Formula,
  atoms: NumberAtoms,
  phase: NumberPhase,
  text: string,
): number {
  if (phase === 'e' || phase === 'sign' || phase === 'exp') return exponentBytes(machine, demand, atoms, phase, text);
  const negative = text.startsWith('-');
  const digits = (negative ? text.slice(1) : text).replace(/\.$/, '');
  const behind = digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0;
  const value = parseDecimal(digits) ?? ZERO;
  const spelled = asSpelled(machine, demand, 'frac');
  /** Some number from `low` on, `width` wide, with `places` digits behind the point, or any number of them. */
  const exists = (low: Decimal, width: Decimal, places?: number): boolean => {
    const formula = places === 0 && behind === 0 && phase !== 'dot' ? demand : spelled;
    const { formulas, terms } = machine;
    if (formula === FALSE) return false;
    const high = add(low, width);
    const range = negative
      ? { low: negate(high), lowIn: false, high: negate(low), highIn: true }
      : { low, lowIn: true, high, highIn: false };
    if (places === undefined) return numberExists(formulas, terms, formula, range, atoms);
    const unit: Decimal = { digits: 1n, exponent: -places };
    const all = formulas.and([formula, terms.number('multiple', unit)]);
    return numberExists(formulas, terms, all, range, withUnit(atoms, places));
  };
  /** With `more` digits before the point. */
  const whole = (more: number, places?: number): boolean => {
    if (phase === 'minus')
      return more === 1
        ? exists(ZERO, TEN, places)
        : more > 1 && exists(decimal(1n, more - 1), { digits: 9n, exponent: more - 1 }, places);
    if (phase === 'zero') return more === 0 && exists(ZERO, ONE, places);
    const low = { digits: value.digits, exponent: value.exponent + more };
    return exists(low, { digits: 1n, exponent: more }, places);
  };
  const most = decimals(atoms) + 1;
  const power =
    phase === 'int' && /^-?[1-9]$/.test(text)
      ? exponentBytes(machine, demand, atoms, 'e', `${text}e`) + 1
      : Number.POSITIVE_INFINITY;
  const fraction = phase === 'dot' || phase === 'frac';
  if (fraction && !exists(value, { digits: 1n, exponent: -behind })) return power;
  /** Digits before the point that some number has: most are too few, whatever stands behind it. */
  const possible: number[] = [];
  for (let bytes = 0; bytes < Math.min(power, MAX_BYTES); bytes++) {
    if (fraction) {
      if (bytes + behind > 0 && exists(value, { digits: 1n, exponent: -behind }, behind + bytes)) return bytes;
      continue;
    }
    const some = whole(bytes);
    if ((some || spelled !== demand) && whole(bytes, 0)) return bytes;
    if (possible.some((more) => bytes - 1 - more <= most && more < bytes - 1 && whole(more, bytes - 1 - more)))
      return bytes;
    if (some) possible.push(bytes);
  }
  return power;
}

/** Bytes of the shortest of listed numbers. */
export function listedNumberBytes({ members }: NumberSet): number {
  let best = Number.POSITIVE_INFINITY;
  for (const { value, int, fraction, negative, lone } of members) {
    const digits = Math.max(1, int.length) + (fraction === '' ? 0 : 1 + fraction.length);
    const power = lone === '' ? digits : 2 + String(value.exponent).length;
    best = Math.min(best, (negative ? 1 : 0) + Math.min(digits, power));
  }
  return best;
}

const ZERO: Decimal = { digits: 0n, exponent: 0 };
const ONE: Decimal = { digits: 1n, exponent: 0 };
const TEN: Decimal = { digits: 1n, exponent: 1 };

/** Most digits behind the point of bounds and units. */
function decimals({ thresholds, units }: NumberAtoms): number {
  return Math.max(0, ...[...thresholds, ...units].map((x) => -x.exponent));
}

const extended = new WeakMap<NumberAtoms, NumberAtoms[]>();

/** The atoms and one more unit, so many digits behind the point. */
function withUnit(atoms: NumberAtoms, places: number): NumberAtoms {
  let list = extended.get(atoms);
  if (!list) extended.set(atoms, (list = []));
  const unit: Decimal = { digits: 1n, exponent: -places };
  const { thresholds, units } = atoms;
  const has = units.some((u) => u.digits === 1n && u.exponent === -places);
  return (list[places] ??= { thresholds, units: has ? units : [...units, unit], cells: new Map() });
}
