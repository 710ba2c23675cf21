/** Which escapes a JSON string may use: only the needed ones, or all of JSON's. */
export type Escapes = 'minimal' | 'any';

/** What a string-like state can do with code points. `Next` is 0 when nothing accepted follows. */
export interface CodePoints {
  /** The coded transition for one code point, or 0. */
  next(codePoint: number): number;
  /** Whether some code point in the range has a transition. */
  any(low: number, high: number): boolean;
  /** A code point that stands for all of the range when they lead to the same state, else -1; equal for equal behaviour as far as easily known. */
  alike(low: number, high: number): number;
  /** The coded transition to the same state with another decoder state, given that it is alive. */
  inside(decoder: number): number;
  /** The coded transition for the closing quote, or 0. */
  close(): number;
}

// Decoder states: 0 between characters; otherwise (kind << 24) | (count << 21) | value.
const UTF8 = 1;
const ESCAPE = 2;
const HEX = 3;
const PAIR_SLASH = 4;
const PAIR_U = 5;
const PAIR_HEX = 6;
/** Continuation bytes of a character that is one of many alike. */
const SKIP = 7;

const SIMPLE = new Map<number, number>([
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x2f, 0x2f],
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
]);

const pack = (kind: number, count: number, value: number): number => (kind << 24) | (count << 21) | value;

/** True between characters: only there can a string close. */
export function atCharacter(decoder: number): boolean {
  return decoder === 0;
}

/** Whether all bytes that may come lead to the same: in a character that is one of many alike. */
export const skips = (decoder: number): boolean => decoder >>> 24 === SKIP;

/** In the middle of the UTF-8 of a character: the bytes that lead on to one of `points`. */
export function bytesTowards(decoder: number, points: Iterable<number>): readonly number[] {
  if (decoder >>> 24 !== UTF8) return [];
  const left = 6 * ((decoder >>> 21) & 7);
  const found: number[] = [];
  for (const point of points)
    if (point >> left === (decoder & 0x1fffff)) found.push(0x80 | ((point >> (left - 6)) & 0x3f));
  return found;
}

/** How many ways on within a character are worth a look, beside those towards known characters: all of an escape's, few of others. */
export function waysWithin(decoder: number): number {
  return decoder >>> 24 === ESCAPE ? ESCAPED.length : 2;
}

/** Advances the decoder of a JSON string body by one byte. */
export function decodeStep(decoder: number, byte: number, escapes: Escapes, on: CodePoints): number {
  const kind = decoder >>> 24;
  const count = (decoder >>> 21) & 7;
  const value = decoder & 0x1fffff;
  switch (kind) {
    case 0:
      return plain(byte, escapes, on);
    case UTF8:
      return continuation(byte, count, value, on);
    case ESCAPE: {
      const simple = SIMPLE.get(byte);
      if (simple !== undefined) return escapes === 'minimal' && byte === 0x2f ? 0 : on.next(simple);
      if (byte !== 0x75) return 0;
      return hexAlive(0, 0, escapes, on) ? on.inside(pack(HEX, 0, 0)) : 0;
    }
    case HEX: {
      const digit = hexDigit(byte);
      if (digit < 0) return 0;
      const now = value * 16 + digit;
      if (count < 3) return hexAlive(count + 1, now, escapes, on) ? on.inside(pack(HEX, count + 1, now)) : 0;
      if (now >= 0xd800 && now < 0xdc00) {
        if (escapes === 'minimal') return 0;
        const low = 0x10000 + ((now - 0xd800) << 10);
        return on.any(low, low + 0x3ff) ? on.inside(pack(PAIR_SLASH, 0, now)) : 0;
      }
      if (now >= 0xdc00 && now < 0xe000) return 0;
      return escapes === 'minimal' && !needsHex(now) ? 0 : on.next(now);
    }
    case SKIP:
      if ((byte & 0xc0) !== 0x80) return 0;
      return count === 1 ? on.next(value) : on.inside(pack(SKIP, count - 1, value));
    case PAIR_SLASH:
      return byte === 0x5c ? on.inside(pack(PAIR_U, 0, value)) : 0;
    case PAIR_U:
      return byte === 0x75 ? on.inside(pack(PAIR_HEX, 0, (value - 0xd800) << 10)) : 0;
    default: {
      // `value` holds the bits known so far: high half in place, `count` digits of the low half shifted in.
      const digit = hexDigit(byte);
      if (digit < 0) return 0;
      if (count === 0) return digit === 0xd ? on.inside(pack(PAIR_HEX, 1, value)) : 0;
      const high = value & 0xffc00;
      if (count === 1 && digit < 0xc) return 0;
      const bits = ((value & 0x3ff) << 4) | (count === 1 ? digit - 0xc : digit);
      if (count === 3) return on.next(0x10000 + high + bits);
      const shift = 4 * (3 - count);
      const low = 0x10000 + high + (bits << shift);
      return on.any(low, low + (1 << shift) - 1) ? on.inside(pack(PAIR_HEX, count + 1, high | bits)) : 0;
    }
  }
}

function plain(byte: number, escapes: Escapes, on: CodePoints): number {
  if (byte === 0x22) return on.close();
  if (byte === 0x5c) {
    const any =
      escapes === 'any'
        ? on.any(0, 0xd7ff) || on.any(0xe000, 0x10ffff)
        : on.any(0, 0x1f) || on.any(0x22, 0x22) || on.any(0x5c, 0x5c);
    return any ? on.inside(pack(ESCAPE, 0, 0)) : 0;
  }
  if (byte < 0x20) return 0;
  if (byte < 0x80) return on.next(byte);
  if (byte < 0xc2 || byte > 0xf4) return 0;
  const [count, bits] = byte < 0xe0 ? [1, byte & 0x1f] : byte < 0xf0 ? [2, byte & 0x0f] : [3, byte & 0x07];
  return partial(count, bits, on);
}

