import { buildTrie, type TokenTrie, vocabularyTrie } from '../trie.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { type CodePoints, decodeStep, type Escapes } from './utf8-json.ts';

/** How the tokens of a vocabulary behave inside a string that admits everything. */
export interface StringTokens {
  /** Bit set of the tokens that stay inside the string. */
  readonly inside: Uint32Array;
  /** What follows the closing quote, for the tokens that close the string; the root stands for the quote alone. */
  readonly tails: TokenTrie;
  /** Tokens that end with the closing quote. */
  readonly closing: readonly number[];
  /** All tokens that close the string. */
  readonly quotes: TokenTrie;
  /** Characters each token puts into the string, an unfinished one included; before the closing quote for those that close it. */
  readonly lengths: Uint8Array;
  /** The most characters of a token that stays inside. */
  readonly longest: number;
  /** Tokens that stay inside, by their number of characters. */
  readonly byLength: readonly (readonly number[])[];
  /** Memo of {@link insideUpTo}. */
  readonly limited: (Uint32Array | undefined)[];
  /** Tokens that close the string, by what they put before the quote. */
  readonly byContent: ReadonlyMap<string, readonly number[]>;
}

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

const cache = new WeakMap<Vocabulary, Map<Escapes, StringTokens>>();

/** Classifies a vocabulary's tokens once, in one walk over its trie. */
export function stringTokens(vocabulary: Vocabulary, escapes: Escapes): StringTokens {
  let bySpelling = cache.get(vocabulary);
  if (!bySpelling) {
    bySpelling = new Map();
    cache.set(vocabulary, bySpelling);
  }
  let found = bySpelling.get(escapes);
  if (!found) {
    found = classify(vocabulary, escapes);
    bySpelling.set(escapes, found);
  }
  return found;
}

function classify(vocabulary: Vocabulary, escapes: Escapes): StringTokens {
  const trie = vocabularyTrie(vocabulary);
  const inside = new Uint32Array((vocabulary.size + 31) >>> 5);
  const closing: number[] = [];
  const tails = new Map<string, { bytes: Uint8Array; tokens: number[] }>();
  const decoder = new Int32Array(trie.maxDepth + 1);
  const chars = new Uint8Array(trie.maxDepth + 1);
  const lengths = new Uint8Array(vocabulary.size);
  const quotes: { bytes: Uint8Array; tokens: number[] }[] = [];
  const byLength: number[][] = [];
  const byContent = new Map<string, number[]>();
  const decoderOf = new TextDecoder();
  let longest = 0;
  for (let i = 1; i < trie.count; ) {
    const d = trie.depth[i] ?? 0;
    const code = decodeStep(decoder[d - 1] ?? 0, trie.byte[i] ?? 0, escapes, FREE);
    const next = i + (trie.size[i] ?? 1);
    if (code === CLOSED) {
      const first = trie.from[i] ?? 0;
      for (let t = first; t < (trie.from[next] ?? 0); t++) {
        const token = trie.tokens[t] ?? 0;
        const whole = vocabulary.bytes[token] ?? new Uint8Array(0);
        const bytes = whole.subarray(d);
        quotes.push({ bytes: whole, tokens: [token] });
        lengths[token] = chars[d - 1] ?? 0;
        const content = JSON.parse(`"${decoderOf.decode(whole.subarray(0, d - 1))}"`) as string;
        const same = byContent.get(content);
        if (same) same.push(token);
        else byContent.set(content, [token]);
        if (bytes.length === 0) {
          closing.push(token);
          continue;
        }
        const key = String.fromCharCode(...bytes);
        const tail = tails.get(key);
        if (tail) tail.tokens.push(token);
        else tails.set(key, { bytes, tokens: [token] });
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
  return {
    inside,
    tails: buildTrie([...tails.values()]),
    closing,
    quotes: buildTrie(quotes),
    lengths,
    longest,
    byLength,
    limited: [],
    byContent,
  };
}
