import type { MaskId, MaskPool, SetHash } from '../mask-pool.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { JsonAcceptor } from './acceptor.ts';
import type { CharBits } from './char-loops.ts';
import type { KeyLeaf } from './leaf-object.ts';
import { type Counts, StringLeaf } from './leaf-string.ts';
import type { MaskWalk } from './mask-walk.ts';
import type { StackId } from './stack.ts';
import { insideUpTo, type JsonTokens, within } from './string-tokens.ts';

/** With fewer characters left than this, a state that counts is walked as it is. */
const SHORT = 10;
/** Counting loops shorter than this are walked as they are. */
const LONG = 8;
/** Masks of formats kept for a vocabulary. */
const MAX_KEPT = 2048;

/** The tokens that stay within a string. */
export interface Inside {
  readonly mask: MaskId;
  /** When the mask's base is the tokens of a loop: which. */
  readonly loop?: CharBits | undefined;
}

/** A state that counts, and the same state without its counters. */
export interface Counted extends Counts {
  readonly plain: number;
  /** Up to so many characters, what may come in the state without counters may also go on to the end in the one with them. */
  readonly sure: number;
}

/** An {@link Inside} apart from any pool. */
interface Kept {
  readonly base: Uint32Array | undefined;
  readonly extra: Int32Array;
  readonly hash: SetHash;
  readonly loop: CharBits | undefined;
}

/** What formats leave inside strings is the same for all constraints over a vocabulary. */
const kept = new WeakMap<JsonTokens, Map<string, Kept>>();

/** The tokens that stay within a string with a pattern. They depend on the pattern alone, not on what follows the string. */
export class Insides {
  private readonly known = new Map<string, Inside>();
  private readonly setBases = new Map<Uint32Array, number>();
  private readonly kept: Map<string, Kept>;

  constructor(
    private readonly acceptor: JsonAcceptor,
    private readonly vocabulary: Vocabulary,
    private readonly tokens: JsonTokens,
    private readonly walk: MaskWalk,
    private readonly pool: MaskPool,
  ) {
    let all = kept.get(tokens);
    if (!all) kept.set(tokens, (all = new Map()));
    this.kept = all;
  }

  /** The tokens of a state between characters. */
  of(info: StringLeaf | KeyLeaf, leaf: number, counted: Counted | undefined): Inside {
    const key = info.patterns();
    const known = key && this.known.get(key);
    if (known) return known;
    const origin = info instanceof StringLeaf ? info.origin() : undefined;
    const inside = this.recall(origin) ?? (counted ? this.counting(counted, leaf) : this.search(leaf));
    if (key !== undefined) this.known.set(key, inside);
    if (origin !== undefined) this.keep(origin, inside);
    return inside;
  }

  private recall(origin: string | undefined): Inside | undefined {
    const found = origin === undefined ? undefined : this.kept.get(origin);
    if (!found) return undefined;
    const base = found.base ? this.baseFor(found.base) : -1;
    return { mask: this.pool.adopt(base, found.extra, found.hash), loop: found.loop };
  }

  private keep(origin: string, { mask, loop }: Inside): void {
    if (this.kept.has(origin)) return;
    if (this.kept.size >= MAX_KEPT) this.kept.clear();
    const { base, extra } = this.pool.mask(mask);
    this.kept.set(origin, { base: this.pool.wordsOf(base), extra, hash: this.pool.hashOf(mask), loop });
  }

  /**
   * The state without counters, where it tells about most tokens; undefined where the counters are nearly exhausted, or where it is
   * not known how many characters the pattern may still need.
   */
  counted(info: StringLeaf): Counted | undefined {
    const { counts } = info;
    if (!counts || counts.slot.min > 0) return undefined;
    const { engine } = this.acceptor.machine;
    const { lang, most } = counts;
    const sure = most - engine.need(lang);
    return sure >= SHORT ? { ...counts, sure, plain: info.uncounted(counts) } : undefined;
  }

