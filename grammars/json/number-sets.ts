import { compare, type Decimal, plainDigits } from './decimal.ts';

/** A number and how it is written without an exponent: whole digits (none for 0) and digits after the point. */
export interface SpelledNumber {
  readonly value: Decimal;
  readonly int: string;
  readonly fraction: string;
}

/** Listed numbers in order: what `enum` and `const` admit. */
export interface NumberSet {
  readonly members: readonly SpelledNumber[];
  has(value: Decimal): boolean;
}

/** Text that is equal for equal numbers. */
export function numberKey({ digits, exponent }: Decimal): string {
  return `${digits}e${exponent}`;
}

/** A set in order, without duplicates. */
export function numberSet(values: readonly Decimal[]): NumberSet {
  const distinct = new Map(values.map((value) => [numberKey(value), value]));
  const members = [...distinct.values()].sort(compare).map((value) => {
    const [int, fraction] = plainDigits(value);
    return { value, int, fraction };
  });
  return setOf(members);
}

function setOf(members: readonly SpelledNumber[]): NumberSet {
  const keys = new Set(members.map(({ value }) => numberKey(value)));
  return { members, has: (value) => keys.has(numberKey(value)) };
}

/** The members that a text that begins so can still become; the same set when that is all of them. */
export function membersAfter(set: NumberSet, text: string): NumberSet {
  const negative = text.startsWith('-');
  const typed = negative ? text.slice(1) : text;
  const mantissa = /^(\d)(?:[eE][+-]?\d*)?$/.exec(typed)?.[1];
  const exponential = /[eE]/.test(typed);
  const [whole = '', fraction] = typed.split('.');
  const int = whole === '0' ? '' : whole;
  const members = set.members.filter((member) => {
    const { digits } = member.value;
    if (digits !== 0n && digits < 0n !== negative) return false;
    if (typed === '') return true;
    const size = digits < 0n ? -digits : digits;
    // A digit alone may still take an exponent: all its powers of ten are near.
    if (mantissa !== undefined && mantissa !== '0' && size === BigInt(mantissa)) return true;
    if (exponential) return false;
    if (fraction === undefined) return whole === '0' ? member.int === '' : member.int.startsWith(int);
    return member.int === int && member.fraction.slice(0, fraction.length).padEnd(fraction.length, '0') === fraction;
  });
  return members.length === set.members.length ? set : setOf(members);
}
