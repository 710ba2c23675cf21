import { type TokenTrie, tokensUnder } from '../../matching/trie.ts';
import type { Vocabulary } from '../../vocabulary.ts';
import type { JsonAcceptor } from '../acceptor.ts';
import { pop, popThen, type ResultId } from '../automaton/leaf.ts';
import { isDigit } from '../automaton/leaf-number.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf } from '../automaton/leaf-string.ts';
import { ColonLeaf, ValueLeaf } from '../automaton/leaf-structure.ts';
import type { StackId } from '../automaton/stack.ts';
import { AFTER, type UnknownItems } from '../automaton/unknown-items.ts';
import { CharLoops, type Loop } from './char-loops.ts';
import { Memo } from './mask-memo.ts';
import { INSIDE, type JsonTokens, keepSome } from './string-tokens.ts';
import { covers, HEAD, heightOf, type Rows, rowsOf } from './subtrees.ts';
import { ALIVE, DEAD, LATER, type TailSet, TailSets } from './tail-sets.ts';
import { type TextStates, WORTH, walkText } from './text-walk.ts';
import { DEPTH, type Scratch, scratchOf } from './walk-scratch.ts';

/** The same where it is not yet known which characters lead round. */
const WORTH_ASKING = 2048;

/** Flags of a configuration: a name was finished whose text the walk does not know; from the second bit on the phase of {@link UnknownItems}. */
const NAMED = 1;

/** Outcome of a move beside {@link DEAD}, {@link ALIVE} and {@link LATER}: the value is over, see {@link MaskWalk.floor}. */
const BEYOND = 3;

const NO_WORDS = new Uint32Array(0);
const SPACE = 0x20;

/** Characters that begin many tokens between strings: digits, all of whose tokens may come, and white space of any kind. */
export const USUAL = '0123456789 ';
export const BLANK = 10;

/** What may follow the closing quote of a name as far as the value after it tells. */
interface ValueTails {
  readonly set: TailSet;
  /** Nodes of the tails' trie over which the value ends. */
  readonly beyond: readonly number[];
}

/**
 * Walks of a JSON automaton over tries of tokens. A walk knows the leaf and the stack but not the text that was read; tokens for
 * which the text decides are put aside in `later`.
 */
export class MaskWalk {
  /** Tokens found, `found[0 .. count)`. */
  readonly found: Int32Array;
  count = 0;
  later: number[] = [];
  /** By bit: characters of {@link USUAL} whose tokens can come and are left out of {@link found}. */
  usual = 0;
  /** Depth of the stack below the frames looked at. */
  lowest = 0;
  readonly loops: CharLoops;
  private readonly unknown: UnknownItems;
  /** By flag. */
  private readonly tails: Memo<TailSet>[] = [];
  private readonly sets: TailSets;
  /** The same after names, by flag and the value that follows. */
  private readonly valueTails: (ValueTails | undefined)[][] = [[]];
  /** Frames of the stack that a walk does not take away. */
  private floor = 0;
  /** Nodes over which such a frame's value ends, each followed by 1 where its byte comes after the end. */
  private beyond: number[] = [];
  private after = 0;
  private readonly freeLeaves: (boolean | undefined)[] = [];
  private readonly leafAt: Int32Array;
  private readonly stackAt: Int32Array;
  private readonly flagAt: Uint8Array;
  private readonly scratch: Scratch;
  private readonly states: TextStates;
  /** Whether all white space is alike. */
  private readonly blanks: boolean;

  constructor(
    private readonly acceptor: JsonAcceptor,
    private readonly vocabulary: Vocabulary,
    private readonly tokens: JsonTokens,
  ) {
    const scratch = scratchOf(tokens);
    this.leafAt = scratch.leafAt;
    this.stackAt = scratch.stackAt;
    this.flagAt = scratch.flagAt;
    this.found = scratch.found;
    this.scratch = scratch;
    this.states = {
      step: (leaf, byte) => acceptor.machine.step(leaf, byte),
      whole: (leaf, rows, i) => this.whole(leaf, rows, i),
      round: (leaf) => this.loops.round(leaf),
    };
    this.blanks = acceptor.machine.options.whitespace === 'json';
    this.sets = new TailSets(tokens.tailTokens.length);
    this.loops = new CharLoops(acceptor.machine);
    this.unknown = acceptor.unknown;
  }

