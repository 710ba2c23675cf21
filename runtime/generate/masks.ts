export type { MaskSource } from './api.ts';

/**
 * What narrows a generation to a language, as a matcher of infc/grammars does: a mask of the tokens that may come, told every token that
 * came. A matcher serves one generation.
 */
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
