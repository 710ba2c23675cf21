/**
 * What narrows a generation to a language, as a matcher of infc/grammars does: a mask of the tokens that may come, told every token that
 * came. A matcher serves one generation.
 */
export interface MaskSource {
  /** Words of the mask: bit `t & 31` of word `t >>> 5` is set when token `t` may come next. A shared view, not to be changed. */
  mask(): Uint32Array;
  /** Takes a token that the mask allows. */
  commit(token: number): void;
  /** Takes back the last `count` tokens. */
  rollback(count: number): void;
  /** An independent copy, for searches that follow several texts. */
  fork(): MaskSource;
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
