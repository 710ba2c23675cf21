import { InfcError } from '../../runtime/errors.ts';
import {
  type CharacterMode,
  characterClass,
  characterEscape,
  classEscape,
  fold,
  PatternReader,
  ranges,
  wordCharacters,
} from './class-parser.ts';
import { type ClassRanges, type Dialect, invert, LINE_TERMINATOR, type RegexNode } from './syntax.ts';

const MAX_DEPTH = 500;
const MAX_LENGTH = 1 << 16;

const NEWLINE: ClassRanges = [[10, 10]];

interface Mode extends CharacterMode {
  readonly multiline: boolean;
  readonly dotAll: boolean;
}

/**
 * Parses a regular expression of ECMA-262 (annex B without the u flag; u and v as specified, characters always being code points).
 * Throws INFC5101 for bad syntax, INFC5102 for back-references, INFC5103 beyond the nesting limit.
 */
export function parseRegex(source: string, flags = '', dialect: Dialect = 'ecma'): RegexNode {
  const bad = /[^dgimsuvy]/.exec(flags);
  if (bad || (flags.includes('u') && flags.includes('v'))) {
    throw new InfcError('INFC5101', `invalid regular expression flags '${flags}'`, {
      fix: 'Use letters of dgimsuvy, u or v but not both',
    });
  }
  if (source.length > MAX_LENGTH)
    throw new InfcError('INFC5103', `a regular expression of ${source.length} characters, more than ${MAX_LENGTH}`, {
      fix: 'Write a shorter one, or list the texts in an enum',
    });
  const mode: Mode = {
    unicode: dialect === 'ecma' && /[uv]/.test(flags),
    unicodeClasses: dialect !== 'ecma' && flags.includes('u'),
    perl: dialect !== 'ecma',
    sets: flags.includes('v'),
    ignoreCase: flags.includes('i'),
    multiline: flags.includes('m'),
    dotAll: flags.includes('s'),
    dialect,
  };
  return new Parser(new PatternReader(source)).parse(mode);
}

class Parser {
  readonly #reader: PatternReader;
  #depth = 0;
  readonly #groups: { count: number; names: ReadonlySet<string> };

  constructor(reader: PatternReader) {
    this.#reader = reader;
    this.#groups = countGroups(reader.source);
  }

  parse(mode: Mode): RegexNode {
    const node = this.#choice(mode);
    if (!this.#reader.done) this.#reader.fail('unmatched )');
    return node;
  }

  #choice(outer: Mode): RegexNode {
    const reader = this.#reader;
    if (++this.#depth > MAX_DEPTH) reader.fail('groups nest too deeply', 'INFC5103');
    let mode = outer;
    const branches: RegexNode[] = [];
    let items: RegexNode[] = [];
    for (;;) {
      if (reader.done || reader.peek() === ')') break;
      if (reader.eat('|')) {
        branches.push(sequence(items));
        items = [];
        continue;
      }
      const inline = this.#inlineFlags(mode);
      if (inline) {
        mode = inline;
        continue;
      }
      const term = this.#term(mode);
      if (term) items.push(term);
    }
    this.#depth--;
    branches.push(sequence(items));
    return branches.length === 1 ? (branches[0] ?? sequence([])) : { type: 'choice', items: branches };
  }

  /** `(?i)`: changes the mode up to the end of the group. No ECMA-262, but many JSON schemas are written for Go, Python or Java. */
  #inlineFlags(mode: Mode): Mode | undefined {
    const reader = this.#reader;
    if (!reader.looksAt('(?')) return undefined;
    const match = /^\(\?(?!-?\))([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(
      reader.points.slice(reader.at, reader.at + 24).join(''),
    );
    if (!match) return undefined;
    reader.at += match[0].length;
    return this.#withFlags(mode, match[1] ?? '', match[2] ?? '');
  }

  #withFlags(mode: Mode, on: string, off: string): Mode {
    const allowed = mode.perl ? /[^imsuU]/ : /[^ims]/;
    if (allowed.test(on + off)) this.#reader.fail(`unknown flag in (?${on}${off && '-' + off})`);
    const flag = (letter: string, value: boolean) =>
      on.includes(letter) ? true : off.includes(letter) ? false : value;
    return {
      ...mode,
      ignoreCase: flag('i', mode.ignoreCase),
      unicodeClasses: flag('u', mode.unicodeClasses),
      multiline: flag('m', mode.multiline),
      dotAll: flag('s', mode.dotAll),
    };
  }

  #term(mode: Mode): RegexNode | undefined {
    const reader = this.#reader;
    const start = reader.at;
    const atom = this.#atom(mode);
    const quantifiable =
      atom.type !== 'start' &&
      atom.type !== 'end' &&
      atom.type !== 'boundary' &&
      !(atom.type === 'look' && (atom.behind || mode.unicode));
    const quantifier = this.#quantifier(mode);
    if (!quantifier) return atom;
    if (!quantifiable && mode.dialect === 'ecma') {
      reader.at = start;
      reader.fail('nothing to repeat');
    }
    let node: RegexNode = { type: 'repeat', item: atom, ...quantifier };
    // RE2 and Rust let quantifiers stack; ECMA-262 does not.
    while (mode.perl) {
      const again = this.#quantifier(mode);
      if (!again) break;
      node = { type: 'repeat', item: node, ...again };
    }
    return node;
  }

