import { InfcError } from '../../runtime/errors.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import type { RegexNode } from '../regex/syntax.ts';

/** The right-hand side of a rule: extended BNF over characters. */
export type Expression =
  | { readonly type: 'terminal'; readonly regex: RegexNode }
  | { readonly type: 'rule'; readonly name: string }
  /** What one of the acceptors of the grammar takes. */
  | { readonly type: 'acceptor'; readonly index: number }
  | { readonly type: 'sequence'; readonly items: readonly Expression[] }
  | { readonly type: 'choice'; readonly items: readonly Expression[] }
  | { readonly type: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number };

/**
 * A context-free grammar over characters. Terminals are regular languages and there is no separate lexer: a text belongs to the grammar
 * when some way of cutting it into terminals parses.
 */
export interface Grammar {
  readonly start: string;
  readonly rules: ReadonlyMap<string, Expression>;
  /** Languages that are no regular expressions, such as those of JSON schemas. */
  readonly acceptors?: readonly Acceptor[];
}

/** Matches the empty text. */
export const NOTHING: Expression = { type: 'sequence', items: [] };

/** Characters of a text in a grammar, at most. */
const MOST_CHARACTERS = 1 << 16;

/** Nodes of single characters of ASCII, of which texts are made of thousands. */
const ascii: RegexNode[] = [];

/** A terminal that is one text, optionally without regard to ASCII and Unicode case. */
export function literal(
  text: string,
  fold?: (codePoint: number) => readonly (readonly [number, number])[],
): Expression {
  if (text.length > MOST_CHARACTERS)
    throw new InfcError('INFC5304', `a text of ${text.length} characters, more than ${MOST_CHARACTERS}`, {
      node: text.slice(0, 40),
      fix: 'Write shorter texts',
    });
  const items: RegexNode[] = [];
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    const made = (): RegexNode => ({ type: 'class', ranges: fold?.(point) ?? [[point, point]] });
    items.push(fold || point > 127 ? made() : (ascii[point] ??= made()));
  }
  return { type: 'terminal', regex: items.length === 1 && items[0] ? items[0] : { type: 'sequence', items } };
}

/** Refuses to start from a rule that is not there. Throws INFC5302. */
export function checkStart(start: string, names: readonly string[]): void {
  if (!names.includes(start))
    throw new InfcError('INFC5302', `the grammar has no rule '${start}' to start from`, {
      node: start,
      fix: `Start from one of ${names.slice(0, 12).join(', ')}`,
    });
}
