import type { TokenTrie } from '../../matching/trie.ts';
import { CHAR_WORDS, type CharBits } from './char-bits.ts';
import { type Loop, ROUND } from './char-loops.ts';
import { covers, HEAD, heightOf, meets, type Rows, rowsOf } from './subtrees.ts';

/** What a walk asks the states about, where it does not know yet. */
export interface TextStates {
  /** The coded transition of a state for a byte, or 0. */
  step(leaf: number, byte: number): number;
  /** Whether all that is below a node may come in a state. */
  whole(leaf: number, rows: Rows, i: number): boolean;
  /** Characters that leave the state as it is. */
  round(leaf: number): CharBits;
}

/** Work space of a walk, by depth. */
export interface TextScratch {
  readonly leafAt: Int32Array;
  /** Characters of a loop on the path, or {@link OFF}. */
  readonly onLoop: Uint8Array;
}

/** Subtrees smaller than this are walked node by node. */
export const WORTH = 6;
/** The path has left the loop. */
const OFF = 255;
const NONE: CharBits = new Int32Array(CHAR_WORDS);

/**
 * Finds the tokens of the text trie that stay within a string, from the state `leafAt[0]`. With a loop: those that are not made of its
 * characters alone, as many as it has at most. Subtrees without a way off the loop are passed over, so that most of
 * the trie is never seen. Where the loop counts for each state, `base` has the tokens made of any number of its characters; those of them that do not
 * come are found as well. Writes them to `found` from `n` on and returns where they end.
 *
 * This is where masks that were never met spend their time. It reads typed arrays only and calls for the rest, so that the engine compiles it
 * once: seen from inside a class it was thrown away whenever an object of a schema had a new shape, and took ten times as long until compiled again.
 */
export function walkText(
  states: TextStates,
  pages: readonly Int32Array[],
  text: TokenTrie,
  { leafAt, onLoop }: TextScratch,
  loop: Loop | undefined,
  base: Uint32Array,
  found: Int32Array,
  n: number,
): number {
  const { count = 0, exits = NONE, set = NONE } = loop ?? {};
  const counts = count < ROUND ? loop?.counts : undefined;
  return walkNodes(
    states,
    pages,
    rowsOf(text),
    text.count,
    text.from,
    text.tokens,
    leafAt,
    onLoop,
    loop === undefined ? OFF : 0,
    set,
    exits,
    counts ? ROUND : count,
    loop?.sealed ? ROUND : count,
    counts ? counted(counts) : NO_COUNTS,
    counts ? rounds(counts, states, set) : NO_COUNTS,
    base,
    found,
    n,
  );
}

const NO_COUNTS = new Uint8Array(0);
/** {@link Loop.counts} of the walk that goes on, 0 for other states. */
let countOf = NO_COUNTS;

function counted(counts: ReadonlyMap<number, number>): Uint8Array {
  const last = Math.max(...counts.keys());
  if (last >= countOf.length) countOf = new Uint8Array(2 * last);
  // Counts of the walk before were those of another machine.
  countOf.fill(0);
  for (const [state, count] of counts) countOf[state] = count;
  return countOf;
}

/** The walk's {@link TextStates.round} that are in its set, by the state's place among those that {@link countOf} has. */
const roundSets = new Int32Array(256 * CHAR_WORDS);
/** Those places, 0 for none. */
let placeOf = NO_COUNTS;

function rounds(counts: ReadonlyMap<number, number>, states: TextStates, set: CharBits): Uint8Array {
  if (placeOf.length < countOf.length) placeOf = new Uint8Array(countOf.length);
  let place = 0;
  for (const state of counts.keys()) {
    placeOf[state] = ++place;
    const round = states.round(state);
    for (let w = 0; w < CHAR_WORDS; w++) roundSets[place * CHAR_WORDS + w] = (round[w] ?? 0) & (set[w] ?? 0);
  }
  return placeOf;
}

function walkNodes(
  states: TextStates,
  pages: readonly Int32Array[],
  rows: Rows,
  end: number,
  tokensFrom: Int32Array,
  tokens: Int32Array,
  leafAt: Int32Array,
  onLoop: Uint8Array,
  start: number,
  set: CharBits,
  exits: CharBits,
  count: number,
  reach: number,
  counts: Uint8Array,
  places: Uint8Array,
  base: Uint32Array,
  found: Int32Array,
  from: number,
): number {
  const { heads, bits } = rows;
  let n = from;
  const leaves = exits.some((word) => word !== 0);
  onLoop[0] = start;
  for (let i = 1; i < end; ) {
    const head = heads[i * HEAD] ?? 0;
    const byte = head & 255;
    const d = (head >> 8) & 255;
    const below = heads[i * HEAD + 1] ?? 1;
    let on = onLoop[d - 1] ?? OFF;
    const height = heightOf(head);
    if (on !== OFF) {
      // A character whose first byte is on the loop is so as a whole.
      if ((byte & 0xc0) !== 0x80) {
        const bit = byte < 0x80 ? byte : byte - 0x40;
        on = on < count && (((set[bit >> 5] ?? 0) >> (bit & 31)) & 1) === 1 ? on + 1 : OFF;
      }
      if (on + height <= reach && !(leaves && meets(exits, bits, i))) {
        i += below;
        continue;
      }
    }
    const here = leafAt[d - 1] ?? 0;
    const page = here >> 4;
    const entry = page < pages.length ? (pages[page]?.[((here & 15) << 8) | byte] ?? 0) : 0;
    const code = entry === 0 ? states.step(here, byte) : entry - 1;
    if (code === 0 && on === OFF) {
      i += below;
      continue;
    }
    const leaf = code >> 2;
    leafAt[d] = leaf;
    onLoop[d] = on;
    if (code !== 0 && on !== OFF) {
      const known = counts[leaf] ?? 0;
      const whole =
        known >= height || (known > 0 && below > WORTH && covers(roundSets, rows, i, CHAR_WORDS * (places[leaf] ?? 0)));
      i += whole && !(leaves && meets(exits, bits, i)) ? below : 1;
      continue;
    }
    const next = code === 0 || (below > WORTH && states.whole(leaf, rows, i)) ? i + below : i + 1;
    const to = tokensFrom[next] ?? 0;
    // One loop for what comes and for what the base has though it does not: code that never ran before would throw the compiled one away.
    for (let t = tokensFrom[i] ?? 0; t < to; t++) {
      const token = tokens[t] ?? 0;
      const known = ((base[token >>> 5] ?? 0) >>> (token & 31)) & 1;
      if (code !== 0 || known === 1) found[n++] = token;
    }
    i = next;
  }
  return n;
}