  /** Starts over from a configuration. */
  begin(leaf: number, stack: StackId): void {
    this.count = 0;
    this.usual = 0;
    this.later = [];
    this.place(leaf, stack);
  }

  private place(leaf: number, stack: StackId): void {
    this.leafAt[0] = leaf;
    this.stackAt[0] = stack;
    this.flagAt[0] = 0;
  }

  /** Finds the tokens of a trie that can come. `text`: they start within a string. */
  walk(trie: TokenTrie, text: boolean): void {
    this.walkRange(trie, 1, trie.count, text);
  }

  /** The same for the tokens of a child of the root and below. */
  walkUnder(trie: TokenTrie, child: number): void {
    this.walkRange(trie, child, child + (trie.size[child] ?? 1), false);
  }

  /** Finds the tokens within the value that was last begun; gives the nodes over which it ends. */
  walkWithin(stack: StackId): readonly number[] {
    this.beyond = [];
    this.floor = this.acceptor.stacks.depth(stack);
    try {
      this.walk(this.tokens.structure, false);
    } finally {
      this.floor = 0;
    }
    return this.beyond;
  }

  /** Finds the tokens that go on after a value with this result, from such nodes. */
  walkBeyond(beyond: readonly number[], result: ResultId, stack: StackId): void {
    const { structure } = this.tokens;
    const { from, tokens, size, depth, byte } = structure;
    for (let n = 0; n < beyond.length; n += 2) {
      const i = beyond[n] ?? 0;
      const end = i + (size[i] ?? 1);
      const code = beyond[n + 1] === 0 ? pop(result) : popThen(result);
      const moved = this.follow(0, code, stack, 0, depth[i] ?? 0, byte[i] ?? 0);
      if (moved === ALIVE) {
        this.take(structure, i);
        this.walkRange(structure, i + 1, end, false);
      } else if (moved === LATER) for (let t = from[i] ?? 0; t < (from[end] ?? 0); t++) this.later.push(tokens[t] ?? 0);
    }
  }

  private walkRange(trie: TokenTrie, start: number, end: number, text: boolean): void {
    const { found, leafAt, stackAt, flagAt, loops } = this;
    const { tokens, from } = trie;
    const { pages, leaves } = this.acceptor.machine;
    const rows = rowsOf(trie);
    const { heads } = rows;
    const usual = trie === this.tokens.structure;
    const [level = 0] = stackAt;
    let n = this.count;
    for (let i = start; i < end; ) {
      const head = heads[i * HEAD] ?? 0;
      const d = (head >> 8) & 255;
      const below = heads[i * HEAD + 1] ?? 1;
      const here = leafAt[d - 1] ?? 0;
      const flag = flagAt[d - 1] ?? 0;
      // Known transitions within a level are read in place: they are nearly all of the walk.
      const known = pages[here >> 4]?.[((here & 15) << 8) | (head & 255)] ?? 0;
      if (known === 1) {
        i += below;
        continue;
      }
      if (known !== 0 && ((known - 1) & 3) === 0 && flag <= NAMED) {
        leafAt[d] = (known - 1) >> 2;
        stackAt[d] = stackAt[d - 1] ?? 0;
        flagAt[d] = flag;
      } else {
        const moved = this.move(d - 1, d, head & 255);
        if (moved !== ALIVE) {
          if (moved === LATER)
            for (let t = from[i] ?? 0; t < (from[i + below] ?? 0); t++) this.later.push(tokens[t] ?? 0);
          else if (moved === BEYOND) this.beyond.push(i, this.after);
          i += below;
          continue;
        }
      }
      if (below > 1 && text && stackAt[d] === level && flagAt[d] === 0 && this.free(leafAt[d] ?? 0)) {
        // Anything may follow, and the quote: the same tokens as in any free string.
        this.count = n;
        this.takeOpen(this.tailsAfter(leafAt[d] ?? 0, level), tokensUnder(trie, i));
        n = this.count;
        i += below;
        continue;
      }
      if (below > WORTH && flag <= NAMED && (text || leaves[leafAt[d] ?? 0]?.kind === 'number')) {
        const leaf = leafAt[d] ?? 0;
        const loop = text ? loops.known(leaf) : loops.of(leaf);
        if (loop !== undefined && heightOf(head) <= loop.count && covers(loop.set, rows, i)) {
          const last = from[i + below] ?? 0;
          if (usual && d === 1 && isDigit(head & 255)) this.usual |= 1 << (head & 15);
          else for (let t = from[i] ?? 0; t < last; t++) found[n++] = tokens[t] ?? 0;
          i += below;
          continue;
        }
      }
      if (usual && d === 1 && (head & 255) === SPACE && this.blanks) this.usual |= 1 << BLANK;
      else for (let t = from[i] ?? 0; t < (from[i + 1] ?? 0); t++) found[n++] = tokens[t] ?? 0;
      i++;
    }
    this.count = n;
  }

