import { checkArgument } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { MaskId, MaskPool } from './mask-pool.ts';

/** Masks of an acceptor, found by better means than a walk over all tokens. */
export interface OwnMasks {
  /** The tokens that go on within the text; end tokens where it may end. */
  mask(state: number): MaskId;
  /** ASCII characters that must still come before the text can end, in this order, as far as that is easily told. */
  owed(state: number): string;
}

/**
 * A lazily built deterministic byte acceptor.
 *
 * States are interned non-negative integers; 0 is dead: no completion exists from it. Every other state can reach
 * acceptance, so a byte prefix survives exactly when some continuation completes it (prefix-exact).
 */
export interface Acceptor {
  readonly start: number;
  /** The state after one more byte (0..255), or 0 when no accepted text continues so. */
  step(state: number, byte: number): number;
  accepts(state: number): boolean;
  /** Fewest bytes from this state to acceptance; 0 in accepting states. Never too low; an acceptor that may be too high says where. */
  shortest(state: number): number;
  /** The state after a special token, or 0; absent where special tokens are never part of the text. */
  special?(state: number, token: number): number;
  /** The special tokens that may come next. */
  specials?(state: number): readonly number[];
  /** Texts with which a model is likely to go on, the likeliest first; some may be impossible. Absent or none: not known. */
  likely?(state: number): readonly string[];
  /** Masks of its own, made in a pool. */
  masks?(vocabulary: Vocabulary, pool: MaskPool): OwnMasks;
  /** The one acceptor of several that a state is within, before its end. */
  within?(state: number): { readonly acceptor: Acceptor; readonly state: number } | undefined;
}

/** The acceptor of a constraint, or what is one itself. */
export function acceptorOf(constraint: Acceptor | { readonly acceptor: Acceptor }): Acceptor {
  const acceptor = holdsOne(constraint) ? constraint.acceptor : constraint;
  checkArgument(typeof acceptor?.step === 'function', 'the constraint', 'what constrain, regex, grammar or tools make');
  return acceptor;
}

function holdsOne(constraint: unknown): constraint is { readonly acceptor: Acceptor } {
  return typeof constraint === 'object' && constraint !== null && 'acceptor' in constraint;
}

/** All bytes: those that end things first, then what names are made of by how frequent it is. */
export const ENDING_FIRST: readonly number[] = [
  ...new Set([
    ...new TextEncoder().encode('"}],:0123456789etaionsrlcdpumhgfybvkwxqjz_{[-TSACPE'),
    ...Array.from({ length: 256 }, (_, b) => b),
  ]),
];

/** The text of several whose bytes are tried last. */
export function endingLast(texts: readonly string[]): string {
  let last = '';
  let most = '';
  for (const text of texts) {
    const rank = String.fromCharCode(
      ...Array.from(new TextEncoder().encode(text), (byte) => ENDING_FIRST.indexOf(byte)),
    );
    if (rank >= most) [last, most] = [text, rank];
  }
  return last;
}
