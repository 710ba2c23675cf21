import { add, type Decimal, decimal, negate, parseDecimal, plainDigits, power10 } from '../formula/decimal.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import { listOf, type NumberAtoms, numberAtoms, numberExists, numberSatisfies } from '../formula/number-cells.ts';
import { begins, type NumberSet, sublist } from '../formula/number-sets.ts';
import { type FormulaSlot, goTo, type Leaf, onlyBytes, popThen, type ResultId, WHITESPACE } from './leaf.ts';
import type { Machine } from './machine.ts';

const ZERO = 0x30;
const DOT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;
export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isE = (byte: number): boolean => byte === 0x65 || byte === 0x45;

/** Grammar positions within a JSON number. */
export type NumberPhase = 'minus' | 'zero' | 'int' | 'dot' | 'frac' | 'e' | 'sign' | 'exp';

/** The phase after one more byte, or undefined. */
export function numberPhase(phase: NumberPhase | 'start', byte: number): NumberPhase | undefined {
  const digit = isDigit(byte);
  switch (phase) {
    case 'start':
      return byte === MINUS ? 'minus' : digit ? (byte === 0x30 ? 'zero' : 'int') : undefined;
    case 'minus':
      return digit ? (byte === 0x30 ? 'zero' : 'int') : undefined;
    case 'int':
      if (digit) return 'int';
      return byte === DOT ? 'dot' : isE(byte) ? 'e' : undefined;
    case 'zero':
      return byte === DOT ? 'dot' : isE(byte) ? 'e' : undefined;
    case 'dot':
      return digit ? 'frac' : undefined;
    case 'frac':
      return digit ? 'frac' : isE(byte) ? 'e' : undefined;
    case 'e':
      return digit ? 'exp' : byte === PLUS || byte === MINUS ? 'sign' : undefined;
    case 'sign':
    case 'exp':
      return digit ? 'exp' : undefined;
  }
}

/** Exponents are taken with so many digits. */
const EXPONENT_DIGITS = 3;
const EXPONENT_FULL = /[eE][+-]?\d{3}$/;
const MAX_EXPONENT = 308;

/** Whether readers that use doubles see a number of this order as what it is: not as Infinity, nor as 0. */
function inDoubles(exponent: number): boolean {
  return exponent >= -300 && exponent <= MAX_EXPONENT;
}

const CAN_END: ReadonlySet<NumberPhase> = new Set<NumberPhase>(['zero', 'int', 'frac', 'exp']);

/** What can follow within a number or end it. */
const NUMBER_BYTES = `${WHITESPACE}0123456789+-.eE,]}`;

/** Inside a number no demand depends on: the plain JSON grammar. */
export class FreeNumberLeaf implements Leaf {
  readonly kind = 'number';

  constructor(
    private readonly machine: Machine,
    readonly phase: NumberPhase,
    readonly results: ResultId,
  ) {}

  step(byte: number): number {
    const next = numberPhase(this.phase, byte);
    if (next !== undefined) return goTo(this.machine.freeNumber(next, this.results));
    return CAN_END.has(this.phase) ? popThen(this.results) : 0;
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, NUMBER_BYTES);
  }

  /** How many digits may follow, whatever they are. */
  get sure(): number {
    return this.phase === 'minus' || this.phase === 'zero' ? 0 : Number.POSITIVE_INFINITY;
  }

  end(): ResultId {
    return CAN_END.has(this.phase) ? this.results : 0;
  }
}

/**
 * Inside a number with demands. `text` stands for all prefixes that compare alike with every threshold and leave the same
 * remainders: {@link numberClass} tells them apart. Exponents are taken after a single non-zero digit only; anything more
 * would make the class depend on every digit typed.
 */
export class NumberLeaf implements Leaf {
  readonly kind = 'number';
  private ahead: number | undefined;

  constructor(
    private readonly machine: Machine,
    readonly slots: readonly FormulaSlot[],
    readonly atoms: NumberAtoms,
    readonly phase: NumberPhase,
    readonly text: string,
  ) {}

  step(byte: number, row: Int32Array, at: number): number {
    const next = numberPhase(this.phase, byte);
    if (next !== undefined) {
      if (next === 'e' && !/^-?[1-9]$/.test(this.text)) return this.finish();
      if (next === 'exp' && EXPONENT_FULL.test(this.text)) return 0;
      const code = this.machine.numberState(this.slots, this.atoms, next, this.text + String.fromCharCode(byte));
      if (this.phase === 'int' && next === 'int' && this.whole) {
        // Digits that lie alike among those that bounds have there lead to one state.
        const int = this.text.replace('-', '');
        const marks = spelled(this.atoms).flatMap(([t]) =>
          t.length > int.length && t.startsWith(int) ? [t.charCodeAt(int.length)] : [],
        );
        for (let b = ZERO; b < ZERO + 10; b++)
          if (marks.every((mark) => Math.sign(b - mark) === Math.sign(byte - mark))) row[at + b] = code + 1;
      }
      return code;
    }
    return this.finish();
  }

