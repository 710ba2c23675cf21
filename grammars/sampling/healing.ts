import { type Acceptor, acceptorOf } from '../matching/acceptor.ts';
import { composite } from '../matching/composite.ts';
import { goesOn, vocabularyTrie } from '../matching/trie.ts';
import { checkArgument } from '../options.ts';
import { TextConstraint } from '../text-constraint.ts';
import type { Vocabulary } from '../vocabulary.ts';

/** A prompt cut back to where its tokenization is not prejudiced by its end. */
export interface HealedPrompt {
  /** Tokens to run as the prompt. */
  readonly tokens: readonly number[];
  /** Bytes of the prompt that the generation must begin with. */
  readonly prefix: Uint8Array;
}

/**
 * Heals the end of a prompt: drops trailing tokens while some token of the vocabulary begins with their bytes and goes on, so that the model
 * may choose that longer token. Generate with the remaining bytes as a required beginning ({@link withPrefix}).
 */
export function healPrompt(vocabulary: Vocabulary, tokens: ArrayLike<number | bigint>, maxDropped = 8): HealedPrompt {
  const trie = vocabularyTrie(vocabulary);
  checkArgument(typeof tokens?.length === 'number', 'the prompt', 'a list of token ids');
  const ids = Array.from(tokens, Number);
  let best = ids.length;
  let suffix: number[] = [];
  for (let at = ids.length - 1; at >= Math.max(0, ids.length - maxDropped); at--) {
    const bytes = vocabulary.bytes[ids[at] ?? -1];
    if (!bytes) break;
    suffix = [...bytes, ...suffix];
    if (goesOn(trie, suffix)) best = at;
  }
  const prefix = ids.slice(best).flatMap((token) => [...(vocabulary.bytes[token] ?? [])]);
  return { tokens: ids.slice(0, best), prefix: Uint8Array.from(prefix) };
}

/**
 * The constraint whose texts are a text or bytes followed by what another constraint takes; anything may follow by default. Generate with it after
 * {@link healPrompt}: `withPrefix(healed.prefix, answer).matcher(vocabulary)`.
 */
export function withPrefix(
  text: Uint8Array | string,
  inner: Acceptor | { readonly acceptor: Acceptor } = ANYTHING,
): TextConstraint {
  const prefix = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  checkArgument(prefix instanceof Uint8Array, 'the prefix', 'a text or bytes');
  const literal: Acceptor = {
    start: 1,
    step: (state, byte) => (state > 0 && prefix[state - 1] === byte ? state + 1 : 0),
    accepts: (state) => state === prefix.length + 1,
    shortest: (state) => (state > 0 ? prefix.length + 1 - state : Number.POSITIVE_INFINITY),
  };
  return new TextConstraint(
    composite(
      [
        { acceptor: literal, next: [{ part: 1 }], final: false },
        { acceptor: acceptorOf(inner), next: [], final: true },
      ],
      0,
    ),
  );
}

const ANYTHING: Acceptor = { start: 1, step: () => 1, accepts: () => true, shortest: () => 0 };
