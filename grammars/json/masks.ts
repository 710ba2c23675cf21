import { type MaskId, MaskPool } from '../mask-pool.ts';
import type { TokenMachine } from '../token-machine.ts';
import { vocabularyTrie } from '../trie.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { JsonAcceptor } from './acceptor.ts';
import type { CharBits } from './char-loops.ts';
import { KeyLeaf, ObjectLeaf } from './leaf-object.ts';
import { type Counts, StringLeaf } from './leaf-string.ts';
import { ArrayLeaf, INDENT, ValueLeaf } from './leaf-structure.ts';
import { ListedMasks } from './listed-masks.ts';
import { Memo } from './mask-memo.ts';
import { MaskWalk, type TailSet } from './mask-walk.ts';
import type { StackId } from './stack.ts';
import { INSIDE, insideUpTo, type JsonTokens, jsonTokens, within } from './string-tokens.ts';

/** With fewer characters left than this, a walk is short anyway. */
const SHORT = 10;

/** The mask of a situation, and the tokens that may come beside, depending on the text read before. */
interface Found {
  readonly mask: MaskId;
  readonly later: readonly number[];
  /** When the mask's base is the tokens of a loop: which. */
  readonly loop?: CharBits;
}

/** The tokens that stay within a string. */
interface Inside {
  readonly mask: MaskId;
  /** When the mask's base is the tokens of a loop: which. */
  readonly loop?: CharBits;
}

const NONE: readonly number[] = [];
/** Counting loops shorter than this are walked as they are. */
const LONG = 8;

/**
 * Masks of a JSON automaton over one vocabulary. A mask is remembered by the leaf and as many frames of the stack as its
 * computation looked at, so that equal situations at any depth share it.
 */
export class JsonMasks implements TokenMachine {
  readonly pool: MaskPool;
  private readonly tokens: JsonTokens;
  private readonly walk: MaskWalk;
  private readonly listed: ListedMasks;
  private readonly insideBase: number;
  private readonly memo: Memo<Found>;
  private readonly decided = new Map<number, MaskId>();
  private readonly bases = new Map<number, number>();
  /** By {@link StringLeaf.patterns}: they do not depend on what follows. */
  private readonly insides = new Map<string, Inside>();
  private readonly setBases = new Map<Uint32Array, number>();

  constructor(
    readonly acceptor: JsonAcceptor,
    readonly vocabulary: Vocabulary,
  ) {
    const { escapes, whitespace } = acceptor.machine.options;
    this.tokens = jsonTokens(vocabulary, escapes, whitespace);
    this.walk = new MaskWalk(acceptor, vocabulary, this.tokens);
    this.listed = new ListedMasks(acceptor, this.tokens, this.walk);
    this.memo = new Memo(acceptor.stacks);
    this.pool = new MaskPool(vocabulary.size);
    this.insideBase = this.pool.addBase(this.tokens.strings.inside);
  }

  get start(): number {
    return this.acceptor.start;
  }

  step(state: number, byte: number): number {
    return this.acceptor.step(state, byte);
  }

  run(state: number, bytes: Uint8Array): number {
    return this.acceptor.run(state, bytes);
  }

  accepts(state: number): boolean {
    return this.acceptor.accepts(state);
  }

  shortest(state: number): number {
    return this.acceptor.shortest(state);
  }

  mask(state: number): MaskId {
    const { acceptor } = this;
    acceptor.load(state);
    const found = this.memo.find(acceptor.leaf, acceptor.stack) ?? this.compute(acceptor.leaf, acceptor.stack);
    return found.later.length === 0 ? found.mask : this.decide(state, found);
  }

  private compute(leaf: number, stack: StackId): Found {
    const { walk, acceptor } = this;
    acceptor.machine.solver.budget.reset();
    walk.lowest = acceptor.stacks.depth(stack);
    const found = this.collect(leaf, stack);
    this.memo.set(leaf, stack, walk.lowest, found);
    return found;
  }

  /** Tries the tokens that depend on the text, one by one. */
  private decide(state: number, { mask, later }: Found): MaskId {
    const { acceptor, vocabulary } = this;
    let whole = this.decided.get(state);
    if (whole === undefined) {
      acceptor.machine.solver.budget.reset();
      const tokens = later.filter((token) => acceptor.takes(state, vocabulary.bytes[token]));
      whole = this.pool.extend(mask, tokens);
      this.decided.set(state, whole);
    }
    return whole;
  }

