import type { Vocabulary } from '../vocabulary.ts';
import type { MaskId, MaskPool } from './mask-pool.ts';
import type { AcceptorMasks, TokenMachine } from './token-machine.ts';
import { Triples } from './triples.ts';

/** How many tokens a stretch of a text may take. */
export interface Limit {
  /** The most tokens. */
  readonly tokens: number;
  /** Fewest bytes (and special tokens) to the end of the stretch from a state, 0 outside of it. */
  leaving(state: number): number;
  /** The most that {@link leaving} gives. */
  readonly longest: number;
}

/** A machine whose texts keep to a limit: near it only tokens are left after which the stretch still ends in time, were it byte by byte. */
export class LimitedMasks implements TokenMachine {
  readonly vocabulary: Vocabulary;
  readonly pool: MaskPool;
  readonly start: number;
  /** The way to the end leaves the stretch at once, however long it was. */
  readonly places = {
    of: (state: number): number => this.state(this.states.a[state] ?? 0, 0),
    step: (place: number, byte: number): number => this.step(place, byte),
  };
  /** States of the machine within, and tokens of the stretch so far. */
  private readonly states = new Triples();
  private readonly masks = new Map<number, MaskId>();
  private readonly distances: number[] = [];

  constructor(
    private readonly inner: AcceptorMasks,
    private readonly limit: Limit,
  ) {
    ({ vocabulary: this.vocabulary, pool: this.pool } = inner);
    this.start = this.state(inner.start, 0);
  }

  step(state: number, byte: number): number {
    const { a, b } = this.states;
    return this.state(this.inner.step(a[state] ?? 0, byte), b[state] ?? 0);
  }

  run(state: number, bytes: Uint8Array): number {
    return this.taken(state, this.inner.run(this.states.a[state] ?? 0, bytes));
  }

  special(state: number, token: number): number {
    return this.taken(state, this.inner.special(this.states.a[state] ?? 0, token));
  }

  accepts(state: number): boolean {
    return this.inner.accepts(this.states.a[state] ?? 0);
  }

  shortest(state: number): number {
    return this.inner.shortest(this.states.a[state] ?? 0);
  }

  likely(state: number): readonly string[] {
    return this.inner.likely(this.states.a[state] ?? 0);
  }

  mask(state: number): MaskId {
    const { inner, pool, vocabulary } = this;
    const within = this.states.a[state] ?? 0;
    const all = inner.mask(within);
    if (this.left(state) >= this.limit.longest) return all;
    let mask = this.masks.get(state);
    if (mask === undefined) {
      const words = pool.view(all).map((word, i) => {
        let kept = word;
        for (let bit = 0; bit < 32; bit++) {
          const token = i * 32 + bit;
          const bytes = (word >>> bit) & 1 ? vocabulary.bytes[token] : undefined;
          if (bytes === undefined) continue;
          const next = bytes ? inner.run(within, bytes) : inner.special(within, token);
          if (next !== 0 && this.taken(state, next) === 0) kept &= ~(1 << bit);
        }
        return kept;
      });
      this.masks.set(state, (mask = pool.internWords(words)));
    }
    return mask;
  }

  /** Tokens that the stretch may still take after the next one. */
  private left(state: number): number {
    return this.limit.tokens - (this.states.b[state] ?? 0) - 1;
  }

  /** The state after a token that leads to one of the machine within, or 0. */
  private taken(state: number, next: number): number {
    return this.leaving(next) > this.left(state) ? 0 : this.state(next, (this.states.b[state] ?? 0) + 1);
  }

  private state(inner: number, tokens: number): number {
    return inner === 0 ? 0 : this.states.of(inner, this.leaving(inner) === 0 ? 0 : tokens);
  }

  private leaving(inner: number): number {
    return (this.distances[inner] ??= inner === 0 ? 0 : this.limit.leaving(inner));
  }
}
