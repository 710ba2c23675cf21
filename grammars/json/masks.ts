import { type MaskId, MaskPool } from '../mask-pool.ts';
import type { TokenMachine } from '../token-machine.ts';
import { type TokenTrie, vocabularyTrie } from '../trie.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { JsonAcceptor } from './acceptor.ts';
import { KeyLeaf } from './leaf-object.ts';
import { StringLeaf } from './leaf-string.ts';
import type { StackId } from './stack.ts';
import { insideUpTo, type StringTokens, stringTokens } from './string-tokens.ts';
import { subtreesOf } from './subtrees.ts';

/** Subtrees smaller than this are walked node by node. */
const WORTH = 6;
/** With fewer characters left than this, a walk is short anyway. */
const SHORT = 3;

/** Either the mask of a situation, or what it is by the next frame on the stack. */
interface MemoNode {
  mask: MaskId;
  byFrame: Map<number, MemoNode> | undefined;
}

/** Work space of a walk, by depth; shared by all walks over a vocabulary, which never interleave. */
interface Scratch {
  readonly leafAt: Int32Array;
  readonly stackAt: Int32Array;
  /** 1 where a name was finished whose text the walk did not use. */
  readonly namedAt: Uint8Array;
  readonly found: Int32Array;
}

const scratches = new WeakMap<Vocabulary, Scratch>();

function scratchOf(vocabulary: Vocabulary): Scratch {
  let scratch = scratches.get(vocabulary);
  if (!scratch) {
    const depth = 258;
    scratch = {
      leafAt: new Int32Array(depth),
      stackAt: new Int32Array(depth),
      namedAt: new Uint8Array(depth),
      found: new Int32Array(vocabulary.size + 64),
    };
    scratches.set(vocabulary, scratch);
  }
  return scratch;
}

/**
 * Masks of a JSON automaton over one vocabulary. A mask is remembered by the leaf and as many frames of the stack as its
 * computation looked at, so that equal situations at any depth share it.
 */
export class JsonMasks implements TokenMachine {
  readonly pool: MaskPool;
  private readonly trie: TokenTrie;
  private readonly strings: StringTokens;
  private readonly insideBase: number;
  private readonly memo = new Map<number, MemoNode>();
  /** Masks of free strings by what follows their closing quote. */
  private readonly tailMemo = new Map<number, MemoNode>();
  private readonly bases = new Map<number, number>();
  private readonly leafAt: Int32Array;
  private readonly stackAt: Int32Array;
  private readonly textAt: string[] = [];
  private readonly namedAt: Uint8Array;
  private readonly found: Int32Array;
  private count = 0;
  private lowest = 0;
  private exact = false;
  private shareable = true;

  constructor(
    readonly acceptor: JsonAcceptor,
    readonly vocabulary: Vocabulary,
  ) {
    this.trie = vocabularyTrie(vocabulary);
    this.strings = stringTokens(vocabulary, acceptor.machine.options.escapes);
    this.pool = new MaskPool(vocabulary.size);
    this.insideBase = this.pool.addBase(this.strings.inside);
    const scratch = scratchOf(vocabulary);
    this.leafAt = scratch.leafAt;
    this.stackAt = scratch.stackAt;
    this.namedAt = scratch.namedAt;
    this.found = scratch.found;
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
    const known = this.find(this.memo.get(acceptor.leaf), acceptor.stack);
    return known >= 0 ? known : this.compute(acceptor.leaf, acceptor.stack, acceptor.text);
  }

  private find(root: MemoNode | undefined, stack: StackId): MaskId {
    let node = root;
    let at = stack;
    const { stacks } = this.acceptor;
    while (node !== undefined && node.mask < 0) {
      node = node.byFrame?.get(stacks.frame(at));
      at = stacks.parent(at);
    }
    return node === undefined ? -1 : node.mask;
  }

  /** Remembers a mask by a leaf and the frames down to the lowest one looked at. */
  private remember(memo: Map<number, MemoNode>, leaf: number, stack: StackId, mask: MaskId): void {
    const { stacks } = this.acceptor;
    let node = memo.get(leaf);
    if (!node) {
      node = { mask: -1, byFrame: undefined };
      memo.set(leaf, node);
    }
    const looked = stacks.depth(stack) - this.lowest;
    for (let i = 0, at = stack; i < looked; i++, at = stacks.parent(at)) {
      node.byFrame ??= new Map();
      const frame = stacks.frame(at);
      let next = node.byFrame.get(frame);
      if (!next) {
        next = { mask: -1, byFrame: undefined };
        node.byFrame.set(frame, next);
      }
      node = next;
    }
    node.mask = mask;
  }