  /** Finds the tokens that stay within a string, from the leaf last begun: see {@link walkText}. */
  walkText(loop?: Loop, base: Uint32Array = NO_WORDS): void {
    const { found, scratch, acceptor, states } = this;
    const { text } = this.tokens;
    const { pages } = acceptor.machine;
    this.count = walkText(states, pages, text, scratch, loop, base, found, this.count);
  }

  private whole(leaf: number, rows: Rows, i: number): boolean {
    if (this.free(leaf)) return true;
    const loop =
      this.loops.known(leaf) ?? ((rows.heads[i * HEAD + 1] ?? 1) > WORTH_ASKING ? this.loops.of(leaf) : undefined);
    return loop !== undefined && heightOf(rows.heads[i * HEAD] ?? 0) <= loop.count && covers(loop.set, rows, i);
  }

  /** Whether a text can come, in the situation last begun. */
  takes(bytes: Uint8Array): boolean {
    const { leafAt, stackAt, flagAt } = this;
    const { pages } = this.acceptor.machine;
    for (let i = 0; i < bytes.length; i++) {
      const here = leafAt[i] ?? 0;
      const known = flagAt[i] === 0 ? (pages[here >> 4]?.[((here & 15) << 8) | (bytes[i] ?? 0)] ?? 0) : 0;
      if (known > 1 && ((known - 1) & 3) === 0) {
        leafAt[i + 1] = (known - 1) >> 2;
        stackAt[i + 1] = stackAt[i] ?? 0;
        flagAt[i + 1] = 0;
      } else if (known === 1 || this.move(i, i + 1, bytes[i] ?? 0) !== ALIVE) return false;
    }
    return true;
  }

  /** What may follow the quote in a string state that admits any content and may close after it. */
  tailsAfter(leaf: number, stack: StackId): TailSet {
    return this.tailsOf(this.acceptor.machine.step(leaf, 0x22), stack);
  }

  /** What may follow the quote of a string whose transition over it is `code`. */
  private tailsOf(code: number, stack: StackId): TailSet {
    const { leafAt, stackAt, flagAt, acceptor, tokens } = this;
    const named = this.tailsOfName(code, stack);
    if (named) return named;
    const closed = this.follow(0, code, stack, 0, DEPTH, 0x22);
    const all = tokens.tailTokens;
    if (closed !== ALIVE) {
      const later = closed === LATER ? all.map((_, tail) => tail) : [];
      return { open: [], later, marks: new Uint8Array(all.length).fill(closed) };
    }
    const after = leafAt[DEPTH] ?? 0;
    const below = stackAt[DEPTH] ?? 0;
    const flag = flagAt[DEPTH] ?? 0;
    const tails = (this.tails[flag] ??= new Memo(acceptor.stacks));
    const known = tails.find(after, below);
    if (known) {
      this.lowest = Math.min(this.lowest, tails.depth);
      return known;
    }
    // After a name the value to come tells, but for tokens that go beyond it.
    const info = acceptor.machine.leaves[after];
    const value = info instanceof ColonLeaf ? this.tailsOfValue(info, flag, acceptor.stacks.depth(below)) : undefined;
    if (value?.beyond.length === 0) return value.set;
    const outer = this.lowest;
    this.lowest = acceptor.stacks.depth(below);
    const open = value ? [...value.set.open] : [0];
    const later = value ? [...value.set.later] : [];
    if (!value) this.walkTails(1, tokens.tails.count, open, later);
    for (const node of value?.beyond ?? []) this.walkTails(node, node + (tokens.tails.size[node] ?? 1), open, later);
    const found = this.sets.of(open, later);
    tails.set(after, below, this.lowest, found);
    this.lowest = Math.min(outer, this.lowest);
    return found;
  }

