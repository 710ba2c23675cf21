import type { MaskId, MaskPool, SetHash } from '../../matching/mask-pool.ts';
import type { Vocabulary } from '../../vocabulary.ts';
import type { JsonAcceptor } from '../acceptor.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { type Counts, StringLeaf } from '../automaton/leaf-string.ts';
import type { StackId } from '../automaton/stack.ts';
import type { CharBits } from './char-bits.ts';
import { type Loop, ROUND } from './char-loops.ts';
import type { MaskWalk } from './mask-walk.ts';
import { type JsonTokens, within } from './string-tokens.ts';

/** With fewer characters left than this, a state that counts is walked as it is. */
const SHORT = 10;
/** Where a bound on the length is left out, so many tokens are tried one by one at most. */
const MANY = 6000;
/** Tokens with more characters than this are so few that they are tried one by one. */
export const MOST = 32;
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

/** Has an escape, or a part of a character. */
const SPELLED = /[\\\ufffd]/;
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

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
    const text = info instanceof KeyLeaf ? info.asText() : 0;
    const same = this.acceptor.machine.leaves[text];
    if (same instanceof StringLeaf) return this.of(same, text, this.counted(same));
    const key = info.patterns();
    const known = key && this.known.get(key);
    if (known) return known;
    const origin = info instanceof StringLeaf ? info.origin() : undefined;
    const inside = this.recall(origin) ?? (counted ? this.counting(counted, leaf) : this.unbounded(info, leaf));
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
  counted(info: StringLeaf | KeyLeaf): Counted | undefined {
    const { counts } = info;
    if (!counts || counts.slot.min > 0) return undefined;
    const { engine } = this.acceptor.machine;
    const { lang, most } = counts;
    const sure = most - engine.need(lang);
    return sure >= SHORT ? { ...counts, sure, plain: info.uncounted(counts) } : undefined;
  }

  /** Tokens of a state whose length has a bound: those without it, unless they may be too long for it. */
  private unbounded(info: StringLeaf | KeyLeaf, leaf: number): Inside {
    return (info instanceof StringLeaf ? this.bounded(info, leaf) : undefined) ?? this.search(leaf);
  }

  /** The same where few lengths are not sure; undefined elsewhere. */
  private bounded(info: StringLeaf, leaf: number): Inside | undefined {
    const { acceptor } = this;
    const { longest, byLength } = this.tokens.strings;
    const bound = info.withoutMax();
    const other = acceptor.machine.leaves[bound?.plain ?? 0];
    if (!bound || bound.sure < 0 || !(other instanceof StringLeaf)) return undefined;
    const { sure, max, plain } = bound;
    let unsure = 0;
    for (let length = sure + 1; length <= Math.min(max, longest); length++) unsure += byLength[length]?.length ?? 0;
    if (unsure > MANY) return undefined;
    const whole = this.of(other, plain, this.counted(other));
    return sure >= longest ? whole : { mask: this.shortened(whole.mask, sure, max, leaf) };
  }

  /** The tokens of a mask with so many characters at most, and those of the longer ones, `max` characters at most, that a state takes. */
  private shortened(mask: MaskId, sure: number, max: number, leaf: number): MaskId {
    const { pool } = this;
    const { longest, byLength } = this.tokens.strings;
    const words = pool.view(mask);
    const over: number[] = [];
    for (let length = sure + 1; length <= longest; length++)
      for (const token of byLength[length] ?? [])
        if (((words[token >>> 5] ?? 0) >>> (token & 31)) & 1 && (length > max || !this.admits(token, length, leaf)))
          over.push(token);
    return pool.toggle(mask, over);
  }

  /** Whether a token of so many characters may come, tried alone. */
  private admits(token: number, length: number, leaf: number): boolean {
    const info = this.acceptor.machine.leaves[leaf];
    const text = utf8.decode(this.vocabulary.bytes[token] ?? undefined);
    return info instanceof StringLeaf && !SPELLED.test(text) ? info.admits(text, length) : this.takes(token, leaf, 0);
  }

  /** Tokens of a state that counts: those of the same state without counters, unless they may be too long for them. */
  private counting({ sure, plain }: Counted, leaf: number): Inside {
    const { acceptor, tokens, walk } = this;
    const own = acceptor.machine.leaves[leaf];
    const text = own instanceof StringLeaf ? own : undefined;
    if (sure < (text?.origin() ? MOST : tokens.strings.longest)) {
      const bounded = text && this.bounded(text, leaf);
      if (bounded) return bounded;
      const loop = walk.loops.of(plain);
      if (loop?.count !== ROUND) return this.search(leaf);
      // Where each character counts, the walk would meet a state of its own at nearly every node.
      const next = walk.loops.link(leaf)?.next ?? leaf;
      if (sure < MOST || walk.loops.link(next)?.next === next)
        return { mask: this.along(leaf, { set: loop.set, exits: loop.exits, count: sure }) };
    }
    const info = acceptor.machine.leaves[plain];
    const whole = info instanceof StringLeaf ? this.of(info, plain, undefined) : this.search(plain);
    return sure >= tokens.strings.longest
      ? whole
      : { mask: this.shortened(whole.mask, sure, Number.POSITIVE_INFINITY, leaf) };
  }

  /** Whether a token may come, tried alone. */
  takes(token: number, leaf: number, stack: StackId): boolean {
    const bytes = this.vocabulary.bytes[token];
    this.walk.begin(leaf, stack);
    return bytes ? this.walk.takes(bytes) : false;
  }

  /** Most of the tokens consist of characters that lead round. These are known for the vocabulary; only tokens that leave the loop are walked. */
  private search(leaf: number): Inside {
    const { walk, pool } = this;
    const own = walk.loops.of(leaf);
    if (own) {
      const mask = this.along(leaf, own);
      return own.count === ROUND && pool.mask(mask).base === this.baseOf(own.set, ROUND)
        ? { mask, loop: own.set }
        : { mask };
    }
    walk.begin(leaf, 0);
    walk.walkText();
    return { mask: pool.intern(-1, walk.found, walk.count) };
  }

  /** The tokens along a loop of the state, and those that leave it. */
  private along(leaf: number, loop: Loop): MaskId {
    const { walk, pool } = this;
    const base = this.baseOf(loop.set, loop.counts ? ROUND : loop.count);
    walk.begin(leaf, 0);
    walk.walkText(loop, pool.wordsOf(base));
    return pool.intern(base, walk.found, walk.count);
  }

  /** The base of tokens made of a set's characters, so many at most. */
  baseOf(set: CharBits, limit: number): number {
    return this.baseFor(within(this.tokens, set, limit));
  }

  /** The base of a set that is kept. */
  baseFor(words: Uint32Array): number {
    let base = this.setBases.get(words);
    if (base === undefined) {
      base = this.pool.addBase(words);
      this.setBases.set(words, base);
    }
    return base;
  }
}
