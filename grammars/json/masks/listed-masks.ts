import { childOf, MAX_DEPTH, type TokenTrie } from '../../matching/trie.ts';
import type { JsonAcceptor } from '../acceptor.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf } from '../automaton/leaf-string.ts';
import type { StackId } from '../automaton/stack.ts';
import type { MaskWalk } from './mask-walk.ts';
import type { JsonTokens } from './string-tokens.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Begins with a character that has an escape of its own, or must have one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const NAMED_ESCAPES = /^["\\/\u0000-\u001f]/;

const NONE: readonly number[] = [];
const special = (byte: number): boolean => byte < 0x20 || byte === QUOTE || byte === BACKSLASH;
const utf8 = new TextEncoder();

/** Tokens of states within strings of which a list is known: text by text instead of state by state. */
export class ListedMasks {
  private readonly path: Int32Array;
  private readonly ends: Int32Array;
  /** A text in bytes, as far as tokens reach and a little further, and the one before it. */
  private readonly now = new Uint8Array(MAX_DEPTH + 8);
  private readonly before = new Uint8Array(MAX_DEPTH + 8);
  /** Marks of tokens, all 0 between calls. */
  private readonly apart: Uint8Array;

  constructor(
    private readonly acceptor: JsonAcceptor,
    private readonly tokens: JsonTokens,
    private readonly walk: MaskWalk,
  ) {
    this.apart = tokens.marks;
    this.path = new Int32Array(MAX_DEPTH + 9);
    this.ends = new Int32Array(MAX_DEPTH + 9);
  }

  /** Finds the tokens along the texts `rests` (sorted), which are all that may come in the string. */
  only(rests: readonly string[], leaf: number, stack: StackId): void {
    const { walk, path, ends } = this;
    const info = this.acceptor.machine.leaves[leaf];
    const close = (rest: string, bytes: Uint8Array): number =>
      (info instanceof KeyLeaf || info instanceof StringLeaf ? info.closeAfter(rest) : undefined) ??
      this.acceptor.machine.step(this.after(leaf, bytes), QUOTE);
    const { text, quotes } = this.tokens;
    walk.begin(leaf, stack);
    this.escapes(rests, leaf, stack);
    path[0] = 0;
    ends[0] = 0;
    let { now: bytes, before: previous } = this;
    let length = 0;
    let reached = 0;
    let past = '';
    let ended = false;
    for (const rest of rests) {
      // No token goes so far: there may be thousands of such texts.
      if (past !== '' && rest.startsWith(past)) continue;
      if (rest === '') {
        const closing = childOf(quotes, 0, QUOTE);
        if (closing >= 0) walk.takeTails(this.acceptor.machine.step(leaf, QUOTE), stack, quotes, closing);
        continue;
      }
      const before = length;
      [bytes, previous] = [previous, bytes];
      const { read, written } = utf8.encodeInto(rest, bytes);
      // Quotes and control characters never stand for themselves.
      length = 0;
      while (length < written && !special(bytes[length] ?? 0)) length++;
      const whole = length === written && read === rest.length;
      let d = 0;
      while (d < reached && d < length && bytes[d] === previous[d]) d++;
      // The text before ended here, so that nothing was asked of what goes on.
      if (ended && d === before) this.escapedAt(d, leaf, stack);
      for (; d < length; d++) {
        const byte = bytes[d] ?? 0;
        const node = below(text, path[d], byte);
        const end = below(quotes, ends[d], byte);
        if (node < 0 && end < 0) break;
        path[d + 1] = node;
        ends[d + 1] = end;
        if (node >= 0) walk.take(text, node);
        if (whole && d + 1 === length) continue;
        this.escapedAt(d + 1, leaf, stack);
      }
      past = d < length && read === written ? rest.slice(0, d + 1) : '';
      reached = d;
      ended = whole;
      const closing = whole && d === length ? below(quotes, ends[d], QUOTE) : -1;
      if (closing >= 0) walk.takeTails(close(rest, bytes.subarray(0, length)), stack, quotes, closing);
    }
  }

  /** Tokens that begin with an escape of the next character. */
  private escapes(rests: readonly string[], leaf: number, stack: StackId): void {
    const { walk } = this;
    const { alone, partial, whole } = this.tokens.escapes;
    if (rests.some((rest) => NAMED_ESCAPES.test(rest))) {
      for (const trie of [this.tokens.text, this.tokens.quotes]) {
        const child = childOf(trie, 0, BACKSLASH);
        if (child >= 0) walk.walkUnder(trie, child);
      }
      return;
    }
    // Other characters are only ever spelled as numbers, and only where all may be.
    if (this.acceptor.machine.options.escapes === 'minimal' || rests.every((rest) => rest === '')) return;
    for (const token of alone) walk.found[walk.count++] = token;
    for (const { token, digits, value } of partial)
      if (rests.some((rest) => rest !== '' && rest.charCodeAt(0) >> (16 - 4 * digits) === value))
        walk.found[walk.count++] = token;
    for (const token of whole) walk.tryToken(token, leaf, stack);
    this.escaped(this.tokens.quotes, 0, leaf, stack);
  }

  private escapedAt(d: number, leaf: number, stack: StackId): void {
    this.escaped(this.tokens.text, this.path[d], leaf, stack);
    this.escaped(this.tokens.quotes, this.ends[d], leaf, stack);
  }

  /** Tokens that go on with an escape, one by one: there are hardly any. */
  private escaped(trie: TokenTrie, node: number | undefined, leaf: number, stack: StackId): void {
    const child = below(trie, node, BACKSLASH);
    if (child < 0) return;
    const last = trie.from[child + (trie.size[child] ?? 1)] ?? 0;
    for (let t = trie.from[child] ?? 0; t < last; t++) this.walk.tryToken(trie.tokens[t] ?? 0, leaf, stack);
  }

  /**
   * Finds the tokens that close a name which may be any but for some listed or used ones: as for other names, but for tokens that
   * finish one of those. False when there are no such tokens.
   */
  near(key: KeyLeaf, stack: StackId): boolean {
    const { walk, tokens, apart } = this;
    const { byContent } = tokens.strings;
    const named = key.nearRests().filter((rest) => byContent.has(rest));
    if (named.length === 0) return false;
    for (const rest of named) for (const token of byContent.get(rest) ?? NONE) apart[token] = 1;
    const { open, later } = walk.tailsAfter(key.offLeaf, stack);
    for (const tail of open)
      for (const token of tokens.tailTokens[tail] ?? NONE) if (apart[token] === 0) walk.found[walk.count++] = token;
    for (const tail of later)
      for (const token of tokens.tailTokens[tail] ?? NONE) if (apart[token] === 0) walk.later.push(token);
    for (const rest of named) {
      const closers = byContent.get(rest) ?? NONE;
      for (const token of closers) apart[token] = 0;
      const code = key.closeAfter(rest);
      if (code !== 0) walk.takeClosers(code, stack, closers);
    }
    return true;
  }

  /** The leaf after some bytes of content, or 0. */
  private after(leaf: number, bytes: Uint8Array): number {
    let at = leaf;
    for (let i = 0; i < bytes.length && at !== 0; i++) at = this.acceptor.machine.step(at, bytes[i] ?? 0) >> 2;
    return at;
  }
}

/** The child over a byte of a node that may be none. */
function below(trie: TokenTrie, node: number | undefined, byte: number): number {
  return node === undefined || node < 0 ? -1 : childOf(trie, node, byte);
}