  /** The same where a listed name ends: its value tells, if it was met before. */
  private tailsOfName(code: number, stack: StackId): TailSet | undefined {
    const { machine, stacks } = this.acceptor;
    const { keys } = (code & 3) === 2 ? (machine.frames[stacks.frame(stack)] ?? {}) : {};
    const value = keys?.valueAfter(code >> 2);
    const found = value === undefined ? undefined : this.valueTails[0]?.[value];
    if (found?.beyond.length !== 0) return undefined;
    this.lowest = Math.min(this.lowest, stacks.depth(stack) - 1);
    return found.set;
  }

  /** What may follow a name, from the colon's leaf that was last reached, above so many frames. */
  private tailsOfValue({ entry }: ColonLeaf, flag: number, depth: number): ValueTails {
    const { machine } = this.acceptor;
    const { tails, plainTails } = this.tokens;
    const leaf = machine.pushLeaf[entry] ?? 0;
    const values = (this.valueTails[flag] ??= []);
    const known = values[leaf];
    if (known) return known;
    const { order, repeats } = machine.options;
    const info = machine.leaves[leaf];
    const [only] = info instanceof ValueLeaf && info.slots.length === 1 && flag <= NAMED ? info.slots : [];
    const plain = only && machine.compiler.plain(only.state);
    const key = `${plain},${flag},${order},${repeats}`;
    let found = plain === undefined ? undefined : plainTails.get(key);
    if (!found) {
      found = { open: [0], later: [], beyond: [] };
      this.floor = depth + 1;
      try {
        this.walkTails(1, tails.count, found.open, found.later, found.beyond);
      } finally {
        this.floor = 0;
      }
      if (plain !== undefined) keepSome(plainTails, key, found);
    }
    const made = { set: this.sets.of(found.open, found.later), beyond: found.beyond };
    values[leaf] = made;
    return made;
  }

  /** Finds the tails from a node on that may come after the leaf at the depth of strings' ends; tells `beyond` where they go over the floor. */
  private walkTails(start: number, end: number, open: number[], later: number[], beyond: number[] = []): void {
    const { byte, depth, size, from, tokens } = this.tokens.tails;
    const { leafAt, stackAt, flagAt } = this;
    const { pages } = this.acceptor.machine;
    // The way to the node.
    const path: number[] = [];
    for (let i = start, d = depth[start] ?? 1; d > 1; i--) if (depth[i] === d - 1) path[--d] = byte[i] ?? 0;
    for (let d = 1; d < path.length; d++) this.move(DEPTH + d - 1, DEPTH + d, path[d] ?? 0);
    for (let i = start; i < end; ) {
      const d = DEPTH + (depth[i] ?? 0);
      const below = size[i] ?? 1;
      const here = leafAt[d - 1] ?? 0;
      const known = (flagAt[d - 1] ?? 0) <= NAMED ? (pages[here >> 4]?.[((here & 15) << 8) | (byte[i] ?? 0)] ?? 0) : 0;
      let moved = DEAD;
      if (known > 1 && ((known - 1) & 3) === 0) {
        leafAt[d] = (known - 1) >> 2;
        stackAt[d] = stackAt[d - 1] ?? 0;
        flagAt[d] = flagAt[d - 1] ?? 0;
        moved = ALIVE;
      } else if (known !== 1) moved = this.move(d - 1, d, byte[i] ?? 0);
      if (moved === BEYOND) beyond.push(i);
      const last = from[moved === ALIVE ? i + 1 : i + below] ?? 0;
      const list = moved === ALIVE ? open : later;
      for (let t = from[i] ?? 0; t < last && (moved === ALIVE || moved === LATER); t++) list.push(tokens[t] ?? 0);
      i += moved === ALIVE ? 1 : below;
    }
  }

  /** Finds the tokens that end at a node. */
  take(trie: TokenTrie, node: number): void {
    const last = trie.from[node + 1] ?? 0;
    for (let t = trie.from[node] ?? 0; t < last; t++) this.found[this.count++] = trie.tokens[t] ?? 0;
  }

  /** Finds those tokens of a node and below that may close a string whose transition over the quote is `code`. */
  takeTails(code: number, stack: StackId, trie: TokenTrie, node: number): void {
    if (code !== 0) this.takeOpen(this.tailsOf(code, stack), tokensUnder(trie, node));
  }