  #quantifier(mode: Mode): { min: number; max: number } | undefined {
    const reader = this.#reader;
    let bounds: { min: number; max: number } | undefined;
    if (reader.eat('*')) bounds = { min: 0, max: Number.POSITIVE_INFINITY };
    else if (reader.eat('+')) bounds = { min: 1, max: Number.POSITIVE_INFINITY };
    else if (reader.eat('?')) bounds = { min: 0, max: 1 };
    else if (reader.peek() === '{') {
      bounds = this.#braces();
      if (!bounds && mode.unicode) reader.fail('incomplete quantifier');
    }
    if (bounds) reader.eat('?');
    return bounds;
  }

  #braces(): { min: number; max: number } | undefined {
    const reader = this.#reader;
    const start = reader.at;
    reader.next();
    const low = reader.take(/^[0-9]$/);
    let high = low;
    if (reader.eat(',')) high = reader.take(/^[0-9]$/) || 'Infinity';
    if (low === '' || !reader.eat('}')) {
      reader.at = start;
      return undefined;
    }
    const min = clampCount(Number(low));
    const max = clampCount(Number(high));
    if (min > max) reader.fail('numbers out of order in {} quantifier');
    return { min: Number.isFinite(min) ? min : Number.MAX_SAFE_INTEGER, max };
  }

  #atom(mode: Mode): RegexNode {
    const reader = this.#reader;
    const char = reader.next();
    switch (char) {
      case '^':
        return { type: 'start', lines: linesOf(mode) };
      case '$':
        return { type: 'end', lines: linesOf(mode) };
      case '.': {
        const newline = mode.perl ? NEWLINE : LINE_TERMINATOR;
        return { type: 'class', ranges: mode.dotAll ? [[0, 0x10ffff]] : invert(newline) };
      }
      case '[':
        return characterClass(reader, mode);
      case '(':
        return this.#group(mode);
      case '\\':
        return this.#escape(mode);
      case '*':
      case '+':
      case '?':
        return reader.fail('nothing to repeat');
      case '{':
        reader.at--;
        if (mode.unicode || this.#braces()) reader.fail('nothing to repeat');
        reader.next();
        return { type: 'class', ranges: ranges(0x7b) };
      case ']':
      case '}':
        if (mode.unicode) reader.fail(`lone ${char}`);
        return { type: 'class', ranges: ranges(char.charCodeAt(0)) };
      default:
        return { type: 'class', ranges: fold(ranges(char.codePointAt(0) ?? 0), mode) };
    }
  }

  #group(mode: Mode): RegexNode {
    const reader = this.#reader;
    let inner = mode;
    let look: { behind: boolean; negated: boolean } | undefined;
    if (reader.eat('?')) {
      if (reader.eat('=')) look = { behind: false, negated: false };
      else if (reader.eat('!')) look = { behind: false, negated: true };
      else if (reader.eat('<=')) look = { behind: true, negated: false };
      else if (reader.eat('<!')) look = { behind: true, negated: true };
      else if (reader.peek() === '<' || (mode.perl && reader.looksAt('P<'))) {
        const name = /^P?<([\p{ID_Start}$_](?:[\p{ID_Continue}$.[\]]|\u200c|\u200d)*)>/u.exec(
          reader.points.slice(reader.at).join(''),
        );
        if (!name) reader.fail('invalid capture group name');
        else reader.at += Array.from(name[0]).length;
      } else if (!reader.eat(':')) {
        const on = reader.take(/^[a-z]$/i);
        const off = reader.eat('-') ? reader.take(/^[a-z]$/i) : '';
        if (!reader.eat(':')) reader.fail('invalid group');
        inner = this.#withFlags(mode, on, off);
      }
    }
    const body = this.#choice(inner);
    if (!reader.eat(')')) reader.fail('unterminated group');
    if (look) return { type: 'look', ...look, body };
    // A group may be repeated even where what it holds may not.
    return body.type === 'class' || body.type === 'choice' ? body : { type: 'sequence', items: [body] };
  }

  #escape(mode: Mode): RegexNode {
    const reader = this.#reader;
    const letter = reader.peek();
    if (letter === 'b' || letter === 'B') {
      reader.next();
      if (mode.perl && reader.peek() === '{') return this.#wordEdge(mode);
      return { type: 'boundary', negated: letter === 'B', word: wordCharacters(mode) };
    }
    if (mode.perl) {
      if (reader.eat('A')) return { type: 'start', lines: undefined };
      if (reader.eat('z') || reader.eat('Z')) return { type: 'end', lines: undefined };
      if (reader.eat('Q')) return this.#quoted(mode);
    }
    if (
      mode.dialect === 're2' &&
      (reader.looksAt('C*') || reader.looksAt('C+')) &&
      !reader.points.join('').includes('\\B')
    ) {
      // Any bytes: between whole characters these are any characters. (`\B` holds within a character, where a boundary cannot be.)
      reader.next();
      return { type: 'class', ranges: [[0, 0x10ffff]] };
    }
    this.#rejectBackReference(mode);
    const set = classEscape(reader, mode);
    if (set) return { type: 'class', ranges: fold(set, mode) };
    return { type: 'class', ranges: fold(ranges(characterEscape(reader, mode, false)), mode) };
  }

  /** `\b{start}` and its kin of Rust: what must and must not be a word character on either side. */
  #wordEdge(mode: Mode): RegexNode {
    const reader = this.#reader;
    const word: RegexNode = { type: 'class', ranges: wordCharacters(mode) };
    const look = (behind: boolean, negated: boolean): RegexNode => ({ type: 'look', behind, negated, body: word });
    if (reader.eat('{start}')) return sequence([look(true, true), look(false, false)]);
    if (reader.eat('{end}')) return sequence([look(true, false), look(false, true)]);
    if (reader.eat('{start-half}')) return look(true, true);
    if (reader.eat('{end-half}')) return look(false, true);
    return reader.fail('\\b{...} of this kind is not supported', 'INFC5102');
  }

  #quoted(mode: Mode): RegexNode {
    const reader = this.#reader;
    const items: RegexNode[] = [];
    while (!reader.done && !reader.eat('\\E')) {
      items.push({ type: 'class', ranges: fold(ranges(reader.next().codePointAt(0) ?? 0), mode) });
    }
    return sequence(items);
  }

  /** Decimal escapes up to the number of groups refer back; annex B reads larger ones as octal or identity escapes. */
  #rejectBackReference(mode: Mode): void {
    const reader = this.#reader;
    const rest = reader.points.slice(reader.at, reader.at + 64).join('');
    // RE2 reads two or three octal digits as a character.
    if (mode.dialect === 're2' && /^[1-7][0-7]/.test(rest)) return;
    const digits = /^[1-9][0-9]*/.exec(rest);
    const named = /^k<([^>]*)>/.exec(rest);
    const refers =
      (digits && (mode.unicode || mode.perl || Number(digits[0]) <= this.#groups.count)) ||
      (named && (mode.unicode || this.#groups.names.size > 0));
    if (refers) reader.fail(`the back-reference \\${(digits ?? named)?.[0]} is not a regular language`, 'INFC5102');
  }
}

function linesOf(mode: Mode): ClassRanges | undefined {
  if (!mode.multiline) return undefined;
  return mode.perl ? NEWLINE : LINE_TERMINATOR;
}

function clampCount(count: number): number {
  return count > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : count;
}

function countGroups(source: string): { count: number; names: ReadonlySet<string> } {
  let count = 0;
  const names = new Set<string>();
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === '\\') i++;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '(' && !inClass) {
      if (source[i + 1] !== '?') count++;
      else {
        const name = /^\(\?P?<([^=!>][^>]*)>/.exec(source.slice(i, i + 128));
        if (name) {
          count++;
          names.add(name[1] ?? '');
        }
      }
    }
  }
  return { count, names };
}

