import { InfcError } from '../../runtime/errors.ts';
import { type ClassRanges, DIGIT, type Dialect, invert, meet, type RegexNode, SPACE, WORD } from './syntax.ts';
import { closeUnderCase, unicodeProperty } from './unicode.ts';

/** What of a pattern's flags and dialect changes how its characters read. */
export interface CharacterMode {
  /** The u or v flag of ECMA-262: strict escapes. */
  readonly unicode: boolean;
  /** Rust and Python: `\d \s \w` know Unicode. */
  readonly unicodeClasses: boolean;
  /** Any dialect but ECMA-262. */
  readonly perl: boolean;
  readonly sets: boolean;
  readonly ignoreCase: boolean;
  readonly dialect: Dialect;
}

/** A position in the code points of a pattern. */
export class PatternReader {
  readonly source: string;
  readonly points: readonly string[];
  at = 0;

  constructor(source: string) {
    this.source = source;
    this.points = Array.from(source);
  }

  get done(): boolean {
    return this.at >= this.points.length;
  }

  peek(ahead = 0): string {
    return this.points[this.at + ahead] ?? '';
  }

  next(): string {
    return this.points[this.at++] ?? '';
  }

  looksAt(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.points[this.at + i] !== text[i]) return false;
    return true;
  }

  eat(text: string): boolean {
    if (!this.looksAt(text)) return false;
    this.at += text.length;
    return true;
  }

  /** Takes characters while they match, up to a number of them. */
  take(pattern: RegExp, limit = Number.POSITIVE_INFINITY): string {
    let text = '';
    while (text.length < limit && pattern.test(this.peek()) && !this.done) text += this.next();
    return text;
  }

  fail(reason: string, code = 'INFC5101'): never {
    const shown = this.source.length > 80 ? this.source.slice(0, 77) + '...' : this.source;
    throw new InfcError(code, `invalid regular expression /${shown}/: ${reason}`, {
      offset: this.at,
      fix: 'Correct the pattern, or write it another way',
    });
  }
}

const CONTROL: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13 };
const SYNTAX = /^[\^$\\.*+?()[\]{}|/]$/;
const HEX = /^[0-9a-fA-F]$/;

export function ranges(codePoint: number): ClassRanges {
  return [[codePoint, codePoint]];
}

/** The set that matching compares: closed under case when the pattern ignores it. */
export function fold(set: ClassRanges, mode: CharacterMode): ClassRanges {
  return mode.ignoreCase ? closeUnderCase(set, mode.unicode || mode.perl) : set;
}

/** `\d \D \s \S \w \W \p{..} \P{..}` after the backslash, or undefined with nothing consumed. */
export function classEscape(reader: PatternReader, mode: CharacterMode): ClassRanges | undefined {
  const letter = reader.peek();
  switch (letter) {
    case 'd':
    case 'D':
      reader.next();
      return negate(letter === 'D', mode.unicodeClasses ? unicodeProperty('Nd') : DIGIT);
    case 's':
    case 'S':
      reader.next();
      return negate(letter === 'S', spaces(mode));
    case 'w':
    case 'W':
      reader.next();
      return negate(letter === 'W', wordCharacters(mode));
    case 'p':
    case 'P':
      return propertyEscape(reader, mode, letter === 'P');
    default:
      return undefined;
  }
}

function negate(negated: boolean, set: ClassRanges): ClassRanges {
  return negated ? invert(set) : set;
}

function spaces(mode: CharacterMode): ClassRanges {
  if (!mode.perl) return SPACE;
  if (mode.unicodeClasses) return unicodeProperty('White_Space');
  return mode.dialect === 're2' ? RE2_SPACE : ASCII_SPACE;
}

const ASCII_SPACE: ClassRanges = [
  [9, 13],
  [32, 32],
];
const RE2_SPACE: ClassRanges = [
  [9, 10],
  [12, 13],
  [32, 32],
];