  private collect(leaf: number, stack: StackId): Found {
    const { walk, tokens, acceptor, vocabulary } = this;
    const info = acceptor.machine.leaves[leaf];
    walk.begin(leaf, stack);
    if (info instanceof StringLeaf || info instanceof KeyLeaf) {
      const { profile } = info;
      if (profile?.kind === 'free') return this.free(leaf, stack);
      if (profile?.kind === 'length' && info instanceof StringLeaf)
        return this.counted(info, stack, profile.min, profile.max);
      if (profile?.kind === 'run' && info instanceof StringLeaf) {
        const found = this.ofRun(info, stack, profile.min, profile.max);
        if (found) return found;
        walk.begin(leaf, stack);
      }
      const counts = profile === undefined && info instanceof StringLeaf ? info.counts : undefined;
      if (counts && info instanceof StringLeaf) {
        const found = this.uncounted(info, counts, leaf, stack);
        if (found) return found;
        walk.begin(leaf, stack);
      }
      if (profile?.kind === 'inside') {
        if (info instanceof KeyLeaf && info.offLeaf !== 0) {
          if (!this.listed.near(info, stack)) return this.free(info.offLeaf, stack);
        } else walk.walk(tokens.quotes, true);
        return this.found(this.insideBase);
      }
      const rests = info.decoder === 0 ? info.listedRests() : undefined;
      if (rests) {
        this.listed.only(rests, leaf, stack);
        return this.found(-1);
      }
      if (info.decoder === 0) return this.patterned(info, leaf, stack);
      // In the middle of a character other tokens go on than between characters.
      walk.walk(vocabularyTrie(vocabulary), false);
      return this.found(-1);
    }
    walk.walk(tokens.structure, false);
    if ((info instanceof ValueLeaf || info instanceof ObjectLeaf || info instanceof ArrayLeaf) && info.space > 2)
      this.dropIndents(INDENT + 2 - info.space);
    if ((info?.end() ?? 0) !== 0) {
      walk.lowest = Math.min(walk.lowest, Math.max(0, acceptor.stacks.depth(stack) - 1));
      if (stack <= 0) for (const token of vocabulary.eos) walk.found[walk.count++] = token;
    }
    return this.found(-1);
  }

  /** What the last walk found beside a base. */
  private found(base: number): Found {
    const { found, count, later } = this.walk;
    return { mask: this.pool.intern(base, found, count), later: later.length === 0 ? NONE : later };
  }

  /** Only so much more indentation may come. */
  private dropIndents(limit: number): void {
    const { walk } = this;
    const { indents } = this.tokens;
    let kept = 0;
    for (let i = 0; i < walk.count; i++) {
      const token = walk.found[i] ?? 0;
      if ((indents[token] ?? 0) <= limit) walk.found[kept++] = token;
    }
    walk.count = kept;
    walk.later = walk.later.filter((token) => (indents[token] ?? 0) <= limit);
  }

  /** Mask of a state that takes any content and may close after all of it: what follows the quote decides. */
  private free(leaf: number, stack: StackId): Found {
    const tails = this.walk.tailsAfter(leaf, stack);
    if (!tails.free) {
      this.close(tails, 0, Number.POSITIVE_INFINITY);
      tails.free = this.found(this.insideBase);
    }
    return tails.free;
  }

