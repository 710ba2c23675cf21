import { ENDING_FIRST } from './acceptor.ts';
import type { MaskId } from './mask-pool.ts';
import type { TokenMachine } from './token-machine.ts';
import { vocabularyTrie } from './trie.ts';

/** One step of the text that ends soonest: a byte, or a special token (negative). */
interface Step {
  readonly by: number;
  readonly to: number;
}

/** Texts longer than this are counted in bytes. */
const MAX_TEXT = 4096;

/** States that get a table of steps while successors are visited. */
const MAX_ROWS = 128;

const shared = new WeakMap<TokenMachine, ClosingMasks>();

/**
 * Masks that keep a text finishable within a number of tokens. The bound is one text that ends soonest, cut into as few tokens as spell it,
 * and the end token. That text is chosen byte by byte from the state alone, so what is left of it after any of its tokens is the text of
 * the state reached: the bound falls with every token of it, and a token that keeps the bound always exists.
 */
export class ClosingMasks {
  /** Per state: the largest bound over all tokens it allows; a mask needs no filter while the budget exceeds it. */
  private readonly worst = new Map<number, number>();
  private readonly steps = new Map<number, Step | undefined>();
  private readonly bounds = new Map<number, number>();

  private constructor(private readonly machine: TokenMachine) {}

  /** The masks of a machine, shared by its matchers: all of it follows from the machine. */
  static of(machine: TokenMachine): ClosingMasks {
    let masks = shared.get(machine);
    if (!masks) {
      masks = new ClosingMasks(machine);
      shared.set(machine, masks);
    }
    return masks;
  }

  /** Tokens that suffice from a state, the end token included. */
  tokens(state: number): number {
    if (state === 0) return Number.POSITIVE_INFINITY;
    const known = this.bounds.get(state);
    if (known !== undefined) return known;
    const states = [state];
    const text: number[] = [];
    for (let at = this.step(state); at && text.length < MAX_TEXT; at = this.step(at.to)) {
      text.push(at.by);
      states.push(at.to);
    }
    if (!this.machine.accepts(states[text.length] ?? 0)) {
      const bytes = this.machine.shortest(state) + 1;
      this.bounds.set(state, bytes);
      return bytes;
    }
    this.cut(states, text);
    return this.bounds.get(state) ?? Number.POSITIVE_INFINITY;
  }

  /** Whether a text can end within `left` tokens, the end token included. Bytes are counted first: a token has one at least. */
  fits(state: number, left: number): boolean {
    return state !== 0 && (this.machine.shortest(state) + 1 <= left || this.tokens(state) <= left);
  }

  /** Bounds of all states along a text to the end, last first. */
  private cut(states: readonly number[], text: readonly number[]): void {
    const trie = vocabularyTrie(this.machine.vocabulary);
    for (let i = text.length; i >= 0; i--) {
      const state = states[i] ?? 0;
      if (this.bounds.has(state)) continue;
      let least = i === text.length ? 1 : Number.POSITIVE_INFINITY;
      let node = 0;
      for (let j = i; j < text.length; j++) {
        const by = text[j] ?? 0;
        const after = (this.bounds.get(states[j + 1] ?? 0) ?? Number.POSITIVE_INFINITY) + 1;
        if (by < 0) {
          if (j === i) least = after;
          break;
        }
        const end = node + (trie.size[node] ?? 1);
        let child = node + 1;
        while (child < end && trie.byte[child] !== by) child += trie.size[child] ?? 1;
        if (child >= end) break;
        node = child;
        if ((trie.from[node + 1] ?? 0) > (trie.from[node] ?? 0)) least = Math.min(least, after);
      }
      // A vocabulary that cannot spell this text may still spell another.
      this.bounds.set(state, least === Number.POSITIVE_INFINITY ? this.machine.shortest(state) + 1 : least);
    }
  }

  /** The step that brings the end nearest; undefined where the text may end. */
  private step(state: number): Step | undefined {
    if (this.steps.has(state)) return this.steps.get(state);
    const { machine } = this;
    let best: Step | undefined;
    if (!machine.accepts(state)) {
      const now = machine.shortest(state);
      let least = now;
      const consider = (by: number, to: number): void => {
        const left = to === 0 ? Number.POSITIVE_INFINITY : machine.shortest(to);
        if (left >= least) return;
        least = left;
        best = { by, to };
      };
      for (const byte of ENDING_FIRST) {
        consider(byte, machine.step(state, byte));
        // Nearer by the byte taken: no other can do better.
        if (least <= now - 1) break;
      }
      if (machine.special && least > now - 1) {
        for (const token of machine.vocabulary.special.values())
          if (!machine.vocabulary.eos.includes(token)) consider(-1 - token, machine.special(state, token));
      }
    }
    this.steps.set(state, best);
    return best;
  }

