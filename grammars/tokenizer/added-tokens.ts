import { literally, WORD } from './patterns.ts';
import type { Normalize } from './pipeline.ts';
import type { AddedToken } from './schema.ts';

/** A stretch of text: an added token, or text for the pre-tokenizer, normalized already. */
export type Section = { readonly id: number } | { readonly text: string; readonly first: boolean };

interface Span {
  readonly text: string;
  readonly start: number;
}

/**
 * Cuts a text at the added tokens that are not special, as Hugging Face tokenizers do: first those that count in the text as it is, then, in
 * what lies between, normalized by itself, those that are normalized too. The spellings of special tokens are ordinary text.
 */
export function sectionsOf(added: readonly AddedToken[], normalize: Normalize): (text: string) => Section[] {
  const plain = added.filter((token) => !token.special && token.content !== '');
  const raw = finder(plain.filter((token) => !token.normalized).map((token) => [token.content, token]));
  const normalized = finder(
    plain.filter((token) => token.normalized).map((token) => [normalize(token.content), token]),
  );
  return (text) =>
    raw({ text, start: 0 }).flatMap((part): Section[] =>
      'id' in part
        ? [part]
        : normalized({ text: normalize(part.text), start: part.start }).map((inner) =>
            'id' in inner ? inner : { text: inner.text, first: inner.start === 0 },
          ),
    );
}

/** Finds added tokens: leftmost, then longest; white space beside them goes with those that strip it. */
function finder(
  tokens: readonly (readonly [string, AddedToken])[],
): (span: Span) => ({ readonly id: number } | Span)[] {
  if (tokens.length === 0) return (span) => [span];
  const known = new Map(tokens);
  const pattern = new RegExp(
    [...known.keys()]
      .sort((a, b) => b.length - a.length)
      .map(literally)
      .join('|'),
    'g',
  );
  return ({ text, start }) => {
    const out: ({ readonly id: number } | Span)[] = [];
    let at = 0;
    const plain = (end: number): void => {
      if (end > at) out.push({ text: text.slice(at, end), start: start + at });
    };
    for (const match of text.matchAll(pattern)) {
      const token = known.get(match[0]);
      let from = match.index;
      let to = from + match[0].length;
      if (!token || from < at) continue;
      if (token.singleWord && (WORD_AT_END.test(text.slice(0, from)) || WORD_AT_START.test(text.slice(to)))) continue;
      if (token.lstrip) from = Math.max(at, text.slice(0, from).replace(SPACE_AT_END, '').length);
      if (token.rstrip) to = text.length - text.slice(to).replace(SPACE_AT_START, '').length;
      plain(from);
      out.push({ id: token.id });
      at = to;
    }
    plain(text.length);
    return out;
  };
}

const WORD_AT_START = new RegExp(`^[${WORD}]`, 'u');
const WORD_AT_END = new RegExp(`[${WORD}]$`, 'u');
const SPACE_AT_START = /^\p{White_Space}+/u;
const SPACE_AT_END = /\p{White_Space}+$/u;
