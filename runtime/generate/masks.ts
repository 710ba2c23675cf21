/**
 * What narrows a generation to a language, as a matcher of infc/grammars does: a mask of the tokens that may come, told every token that
 * came. A matcher serves one generation.
 */
export interface MaskSource {
  /** Words of the mask: bit `t & 31` of word `t >>> 5` is set when token `t` may come next. A shared view, not to be changed. */
  mask(): Uint32Array;
  /**
   * Takes a token that the mask allows. False, and nothing is taken, when the text could then no longer end in time: another must be chosen.
   */
  tryCommit(token: number): boolean;
  /** Takes back the last `count` tokens. */
  rollback(count: number): void;
  /** An independent copy, for searches that follow several texts. */
  fork(): MaskSource;
  /** The mask without the tokens that {@link tryCommit} would refuse; every token of the vocabulary may have to be looked at. */
  closingMask?(): Uint32Array;
  /** A few tokens that {@link tryCommit} takes, found at once: with them the text ends soonest. Asked for when many were refused. */
  soonest?(): Uint32Array;
  /** Tokens that must come next, whatever is chosen. */
  forced?(): readonly number[];
  /** After an end token: nothing may follow. */
  readonly done: boolean;
}

/** Whether a mask allows a token; without a mask all are. */
export const allows = (mask: Uint32Array | undefined, token: number): boolean =>
  mask === undefined || (((mask[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;

/** Visits the tokens of a mask in order. */
export function forEachAllowed(mask: Uint32Array, visit: (token: number) => void): void {
  for (let w = 0; w < mask.length; w++) {
    for (let bits = mask[w] ?? 0; bits !== 0; bits &= bits - 1) visit(32 * w + 31 - Math.clz32(bits & -bits));
  }
}

/** A mask less one token. */
export function without(mask: Uint32Array, token: number): Uint32Array {
  const copy = mask.slice();
  copy[token >>> 5] = (copy[token >>> 5] ?? 0) & ~(1 << (token & 31));
  return copy;
}
