import type { JsonTokens } from './string-tokens.ts';
import type { TextScratch } from './text-walk.ts';

/** Longest token, and then some; a walk within a walk starts beyond. */
export const DEPTH = 258;

/** Work space of a walk, by depth; shared by all walks over the same tokens, which never interleave. */
export interface Scratch extends TextScratch {
  readonly stackAt: Int32Array;
  readonly flagAt: Uint8Array;
  readonly found: Int32Array;
}

const scratches = new WeakMap<JsonTokens, Scratch>();

/** The work space of walks over some tokens. */
export function scratchOf(tokens: JsonTokens): Scratch {
  let scratch = scratches.get(tokens);
  if (!scratch) {
    scratch = {
      leafAt: new Int32Array(2 * DEPTH),
      stackAt: new Int32Array(2 * DEPTH),
      flagAt: new Uint8Array(2 * DEPTH),
      found: new Int32Array(tokens.tailOf.length + 64),
      onLoop: new Uint8Array(2 * DEPTH),
    };
    scratches.set(tokens, scratch);
  }
  return scratch;
}
