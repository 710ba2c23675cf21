import { CHAR_WORDS } from '../json/masks/char-bits.ts';
import { rowsOf } from '../json/masks/subtrees.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { Acceptor, OwnMasks } from './acceptor.ts';
import type { Places } from './endings.ts';
import { type MaskId, MaskPool } from './mask-pool.ts';
import { vocabularyTrie } from './trie.ts';

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
  /** What of its states matters for the end; absent: all. */
  readonly places?: Places;
  /** As of {@link Acceptor.likely}. */
  likely?(state: number): readonly string[];
}

/**
 * A machine written out. A state is a leaf and a stack of frames. Transitions are codes: 0 dead, 4 L to leaf L, 4 E + 1 to the leaf of entry
 * E with its frame on the stack, 4 R + 2 back to the frame with result R, 4 R + 3 the same and the byte is taken there, {@link OUTSIDE}.
 */
export interface Tables {
  /** By leaf, counted from 1, and byte. Leaf 1 is the start. */
  readonly rows: readonly Int32Array[];
  /** By leaf: not 0 where the text may end, when at most the frame of the document is on the stack. */
  readonly ends: readonly number[];
  /** By leaf: pairs of a result and the fewest bytes to it. */
  readonly costs: readonly (readonly number[])[];
  /** Pairs of a frame and a leaf. */
  readonly entries: readonly number[];
  /** By frame: pairs of a result and the leaf that goes on after it. Frame 0 is that of the document; none: no stack at all. */
  readonly resumes: readonly (readonly number[])[];
  /** By leaf: the mask, or those by the frame on top, and so on. */
  readonly masks: readonly MaskTree[];
  /** Triples of a leaf, a special token and a code. */
  readonly specials: readonly number[];
  /** No text leaves the tables. */
  readonly complete: boolean;
}

/** How far {@link Tables} are written: states looked at of those met so far, then masks of the states there are. */
export interface TablesProgress {
  readonly phase: 'states' | 'masks';
  readonly done: number;
  readonly total: number;
}

/** Tables in the making: stops now and then, so that who runs it may say how far it is, give others a turn, or not go on. */
export type TablesWork<T> = Generator<TablesProgress, T, void>;

/** A transition that tables do not hold. */
export const OUTSIDE = -1;

/** A mask, the masks by the frame below, or undefined: not looked at. */
export type MaskTree = MaskId | undefined | Map<number, MaskTree>;

/**
 * Masks of any byte acceptor: one walk over the token trie for every new state. Within a part that has masks of its own only the tokens that
 * may reach over its end are walked.
 */
export class AcceptorMasks implements TokenMachine {
  readonly start: number;
  private readonly memo = new Map<number, MaskId>();
  /** Of each part that has them. */
  private readonly own = new Map<Acceptor, OwnMasks>();

  constructor(
    private readonly acceptor: Acceptor,
    readonly vocabulary: Vocabulary,
    readonly pool = new MaskPool(vocabulary.size),
  ) {
    this.start = acceptor.start;
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

  likely(state: number): readonly string[] {
    const { acceptor, state: at } = this.acceptor.within?.(state) ?? { acceptor: this.acceptor, state };
    return acceptor.likely?.(at) ?? [];
  }

  mask(state: number): MaskId {
    let mask = this.memo.get(state);
    if (mask === undefined) {
      mask = this.within(state) ?? walkedMask(this.acceptor, state, this.vocabulary, this.pool);
      this.memo.set(state, mask);
    }
    return mask;
  }

  /** The mask of a state within a part that has masks of its own. */
  private within(state: number): MaskId | undefined {
    const inner = this.acceptor.within?.(state);
    if (!inner?.acceptor.masks) return undefined;
    let own = this.own.get(inner.acceptor);
    if (!own) this.own.set(inner.acceptor, (own = inner.acceptor.masks(this.vocabulary, this.pool)));
    const mask = own.mask(inner.state);
    return this.pool.toggle(mask, this.beyond(state, own.owed(inner.state), this.pool.view(mask)));
  }

  /** Tokens that are not in a mask but go on from a state; all of them hold the owed characters, in order. */
  private beyond(state: number, owed: string, words: Uint32Array): readonly number[] {
    const { acceptor } = this;
    const trie = vocabularyTrie(this.vocabulary);
    const path = new Int32Array(trie.maxDepth + 1);
    const { bits } = rowsOf(trie);
    const found: number[] = [];
    // By depth: how many of the characters have come.
    const come = new Uint32Array(trie.maxDepth + 1);
    path[0] = state;
    for (let i = 1; i < trie.count; ) {
      const d = trie.depth[i] ?? 0;
      const byte = trie.byte[i] ?? 0;
      let at = come[d - 1] ?? 0;
      if (byte === owed.charCodeAt(at)) at++;
      let hopeless = false;
      for (let k = at; k < owed.length; k++) {
        const c = owed.charCodeAt(k);
        if (!(((bits[i * CHAR_WORDS + (c >> 5)] ?? 0) >> (c & 31)) & 1)) hopeless = true;
      }
      const next = hopeless ? 0 : acceptor.step(path[d - 1] ?? 0, byte);
      if (next === 0) {
        i += trie.size[i] ?? 1;
        continue;
      }
      path[d] = next;
      come[d] = at;
      for (let t = trie.from[i] ?? 0; at === owed.length && t < (trie.from[i + 1] ?? 0); t++) {
        const token = trie.tokens[t] ?? 0;
        if ((((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 0) found.push(token);
      }
      i++;
    }
    return found;
  }
}

/** The mask of a state by one walk over the token trie, or one of some tokens. */
export function walkedMask(
  acceptor: Pick<Acceptor, 'step' | 'accepts' | 'specials'>,
  state: number,
  vocabulary: Vocabulary,
  pool: MaskPool,
  trie = vocabularyTrie(vocabulary),
): MaskId {
  const { byte, depth, size, from, tokens, count, maxDepth } = trie;
  const path = new Int32Array(maxDepth + 1);
  const found: number[] = [];
  path[0] = state;
  for (let i = 1; i < count; ) {
    const d = depth[i] ?? 0;
    const next = acceptor.step(path[d - 1] ?? 0, byte[i] ?? 0);
    if (next === 0) {
      i += size[i] ?? 1;
      continue;
    }
    path[d] = next;
    for (let t = from[i] ?? 0; t < (from[i + 1] ?? 0); t++) found.push(tokens[t] ?? 0);
    i++;
  }
  // An end token ends the text, also where a constraint has it.
  for (const token of acceptor.specials?.(state) ?? []) if (!vocabulary.eos.includes(token)) found.push(token);
  if (acceptor.accepts(state)) found.push(...vocabulary.eos);
  return pool.intern(-1, Int32Array.from(found), found.length);
}