  /** The allowed tokens after which the text can still end within the `left` tokens that remain now. */
  mask(state: number, left: number): MaskId {
    const id = this.machine.mask(state);
    const known = this.worst.get(state);
    if (known !== undefined && known + 1 <= left) return id;
    const kept: number[] = [];
    let worst = 0;
    const { vocabulary, accepts } = this.machine;
    // While the bytes of the shortest text fit, one for one, counting them is enough (and some byte keeps it so). Only a budget below
    // that takes cutting texts into tokens, where bytes do not fit.
    const tight = this.machine.shortest(state) + 1 > left;
    let last = 0;
    let fits = true;
    this.successors(state, (token, next) => {
      // Most tokens of a text lead to the same state.
      if (next !== last) {
        last = next;
        const bytes = this.machine.shortest(next) + 1;
        const cost = tight && bytes + 1 > left ? this.tokens(next) : bytes;
        if (cost > worst) worst = cost;
        fits = cost + 1 <= left;
      }
      if (fits) kept.push(token);
    });
    if (accepts.call(this.machine, state) && left > 0) kept.push(...vocabulary.eos);
    if (!tight) this.worst.set(state, worst);
    return worst + 1 <= left ? id : this.machine.pool.intern(-1, Int32Array.from(kept), kept.length);
  }

  /**
   * The tokens that begin the text that ends soonest and after which it still ends within the `left` tokens that remain now: found by
   * following that one text. All of {@link mask} when the vocabulary has none.
   */
  soonest(state: number, left: number): MaskId {
    const { vocabulary, pool, accepts } = this.machine;
    const { byte, size, from, tokens } = vocabularyTrie(vocabulary);
    const kept: number[] = accepts.call(this.machine, state) && left > 0 ? [...vocabulary.eos] : [];
    let node = 0;
    for (let at = this.step(state); at; at = this.step(at.to)) {
      const { by, to } = at;
      if (by < 0) {
        if (node === 0 && this.fits(to, left - 1)) kept.push(-1 - by);
        break;
      }
      const end = node + (size[node] ?? 1);
      let child = node + 1;
      while (child < end && byte[child] !== by) child += size[child] ?? 1;
      if (child >= end) break;
      node = child;
      if (this.fits(to, left - 1))
        for (let t = from[node] ?? 0; t < (from[node + 1] ?? 0); t++) kept.push(tokens[t] ?? 0);
    }
    return kept.length > 0 ? pool.intern(-1, Int32Array.from(kept), kept.length) : this.mask(state, left);
  }

  /** Visits the allowed tokens with the state after each, end tokens left out. */
  private successors(state: number, visit: (token: number, next: number) => void): void {
    const { machine } = this;
    const { byte, depth, size, from, tokens, count, maxDepth } = vocabularyTrie(machine.vocabulary);
    const path = new Int32Array(maxDepth + 1);
    path[0] = state;
    // Most steps start from one of a few states (inside of a string, most from one): a table each is faster than asking the machine.
    const rows = new Map<number, Int32Array>();
    let lastState = -1;
    let row: Int32Array | undefined;
    for (let i = 1; i < count; ) {
      const d = depth[i] ?? 0;
      const at = path[d - 1] ?? 0;
      const by = byte[i] ?? 0;
      if (at !== lastState) {
        lastState = at;
        row = rows.get(at);
        if (!row && rows.size < MAX_ROWS) rows.set(at, (row = new Int32Array(256).fill(-1)));
      }
      let next = row?.[by] ?? -1;
      if (next < 0) {
        next = machine.step(at, by);
        if (row) row[by] = next;
      }
      if (next === 0) {
        i += size[i] ?? 1;
        continue;
      }
      path[d] = next;
      for (let t = from[i] ?? 0; t < (from[i + 1] ?? 0); t++) {
        visit(tokens[t] ?? 0, next);
      }
      i++;
    }
    for (const token of machine.special ? machine.vocabulary.special.values() : []) {
      const next = machine.vocabulary.eos.includes(token) ? 0 : (machine.special?.(state, token) ?? 0);
      if (next !== 0) visit(token, next);
    }
  }
}
