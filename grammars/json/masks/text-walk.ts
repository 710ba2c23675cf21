import { CHAR_WORDS, type CharBits } from './char-bits.ts';
import type { Loop } from './char-loops.ts';
import { BITS, ROW, type Rows } from './subtrees.ts';

/** What a walk asks the states about, where it does not know yet. */
export interface TextStates {
  /** The coded transition of a state for a byte, or 0. */
  step(leaf: number, byte: number): number;
  /** Whether all that is below a row may come in a state. */
  whole(leaf: number, rows: Rows, i: number): boolean;
}

/** Work space of a walk, by depth. */
export interface TextScratch {
  readonly leafAt: Int32Array;
  /** Characters of a loop on the path, or {@link OFF}. */
  readonly onLoop: Uint8Array;
}

/** The path has left the loop. */
const OFF = 255;
const NONE: CharBits = new Int32Array(CHAR_WORDS);

/**
 * Finds the tokens of the text trie that stay within a string, from the state `leafAt[0]`. With a loop: those that are not made of its
 * characters alone, as many as it has at most, the first of them in `first`. Subtrees without a way off the loop are passed over, so that most of
 * the trie is never seen. Writes them to `found` from `n` on and returns where they end.
 *
 * This is where masks that were never met spend their time. It reads typed arrays only and calls for the rest, so that the engine compiles it
 * once: seen from inside a class it was thrown away whenever an object of a schema had a new shape, and took ten times as long until compiled again.
 */
export function walkText(
  states: TextStates,
  pages: readonly Int32Array[],
  rows: Rows,
  tokens: Int32Array,
  { leafAt, onLoop }: TextScratch,
  loop: Loop | undefined,
  first: CharBits | undefined,
  found: Int32Array,
  n: number,
): number {
  const count = loop?.count ?? 0;
  return walkRows(
    states,
    pages,
    rows,
    rows.length - ROW,
    tokens,
    leafAt,
    onLoop,
    loop === undefined ? OFF : 0,
    loop?.set ?? NONE,
    loop?.exits ?? NONE,
    first ?? loop?.set ?? NONE,
    count,
    found,
    n,
  );
}

function walkRows(
  states: TextStates,
  pages: readonly Int32Array[],
  rows: Rows,
  end: number,
  tokens: Int32Array,
  leafAt: Int32Array,
  onLoop: Uint8Array,
  start: number,
  set: CharBits,
  exits: CharBits,
  first: CharBits,
  count: number,
  found: Int32Array,
  from: number,
): number {
  let n = from;
  onLoop[0] = start;
  for (let i = ROW; i < end; ) {
    const head = rows[i] ?? 0;
    const byte = head & 255;
    const d = (head >> 8) & 255;
    const below = rows[i + 1] ?? 1;
    let on = onLoop[d - 1] ?? OFF;
    if (on !== OFF) {
      // A character whose first byte is on the loop is so as a whole.
      if ((byte & 0xc0) !== 0x80) {
        const bit = byte < 0x80 ? byte : byte - 0x40;
        const among = (d > 1 ? set[bit >> 5] : (set[bit >> 5] ?? 0) & (first[bit >> 5] ?? 0)) ?? 0;
        on = on < count && ((among >> (bit & 31)) & 1) === 1 ? on + 1 : OFF;
      }
      if (on !== OFF && on + (head >>> 18) <= count) {
        let leaves = 0;
        for (let w = 0; w < CHAR_WORDS; w++) leaves |= (rows[i + BITS + w] ?? 0) & (exits[w] ?? 0);
        if (leaves === 0) {
          i += below * ROW;
          continue;
        }
      }
    }
    const here = leafAt[d - 1] ?? 0;
    const page = here >> 6;
    const entry = page < pages.length ? (pages[page]?.[((here & 63) << 8) | byte] ?? 0) : 0;
    const code = entry === 0 ? states.step(here, byte) : entry - 1;
    if (code === 0) {
      i += below * ROW;
      continue;
    }
    const leaf = code >> 2;
    leafAt[d] = leaf;
    onLoop[d] = on;
    if (on !== OFF) {
      i += ROW;
      continue;
    }
    const whole = below > 1 && states.whole(leaf, rows, i);
    const to = (whole ? rows[i + 3] : rows[i + ROW + 2]) ?? 0;
    for (let t = rows[i + 2] ?? 0; t < to; t++) found[n++] = tokens[t] ?? 0;
    i += whole ? below * ROW : ROW;
  }
  return n;
}