  /** Whether whole numbers leave no remainders. */
  private get whole(): boolean {
    return this.atoms.units.every((unit) => wholeOf(unit) === 1n);
  }

  /** How many digits may follow, whatever they are, because all numbers that they lead to satisfy what this one does, as far as that is told at once. */
  get sure(): number {
    this.ahead ??= this.countSure();
    return this.ahead;
  }

  private countSure(): number {
    const { machine, atoms, phase, text, slots } = this;
    const [typed = '', fraction = ''] = text.replace('-', '').split('.');
    const int = typed === '0' ? '' : typed;
    const all = spelled(atoms);
    const holds = (more: number): boolean => {
      const value = decimal(BigInt(text.replace('.', '')), more - fraction.length);
      return slots.some(({ state }) => numberSatisfies(machine.formulas, machine.terms, state, value));
    };
    if (phase === 'dot' || phase === 'frac') {
      const near = all.some(([i, f]) => i === int && f.padEnd(fraction.length, '0').startsWith(fraction));
      return !near && atoms.units.length === 0 && holds(0) ? Number.POSITIVE_INFINITY : 0;
    }
    if (phase !== 'int' || !this.whole) return 0;
    const longest = Math.max(0, ...all.map(([i]) => i.length));
    if (holds(longest + 1)) return Number.POSITIVE_INFINITY;
    for (let more = longest - int.length; more > 0; more--)
      if (!all.some(([i]) => i.length === int.length + more && i.startsWith(int)) && holds(more)) return more;
    return 0;
  }

  private finish(): number {
    const result = this.end();
    return result === 0 ? 0 : popThen(result);
  }

  prime(row: Int32Array, at: number): void {
    onlyBytes(row, at, NUMBER_BYTES);
  }

  end(): ResultId {
    if (!CAN_END.has(this.phase)) return 0;
    const value = parseDecimal(this.text);
    if (!value) return 0;
    if (this.phase === 'exp') {
      const exponent = Number(this.text.replace(/^.*[eE]/, ''));
      if (!inDoubles(exponent) || !Number.isFinite(Number(this.text))) return 0;
    }
    const { formulas, terms, results } = this.machine;
    return results.finish(
      this.slots
        .filter((s) => numberSatisfies(formulas, terms, asSpelled(this.machine, s.state, this.phase), value))
        .map((s) => s.results),
      () => Number(this.text),
    );
  }
}

/**
 * The demands after a prefix of a number, lists of numbers cut down to those that can still come: what states compare and look at shrinks
 * with every digit. Undefined when nothing was cut.
 */
export function narrowNumbers(
  machine: Machine,
  slots: readonly FormulaSlot[],
  text: string,
): { readonly slots: readonly FormulaSlot[]; readonly atoms: NumberAtoms } | undefined {
  const { formulas, terms } = machine;
  const near = begins(text);
  let cut = false;
  const narrow = (set: NumberSet, whole: Formula): Formula => {
    const left = sublist(set, near);
    if (left === set) return whole;
    cut = true;
    return left.members.length === 0 ? FALSE : terms.numberSet(left);
  };
  const replace = (leaf: number): Formula => {
    const term = terms.get(leaf);
    return term.sort === 'numbers' ? narrow(term.set, formulas.leaf(leaf)) : formulas.leaf(leaf);
  };
  // One for all of them: there may be thousands.
  const memo = new Map<Formula, Formula>();
  const narrowed = slots.map(({ state, results }) => {
    const list = listOf(formulas, terms, state);
    return { state: list ? narrow(list, state) : formulas.substitute(state, replace, memo), results };
  });
  if (!cut) return undefined;
  const live = machine.merge(narrowed.filter(({ state }) => state !== FALSE));
  return {
    slots: live,
    atoms: numberAtoms(
      formulas,
      terms,
      live.map(({ state }) => state),
    ),
  };
}

/** Draft 4's integers end at the point or exponent. */
export function asSpelled(machine: Machine, formula: Formula, phase: NumberPhase): Formula {
  if (phase === 'minus' || phase === 'zero' || phase === 'int') return formula;
  const { formulas, terms } = machine;
  return formulas.substitute(formula, (leaf) => {
    const term = terms.get(leaf);
    return term.sort === 'number' && term.test === 'spelled' ? FALSE : formulas.leaf(leaf);
  });
}

