import {
  buildTrie,
  childrenOf,
  MAX_DEPTH,
  type TokenTrie,
  type TrieEntry,
  vocabularyTrie,
} from '../../matching/trie.ts';
import { binaryOf, type Vocabulary } from '../../vocabulary.ts';
import type { Whitespace } from '../automaton/leaf-structure.ts';
import { plainText, plausible } from '../automaton/spacing.ts';
import { type CodePoints, decodeStep, type Escapes } from '../automaton/utf8-json.ts';
import { type CharBits, countChars, hasChar } from './char-bits.ts';
import { covers, HEAD, rowsOf } from './subtrees.ts';

/** How the tokens of a vocabulary behave inside a string that admits everything. */
export interface StringTokens {
  /** Bit set of the tokens that stay inside the string. */
  readonly inside: Uint32Array;
  /** Tokens that close the string, and how many of their bytes that takes. */
  readonly closers: readonly { readonly token: number; readonly closed: number }[];
  /** Characters each token puts into the string, an unfinished one included; before the closing quote for those that close it. */
  readonly lengths: Uint8Array;
  /** The most characters of a token that stays inside. */
  readonly longest: number;
  /** Tokens that stay inside, by their number of characters. */
  readonly byLength: readonly (readonly number[])[];
  /** The tokens that close a string, by what they put before the quote. */
  readonly byContent: ReadonlyMap<string, readonly number[]>;
  /** Memo of {@link insideUpTo}. */
  readonly limited: (Uint32Array | undefined)[];
}

/** The tokens of a vocabulary as a JSON automaton meets them, for one spelling of documents. */
export interface JsonTokens {
  readonly strings: StringTokens;
  /** Tokens that may come between values, with their whitespace collapsed: see {@link plainText}. */
  readonly structure: TokenTrie;
  /** Tokens that stay within a string. */
  readonly text: TokenTrie;
  /** Tokens that close a string; the whitespace after its end is collapsed. */
  readonly quotes: TokenTrie;
  /** What follows the closing quote. Its tokens are numbers of {@link tailTokens}. */
  readonly tails: TokenTrie;
  /** Tokens by what follows their closing quote; the first ones end with it. */
  readonly tailTokens: readonly (readonly number[])[];
  /** Of each token: the number of its tail, {@link INSIDE} or {@link NOWHERE}. */
  readonly tailOf: Int32Array;
  /** Indentation that a token of {@link structure} begins with. */
  readonly indents: Uint8Array;
  /** Tokens that begin with an escape. */
  readonly escapes: EscapeTokens;
  /** Tails after names by the value after them, where that is plain in any schema. */
  readonly plainTails: Map<string, { readonly open: number[]; readonly later: number[]; readonly beyond: number[] }>;
  /** What may come before values that are plain in any schema. */
  readonly plainValues: Map<string, PlainValue>;
  /** Sets of tokens by what they are, see {@link keptSet}. */
  readonly sets: Map<string, Uint32Array>;
}

/** What may come before a value, as far as the value itself tells. */
export interface PlainValue {
  readonly words: Uint32Array;
  /** Tokens for which the text decides. */
  readonly later: readonly number[];
  /** Nodes of {@link JsonTokens.structure} over which the value ends, each followed by 1 where its byte comes after the end. */
  readonly beyond: readonly number[];
}

/** Tokens that begin with a backslash. */
export interface EscapeTokens {
  /** The backslash alone. */
  readonly alone: readonly number[];
  /** `\\u` and fewer than four digits: the token, the number of digits and their value. */
  readonly partial: readonly { readonly token: number; readonly digits: number; readonly value: number }[];
  /** `\\u`, four digits and more. */
  readonly whole: readonly number[];
}

/** The token stays inside a string. */
export const INSIDE = -1;
/** The token fits no string. */
export const NOWHERE = -2;

/** The tokens that stay inside a string and put at most `limit` characters into it; kept for the vocabulary. */
export function insideUpTo(tokens: StringTokens, limit: number): Uint32Array {
  if (limit >= tokens.longest) return tokens.inside;
  const known = tokens.limited[limit];
  if (known) return known;
  const words = insideUpTo(tokens, limit + 1).slice();
  for (const token of tokens.byLength[limit + 1] ?? [])
    words[token >>> 5] = (words[token >>> 5] ?? 0) & ~(1 << (token & 31));
  tokens.limited[limit] = words;
  return words;
}

const CLOSED = 1;

/** Accepts every code point: codes are the decoder state plus 2. */
const FREE: CodePoints = {
  next: () => 2,
  any: () => true,
  alike: () => 0x80,
  inside: (decoder) => decoder + 2,
  close: () => CLOSED,
};

