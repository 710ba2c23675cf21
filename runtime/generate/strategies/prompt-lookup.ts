import { speculate } from '../speculate.ts';
import { defineStrategy, type Strategy } from '../strategy.ts';

export interface PromptLookupOptions {
  /** Most tokens to guess at once; default 8. */
  readonly guesses?: number;
  /** Longest run of last tokens to look for; default 3. */
  readonly ngram?: number;
}

/**
 * Guesses that the text goes on as it did after the last place with the same few tokens (Saxena 2023), which pays where answers quote
 * their prompts. Lossless: the tokens are those of greedy, or of sampling with the same seed.
 */
export const promptLookup = ({ guesses = 8, ngram = 3 }: PromptLookupOptions = {}): Strategy =>
  defineStrategy({
    name: 'prompt-lookup',
    run: (decoder, request) =>
      speculate(decoder, request, (tokens, count) => lookUp(tokens, count, ngram).map((token) => ({ token })), guesses),
  });

/** What followed the latest earlier occurrence of the longest possible ending of `tokens`. */
export function lookUp(tokens: readonly number[], count: number, ngram: number): readonly number[] {
  for (let n = Math.min(ngram, tokens.length - 1); n > 0; n--) {
    const start = tokens.length - n;
    for (let at = start - 1; at >= 0; at--) {
      let same = 0;
      while (same < n && tokens[at + same] === tokens[start + same]) same++;
      if (same === n) return tokens.slice(at + n, at + n + count);
    }
  }
  return [];
}
