import type { MaskId } from './mask-pool.ts';
import type { TokenMachine } from './token-machine.ts';

/**
 * Masks that keep a text finishable within a number of tokens. The bound is the shortest text's bytes plus the end token:
 * every vocabulary spells every byte, so that many tokens always suffice.
 */
export class ClosingMasks {
  /** Per state: the largest bound over all tokens it allows; a mask needs no filter while the budget exceeds it. */
  private readonly worst = new Map<number, number>();

  constructor(private readonly machine: TokenMachine) {}

  /** Tokens that always suffice from a state, the end token included. */
  tokens(state: number): number {
    return this.machine.shortest(state) + 1;
  }

  /** The allowed tokens after which the text can still end within the `left` tokens that remain now. */
  mask(state: number, left: number): MaskId {
    const id = this.machine.mask(state);
    const known = this.worst.get(state);
    if (known !== undefined && known + 1 <= left) return id;
    const { pool } = this.machine;
    const words = pool.view(id);
    const kept: number[] = [];
    let worst = 0;
    for (let w = 0; w < words.length; w++) {
      for (let bits = words[w] ?? 0; bits !== 0; bits &= bits - 1) {
        const token = w * 32 + 31 - Math.clz32(bits & -bits);
        const cost = this.after(state, token);
        if (cost > worst) worst = cost;
        if (cost + 1 <= left) kept.push(token);
      }
    }
    this.worst.set(state, worst);
    return worst + 1 <= left ? id : pool.intern(-1, Int32Array.from(kept), kept.length);
  }

  private after(state: number, token: number): number {
    const bytes = this.machine.vocabulary.bytes[token];
    if (bytes) return this.tokens(this.machine.run(state, bytes));
    const next = this.machine.special?.(state, token) ?? 0;
    return next === 0 ? 0 : this.tokens(next);
  }
}
