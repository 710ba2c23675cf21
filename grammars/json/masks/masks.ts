import type { PlaceLoop, Places } from '../../matching/endings.ts';
import { type MaskId, MaskPool } from '../../matching/mask-pool.ts';
import type { TokenMachine } from '../../matching/token-machine.ts';
import { childOf, tokensUnder, vocabularyTrie } from '../../matching/trie.ts';
import type { Vocabulary } from '../../vocabulary.ts';
import type { JsonAcceptor } from '../acceptor.ts';
import { KeyLeaf, ObjectLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf } from '../automaton/leaf-string.ts';
import { ArrayLeaf, INDENT, ValueLeaf } from '../automaton/leaf-structure.ts';
import { WHICH } from '../automaton/results.ts';
import type { StackId } from '../automaton/stack.ts';
import { located } from '../schema/located.ts';
import { CHAR_WORDS, type CharBits } from './char-bits.ts';
import { ROUND } from './char-loops.ts';
import { type Counted, Insides, MOST } from './insides.ts';
import { ListedMasks } from './listed-masks.ts';
import { Memo } from './mask-memo.ts';
import { BLANK, MaskWalk, USUAL } from './mask-walk.ts';
import { addTokens, INSIDE, insideUpTo, type JsonTokens, jsonTokens, keepSome, keptSet } from './string-tokens.ts';
import type { TailSet } from './tail-sets.ts';

/** The mask of a situation, and the tokens that may come beside, depending on the text read before. */
interface Found {
  readonly mask: MaskId;
  readonly later: readonly number[];
  /** When the mask's base is the tokens of a loop: which. */
  readonly loop?: CharBits;
}

const NONE: readonly number[] = [];

/**
 * Masks of a JSON automaton over one vocabulary. A mask is remembered by the leaf and as many frames of the stack as its
 * computation looked at, so that equal situations at any depth share it.
 */
export class JsonMasks implements TokenMachine {
  private readonly tokens: JsonTokens;
  private readonly walk: MaskWalk;
  private readonly listed: ListedMasks;
  private readonly insides: Insides;
  private readonly memo: Memo<Found>;
  /** By {@link MaskWalk.usual}: the tokens of it. */
  private readonly usualWords: (Uint32Array | undefined)[] = [];
  private readonly decided = new Map<number, MaskId>();

  constructor(
    readonly acceptor: JsonAcceptor,
    readonly vocabulary: Vocabulary,
    readonly pool = new MaskPool(vocabulary.size),
  ) {
    const { escapes, whitespace } = acceptor.machine.options;
    this.tokens = jsonTokens(vocabulary, escapes, whitespace);
    this.walk = new MaskWalk(acceptor, vocabulary, this.tokens);
    this.listed = new ListedMasks(acceptor, this.tokens, this.walk);
    this.memo = new Memo(acceptor.stacks);
    this.insides = new Insides(acceptor, vocabulary, this.tokens, this.walk, this.pool);
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
    acceptor.settle();
    const found = this.memo.find(acceptor.leaf, acceptor.stack) ?? this.compute(acceptor.leaf, acceptor.stack);
    return found.later.length === 0 ? found.mask : this.decide(state, found);
  }

  owed(state: number): string {
    return this.acceptor.owed(state);
  }

  likely(state: number): readonly string[] {
    return this.acceptor.likely(state);
  }

  /** Names may be forgotten but where the end depends on them. */
  get places(): Places {
    const { acceptor } = this;
    return {
      of: (state) => acceptor.place(state),
      step: (place, byte) => acceptor.stepBlind(place, byte),
      unordered: (place) => acceptor.unordered(place),
      round: (place) => {
        acceptor.load(place);
        const { leaf, machine } = acceptor;
        const { loops } = this.walk;
        const text = machine.leaves[leaf];
        if (!(text instanceof StringLeaf || text instanceof KeyLeaf)) return NO_LOOP;
        const at = (next: number): number => {
          acceptor.leaf = next;
          return acceptor.save();
        };
        const { next, set = NO_CHARS } = loops.link(leaf) ?? {};
        const profile = text instanceof StringLeaf ? text.profile : undefined;
        // Only how many characters may come changes.
        if (next === leaf || (profile && 'min' in profile && profile.min === 0)) return { set, places: [place] };
        const { count, counts, set: all = NO_CHARS } = loops.known(leaf) ?? {};
        if (count === ROUND)
          return { set: all, places: [...(counts ?? [])].flatMap(([s, n]) => (n === ROUND ? at(s) : [])) };
        // Names that leave listed ones behind, say: after one character more of the same do not matter.
        const after = next === undefined ? undefined : loops.link(next);
        if (next === undefined || after?.next !== next) return NO_LOOP;
        return { set: set.map((word, w) => word & (after.set[w] ?? 0)), places: [at(next)] };
      },
    };
  }