/** What `\w` matches and `\b` is about. */
export function wordCharacters(mode: CharacterMode): ClassRanges {
  if (!mode.unicodeClasses) return mode.unicode && mode.ignoreCase ? closeUnderCase(WORD, true) : WORD;
  return ['Alphabetic', 'M', 'Nd', 'Pc', 'Join_Control'].flatMap((name) => unicodeProperty(name));
}

function propertyEscape(reader: PatternReader, mode: CharacterMode, negated: boolean): ClassRanges | undefined {
  const braced = reader.peek(1) === '{';
  // Without the u flag ECMA-262 reads \p as the letter p; patterns of JSON Schema mean the property, as the u flag would.
  if (!braced && !mode.perl) {
    if (mode.unicode) reader.fail('\\p needs a property name in braces');
    return undefined;
  }
  reader.next();
  let name = '';
  if (braced) {
    reader.next();
    while (!reader.done && reader.peek() !== '}') name += reader.next();
    if (!reader.eat('}')) reader.fail('unterminated \\p{...}');
  } else {
    name = reader.next();
  }
  let inverted = negated;
  if (mode.perl && name.startsWith('^')) {
    inverted = !inverted;
    name = name.slice(1);
  }
  let set: ClassRanges;
  try {
    set = unicodeProperty(name);
  } catch (error) {
    if (mode.perl && /^[A-Za-z_ ]+$/.test(name)) set = looseProperty(name, error);
    else throw error;
  }
  if (inverted) return invert(fold(set, mode));
  return set;
}

/** RE2 and Rust name scripts and properties without `Script=` and without regard to case. */
function looseProperty(name: string, error: unknown): ClassRanges {
  if (name.toLowerCase() === 'any') return [[0, 0x10ffff]];
  const words = name.split(/[ _]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());
  for (const candidate of [`Script=${name}`, words.join('_'), `Script=${words.join('_')}`, name.toUpperCase()]) {
    try {
      return unicodeProperty(candidate);
    } catch {}
  }
  throw error;
}

/** One character after a backslash, as a code point; surrogate pairs spelled as two escapes are joined. */
export function characterEscape(reader: PatternReader, mode: CharacterMode, inClass: boolean): number {
  const letter = reader.next();
  const control = CONTROL[letter];
  if (control !== undefined) return control;
  if (mode.perl && letter === 'a') return 7;
  switch (letter) {
    case '':
      return reader.fail('ends in a backslash');
    case 'c': {
      if (/^[A-Za-z]$/.test(reader.peek())) return (reader.next().codePointAt(0) ?? 0) % 32;
      if (mode.unicode) reader.fail('\\c needs a letter');
      if (inClass && /^[0-9_]$/.test(reader.peek())) return (reader.next().codePointAt(0) ?? 0) % 32;
      reader.at--;
      return 0x5c;
    }
    case 'x': {
      if (mode.perl && reader.peek() === '{') return bracedHex(reader);
      if (HEX.test(reader.peek()) && HEX.test(reader.peek(1)))
        return Number.parseInt(reader.next() + reader.next(), 16);
      if (mode.unicode) reader.fail('\\x needs two hexadecimal digits');
      return 0x78;
    }
    case 'u':
      return unicodeEscape(reader, mode);
    default:
      return digitOrIdentityEscape(reader, mode, letter, inClass);
  }
}

function digitOrIdentityEscape(reader: PatternReader, mode: CharacterMode, letter: string, inClass: boolean): number {
  if (mode.perl && /^[A-Za-z<>]$/.test(letter)) reader.fail(`\\${letter} is not supported`, 'INFC5102');
  if (letter >= '0' && letter <= '9') {
    if (letter === '0' && !/^[0-9]$/.test(reader.peek())) return 0;
    if (mode.unicode) reader.fail(`\\${letter} is not an escape with the u flag`);
    if (letter <= '7') {
      let value = Number(letter);
      while (value < 32 && /^[0-7]$/.test(reader.peek())) value = value * 8 + Number(reader.next());
      return value;
    }
    return letter.charCodeAt(0);
  }
  if (mode.unicode && !SYNTAX.test(letter) && !(inClass && letter === '-') && !(mode.sets && inClass)) {
    reader.fail(`\\${letter} is not an escape with the u flag`);
  }
  return letter.codePointAt(0) ?? 0;
}