  private compute(leaf: number, stack: StackId, text: string): MaskId {
    const { machine, stacks } = this.acceptor;
    machine.solver.budget.reset();
    this.exact = false;
    this.shareable = true;
    this.lowest = stacks.depth(stack);
    let mask = this.collect(leaf, stack, text);
    if (!this.shareable) {
      this.exact = true;
      mask = this.collect(leaf, stack, text);
    } else this.remember(this.memo, leaf, stack, mask);
    return mask;
  }

  private collect(leaf: number, stack: StackId, text: string): MaskId {
    const { machine, stacks } = this.acceptor;
    this.count = 0;
    const info = machine.leaves[leaf];
    if (info instanceof StringLeaf || info instanceof KeyLeaf) {
      const { profile } = info;
      if (profile?.kind === 'free') return this.free(leaf, stack, text);
      if (profile?.kind === 'length') return this.counted(leaf, stack, text, profile.min, profile.max);
      if (profile?.kind === 'window' && info instanceof StringLeaf) {
        const mask = this.windowed(info, leaf, stack, text, profile.min, profile.max);
        if (mask >= 0) return mask;
      }
      if (profile?.kind === 'inside') {
        if (info instanceof KeyLeaf && info.offLeaf !== 0) return this.nearNames(info, leaf, stack, text);
        this.begin(leaf, stack, text);
        this.walk(this.strings.quotes);
        return this.pool.intern(this.insideBase, this.found, this.count);
      }
    }
    this.begin(leaf, stack, text);
    this.walk(this.trie);
    if ((info?.end() ?? 0) !== 0) {
      this.lowest = Math.min(this.lowest, Math.max(0, stacks.depth(stack) - 1));
      if (stack <= 0) for (const token of this.vocabulary.eos) this.found[this.count++] = token;
    }
    return this.pool.intern(-1, this.found, this.count);
  }

  /** Mask of a state that takes any content and may close after all of it: what follows the quote decides. */
  private free(leaf: number, stack: StackId, text: string): MaskId {
    this.begin(leaf, stack, text);
    if (!this.move(0, 1, 0x22)) return this.pool.intern(this.insideBase, this.found, 0);
    const after = this.leafAt[1] ?? 0;
    const below = this.stackAt[1] ?? 0;
    const named = this.namedAt[1] ?? 0;
    if (!this.exact && named === 0) {
      const known = this.find(this.tailMemo.get(after), below);
      if (known >= 0) {
        this.lowest = Math.min(this.lowest, this.lowestOf(this.tailMemo, after, below));
        return known;
      }
    }
    this.leafAt[0] = after;
    this.stackAt[0] = below;
    this.namedAt[0] = named;
    if (this.exact) this.textAt[0] = this.textAt[1] ?? '';
    for (const token of this.strings.closing) this.found[this.count++] = token;
    const outer = this.lowest;
    this.lowest = this.acceptor.stacks.depth(below);
    this.walk(this.strings.tails);
    const mask = this.pool.intern(this.insideBase, this.found, this.count);
    if (this.shareable && !this.exact && named === 0) this.remember(this.tailMemo, after, below, mask);
    this.lowest = Math.min(outer, this.lowest);
    return mask;
  }

  /** Mask of a string state that counts characters at most: tokens that stay inside by their length, the others also by their tails. */
  private counted(leaf: number, stack: StackId, text: string, min: number, max: number): MaskId {
    const { strings } = this;
    const base = max >= strings.longest ? this.insideBase : this.baseUpTo(max);
    if (min > strings.longest) return this.pool.intern(base, this.found, 0);
    // A content of the least length shows what follows the quote; it is the same for all lengths in the bounds.
    let ready = leaf;
    for (let need = min; need > 0 && ready !== 0; need--) ready = this.acceptor.machine.step(ready, 0x61) >> 2;
    const whole = this.free(ready, stack, text);
    if (min <= 0 && base === this.insideBase) return whole;
    const { extra } = this.pool.mask(whole);
    let kept = 0;
    for (let i = 0; i < extra.length; i++) {
      const token = extra[i] ?? 0;
      const length = strings.lengths[token] ?? 0;
      if (length >= min && length <= max) this.found[kept++] = token;
    }
    return this.pool.intern(base, this.found, kept);
  }

