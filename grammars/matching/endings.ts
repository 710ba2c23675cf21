import type { CharBits } from '../json/masks/char-bits.ts';
import { ENDING_FIRST } from './acceptor.ts';
import type { TokenMachine } from './token-machine.ts';
import { nextOf, vocabularyTrie } from './trie.ts';

/**
 * States as far as the end of a text depends on them. A machine whose states remember text that does not matter for that (names of properties,
 * say) has far fewer places than states; for others the two are the same.
 */
export interface Places {
  /** The place of a state. */
  of(state: number): number;
  /** The place after one more byte, 0 where there is none, or {@link UNTOLD}. */
  step(place: number, byte: number): number;
  /** The loop of a place; absent: found by its steps. */
  round?(place: number): PlaceLoop;
  /** What ends a place soonest, where it is texts in any order (absent: nowhere). */
  unordered?(place: number): Unordered | undefined;
}

/** Characters that, where they may come, lead round in some places, or to others with the same ends. */
export interface PlaceLoop {
  readonly set: CharBits;
  readonly places: readonly number[];
}

/** Texts that come in any order, the steps tell which: from a place to another with nothing else between, and the place whose end follows them all. */
export interface Unordered {
  readonly parts: readonly { readonly from: number; readonly to: number }[];
  readonly last: number;
}

/** What follows depends on text that places do not remember. */
export const UNTOLD = -1;

/** One step of the text that ends soonest: a byte, or a special token (negative). */
export interface Step {
  readonly by: number;
  readonly to: number;
}

/** Texts longer than this are counted in bytes. */
const MAX_TEXT = 4096;
const INFINITE = Number.POSITIVE_INFINITY;

const shared = new WeakMap<TokenMachine, Endings>();

/**
 * How many tokens the end takes: those of one text that ends soonest, cut into as few tokens as spell it, and the end token. That text is
 * chosen byte by byte from the place alone, so what is left of it after any of its tokens is the text of the place reached: the bound falls
 * with every token of it. Where places do not tell how the text goes on, its bytes are counted. `test/grammars/closing-oracle.test.ts` tries all
 * tokens beside.
 */
export class Endings {
  readonly places: Places;
  private readonly bounds = new Map<number, number>();
  /** Whether the bound of a place is a sum, see {@link sum}. */
  private readonly sums = new Map<number, boolean>();
  /** The same up to other ends. */
  private readonly until = new Map<number, Endings>();

  /** @param end the place where texts end and nothing else is told; absent: that of the machine */
  private constructor(
    private readonly machine: TokenMachine,
    private readonly steps = new Map<number, Step | undefined>(),
    private readonly end?: number,
  ) {
    this.places = machine.places ?? { of: (state) => state, step: (state, byte) => machine.step(state, byte) };
    if (end !== undefined) this.bounds.set(end, 0);
  }

  /** The endings of a machine, shared by its matchers: all of it follows from the machine. */
  static of(machine: TokenMachine): Endings {
    let endings = shared.get(machine);
    if (!endings) shared.set(machine, (endings = new Endings(machine)));
    return endings;
  }

  /** Tokens that suffice from a place, the end token included. */
  tokens(place: number): number {
    if (place === 0) return INFINITE;
    const known = this.bounds.get(place);
    if (known !== undefined) return known;
    const places = [place];
    const text: number[] = [];
    for (let at = place; text.length < MAX_TEXT && at !== this.end && !this.sum(at); ) {
      const next = this.step(at);
      if (!next) break;
      text.push(next.by);
      places.push((at = next.to));
    }
    this.cut(places, text);
    return this.bounds.get(place) ?? INFINITE;
  }

  /**
   * Whether texts come in any order from a place, all of them told: each is then cut by itself, once for all orders. What one of them leaves is
   * the sum of the others, so the bound still falls with every token. Where one is counted in bytes, so is what comes after it, and a sum
   * would be less than what its first token leaves.
   */
  private sum(place: number): boolean {
    let known = this.sums.get(place);
    if (known === undefined) {
      const found = this.machine.shortest(place) <= MAX_TEXT ? this.places.unordered?.(place) : undefined;
      let tokens = found ? this.tokens(found.last) : INFINITE;
      for (const { from, to } of found?.parts ?? []) {
        let part = this.until.get(to);
        if (!part) this.until.set(to, (part = new Endings(this.machine, this.steps, to)));
        tokens += part.tokens(from);
      }
      this.sums.set(place, (known = tokens < INFINITE));
      if (known) this.bounds.set(place, tokens);
    }
    return known;
  }

  /** Whether a text can end within `left` tokens, the end token included. Bytes are counted first: a token has one at least, and no more than the longest. */
  fits(place: number, left: number): boolean {
    if (place === 0) return false;
    const bytes = this.machine.shortest(place);
    const { maxDepth } = vocabularyTrie(this.machine.vocabulary);
    return bytes + 1 <= left || (bytes <= left * maxDepth && this.tokens(place) <= left);
  }

  /** Bounds of all places along a text, last first. */
  private cut(places: readonly number[], text: readonly number[]): void {
    const trie = vocabularyTrie(this.machine.vocabulary);
    for (let i = text.length; i >= 0; i--) {
      const place = places[i] ?? 0;
      if (this.bounds.has(place)) continue;
      // At its end, what else there is, byte by byte; a vocabulary that cannot spell this text may still spell another.
      let least = this.end === undefined ? this.machine.shortest(place) + 1 : INFINITE;
      let node = 0;
      for (let j = i; j < text.length; j++) {
        const by = text[j] ?? 0;
        const after = (this.bounds.get(places[j + 1] ?? 0) ?? INFINITE) + 1;
        if (by < 0) {
          if (j === i) least = Math.min(least, after);
          break;
        }
        node = nextOf(trie, node, by);
        if (node === 0) break;
        if ((trie.from[node + 1] ?? 0) > (trie.from[node] ?? 0)) least = Math.min(least, after);
      }
      this.bounds.set(place, least);
    }
  }

  /** The step that brings the end nearest; undefined where the text may end, or where places do not tell. */
  step(place: number): Step | undefined {
    if (this.steps.has(place)) return this.steps.get(place);
    const { machine, places } = this;
    let best: Step | undefined;
    if (!machine.accepts(place)) {
      const now = machine.shortest(place);
      let least = now;
      const consider = (by: number, to: number): void => {
        const left = to <= 0 ? INFINITE : machine.shortest(to);
        if (left >= least) return;
        least = left;
        best = { by, to };
      };
      for (const byte of ENDING_FIRST) {
        consider(byte, places.step(place, byte));
        // Nearer by the byte taken: no other can do better.
        if (least <= now - 1) break;
      }
      if (machine.special && least > now - 1) {
        for (const token of machine.vocabulary.special.values())
          if (!machine.vocabulary.eos.includes(token)) consider(-1 - token, machine.special(place, token));
      }
    }
    this.steps.set(place, best);
    return best;
  }
}