function continuation(byte: number, count: number, value: number, on: CodePoints): number {
  if ((byte & 0xc0) !== 0x80) return 0;
  const now = (value << 6) | (byte & 0x3f);
  if (count === 1) return now >= 0xd800 && now < 0xe000 ? 0 : on.next(now);
  // Overlong forms show in the second byte: after a three-byte lead (4 bits known) and after a four-byte lead.
  if ((count === 2 && value < 0x10 && now < 0x20) || (count === 3 && now < 0x10)) return 0;
  return partial(count - 1, now, on);
}

/** The state after `bits` of a character with `count` bytes to come. */
function partial(count: number, bits: number, on: CodePoints): number {
  if (!utf8Alive(count, bits, on)) return 0;
  const low = bits << (6 * count);
  const high = low + (1 << (6 * count)) - 1;
  // Leads whose first continuation byte is restricted (E0, ED, F0, F4) are followed exactly.
  const whole = count === 1 ? true : count === 2 ? bits > 0 && !(low < 0xe000 && high >= 0xd800) : bits > 0 && bits < 4;
  const same = whole ? on.alike(low, high) : -1;
  return on.inside(same >= 0 ? pack(SKIP, count, same) : pack(UTF8, count, bits));
}

function utf8Alive(count: number, bits: number, on: CodePoints): boolean {
  const lead = count === 2 ? (bits < 0x10 ? 0x800 : 0) : count === 3 ? 0x10000 : 0;
  const low = Math.max(bits << (6 * count), lead);
  const high = Math.min((bits << (6 * count)) + (1 << (6 * count)) - 1, 0x10ffff);
  if (low > high) return false;
  if (low >= 0xd800 && high < 0xe000) return false;
  if (low < 0xd800 && high >= 0xe000) return on.any(low, 0xd7ff) || on.any(0xe000, high);
  if (low < 0xd800 && high >= 0xd800) return on.any(low, 0xd7ff);
  return on.any(low, high);
}

function hexAlive(count: number, value: number, escapes: Escapes, on: CodePoints): boolean {
  const shift = 4 * (4 - count);
  const low = value << shift;
  const high = low + (1 << shift) - 1;
  if (escapes === 'minimal') {
    for (let c = low; c <= Math.min(high, 0x1f); c++) if (needsHex(c) && on.any(c, c)) return true;
    return false;
  }
  if (low < 0xd800 && on.any(low, Math.min(high, 0xd7ff))) return true;
  if (high >= 0xe000 && on.any(Math.max(low, 0xe000), high)) return true;
  const from = Math.max(low, 0xd800);
  const to = Math.min(high, 0xdbff);
  return from <= to && on.any(0x10000 + ((from - 0xd800) << 10), 0x10000 + ((to - 0xd800) << 10) + 0x3ff);
}

function needsHex(codePoint: number): boolean {
  return (
    codePoint < 0x20 && codePoint !== 8 && codePoint !== 9 && codePoint !== 10 && codePoint !== 12 && codePoint !== 13
  );
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return -1;
}

/** First UTF-8 byte of a code point; a negative number is none, and stays. */
export function firstByte(point: number): number {
  if (point < 0x80) return point;
  return point < 0x800 ? 0xc0 | (point >> 6) : point < 0x10000 ? 0xe0 | (point >> 12) : 0xf0 | (point >> 18);
}

/** Whether a byte is printable ASCII that stands for itself in a string. */
export const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;

/** Sets every ASCII byte that stands for itself in a string to one table entry, and control characters to dead (1). */
export function fillPlain(row: Int32Array, at: number, entry: number): void {
  row.fill(1, at, at + 0x20);
  row.fill(entry, at + 0x20, at + 0x80);
  row[at + 0x22] = 0;
  row[at + 0x5c] = 0;
  row.fill(1, at + 0x80, at + 0xc2);
  row.fill(1, at + 0xf5, at + 0x100);
}

/** Marks the bytes dead that no character in progress takes; true when one is in progress. */
export function primeDecoder(decoder: number, row: Int32Array, at: number): boolean {
  switch (decoder >>> 24) {
    case 0:
      row.fill(1, at, at + 0x20);
      row.fill(1, at + 0x80, at + 0xc2);
      row.fill(1, at + 0xf5, at + 0x100);
      return false;
    case UTF8:
    case SKIP:
      row.fill(1, at, at + 0x80);
      row.fill(1, at + 0xc0, at + 0x100);
      return true;
    case ESCAPE:
      keepOnly(row, at, ESCAPED);
      return true;
    case PAIR_SLASH:
      keepOnly(row, at, '\\');
      return true;
    case PAIR_U:
      keepOnly(row, at, 'u');
      return true;
    default:
      keepOnly(row, at, HEX_DIGITS);
      return true;
  }
}

const ESCAPED = '"\\/bfnrtu';
const HEX_DIGITS = '0123456789abcdefABCDEF';

function keepOnly(row: Int32Array, at: number, bytes: string): void {
  row.fill(1, at, at + 0x100);
  for (let i = 0; i < bytes.length; i++) row[at + bytes.charCodeAt(i)] = 0;
}