interface Known {
  readonly strings: Map<Escapes, StringTokens>;
  readonly tokens: Map<string, JsonTokens>;
}

const cache = new WeakMap<Vocabulary, Known>();

/** Classifies a vocabulary's tokens, once for each spelling. */
export function jsonTokens(vocabulary: Vocabulary, escapes: Escapes, whitespace: Whitespace): JsonTokens {
  let known = cache.get(vocabulary);
  if (!known) cache.set(vocabulary, (known = { strings: new Map(), tokens: new Map() }));
  let strings = known.strings.get(escapes);
  if (!strings) known.strings.set(escapes, (strings = classify(vocabulary, escapes)));
  const key = `${escapes},${whitespace}`;
  let tokens = known.tokens.get(key);
  if (!tokens) known.tokens.set(key, (tokens = spell(vocabulary, strings, whitespace)));
  return tokens;
}

function classify(vocabulary: Vocabulary, escapes: Escapes): StringTokens {
  const trie = vocabularyTrie(vocabulary);
  const inside = new Uint32Array((vocabulary.size + 31) >>> 5);
  const closers: { token: number; closed: number }[] = [];
  const decoder = new Int32Array(trie.maxDepth + 1);
  const chars = new Uint8Array(trie.maxDepth + 1);
  const lengths = new Uint8Array(vocabulary.size);
  const byLength: number[][] = [];
  const byContent = new Map<string, number[]>();
  const utf8 = new TextDecoder();
  let longest = 0;
  for (let i = 1; i < trie.count; ) {
    const d = trie.depth[i] ?? 0;
    const code = decodeStep(decoder[d - 1] ?? 0, trie.byte[i] ?? 0, escapes, FREE);
    const next = i + (trie.size[i] ?? 1);
    if (code === CLOSED) {
      for (let t = trie.from[i] ?? 0; t < (trie.from[next] ?? 0); t++) {
        const token = trie.tokens[t] ?? 0;
        lengths[token] = chars[d - 1] ?? 0;
        const content = vocabulary.bytes[token]?.subarray(0, d - 1);
        const text = JSON.parse(`"${utf8.decode(content)}"`) as string;
        const same = byContent.get(text);
        if (same) same.push(token);
        else byContent.set(text, [token]);
        closers.push({ token, closed: d });
      }
    }
    if (code <= CLOSED) {
      i = next;
      continue;
    }
    decoder[d] = code - 2;
    chars[d] = (chars[d - 1] ?? 0) + (code === 2 ? 1 : 0);
    const length = (chars[d] ?? 0) + (code === 2 ? 0 : 1);
    for (let t = trie.from[i] ?? 0; t < (trie.from[i + 1] ?? 0); t++) {
      const token = trie.tokens[t] ?? 0;
      inside[token >>> 5] = (inside[token >>> 5] ?? 0) | (1 << (token & 31));
      lengths[token] = length;
      (byLength[length] ??= []).push(token);
      longest = Math.max(longest, length);
    }
    i++;
  }
  return { inside, closers, lengths, longest, byLength, byContent, limited: [] };
}

/** Texts and the tokens that look like them. */
class Spelled {
  readonly entries: { bytes: Uint8Array; tokens: number[] }[] = [];
  private readonly known = new Map<string, number>();

  add(bytes: Uint8Array, token: number): number {
    const key = binaryOf(bytes);
    let at = this.known.get(key);
    if (at === undefined) {
      at = this.entries.push({ bytes, tokens: [] }) - 1;
      this.known.set(key, at);
    }
    this.entries[at]?.tokens.push(token);
    return at;
  }
}

