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
  /** Characters that, where they may come, lead back to a place, or to places with the same ends; absent: found by its steps. */
  round?(place: number): CharBits;
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

const shared = new WeakMap<TokenMachine, Endings>();

/**
 * How many tokens the end takes: those of one text that ends soonest, cut into as few tokens as spell it, and the end token. That text is
 * chosen byte by byte from the place alone, so what is left of it after any of its tokens is the text of the place reached: the bound falls
 * with every token of it. Where places do not tell how the text goes on, its bytes are counted.
 */
export class Endings {
  readonly places: Places;
  private readonly steps = new Map<number, Step | undefined>();
  private readonly bounds = new Map<number, number>();

  private constructor(private readonly machine: TokenMachine) {
    this.places = machine.places ?? { of: (state) => state, step: (state, byte) => machine.step(state, byte) };
  }

  /** The endings of a machine, shared by its matchers: all of it follows from the machine. */
  static of(machine: TokenMachine): Endings {
    let endings = shared.get(machine);
    if (!endings) shared.set(machine, (endings = new Endings(machine)));
    return endings;
  }

  /** Tokens that suffice from a place, the end token included. */
  tokens(place: number): number {
    if (place === 0) return Number.POSITIVE_INFINITY;
    const known = this.bounds.get(place);
    if (known !== undefined) return known;
    const places = [place];
    const text: number[] = [];
    for (let at = this.step(place); at && text.length < MAX_TEXT; at = this.step(at.to)) {
      text.push(at.by);
      places.push(at.to);
    }
    this.cut(places, text);
    return this.bounds.get(place) ?? Number.POSITIVE_INFINITY;
  }

  /** Whether a text can end within `left` tokens, the end token included. Bytes are counted first: a token has one at least. */
  fits(place: number, left: number): boolean {
    return place !== 0 && (this.machine.shortest(place) + 1 <= left || this.tokens(place) <= left);
  }

  /** Bounds of all places along a text, last first. */
  private cut(places: readonly number[], text: readonly number[]): void {
    const trie = vocabularyTrie(this.machine.vocabulary);
    for (let i = text.length; i >= 0; i--) {
      const place = places[i] ?? 0;
      if (this.bounds.has(place)) continue;
      // At its end, what else there is, byte by byte; a vocabulary that cannot spell this text may still spell another.
      let least = this.machine.shortest(place) + 1;
      let node = 0;
      for (let j = i; j < text.length; j++) {
        const by = text[j] ?? 0;
        const after = (this.bounds.get(places[j + 1] ?? 0) ?? Number.POSITIVE_INFINITY) + 1;
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
        const left = to <= 0 ? Number.POSITIVE_INFINITY : machine.shortest(to);
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