  /** Finds the tokens that close a string after `min` to `max` characters, where any content of these lengths may close. */
  private close({ open, later }: TailSet, min: number, max: number): void {
    const { walk } = this;
    const { tailTokens } = this.tokens;
    const { lengths } = this.tokens.strings;
    const all = min <= 0 && max === Number.POSITIVE_INFINITY;
    for (const tail of open) {
      const tokens = tailTokens[tail] ?? NONE;
      for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i] ?? 0;
        const length = lengths[token] ?? 0;
        if (all || (length >= min && length <= max)) walk.found[walk.count++] = token;
      }
    }
    for (const tail of later)
      for (const token of tailTokens[tail] ?? NONE) {
        const length = lengths[token] ?? 0;
        if (length >= min && length <= max) walk.later.push(token);
      }
  }

  /** Mask of a string state that counts characters at most: tokens that stay inside by their length, the others also by their tails. */
  private counted(info: StringLeaf, stack: StackId, min: number, max: number): Found {
    const { walk, tokens } = this;
    const { strings } = tokens;
    // What follows the quote is the same for all lengths in the bounds.
    if (min <= strings.longest) this.close(walk.tailsAfter(info.anyText(), stack), min, max);
    return this.found(max >= strings.longest ? this.insideBase : this.baseUpTo(max));
  }

  /**
   * Mask of a state that counts: that of the same state without counters, less the tokens that are too long for them. Undefined where
   * they are nearly exhausted, or where it is not known how many characters the pattern may still need.
   */
  private uncounted(info: StringLeaf, counts: Counts, leaf: number, stack: StackId): Found | undefined {
    const { pool, tokens } = this;
    const { strings } = tokens;
    const { engine, facts } = this.acceptor.machine;
    const { slot, lang, most } = counts;
    const { min, max } = slot;
    // What may come within so many characters may also go on to the end.
    let sure = most - engine.need(lang);
    if (min > 0) {
      // Words of every state must reach the lower bound and stay below the upper ones.
      const spread = facts.spread(lang);
      if (!spread) return undefined;
      sure = most - spread.need;
      if (sure < min + strings.longest + spread.states.length) return undefined;
      if (spread.states.some((s) => engine.cardinality(s) !== Number.POSITIVE_INFINITY)) return undefined;
    }
    if (!(sure >= SHORT)) return undefined;
    const plain = info.uncounted(counts);
    const whole = this.situation(plain, stack);
    if (min <= 0 && sure >= strings.longest) return whole;
    const view = pool.view(whole.mask);
    const kept = insideUpTo(strings, Math.min(sure, strings.longest));
    const words = new Uint32Array(view.length);
    for (let w = 0; w < words.length; w++) words[w] = (view[w] ?? 0) & (kept[w] ?? 0);
    const consider = (token: number, sure: boolean): void => {
      if ((((view[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 0) return;
      if (sure || this.takes(token, leaf, stack)) words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    };
    for (let length = sure + 1; length <= Math.min(max, strings.longest); length++)
      for (const token of strings.byLength[length] ?? []) consider(token, length + this.rest(plain, token) <= most);
    for (const { token } of strings.closers) {
      const length = strings.lengths[token] ?? 0;
      if (length >= min && length <= max) consider(token, length <= most);
    }
    return { mask: pool.internWords(words), later: whole.later };
  }

  private takes(token: number, leaf: number, stack: StackId): boolean {
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

  /** What is found in another state on the same stack. */
  private situation(leaf: number, stack: StackId): Found {
    const { walk } = this;
    const outer = walk.lowest;
    const known = this.memo.find(leaf, stack);
    if (known) {
      walk.lowest = Math.min(outer, this.memo.depth);
      return known;
    }
    walk.lowest = this.acceptor.stacks.depth(stack);
    const found = this.collect(leaf, stack);
    this.memo.set(leaf, stack, walk.lowest, found);
    walk.lowest = Math.min(outer, walk.lowest);
    return found;
  }

  /** Mask of a state between the characters of a string with a pattern. */
  private patterned(info: StringLeaf | KeyLeaf, leaf: number, stack: StackId): Found {
    const { walk, tokens, pool } = this;
    const key = info.patterns();
    let inside = key === undefined ? undefined : this.insides.get(key);
    if (!inside) {
      inside = this.inside(leaf);
      if (key !== undefined) this.insides.set(key, inside);
    }
    walk.begin(leaf, stack);
    walk.walk(tokens.quotes, true);
    const { base, extra } = pool.mask(inside.mask);
    for (let i = 0; i < extra.length; i++) walk.found[walk.count++] = extra[i] ?? 0;
    const found = this.found(base);
    return inside.loop && pool.mask(found.mask).base === base ? { ...found, loop: inside.loop } : found;
  }

  /**
   * The tokens that stay within a string with a pattern: most of them consist of characters that lead round in its state, or in the one
   * that most characters lead to. These are known for the vocabulary; only tokens that leave the loop are walked.
   */
  private inside(leaf: number): Inside {
    const { walk, tokens, pool } = this;
    const { loops } = walk;
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

  /** Mask of a state with so many characters of one class to come: that of any number of them, less what is too long or too short. */
  private ofRun(info: StringLeaf, stack: StackId, min: number, max: number): Found | undefined {
    const { pool, walk } = this;
    const { strings, tailOf } = this.tokens;
    const whole = this.situation(info.anyRun(), stack);
    const { base, extra } = pool.mask(whole.mask);
    if (base >= 0 && !whole.loop) return undefined;
    const fits = (token: number): boolean => {
      const length = strings.lengths[token] ?? 0;
      return length <= max && (tailOf[token] === INSIDE || length >= min);
    };
    walk.count = 0;
    for (let i = 0; i < extra.length; i++) {
      const token = extra[i] ?? 0;
      if (fits(token)) walk.found[walk.count++] = token;
    }
    walk.later = whole.later.filter(fits);
    return this.found(whole.loop ? this.baseOf(whole.loop, max) : -1);
  }

  private baseOf(set: CharBits, limit: number): number {
    const words = within(this.tokens, set, limit);
    let base = this.setBases.get(words);
    if (base === undefined) {
      base = this.pool.addBase(words);
      this.setBases.set(words, base);
    }
    return base;
  }

  private baseUpTo(limit: number): number {
    let base = this.bases.get(limit);
    if (base === undefined) {
      base = this.pool.addBase(insideUpTo(this.tokens.strings, limit));
      this.bases.set(limit, base);
    }
    return base;
  }
}
