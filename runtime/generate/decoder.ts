import { InfcError } from '../errors.ts';
import type { Decoder } from './api.ts';

export type { Decoder, Wanted } from './api.ts';

/** A decoder that knows how many of its first tokens were there already; undefined before it took any. */
export interface Sequence extends Decoder {
  readonly found: number | undefined;
}

/** All sequences of a loaded model. They may be used in any order, paused or dropped. */
export interface Sequences {
  /** How many go on best at once. */
  readonly width: number;
  /** A decoder that holds what is there already of a text. */
  open(prompt?: readonly number[]): Sequence;
}

/** Refuses what no decoder can take: no tokens, ids outside the vocabulary, more tokens than the context holds. */
export function checkTokens(decoder: Decoder, tokens: readonly number[]): void {
  const wrong = tokens.findIndex((t) => !Number.isInteger(t) || t < 0 || t >= decoder.vocabulary);
  if (wrong >= 0)
    throw new InfcError('INFC6402', `token ${tokens[wrong]} is not in the vocabulary of ${decoder.vocabulary}`, {
      fix: 'Use the tokenizer that belongs to this model',
    });
  if (tokens.length === 0) throw new InfcError('INFC6403', 'there are no tokens', { fix: 'Give a prompt' });
  const total = decoder.tokens.length + tokens.length;
  if (total > decoder.context)
    throw new InfcError('INFC6401', `${total} tokens are more than the context of ${decoder.context} holds`, {
      fix: "Shorten the prompt, or slide over it (overflow: 'slide', --overflow slide)",
    });
}

/** Length of the common beginning of two token lists. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

/** Makes the decoder hold exactly `tokens` and returns the logits after the last: what it already holds of them is kept. */
export async function advanceTo(
  decoder: Decoder,
  tokens: readonly number[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  // The last token is always taken again: its logits are wanted.
  const kept = Math.min(commonPrefix(decoder.tokens, tokens), tokens.length - 1);
  if (kept < decoder.tokens.length) await decoder.truncate(Math.max(kept, 0));
  return decoder.forward(tokens.slice(decoder.tokens.length), 'last', signal);
}
