/** An exact decimal number `digits * 10^exponent`; `digits` has no trailing zero (zero is `0 * 10^0`). */
export interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

const TEN = 10n;

/** What is remembered of powers of ten: doubles have exponents of three digits. */
const MAX_POWER = 1024;
const powers: bigint[] = [];

/** 10^n as a big integer. */
export function power10(n: number): bigint {
  return n < MAX_POWER ? (powers[n] ??= TEN ** BigInt(n)) : TEN ** BigInt(n);
}

export function decimal(digits: bigint, exponent: number): Decimal {
  if (digits === 0n) return { digits: 0n, exponent: 0 };
  let d = digits;
  let e = exponent;
  for (const many = power10(16); d % many === 0n; e += 16) d /= many;
  while (d % TEN === 0n) {
    d /= TEN;
    e++;
  }
  return { digits: d, exponent: e };
}

/** Exact value of a JSON number text (or of `String(number)`), or undefined when it is not one. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  return decimal(sign === '-' ? -digits : digits, Number(exponent) - fraction.length);
}

/** -1, 0 or 1 as `a` is below, equal to or above `b`. */
export function compare(a: Decimal, b: Decimal): number {
  const signs = (a.digits > 0n ? 1 : a.digits < 0n ? -1 : 0) - (b.digits > 0n ? 1 : b.digits < 0n ? -1 : 0);
  if (signs !== 0) return signs > 0 ? 1 : -1;
  if (a.digits === 0n) return 0;
  if (a.exponent === b.exponent) return a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0;
  // Doubles decide what is not close.
  const near = Number(a.digits) * 10 ** a.exponent;
  const other = Number(b.digits) * 10 ** b.exponent;
  const size = Math.max(Math.abs(near), Math.abs(other));
  if (size > 1e-280 && size < 1e300 && Math.abs(near - other) > 1e-9 * size) return near < other ? -1 : 1;
  // Same sign: compare orders of magnitude before scaling, so that 1e999999 costs nothing.
  const order = Math.abs(a.exponent - b.exponent) < MAX_POWER ? 0 : magnitude(a) - magnitude(b);
  if (order !== 0) return order > 0 === a.digits > 0n ? 1 : -1;
  const low = Math.min(a.exponent, b.exponent);
  const x = a.digits * power10(a.exponent - low);
  const y = b.digits * power10(b.exponent - low);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Position of the leading digit: 123 has magnitude 3, 0.01 has -1. */
export function magnitude(a: Decimal): number {
  return (a.digits < 0n ? -a.digits : a.digits).toString().length + a.exponent;
}

export function add(a: Decimal, b: Decimal): Decimal {
  const low = Math.min(a.exponent, b.exponent);
  return decimal(a.digits * power10(a.exponent - low) + b.digits * power10(b.exponent - low), low);
}

export function negate(a: Decimal): Decimal {
  return { digits: -a.digits, exponent: a.exponent };
}

/** Whether `a` is a whole multiple of `unit` (unit > 0). Exact for any exponents. */
export function isMultiple(a: Decimal, unit: Decimal): boolean {
  if (a.digits === 0n) return true;
  const shift = a.exponent - unit.exponent;
  if (shift >= 0) {
    // a * 10^shift mod unit, by modular exponentiation: the exponent may be huge.
    let power = 1n;
    let base = TEN % unit.digits;
    for (let n = shift; n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) power = (power * base) % unit.digits;
      base = (base * base) % unit.digits;
    }
    return (a.digits * power) % unit.digits === 0n;
  }
  // Without trailing zeros in `a`, a negative shift needs 10^-shift to divide a.digits: only possible through factors 2 and 5 of the unit.
  if (-shift > 400) return false;
  return a.digits % (unit.digits * power10(-shift)) === 0n;
}

export function formatDecimal(a: Decimal): string {
  const negative = a.digits < 0n;
  const digits = (negative ? -a.digits : a.digits).toString();
  let text: string;
  if (a.exponent >= 0) text = digits + '0'.repeat(Math.min(a.exponent, 400));
  else if (digits.length > -a.exponent) text = `${digits.slice(0, a.exponent)}.${digits.slice(a.exponent)}`;
  else text = `0.${'0'.repeat(-a.exponent - digits.length)}${digits}`;
  return negative ? `-${text}` : text;
}

/** Whole digits (none for 0) and digits after the point of a number's size. */
export function plainDigits(a: Decimal): [string, string] {
  const digits = a.digits === 0n ? '' : (a.digits < 0n ? -a.digits : a.digits).toString();
  if (a.exponent >= 0) return [digits + '0'.repeat(a.exponent), ''];
  const padded = digits.padStart(1 - a.exponent, '0');
  return [padded.slice(0, a.exponent).replace(/^0+/, ''), padded.slice(a.exponent)];
}

/** The decimal a number of a schema is written as. */
export function decimalOf(value: number): Decimal {
  return parseDecimal(String(value)) ?? { digits: 0n, exponent: 0 };
}