/** Whether some completion of a number prefix satisfies the formula; without `among` it is compared with its own bounds only. */
export function numberAlive(
  machine: Machine,
  demand: Formula,
  among: NumberAtoms | undefined,
  phase: NumberPhase,
  text: string,
): boolean {
  const { formulas, terms } = machine;
  const exponential = phase === 'e' || phase === 'sign' || phase === 'exp';
  const list = listOf(formulas, terms, demand);
  if (list && !exponential) return list.members.some(begins(text));
  const atoms = among ?? numberAtoms(formulas, terms, [demand]);
  const formula = asSpelled(machine, demand, phase);
  if (formula === FALSE) return false;
  const exists = (low: Decimal | undefined, lowIn: boolean, high: Decimal | undefined, highIn: boolean): boolean =>
    numberExists(formulas, terms, formula, { low, lowIn, high, highIn }, atoms);
  const zero: Decimal = { digits: 0n, exponent: 0 };
  if (phase === 'minus') return exists(undefined, false, zero, true);
  if (exponential) return exponentBytes(machine, formula, atoms, phase, text) < Number.POSITIVE_INFINITY;
  const negative = text.startsWith('-');
  const digits = (negative ? text.slice(1) : text).replace(/\.$/, '');
  const value = parseDecimal(digits) ?? zero;
  // Most may end as they are.
  if (CAN_END.has(phase) && numberSatisfies(formulas, terms, formula, negative ? negate(value) : value)) return true;
  const fraction = digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0;
  const span = (low: Decimal, width: Decimal): boolean => {
    const high = add(low, width);
    return negative ? exists(negate(high), false, negate(low), true) : exists(low, true, high, false);
  };
  if (phase === 'dot' || phase === 'frac') return span(value, { digits: 1n, exponent: -fraction });
  if (phase === 'zero') return span(zero, { digits: 1n, exponent: 0 });
  // Lengths at which a threshold or a remainder can change the answer; between them nothing new happens.
  const lengths = [...atoms.thresholds, ...atoms.units].map((t) => wholeDigits(t) - digits.length);
  const more = new Set([0, 1, ...lengths.flatMap((n) => [n - 1, n, n + 1, n + 2])].filter((n) => n >= 0));
  for (const j of more)
    if (span({ digits: value.digits, exponent: value.exponent + j }, { digits: 1n, exponent: j })) return true;
  // Longer numbers lie beyond every threshold: only remainders matter, and the unbounded cell has them all.
  const edge = { digits: 1n, exponent: digits.length + Math.max(...more) };
  if (negative ? exists(undefined, false, negate(edge), true) : exists(edge, true, undefined, false)) return true;
  // A digit alone can still become small.
  return digits.length === 1 && exponentBytes(machine, formula, atoms, 'e', `${text}e`) < Number.POSITIVE_INFINITY;
}

/** Fewest bytes that finish an exponent so that the number satisfies the formula; Infinity where none do. */
export function exponentBytes(
  machine: Machine,
  demand: Formula,
  atoms: NumberAtoms,
  phase: NumberPhase,
  text: string,
): number {
  const formula = asSpelled(machine, demand, phase);
  if (formula === FALSE) return Number.POSITIVE_INFINITY;
  const { formulas, terms } = machine;
  const at = text.search(/[eE]/);
  const before = text.slice(0, at);
  const mantissa = parseDecimal(before) ?? { digits: 0n, exponent: 0 };
  const [, sign = '', typed = ''] = /^([+-]?)(\d*)$/.exec(text.slice(at + 1)) ?? [];
  const ok = (e: number): boolean =>
    inDoubles(e) &&
    numberSatisfies(formulas, terms, formula, decimal(mantissa.digits, mantissa.exponent + e)) &&
    Number.isFinite(Number(`${before}e${e}`));
  const limit = typed === '' ? Math.min(MAX_EXPONENT, exponentsThatMatter(atoms)) : MAX_EXPONENT;
  for (let bytes = typed === '' ? 1 : 0; bytes <= EXPONENT_DIGITS + 1; bytes++) {
    for (const negative of phase === 'e' ? [false, true] : [sign === '-']) {
      // The sign is a byte.
      const more = phase === 'e' && negative ? bytes - 1 : bytes;
      if (more + typed.length < 1 || more + typed.length > EXPONENT_DIGITS) continue;
      const first = Number(typed) * 10 ** more;
      for (let n = first; n < first + 10 ** more && n <= limit; n++) if (ok(negative ? -n : n)) return bytes;
    }
  }
  return Number.POSITIVE_INFINITY;
}

/** An exponent beyond which the single digit before it compares alike with everything, on either side. */
function exponentsThatMatter({ thresholds, units }: NumberAtoms): number {
  let limit = 2;
  for (const { digits, exponent } of [...thresholds, ...units])
    limit = Math.max(limit, digits.toString().length + Math.abs(exponent) + 2);
  // Remainders of units that are no powers of ten go on changing.
  return units.every((unit) => unit.digits === 1n) ? limit : 400;
}