  /** Finds those of some tokens which may close such a string although they may not close another, or the other way round. */
  takeOthers(code: number, stack: StackId, closers: readonly number[], { marks }: TailSet): void {
    const { found } = this;
    const { tailOf } = this.tokens;
    const own = code === 0 ? undefined : this.tailsOf(code, stack).marks;
    let n = this.count;
    for (let i = 0; i < closers.length; i++) {
      const token = closers[i] ?? 0;
      const tail = tailOf[token] ?? 0;
      const mark = own?.[tail] ?? DEAD;
      if ((mark === ALIVE) !== (marks[tail] === ALIVE)) found[n++] = token;
      if (mark === LATER) this.later.push(token);
    }
    this.count = n;
  }

  /** Finds a token if it can come from a situation. */
  tryToken(token: number, leaf: number, stack: StackId): void {
    const bytes = this.vocabulary.bytes[token];
    this.place(leaf, stack);
    let moved = bytes ? ALIVE : DEAD;
    for (let i = 0; bytes && i < bytes.length && moved === ALIVE; i++) moved = this.move(i, i + 1, bytes[i] ?? 0);
    if (moved === ALIVE) this.found[this.count++] = token;
    else if (moved === LATER) this.later.push(token);
  }

  private takeOpen({ marks }: TailSet, tokens: Int32Array): void {
    const { found } = this;
    const { tailOf } = this.tokens;
    let n = this.count;
    for (let t = 0; t < tokens.length; t++) {
      const token = tokens[t] ?? 0;
      const tail = tailOf[token] ?? 0;
      const mark = tail === INSIDE ? ALIVE : (marks[tail] ?? DEAD);
      if (mark === ALIVE) found[n++] = token;
      else if (mark === LATER) this.later.push(token);
    }
    this.count = n;
  }

  private free(leaf: number): boolean {
    let known = this.freeLeaves[leaf];
    if (known === undefined) {
      const info = this.acceptor.machine.leaves[leaf];
      known = (info instanceof StringLeaf || info instanceof KeyLeaf) && info.free;
      this.freeLeaves[leaf] = known;
    }
    return known;
  }

  /** Moves the configuration at walk depth `here` over a byte into walk depth `there`. */
  private move(here: number, there: number, byte: number): number {
    const leaf = this.leafAt[here] ?? 0;
    const code = this.acceptor.machine.step(leaf, byte);
    return this.follow(leaf, code, this.stackAt[here] ?? 0, this.flagAt[here] ?? 0, there, byte);
  }

  /** Follows the transition `first` of leaf `from` over a byte into walk depth `there`. */
  private follow(from: number, first: number, below: StackId, flags: number, there: number, byte: number): number {
    const { machine, stacks } = this.acceptor;
    let leaf = from;
    let code = first;
    let stack = below;
    let flag = flags;
    for (;;) {
      if (code === 0) return DEAD;
      if (flag > NAMED) {
        const phase = this.unknown.after(flag >> 1, leaf, code, byte);
        if (phase < 0) return LATER;
        flag = (flag & NAMED) | (phase << 1);
      }
      const target = code >> 2;
      leaf = target;
      if ((code & 3) === 1) {
        const frame = machine.pushFrame[target] ?? 0;
        stack = stacks.push(stack, frame, machine.frames[frame]?.captures ?? false, 0);
        leaf = machine.pushLeaf[target] ?? 0;
      } else if ((code & 3) >= 2) {
        const frame = stacks.frame(stack);
        const keys = machine.frames[frame]?.keys !== undefined;
        if (stacks.depth(stack) <= this.floor) {
          this.after = code & 1;
          return BEYOND;
        }
        stack = stacks.parent(stack);
        this.lowest = Math.min(this.lowest, stacks.depth(stack));
        const needed = machine.needsText(frame, target);
        // After a name whose text is not known, a second one might be the same.
        if ((flag & NAMED) !== 0 && keys) return LATER;
        leaf = machine.resume(frame, target);
        if (leaf === 0) return DEAD;
        if (needed) {
          if (keys) flag |= NAMED;
          else if (this.unknown.roomy(leaf)) flag = (flag & NAMED) | (AFTER << 1);
          else return LATER;
        }
        if ((code & 3) === 3) {
          code = machine.step(leaf, byte);
          continue;
        }
      }
      this.leafAt[there] = leaf;
      this.stackAt[there] = stack;
      this.flagAt[there] = flag;
      return ALIVE;
    }
  }
}
