import type { Acceptor } from './acceptor.ts';
import { type MaskId, MaskPool } from './mask-pool.ts';
import { type TokenTrie, vocabularyTrie } from './trie.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A constraint over the tokens of one vocabulary: byte states, and the mask of each. */
export interface TokenMachine {
  readonly vocabulary: Vocabulary;
  readonly pool: MaskPool;
  readonly start: number;
  /** The state after one more byte, or 0. */
  step(state: number, byte: number): number;
  /** The state after several bytes, or 0. */
  run(state: number, bytes: Uint8Array): number;
  /** The state after a special token, or 0; absent where no special token is ever part of the text. */
  special?(state: number, token: number): number;
  accepts(state: number): boolean;
  /** Fewest bytes to the end. */
  shortest(state: number): number;
  /** Tokens allowed in a state; end tokens where the text may end. */
  mask(state: number): MaskId;
}

/** Masks of any byte acceptor: one walk over the token trie for every new state. */
export class AcceptorMasks implements TokenMachine {
  readonly pool: MaskPool;
  readonly start: number;
  private readonly trie: TokenTrie;
  private readonly memo = new Map<number, MaskId>();
  private readonly path: Int32Array;
  private readonly found: Int32Array;

  constructor(
    private readonly acceptor: Acceptor,
    readonly vocabulary: Vocabulary,
  ) {
    this.start = acceptor.start;
    this.trie = vocabularyTrie(vocabulary);
    this.pool = new MaskPool(vocabulary.size);
    this.path = new Int32Array(this.trie.maxDepth + 1);
    this.found = new Int32Array(vocabulary.size + vocabulary.eos.length + vocabulary.special.size);
  }

  step(state: number, byte: number): number {
    return this.acceptor.step(state, byte);
  }

  run(state: number, bytes: Uint8Array): number {
    let at = state;
    for (let i = 0; i < bytes.length && at !== 0; i++) at = this.acceptor.step(at, bytes[i] ?? 0);
    return at;
  }

  special(state: number, token: number): number {
    return this.acceptor.special?.(state, token) ?? 0;
  }

  accepts(state: number): boolean {
    return this.acceptor.accepts(state);
  }

  shortest(state: number): number {
    return this.acceptor.shortest(state);
  }

  mask(state: number): MaskId {
    const known = this.memo.get(state);
    if (known !== undefined) return known;
    const { byte, depth, size, from, tokens, count } = this.trie;
    const { path, found, acceptor } = this;
    let n = 0;
    path[0] = state;
    for (let i = 1; i < count; ) {
      const d = depth[i] ?? 0;
      const next = acceptor.step(path[d - 1] ?? 0, byte[i] ?? 0);
      if (next === 0) {
        i += size[i] ?? 1;
        continue;
      }
      path[d] = next;
      for (let t = from[i] ?? 0; t < (from[i + 1] ?? 0); t++) found[n++] = tokens[t] ?? 0;
      i++;
    }
    for (const token of acceptor.specials?.(state) ?? []) found[n++] = token;
    if (acceptor.accepts(state)) for (const token of this.vocabulary.eos) found[n++] = token;
    const mask = this.pool.intern(-1, found, n);
    this.memo.set(state, mask);
    return mask;
  }
}