function bracedHex(reader: PatternReader): number {
  reader.next();
  const digits = reader.take(HEX);
  const value = Number.parseInt(digits, 16);
  if (!reader.eat('}') || !(value <= 0x10ffff)) reader.fail('bad code point in braces');
  return value;
}

function unicodeEscape(reader: PatternReader, mode: CharacterMode): number {
  if (
    reader.peek() === '{' &&
    (mode.unicode || /^\{[0-9a-fA-F]+\}/.test(reader.points.slice(reader.at, reader.at + 9).join('')))
  ) {
    return bracedHex(reader);
  }
  const start = reader.at;
  const digits = reader.take(HEX, 4);
  if (digits.length < 4) {
    if (mode.unicode) reader.fail('\\u needs four hexadecimal digits');
    reader.at = start;
    return 0x75;
  }
  const high = Number.parseInt(digits, 16);
  if (high >= 0xd800 && high <= 0xdbff && reader.looksAt('\\u')) {
    const low = Number.parseInt(reader.points.slice(reader.at + 2, reader.at + 6).join(''), 16);
    if (low >= 0xdc00 && low <= 0xdfff) {
      reader.at += 6;
      return (high - 0xd800) * 0x400 + (low - 0xdc00) + 0x10000;
    }
  }
  return high;
}