  /** The mask of a configuration, and on how many frames of the stack it depends; undefined where it depends on text read before. */
  situated(leaf: number, stack: StackId): { readonly mask: MaskId; readonly frames: number } | undefined {
    const found = this.memo.find(leaf, stack) ?? this.compute(leaf, stack);
    this.memo.find(leaf, stack); // which tells the depth
    if (found.later.length > 0) return undefined;
    return { mask: found.mask, frames: this.acceptor.stacks.depth(stack) - this.memo.depth };
  }

  private compute(leaf: number, stack: StackId): Found {
    const { walk, acceptor } = this;
    acceptor.ask(leaf, stack);
    walk.lowest = acceptor.stacks.depth(stack);
    const found = located(() => this.collect(leaf, stack), acceptor.machine.place);
    this.memo.set(leaf, stack, walk.lowest, found);
    return found;
  }

  /** Tries the tokens that depend on the text, one by one. */
  private decide(state: number, { mask, later }: Found): MaskId {
    const { acceptor, vocabulary } = this;
    let whole = this.decided.get(state);
    if (whole === undefined) {
      acceptor.load(state);
      acceptor.ask(acceptor.leaf);
      const tokens = later.filter((token) => acceptor.takes(state, vocabulary.bytes[token]));
      whole = this.pool.toggle(mask, tokens);
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
      if (profile?.kind === 'inside') {
        if (info instanceof KeyLeaf && info.offLeaf !== 0) {
          const tails = this.listed.near(info, stack);
          return tails ? this.found(this.baseOf(tails)) : this.free(info.offLeaf, stack);
        }
        walk.walk(tokens.quotes, true);
        return this.found(this.insides.baseFor(tokens.strings.inside));
      }
      const rests = info.decoder === 0 ? info.listedRests() : undefined;
      if (rests) {
        this.listed.only(rests, leaf, stack);
        return this.found(-1);
      }
      const beside = info instanceof KeyLeaf ? this.besideListed(info, leaf, stack) : undefined;
      if (beside) return beside;
      walk.begin(leaf, stack);
      if (info.decoder === 0) return this.patterned(info, leaf, stack);
      // In the middle of a character other tokens go on than between characters.
      walk.walk(vocabularyTrie(vocabulary), false);
      return this.found(-1);
    }
    const plain = info instanceof ValueLeaf ? this.ofPlain(info, stack) : undefined;
    if (plain) return plain;
    walk.walk(tokens.structure, false);
    const usual = this.usual();
    const base = usual ? this.insides.baseFor(usual) : -1;
    if ((info instanceof ValueLeaf || info instanceof ObjectLeaf || info instanceof ArrayLeaf) && info.space > 2)
      this.dropIndents(INDENT + 2 - info.space);
    if ((info?.end() ?? 0) !== 0) {
      walk.lowest = Math.min(walk.lowest, Math.max(0, acceptor.stacks.depth(stack) - 1));
      if (stack <= 0) for (const token of vocabulary.eos) walk.found[walk.count++] = token;
    }
    return this.found(base);
  }

  /** Mask before a value that is plain in any schema: the tokens within it are known for the vocabulary. */
  private ofPlain({ slots, gap, space }: ValueLeaf, stack: StackId): Found | undefined {
    const { walk, tokens, acceptor } = this;
    const { compiler, results, options } = acceptor.machine;
    const [slot] = slots;
    const plain = slot && slots.length === 1 && space === 0 ? compiler.plain(slot.state) : undefined;
    if (!slot || plain === undefined || results.get(slot.results).includes(WHICH)) return undefined;
    const key = `${plain},${gap},${options.order},${options.repeats}`;
    let known = tokens.plainValues.get(key);
    if (!known) {
      const beyond = walk.walkWithin(stack);
      const words = this.usual()?.slice() ?? new Uint32Array(tokens.strings.inside.length);
      addTokens(words, walk.found.subarray(0, walk.count));
      known = { words, later: walk.later, beyond };
      keepSome(tokens.plainValues, key, known);
      walk.count = 0;
    }
    walk.later = [...known.later];
    walk.walkBeyond(known.beyond, slot.results, stack);
    return this.found(this.insides.baseFor(known.words));
  }