function spell(vocabulary: Vocabulary, strings: StringTokens, whitespace: Whitespace): JsonTokens {
  const tailOf = new Int32Array(vocabulary.size).fill(NOWHERE);
  const indents = new Uint8Array(vocabulary.size);
  const structure = new Spelled();
  const text: { bytes: Uint8Array; tokens: number[] }[] = [];
  const quotes = new Spelled();
  const tails = new Spelled();
  tails.add(new Uint8Array(0), -1);
  tails.entries[0]?.tokens.pop();
  vocabulary.bytes.forEach((bytes, token) => {
    // Longer ones are in no trie.
    if (!bytes || bytes.length === 0 || bytes.length > MAX_DEPTH) return;
    if ((((strings.inside[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1) {
      tailOf[token] = INSIDE;
      text.push({ bytes, tokens: [token] });
    }
    if (!plausible(bytes)) return;
    const plain = plainText(bytes, 0, whitespace);
    if (!plain) return;
    indents[token] = plain.indent;
    structure.add(plain.bytes, token);
  });
  for (const { token, closed } of strings.closers) {
    const bytes = vocabulary.bytes[token];
    const tail = bytes && plainText(bytes, closed, whitespace);
    if (!tail) continue;
    tailOf[token] = tails.add(tail.bytes, token);
    const whole = new Uint8Array(closed + tail.bytes.length);
    whole.set(bytes.subarray(0, closed));
    whole.set(tail.bytes, closed);
    quotes.add(whole, token);
  }
  // Walks over these begin in the middle of a document: what they need is made before.
  rowsOf(vocabularyTrie(vocabulary));
  return {
    strings,
    structure: prepared(structure.entries),
    text: prepared(text),
    escapes: escapesOf(text),
    plainTails: new Map(),
    plainValues: new Map(),
    sets: new Map(),
    quotes: prepared(quotes.entries),
    tails: buildTrie(tails.entries.map(({ bytes }, i) => ({ bytes, tokens: [i] }))),
    tailTokens: tails.entries.map((entry) => entry.tokens),
    tailOf,
    indents,
  };
}

function escapesOf(entries: readonly TrieEntry[]): EscapeTokens {
  const alone: number[] = [];
  const partial: { token: number; digits: number; value: number }[] = [];
  const whole: number[] = [];
  for (const { bytes, tokens } of entries) {
    if (bytes[0] !== 0x5c) continue;
    if (bytes.length === 1) alone.push(...tokens);
    else if (bytes[1] === 0x75 && bytes.length >= 6) whole.push(...tokens);
    else if (bytes[1] === 0x75) {
      const spelled = String.fromCharCode(...bytes.subarray(2));
      const value = spelled === '' ? 0 : Number.parseInt(spelled, 16);
      for (const token of tokens) partial.push({ token, digits: spelled.length, value });
    }
  }
  return { alone, partial, whole };
}

/** A trie and what walks over it need. */
function prepared(entries: readonly TrieEntry[]): TokenTrie {
  const trie = buildTrie(entries);
  rowsOf(trie);
  childrenOf(trie);
  return trie;
}

/** Entries of a memo of the vocabulary. */
const MAX_SETS = 512;
/** Of the 179 characters told apart. */
const LARGE = 100;

/** Remembers a value in a memo that holds so many at most. */
export function keepSome<T>(memo: Map<string, T>, key: string, value: T): void {
  if (memo.size >= MAX_SETS) memo.clear();
  memo.set(key, value);
}

/** A set of tokens under a key, kept for the vocabulary. */
export function keptSet({ sets }: JsonTokens, key: string, make: () => Uint32Array): Uint32Array {
  let words = sets.get(key);
  if (!words) {
    words = make();
    keepSome(sets, key, words);
  }
  return words;
}

/** Adds tokens to a set. */
export function addTokens(words: Uint32Array, tokens: ArrayLike<number>): void {
  for (let t = 0; t < tokens.length; t++) {
    const token = tokens[t] ?? 0;
    words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
  }
}

/** The tokens made of characters of a set only, at most `limit` of them; kept for the vocabulary. */
export function within(tokens: JsonTokens, set: CharBits, limit: number): Uint32Array {
  const most = Math.min(limit, tokens.strings.longest);
  return keptSet(tokens, `${set.join()},${most}`, () => withinAtMost(tokens, set, most));
}

function withinAtMost({ strings, text }: JsonTokens, set: CharBits, most: number): Uint32Array {
  // Of a large set those that are not within are fewer.
  const large = countChars(set) > LARGE;
  const words = large ? insideUpTo(strings, most).slice() : new Uint32Array(strings.inside.length);
  const rows = rowsOf(text);
  for (let i = 1; i < text.count; ) {
    const byte = (rows.heads[i * HEAD] ?? 0) & 255;
    // What follows the first byte of a character belongs to it.
    const off = (byte & 0xc0) !== 0x80 && !hasChar(set, byte);
    const next = off || covers(set, rows, i) ? i + (rows.heads[i * HEAD + 1] ?? 1) : i + 1;
    const last = off === large ? (text.from[next] ?? 0) : 0;
    for (let t = text.from[i] ?? 0; t < last; t++) {
      const token = text.tokens[t] ?? 0;
      if ((strings.lengths[token] ?? 0) <= most) words[token >>> 5] = (words[token >>> 5] ?? 0) ^ (1 << (token & 31));
    }
    i = next;
  }
  return words;
}