/** Joins items to a sequence; a class of high surrogates before one of low surrogates becomes the characters they spell. */
function sequence(items: readonly RegexNode[]): RegexNode {
  const joined: RegexNode[] = [];
  for (const item of items) {
    const previous = joined.at(-1);
    const pair = previous && joinSurrogates(previous, item);
    if (pair) joined[joined.length - 1] = pair;
    else joined.push(item);
  }
  return joined.length === 1 ? (joined[0] ?? { type: 'sequence', items: [] }) : { type: 'sequence', items: joined };
}

function joinSurrogates(first: RegexNode, second: RegexNode): RegexNode | undefined {
  if (first.type !== 'class' || second.type !== 'class' || first.ranges.length === 0 || second.ranges.length === 0)
    return undefined;
  if (!first.ranges.every(([lo, hi]) => lo >= 0xd800 && hi <= 0xdbff)) return undefined;
  if (!second.ranges.every(([lo, hi]) => lo >= 0xdc00 && hi <= 0xdfff)) return undefined;
  const pairs: [number, number][] = [];
  for (const [lo, hi] of first.ranges)
    for (let high = lo; high <= hi; high++) {
      const base = 0x10000 + (high - 0xd800) * 0x400 - 0xdc00;
      for (const [low, top] of second.ranges) pairs.push([base + low, base + top]);
    }
  return { type: 'class', ranges: pairs };
}