  /** The tokens that the last walk left out. */
  private usual(): Uint32Array | undefined {
    const { walk, tokens } = this;
    const { usual } = walk;
    if (usual === 0) return undefined;
    this.usualWords[usual] ??= keptSet(tokens, `#${usual}`, () => {
      const { structure, strings } = tokens;
      const set = new Uint32Array(strings.inside.length);
      for (let bit = 0; bit < USUAL.length; bit++) {
        const node = childOf(structure, 0, USUAL.charCodeAt(bit));
        if (((usual >> bit) & 1) === 1) addTokens(set, tokensUnder(structure, node, bit === BLANK ? 1 : undefined));
      }
      return set;
    });
    return this.usualWords[usual];
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
      for (const tail of tails.later)
        for (const token of this.tokens.tailTokens[tail] ?? NONE) this.walk.later.push(token);
      tails.free = this.found(this.baseOf(tails));
    }
    return tails.free;
  }

  /** The base of the tokens that stay in a string, or close it and go on with an open tail. */
  private baseOf(tails: TailSet): number {
    const { strings, tailTokens } = this.tokens;
    tails.base ??= this.insides.baseFor(
      keptSet(this.tokens, `"${tails.open}`, () => {
        const words = strings.inside.slice();
        for (const tail of tails.open) addTokens(words, tailTokens[tail] ?? NONE);
        return words;
      }),
    );
    return tails.base;
  }

  /** Finds the tokens that close a string after `min` to `max` characters, where any content of these lengths may close. */
  private close({ open, later }: TailSet, min: number, max: number): void {
    const { walk } = this;
    const { tailTokens } = this.tokens;
    const { lengths } = this.tokens.strings;
    for (const tail of open) {
      const tokens = tailTokens[tail] ?? NONE;
      for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i] ?? 0;
        const length = lengths[token] ?? 0;
        if (length >= min && length <= max) walk.found[walk.count++] = token;
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
    return this.found(this.insides.baseFor(insideUpTo(strings, max)));
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

  /** Mask within a name that may still be a listed or used one: that of all other names, but for tokens along these. */
  private besideListed(info: KeyLeaf, leaf: number, stack: StackId): Found | undefined {
    const { walk, pool } = this;
    const others = info.othersLeaf();
    if (others === 0) return undefined;
    const { mask, later } = this.situation(others, stack);
    const { byContent } = this.tokens.strings;
    const closers = new Set(info.nearRests().flatMap((rest) => byContent.get(rest) ?? NONE));
    this.listed.only(info.usableRests(), leaf, stack);
    const own = new Set(walk.found.subarray(0, walk.count));
    const differ = [...own].filter((token) => !pool.has(mask, token));
    for (const token of closers) if (!own.has(token) && pool.has(mask, token)) differ.push(token);
    const rest = later.filter((token) => !closers.has(token));
    return { mask: pool.toggle(mask, differ), later: [...new Set([...rest, ...walk.later])] };
  }

  /** Mask of a state between the characters of a string with a pattern. */
  private patterned(info: StringLeaf | KeyLeaf, leaf: number, stack: StackId): Found {
    const { walk, tokens, pool, insides } = this;
    const counted = insides.counted(info);
    const inside = insides.of(info, leaf, counted);
    walk.begin(counted?.plain ?? leaf, stack);
    walk.walk(tokens.quotes, true);
    if (counted) this.dropUncounted(counted, leaf, stack);
    const { base, extra } = pool.mask(inside.mask);
    for (let i = 0; i < extra.length; i++) walk.found[walk.count++] = extra[i] ?? 0;
    const found = this.found(base);
    return inside.loop && pool.mask(found.mask).base === base ? { ...found, loop: inside.loop } : found;
  }

  /** Of the tokens found that close a string, those go that the counters do not admit. */
  private dropUncounted({ slot, most }: Counted, leaf: number, stack: StackId): void {
    const { walk, insides } = this;
    const { lengths } = this.tokens.strings;
    const { later } = walk;
    const closers = walk.found.slice(0, walk.count).filter((token) => {
      const length = lengths[token] ?? 0;
      return length >= slot.min && length <= slot.max && (length <= most || insides.takes(token, leaf, stack));
    });
    walk.found.set(closers);
    walk.count = closers.length;
    walk.later = later;
  }

  /** Mask of a state with so many characters of one class to come: that of any number of them, less what is too long or too short. */
  private ofRun(info: StringLeaf, stack: StackId, min: number, max: number): Found | undefined {
    const { pool, walk } = this;
    const { strings, tailOf } = this.tokens;
    const whole = this.situation(info.anyRun(), stack);
    const { base, extra } = pool.mask(whole.mask);
    const fits = (token: number): boolean => {
      const length = strings.lengths[token] ?? 0;
      return length <= max && (tailOf[token] === INSIDE || length >= min);
    };
    if (base >= 0 && !whole.loop) {
      // (Few are longer than that.)
      if (max < MOST) return undefined;
      const counted = [...strings.closers.map(({ token }) => token), ...strings.byLength.slice(max + 1).flat()];
      const over = counted.filter((token) => pool.has(whole.mask, token) && !fits(token));
      return { mask: pool.toggle(whole.mask, over), later: whole.later.filter(fits) };
    }
    walk.count = 0;
    for (let i = 0; i < extra.length; i++) {
      const token = extra[i] ?? 0;
      if (fits(token)) walk.found[walk.count++] = token;
    }
    walk.later = whole.later.filter(fits);
    return this.found(whole.loop ? this.insides.baseOf(whole.loop, max) : -1);
  }
}

const NO_CHARS: CharBits = new Int32Array(CHAR_WORDS);
const NO_LOOP: PlaceLoop = { set: NO_CHARS, places: [] };
