import type { IRecognitionException } from 'chevrotain';
import { InfcError } from '../../runtime/errors.ts';
import { parseRegex } from '../regex/parser.ts';
import { invert, type RegexNode } from '../regex/syntax.ts';

/**
 * Options of the parser of a grammar. The grammars are fixed, so checking them again at each start is work for nothing (and the one part of
 * chevrotain 13 that needs Node 22). `grammar`, the name of its file, is read by what stands for chevrotain in bundles (lean-parser.ts).
 */
export function parserOptions(
  grammar: string,
  maxLookahead = 3,
): { readonly grammar: string; readonly maxLookahead: number; readonly skipValidations: true } {
  return { grammar, maxLookahead, skipValidations: true };
}

/** Items side by side or as alternatives; a single item is itself. */
export function one<Item, Type extends 'sequence' | 'choice'>(
  type: Type,
  items: readonly Item[],
): Item | { readonly type: Type; readonly items: readonly Item[] } {
  const [first] = items;
  return items.length === 1 && first !== undefined ? first : { type, items };
}

/** What to do about a name that is defined twice. */
export const ONCE = 'Define each name once';

/** The error for bounds of which the first is above the second. */
export function outOfOrder(source: string): InfcError {
  return new InfcError('INFC5301', `bounds out of order in ${source}`, { fix: 'Put the lower one first' });
}

/** A number of items. Throws INFC5301 when the least is above the most. */
export function repeated<Item>(
  item: Item,
  min: number,
  max: number,
): { readonly type: 'repeat'; readonly item: Item; readonly min: number; readonly max: number } {
  if (min > max) throw outOfOrder(`${min} to ${max} times`);
  return { type: 'repeat', item, min, max };
}

/** Throws INFC5301 for the first parsing error of a grammar text, with its line and column. */
export function refuseErrors(kind: string, parsing: readonly IRecognitionException[]): void {
  const [syntax] = parsing;
  if (!syntax) return;
  const { startLine, startColumn, startOffset } = syntax.token;
  // The end of the text has no place: chevrotain says NaN or -1.
  const at = startLine !== undefined && startLine > 0 ? `line ${startLine}, column ${startColumn ?? 0}` : 'at the end';
  throw new InfcError('INFC5301', `${kind} ${at}: ${syntax.message}`, {
    ...(startOffset !== undefined && startOffset >= 0 && { offset: startOffset }),
    fix: 'Correct the grammar there',
  });
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', b: '\b', a: '\x07', '0': '\0' };

/** Resolves backslash escapes: control letters, `\xNN`, `\uNNNN`, `\UNNNNNNNN`, `\u{N}`; any other character stands for itself. */
export function unescapeText(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]+)\}|([\s\S]))/gu,
    (all, x, u, wide, braced, char) => {
      const digits = x ?? u ?? wide ?? braced;
      if (digits === undefined) return ESCAPES[char] ?? char;
      const value = Number.parseInt(digits, 16);
      if (value > 0x10ffff)
        throw new InfcError('INFC5301', `${all} is not a code point`, { fix: 'Use at most 10FFFF' });
      return u === undefined ? String.fromCodePoint(value) : String.fromCharCode(value);
    },
  );
}

/** The ranges of a bracketed class of GBNF, escapes included; a dash at either end is itself. */
export function bracketClass(source: string): RegexNode {
  const inner = source.slice(1, -1);
  const negated = inner.startsWith('^');
  const parts = Array.from(
    (negated ? inner.slice(1) : inner).matchAll(
      /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])|[\s\S]/gu,
    ),
    ([part]) => part,
  );
  const point = (part: string | undefined): number => unescapeText(part ?? '').codePointAt(0) ?? 0;
  const ranges: [number, number][] = [];
  for (let i = 0; i < parts.length; i++) {
    const low = point(parts[i]);
    if (parts[i + 1] === '-' && i + 2 < parts.length) {
      const high = point(parts[i + 2]);
      if (high < low) throw outOfOrder(source);
      ranges.push([low, high]);
      i += 2;
    } else ranges.push([low, low]);
  }
  return { type: 'class', ranges: negated ? invert(ranges) : ranges };
}

/** Any character. */
export const ANY_CHARACTER: RegexNode = { type: 'class', ranges: [[0, 0x10ffff]] };

/** A Python regular expression between slashes, with its flags. */
export function pythonRegex(source: string, flags: string): RegexNode {
  const body = flags.includes('x')
    ? source.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\s+|#[^\n]*/g, (part) => (/^(?:\s|#)/.test(part) ? '' : part))
    : source;
  return parseRegex(body, `u${flags.replace(/[^ims]/g, '')}`, 'perl');
}
