import { type Decimal, decimalOf, plainDigits } from './decimal.ts';

/** A number and how it is written without an exponent: whole digits (none for 0) and digits after the point. */
export interface SpelledNumber {
  readonly value: Decimal;
  readonly int: string;
  readonly fraction: string;
  readonly negative: boolean;
  /** The only digit that is not 0, of numbers that have one: they may be written with an exponent. */
  readonly lone: string;
  /** Equal for equal numbers. */
  readonly key: string;
}

/** Listed numbers in order: what `enum` and `const` admit. */
export interface NumberSet {
  readonly members: readonly SpelledNumber[];
  /** Equal for equal sets. */
  readonly key: string;
  has(value: Decimal): boolean;
}

/** Text that is equal for equal numbers. */
export function numberKey({ digits, exponent }: Decimal): string {
  return `${digits}e${exponent}`;
}

const ZERO = '0e0';

/** A set in order, without duplicates. Numbers spelled before are looked up: lists of thousands come again less a few. */
export function numberSet(values: readonly number[], spelled: Map<number, SpelledNumber>): NumberSet {
  const members = [...new Set(values)].sort((a, b) => a - b);
  return setOf(
    members.map((value) => {
      let member = spelled.get(value);
      if (!member) spelled.set(value, (member = spell(decimalOf(value))));
      return member;
    }),
  );
}

function spell(value: Decimal): SpelledNumber {
  const [int, fraction] = plainDigits(value);
  const negative = value.digits < 0n;
  const size = (negative ? -value.digits : value.digits).toString();
  const lone = size.length === 1 && size !== '0' ? size : '';
  return { value, int, fraction, negative, lone, key: numberKey(value) };
}

function setOf(members: readonly SpelledNumber[]): NumberSet {
  let keys: ReadonlySet<string> | undefined;
  const has = (value: Decimal): boolean => (keys ??= new Set(members.map(({ key }) => key))).has(numberKey(value));
  return { members, key: members.map(({ key }) => key).join(), has };
}

/** Some of the members; the same set when that is all of them. */
export function sublist(set: NumberSet, keep: (member: SpelledNumber) => boolean): NumberSet {
  const members = set.members.filter(keep);
  return members.length === set.members.length ? set : setOf(members);
}

/** Whether a text that begins so can still become a member. */
export function begins(text: string): (member: SpelledNumber) => boolean {
  const negative = text.startsWith('-');
  const typed = negative ? text.slice(1) : text;
  const mantissa = /^(\d)(?:[eE][+-]?\d*)?$/.exec(typed)?.[1];
  const exponential = /[eE]/.test(typed);
  const [whole = '', fraction] = typed.split('.');
  const int = whole === '0' ? '' : whole;
  return (member) => {
    if (member.negative !== negative && member.key !== ZERO) return false;
    if (typed === '') return true;
    // A digit alone may still take an exponent: all its powers of ten are near.
    if (mantissa !== undefined && member.lone === mantissa) return true;
    if (exponential) return false;
    if (fraction === undefined) return whole === '0' ? member.int === '' : member.int.startsWith(int);
    if (member.int !== int) return false;
    return member.fraction.slice(0, fraction.length).padEnd(fraction.length, '0') === fraction;
  };
}