  /** Tokens of a state that counts: those of the same state without counters, less those that are too long for them. */
  private counting({ slot, most, sure, plain }: Counted, leaf: number): Inside {
    const { pool, tokens, acceptor } = this;
    const { strings } = tokens;
    const info = acceptor.machine.leaves[plain];
    const whole = info instanceof StringLeaf ? this.of(info, plain, undefined) : this.search(plain);
    if (sure >= strings.longest) return whole;
    const view = pool.view(whole.mask);
    const words = new Uint32Array(view.length);
    const short = insideUpTo(strings, sure);
    for (let w = 0; w < words.length; w++) words[w] = (view[w] ?? 0) & (short[w] ?? 0);
    for (let length = sure + 1; length <= Math.min(slot.max, strings.longest); length++)
      for (const token of strings.byLength[length] ?? []) {
        if ((((view[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 0) continue;
        if (length + this.rest(plain, token) <= most || this.takes(token, leaf, 0))
          words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
      }
    return { mask: pool.internWords(words) };
  }

  /** Whether a token may come, tried alone. */
  takes(token: number, leaf: number, stack: StackId): boolean {
    const bytes = this.vocabulary.bytes[token];
    this.walk.begin(leaf, stack);
    return bytes ? this.walk.takes(bytes) : false;
  }

  /** The fewest characters after a token that stays within a string; Infinity where that is not known. */
  private rest(leaf: number, token: number): number {
    const { machine } = this.acceptor;
    let at = leaf;
    for (const byte of this.vocabulary.bytes[token] ?? []) at = machine.step(at, byte) >> 2;
    const after = machine.leaves[at];
    const slot = after instanceof StringLeaf && after.decoder === 0 ? after.slots[0] : undefined;
    return slot ? machine.facts.rest(slot.lang) : Number.POSITIVE_INFINITY;
  }

  /**
   * Most of the tokens consist of characters that lead round in the state, or in the one that most characters lead to. These are known
   * for the vocabulary; only tokens that leave the loop are walked.
   */
  private search(leaf: number): Inside {
    const { walk, tokens, pool } = this;
    const { loops } = walk;
    walk.begin(leaf, 0);
    const own = loops.of(leaf);
    const link = loops.link(leaf);
    const main = link?.next ?? 0;
    if (own && (main === leaf || (own.count >= LONG && !own.others))) {
      const chain = main === leaf ? undefined : loops.chain(leaf, own.count);
      walk.walkExits(leaf, own, own, chain);
      const base = this.baseOf(own, own.count);
      const mask = pool.intern(base, walk.found, walk.count);
      return main === leaf && pool.mask(mask).base === base ? { mask, loop: own } : { mask };
    }
    const loop = link && loops.of(main);
    if (!link || !loop || loops.link(main)?.next !== main || link.set.others !== loop.others) {
      walk.walk(tokens.text, true);
      return { mask: pool.intern(-1, walk.found, walk.count) };
    }
    const first = link.set;
    walk.walkExits(main, loop, first);
    const words = within(tokens, loop, Number.POSITIVE_INFINITY).slice();
    this.withoutStarts(words, loop, first);
    const { found, count } = walk;
    for (let i = 0; i < count; i++) {
      const token = found[i] ?? 0;
      words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    }
    return { mask: pool.internWords(words) };
  }

  /** Takes away the tokens that begin with a character of a set but not of another one. */
  private withoutStarts(words: Uint32Array, set: CharBits, first: CharBits): void {
    const { text } = this.tokens;
    for (let i = 1; i < text.count; i += text.size[i] ?? 1) {
      const byte = text.byte[i] ?? 0;
      const bit =
        byte < 0x80 ? (((set.ascii[byte >> 5] ?? 0) & ~(first.ascii[byte >> 5] ?? 0)) >>> (byte & 31)) & 1 : 0;
      if (bit === 0) continue;
      const last = text.from[i + (text.size[i] ?? 1)] ?? 0;
      for (let t = text.from[i] ?? 0; t < last; t++) {
        const token = text.tokens[t] ?? 0;
        words[token >>> 5] = (words[token >>> 5] ?? 0) & ~(1 << (token & 31));
      }
    }
  }

  /** The base of tokens made of a set's characters, so many at most. */
  baseOf(set: CharBits, limit: number): number {
    return this.baseFor(within(this.tokens, set, limit));
  }

  private baseFor(words: Uint32Array): number {
    let base = this.setBases.get(words);
    if (base === undefined) {
      base = this.pool.addBase(words);
      this.setBases.set(words, base);
    }
    return base;
  }
}