/** Number of digits before the decimal point. */
function wholeDigits(a: Decimal): number {
  return Math.max(0, (a.digits < 0n ? -a.digits : a.digits).toString().length + a.exponent);
}

/** How the thresholds are written. */
function spelled(atoms: NumberAtoms): readonly (readonly [int: string, fraction: string])[] {
  atoms.digits ??= atoms.thresholds.map(plainDigits);
  return atoms.digits;
}

/** Whether all that numbers are compared with is zero or a power of ten. */
function onlyPowers(atoms: NumberAtoms): boolean {
  const lone = ({ digits }: Decimal): boolean => digits >= -1n && digits <= 1n;
  atoms.powers ??= atoms.thresholds.every(lone) && atoms.units.every(lone);
  return atoms.powers;
}

/** The whole number of which a unit's multiples are multiples as long as they have no fraction. */
function wholeOf({ digits, exponent }: Decimal): bigint {
  return digits * power10(Math.max(0, exponent));
}

/** Text that is equal for number prefixes with the same future: by comparison with each threshold and remainder of each unit. */
export function numberClass(atoms: NumberAtoms, phase: NumberPhase, text: string): string {
  if (phase === 'minus') return text;
  if (phase === 'e' || phase === 'sign' || phase === 'exp') return exponentClass(atoms, text);
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = (negative ? text.slice(1) : text).split('.');
  const int = whole === '0' ? '' : whole;
  const parts: string[] = [phase, negative ? '-' : '+'];
  // Only single-digit numbers may take an exponent. Between powers of ten all digits but 1 are alike.
  if (phase === 'int' && int.length === 1) parts.push(int > '1' && onlyPowers(atoms) ? '2' : int);
  const digitsOf = spelled(atoms);
  atoms.thresholds.forEach(({ digits }, i) => {
    const [tInt = '', tFraction = ''] = digitsOf[i] ?? [];
    if (digits === 0n) parts.push(int === '' && /^0*$/.test(fraction) ? 'z' : 'n');
    else parts.push(digits < 0n === negative ? compareClass(tInt, tFraction, int, fraction, phase) : '');
  });
  for (const u of atoms.units) parts.push(remainderClass(u, int, fraction, phase));
  return parts.join('|');
}

/**
 * The same within an exponent. Once it is larger than all that matter, the digit before it only tells whether the largest double is exceeded,
 * and the exponent whether that may still come.
 */
function exponentClass(atoms: NumberAtoms, text: string): string {
  const plain = text.replace('E', 'e').replace(/e\+(?=\d)/, 'e');
  const [, sign = '', digit = '', order = '', typed = ''] = /^(-?)(\d)e(-?)(\d+)$/.exec(plain) ?? [];
  const exponent = Number(typed);
  if (typed === '' || exponent <= exponentsThatMatter(atoms) || exponent >= MAX_EXPONENT) return plain;
  const alike = EDGE.find(([from, to]) => exponent >= from && exponent <= to)?.[0] ?? exponent;
  return `${sign}${Math.min(2, Number(digit))}e${order}${typed.length}@${order === '' ? alike : exponent}`;
}

/** Exponents of as many digits after which the same digits stay below the largest of doubles. */
const EDGE: readonly (readonly [from: number, to: number])[] = [
  [1, 2],
  [4, 9],
  [10, 29],
  [31, 99],
  [100, 307],
];

function compareClass(tInt: string, tFraction: string, int: string, fraction: string, phase: NumberPhase): string {
  if (phase === 'int' || phase === 'zero') {
    if (int.length > tInt.length) return 'G';
    const head = tInt.slice(0, int.length);
    const order = int < head ? '<' : int > head ? '>' : '=';
    // A zero takes no further whole digits.
    return phase === 'zero' ? `0${order}` : `${int.length}${order}`;
  }
  if (int.length !== tInt.length) return int.length > tInt.length ? 'g' : 'l';
  if (int !== tInt) return int > tInt ? 'g' : 'l';
  const head = tFraction.slice(0, fraction.length).padEnd(fraction.length, '0');
  if (fraction !== head) return fraction > head ? 'g' : 'l';
  return `=${Math.min(fraction.length, tFraction.length)}`;
}

function remainderClass(unit: Decimal, int: string, fraction: string, phase: NumberPhase): string {
  const places = Math.max(0, -unit.exponent);
  const whole = wholeOf(unit);
  if (phase === 'int' || phase === 'zero') return whole === 1n ? '0' : String(BigInt(int === '' ? '0' : int) % whole);
  if (/[1-9]/.test(fraction.slice(places))) return 'x';
  const seen = fraction.slice(0, places);
  return `${BigInt(int + seen || '0') % whole}@${seen.length}`;
}