  /**
   * Mask of a pattern with bounds on its characters: that of the pattern alone, less the tokens that are too long. Sound where
   * the pattern's states need few characters and go on without end; -1 where that is not known.
   */
  private windowed(info: StringLeaf, leaf: number, stack: StackId, text: string, min: number, max: number): MaskId {
    const { strings, pool, vocabulary } = this;
    const [slot] = info.slots;
    const spread = slot && this.acceptor.machine.spread(slot.lang);
    if (!spread || this.exact) return -1;
    const slack = max - spread.need;
    // With a lower bound, words of every state must reach it and stay below the upper one.
    const { engine } = this.acceptor.machine;
    if (min > 0 && slack < min + strings.longest + spread.states.length) return -1;
    if (min > 0 && spread.states.some((s) => engine.cardinality(s) !== Number.POSITIVE_INFINITY)) return -1;
    if (slack < SHORT) return -1;
    const open = info.unbounded();
    const outer = this.lowest;
    let whole = this.find(this.memo.get(open), stack);
    if (whole >= 0) this.lowest = Math.min(outer, this.lowestOf(this.memo, open, stack));
    else {
      this.lowest = this.acceptor.stacks.depth(stack);
      whole = this.collect(open, stack, text);
      if (!this.shareable) return whole;
      this.remember(this.memo, open, stack, whole);
      this.lowest = Math.min(outer, this.lowest);
    }
    if (min <= 0 && slack >= strings.longest) return whole;
    const view = pool.view(whole);
    const sure = insideUpTo(strings, Math.min(slack, strings.longest));
    const words = new Uint32Array(view.length);
    for (let w = 0; w < words.length; w++) words[w] = (view[w] ?? 0) & (sure[w] ?? 0);
    const allowed = (token: number): boolean => (((view[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
    const allow = (token: number): void => {
      words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    };
    for (let length = slack + 1; length <= Math.min(max, strings.longest); length++) {
      for (const token of strings.byLength[length] ?? []) {
        if (!allowed(token)) continue;
        const bytes = vocabulary.bytes[token];
        if (!bytes) continue;
        this.begin(leaf, stack, text);
        let alive = true;
        for (let i = 0; i < bytes.length && alive; i++) alive = this.move(i, i + 1, bytes[i] ?? 0);
        if (alive) allow(token);
      }
    }
    for (const token of strings.quotes.tokens) {
      const length = strings.lengths[token] ?? 0;
      if (length >= min && length <= max && allowed(token)) allow(token);
    }
    return pool.internWords(words);
  }

  /** Mask within a name that may still be a listed one: as for unlisted names, but for tokens that finish a listed or used one. */
  private nearNames(key: KeyLeaf, leaf: number, stack: StackId, text: string): MaskId {
    const near: number[] = [];
    let complete = false;
    for (const rest of key.nearRests()) {
      if (rest === '') complete = true;
      else for (const token of this.strings.byContent.get(rest) ?? []) near.push(token);
    }
    const far = this.free(key.offLeaf, stack, text);
    if (near.length === 0 && !complete) return far;
    const { lengths } = this.strings;
    const apart = new Set(near);
    const keep: number[] = [];
    for (const token of this.pool.mask(far).extra)
      if (!apart.has(token) && !(complete && lengths[token] === 0)) keep.push(token);
    if (complete) {
      this.count = 0;
      for (const token of this.pool.mask(this.free(leaf, stack, text)).extra)
        if (lengths[token] === 0) keep.push(token);
    }
    for (const token of near) {
      const bytes = this.vocabulary.bytes[token];
      if (!bytes) continue;
      this.begin(leaf, stack, text);
      let alive = true;
      for (let i = 0; i < bytes.length && alive; i++) alive = this.move(i, i + 1, bytes[i] ?? 0);
      if (alive) keep.push(token);
    }
    for (let i = 0; i < keep.length; i++) this.found[i] = keep[i] ?? 0;
    return this.pool.intern(this.insideBase, this.found, keep.length);
  }

  /** Depth of the lowest frame a remembered mask looked at. */
  private lowestOf(memo: ReadonlyMap<number, MemoNode>, leaf: number, stack: StackId): number {
    const { stacks } = this.acceptor;
    let node = memo.get(leaf);
    let at = stack;
    while (node !== undefined && node.mask < 0) {
      node = node.byFrame?.get(stacks.frame(at));
      at = stacks.parent(at);
    }
    return stacks.depth(at);
  }

  private baseUpTo(limit: number): number {
    let base = this.bases.get(limit);
    if (base === undefined) {
      base = this.pool.addBase(insideUpTo(this.strings, limit));
      this.bases.set(limit, base);
    }
    return base;
  }

  private begin(leaf: number, stack: StackId, text: string): void {
    this.leafAt[0] = leaf;
    this.stackAt[0] = stack;
    this.namedAt[0] = 0;
    if (this.exact) this.textAt[0] = text;
  }

  private walk(trie: TokenTrie): void {
    const { byte, depth, size, from, tokens, count } = trie;
    const { found, leafAt, stackAt, namedAt, exact } = this;
    const { pages } = this.acceptor.machine;
    const { ascii, other, height } = subtreesOf(trie);
    for (let i = 1; i < count; ) {
      const d = depth[i] ?? 0;
      const here = leafAt[d - 1] ?? 0;
      // Known transitions within a level are read in place: they are nearly all of the walk.
      const known = pages[here >> 6]?.[((here & 63) << 8) | (byte[i] ?? 0)] ?? 0;
      if (known === 1) {
        i += size[i] ?? 1;
        continue;
      }
      if (known !== 0 && ((known - 1) & 3) === 0 && !exact) {
        leafAt[d] = (known - 1) >> 2;
        stackAt[d] = stackAt[d - 1] ?? 0;
        namedAt[d] = namedAt[d - 1] ?? 0;
      } else if (!this.move(d - 1, d, byte[i] ?? 0)) {
        i += size[i] ?? 1;
        continue;
      }
      const below = size[i] ?? 1;
      if (below > WORTH && !exact) {
        const loop = this.acceptor.machine.loop(leafAt[d] ?? 0);
        const at = i * 4;
        if (
          loop !== undefined &&
          ((ascii[at] ?? 0) & ~(loop[0] ?? 0)) === 0 &&
          ((ascii[at + 1] ?? 0) & ~(loop[1] ?? 0)) === 0 &&
          ((ascii[at + 2] ?? 0) & ~(loop[2] ?? 0)) === 0 &&
          ((ascii[at + 3] ?? 0) & ~(loop[3] ?? 0)) === 0 &&
          (other[i] ?? 2) <= (loop[4] ?? 0) &&
          (height[i] ?? 255) <= (loop[5] ?? 0)
        ) {
          const first = from[i] ?? 0;
          const last = from[i + below] ?? 0;
          found.set(tokens.subarray(first, last), this.count);
          this.count += last - first;
          i += below;
          continue;
        }
      }
      const to = from[i + 1] ?? 0;
      for (let t = from[i] ?? 0; t < to; t++) found[this.count++] = tokens[t] ?? 0;
      i++;
    }
  }

  /** Moves the configuration at walk depth `here` over a byte into walk depth `there`. */
  private move(here: number, there: number, byte: number): boolean {
    const { machine } = this.acceptor;
    const code = machine.step(this.leafAt[here] ?? 0, byte);
    if (code === 0) return false;
    if ((code & 3) === 0 && !this.exact) {
      this.leafAt[there] = code >> 2;
      this.stackAt[there] = this.stackAt[here] ?? 0;
      this.namedAt[there] = this.namedAt[here] ?? 0;
      return true;
    }
    return this.exact ? this.moveExactly(here, there, byte) : this.moveStack(here, there, byte, code);
  }

  private moveStack(here: number, there: number, byte: number, first: number): boolean {
    const { machine, stacks } = this.acceptor;
    let code = first;
    let stack = this.stackAt[here] ?? 0;
    let named = this.namedAt[here] ?? 0;
    for (;;) {
      const target = code >> 2;
      let leaf = target;
      if ((code & 3) === 1) {
        stack = stacks.push(
          stack,
          machine.pushFrame[target] ?? 0,
          machine.frames[machine.pushFrame[target] ?? 0]?.captures ?? false,
          '',
        );
        leaf = machine.pushLeaf[target] ?? 0;
      } else if ((code & 3) >= 2) {
        const frame = stacks.frame(stack);
        if (machine.needsText(frame, target)) {
          // A second unknown name, or an item under uniqueItems: only the text itself tells what may follow.
          if (named === 1 || machine.frames[frame]?.keys === undefined) {
            this.shareable = false;
            return false;
          }
          named = 1;
        } else if (named === 1 && machine.frames[frame]?.keys !== undefined) {
          this.shareable = false;
          return false;
        }
        leaf = machine.resume(frame, target, undefined);
        stack = stacks.parent(stack);
        const depth = stacks.depth(stack);
        if (depth < this.lowest) this.lowest = depth;
        if (leaf === 0) return false;
        if ((code & 3) === 3) {
          code = machine.step(leaf, byte);
          if (code === 0) return false;
          continue;
        }
      }
      this.leafAt[there] = leaf;
      this.stackAt[there] = stack;
      this.namedAt[there] = named;
      return true;
    }
  }

  private moveExactly(here: number, there: number, byte: number): boolean {
    const { acceptor } = this;
    const { leaf, stack, text } = acceptor;
    acceptor.leaf = this.leafAt[here] ?? 0;
    acceptor.stack = this.stackAt[here] ?? 0;
    acceptor.text = this.textAt[here] ?? '';
    const ok = acceptor.advance(byte);
    if (ok) {
      this.leafAt[there] = acceptor.leaf;
      this.stackAt[there] = acceptor.stack;
      this.textAt[there] = acceptor.text;
    }
    acceptor.leaf = leaf;
    acceptor.stack = stack;
    acceptor.text = text;
    return ok;
  }
}