const POSIX: Record<string, ClassRanges> = {
  alnum: [
    [48, 57],
    [65, 90],
    [97, 122],
  ],
  alpha: [
    [65, 90],
    [97, 122],
  ],
  ascii: [[0, 127]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  digit: DIGIT,
  graph: [[33, 126]],
  lower: [[97, 122]],
  print: [[32, 126]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  upper: [[65, 90]],
  word: WORD,
  xdigit: [
    [48, 57],
    [65, 70],
    [97, 102],
  ],
};

/** A character class after its opening bracket. With the v flag it may also match strings. */
export function characterClass(reader: PatternReader, mode: CharacterMode): RegexNode {
  const negated = reader.eat('^');
  if (mode.sets) return classSet(reader, mode, negated);
  const set: (readonly [number, number])[] = [];
  for (let first = true; ; first = false) {
    if (reader.done) reader.fail('unterminated character class', 'INFC5101');
    if (reader.peek() === ']' && !(first && mode.perl)) break;
    const low = classAtom(reader, mode);
    if (reader.peek() === '-' && reader.peek(1) !== ']' && reader.peek(1) !== '') {
      reader.next();
      const high = classAtom(reader, mode);
      if (typeof low === 'number' && typeof high === 'number') {
        if (low > high) reader.fail('range out of order in character class');
        set.push([low, high]);
        continue;
      }
      if (mode.unicode) reader.fail('a class escape cannot end a range');
      set.push(...asRanges(low), [0x2d, 0x2d], ...asRanges(high));
    } else {
      set.push(...asRanges(low));
    }
  }
  reader.next();
  const folded = fold(set, mode);
  return { type: 'class', ranges: negated ? invert(folded) : folded };
}

function asRanges(atom: number | ClassRanges): ClassRanges {
  return typeof atom === 'number' ? ranges(atom) : atom;
}

function classAtom(reader: PatternReader, mode: CharacterMode): number | ClassRanges {
  if (mode.perl && reader.looksAt('[:')) {
    const match = /^\[:(\^?)([a-z]+):\]/.exec(reader.points.slice(reader.at, reader.at + 12).join(''));
    const set = match && POSIX[match[2] ?? ''];
    if (match && set) {
      reader.at += match[0].length;
      return match[1] ? invert(set) : set;
    }
  }
  if (!reader.eat('\\')) return reader.next().codePointAt(0) ?? 0;
  if (reader.eat('b')) return 8;
  if (mode.unicode && reader.eat('-')) return 0x2d;
  return classEscape(reader, mode) ?? characterEscape(reader, mode, true);
}

interface SetOperand {
  readonly ranges: ClassRanges;
  /** Strings of length other than one, as lists of code points. */
  readonly strings: readonly (readonly number[])[];
}

/** The body of a class under the v flag: nested classes, `--`, `&&` and `\q{...}`. */
function classSet(reader: PatternReader, mode: CharacterMode, negated: boolean): RegexNode {
  const operand = setContents(reader, mode);
  const folded = fold(operand.ranges, mode);
  if (negated) {
    if (operand.strings.length > 0) reader.fail('a negated class cannot hold strings');
    return { type: 'class', ranges: invert(folded) };
  }
  const single: RegexNode = { type: 'class', ranges: folded };
  if (operand.strings.length === 0) return single;
  const strings = operand.strings.map<RegexNode>((points) => ({
    type: 'sequence',
    items: points.map<RegexNode>((cp) => ({ type: 'class', ranges: fold(ranges(cp), mode) })),
  }));
  return { type: 'choice', items: [...strings, single] };
}

function setContents(reader: PatternReader, mode: CharacterMode): SetOperand {
  let value: SetOperand = { ranges: [], strings: [] };
  let first = true;
  while (!reader.eat(']')) {
    if (reader.done) reader.fail('unterminated character class');
    const operator = !first && (reader.looksAt('--') || reader.looksAt('&&')) ? reader.next() + reader.next() : '';
    const operand = setOperand(reader, mode);
    if (operator === '')
      value = { ranges: [...value.ranges, ...operand.ranges], strings: [...value.strings, ...operand.strings] };
    else {
      const keep = operator === '&&';
      const right = new Set(operand.strings.map((string) => string.join()));
      value = {
        ranges: meet(value.ranges, keep ? operand.ranges : invert(operand.ranges)),
        strings: value.strings.filter((string) => right.has(string.join()) === keep),
      };
    }
    first = false;
  }
  return value;
}

function setOperand(reader: PatternReader, mode: CharacterMode): SetOperand {
  if (reader.eat('[')) {
    const negated = reader.eat('^');
    const nested = setContents(reader, mode);
    return negated ? { ranges: invert(fold(nested.ranges, mode)), strings: [] } : nested;
  }
  if (reader.eat('\\q{')) {
    const alternatives: number[][] = [[]];
    while (!reader.eat('}')) {
      if (reader.done) reader.fail('unterminated \\q{...}');
      if (reader.eat('|')) alternatives.push([]);
      else alternatives.at(-1)?.push(setCharacter(reader, mode));
    }
    const single = alternatives.filter((points) => points.length === 1).flatMap((points) => ranges(points[0] ?? 0));
    return { ranges: single, strings: alternatives.filter((points) => points.length !== 1) };
  }
  if (reader.peek() === '\\' && /^[dDsSwWpP]$/.test(reader.peek(1))) {
    reader.next();
    return { ranges: classEscape(reader, mode) ?? [], strings: [] };
  }
  const low = setCharacter(reader, mode);
  if (reader.peek() === '-' && reader.peek(1) !== '-') {
    reader.next();
    const high = setCharacter(reader, mode);
    if (low > high) reader.fail('range out of order in character class');
    return { ranges: [[low, high]], strings: [] };
  }
  return { ranges: ranges(low), strings: [] };
}

function setCharacter(reader: PatternReader, mode: CharacterMode): number {
  if (reader.done) reader.fail('unterminated character class');
  if (!reader.eat('\\')) {
    if (/^[()[\]{}/|-]$/.test(reader.peek()))
      reader.fail(`${reader.peek()} needs a backslash in a class with the v flag`);
    return reader.next().codePointAt(0) ?? 0;
  }
  if (reader.eat('b')) return 8;
  return characterEscape(reader, mode, true);
}
