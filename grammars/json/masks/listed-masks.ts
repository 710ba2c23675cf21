import { childOf, MAX_DEPTH, type TokenTrie, tokensUnder } from '../../matching/trie.ts';
import type { JsonAcceptor } from '../acceptor.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf } from '../automaton/leaf-string.ts';
import type { StackId } from '../automaton/stack.ts';
import { isPlain } from '../automaton/utf8-json.ts';
import type { MaskWalk } from './mask-walk.ts';
import type { JsonTokens } from './string-tokens.ts';
import type { TailSet } from './tail-sets.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const U = 0x75;

/** Begins with a character that has an escape of its own, or must have one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const NAMED_ESCAPES = /^["\\/\u0000-\u001f]/;

/** Has such a character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const SOME_NAMED = /["\\/\u0000-\u001f]/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const PLAIN = /^[^"\\\u0000-\u001f]*/;

/** No token reaches further. */
const FAR = MAX_DEPTH + 2;
/** Half of a character at the end. */
const HALF = /[\ud800-\udbff]$/;

const NONE: readonly number[] = [];
const utf8 = new TextEncoder();

/** Tokens of states within strings of which a list is known: text by text instead of state by state. */
export class ListedMasks {
  private readonly path: Int32Array;
  private readonly ends: Int32Array;
  /** Whether some of the texts have characters with escapes of their own. */
  private named = false;

  constructor(
    private readonly acceptor: JsonAcceptor,
    private readonly tokens: JsonTokens,
    private readonly walk: MaskWalk,
  ) {
    this.path = new Int32Array(MAX_DEPTH + 2);
    this.ends = new Int32Array(MAX_DEPTH + 2);
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
    // No token goes further: a text may have a megabyte.
    this.named = rests.some((rest) => SOME_NAMED.test(rest.slice(0, FAR)));
    path[0] = 0;
    ends[0] = 0;
    let previous: Uint8Array = new Uint8Array(0);
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
      // Quotes and control characters never stand for themselves.
      const { bytes, units } = plainOf(rest);
      const whole = units === rest.length;
      let d = 0;
      while (d < reached && d < bytes.length && bytes[d] === previous[d]) d++;
      // The text before ended here, so that nothing was asked of what goes on.
      if (ended && d === previous.length) this.escapedAt(d, bytes, leaf, stack);
      for (; d < bytes.length; d++) {
        const byte = bytes[d] ?? 0;
        if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) break;
        const node = below(text, path[d], byte);
        const end = below(quotes, ends[d], byte);
        if (node < 0 && end < 0) break;
        path[d + 1] = node;
        ends[d + 1] = end;
        if (node >= 0) walk.take(text, node);
        if (whole && d + 1 === bytes.length) continue;
        this.escapedAt(d + 1, bytes, leaf, stack);
      }
      past = d < bytes.length && bytes.length === units ? rest.slice(0, d + 1) : '';
      reached = d;
      previous = bytes;
      ended = whole;
      const closing = whole && d === bytes.length ? below(quotes, ends[d], QUOTE) : -1;
      if (closing >= 0) walk.takeTails(close(rest, bytes), stack, quotes, closing);
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
    const { quotes } = this.tokens;
    this.tryAll(quotes, below(quotes, childOf(quotes, 0, BACKSLASH), U), leaf, stack);
  }

  private escapedAt(d: number, bytes: Uint8Array, leaf: number, stack: StackId): void {
    // No escape comes within a character.
    if (((bytes[d] ?? 0) & 0xc0) === 0x80) return;
    this.escaped(this.tokens.text, this.path[d], leaf, stack);
    this.escaped(this.tokens.quotes, this.ends[d], leaf, stack);
  }

  /** Tokens that go on with an escape: that may be a number where it has no name, and such tokens are tried one by one, for there are hardly any. */
  private escaped(trie: TokenTrie, node: number | undefined, leaf: number, stack: StackId): void {
    const at = below(trie, node, BACKSLASH);
    if (this.named) this.tryAll(trie, at, leaf, stack);
    else if (at >= 0 && this.acceptor.machine.options.escapes === 'any') {
      this.walk.take(trie, at);
      this.tryAll(trie, below(trie, at, U), leaf, stack);
    }
  }

  private tryAll(trie: TokenTrie, node: number, leaf: number, stack: StackId): void {
    if (node < 0) return;
    for (const token of tokensUnder(trie, node)) this.walk.tryToken(token, leaf, stack);
  }

  /**
   * What may follow a name which may be any but for some listed or used ones; finds the tokens which finish one of those and for which that
   * is not so. Undefined when there are no such tokens.
   */
  near(key: KeyLeaf, stack: StackId): TailSet | undefined {
    const { walk, tokens } = this;
    const { byContent } = tokens.strings;
    const named = key.nearRests().filter((rest) => byContent.has(rest));
    if (named.length === 0) return undefined;
    const others = walk.tailsAfter(key.offLeaf, stack);
    for (const tail of others.later)
      for (const token of tokens.tailTokens[tail] ?? NONE)
        if (!named.some((rest) => byContent.get(rest)?.includes(token))) walk.later.push(token);
    for (const rest of named) walk.takeOthers(key.closeAfter(rest), stack, byContent.get(rest) ?? NONE, others);
    return others;
  }

  /** The leaf after some bytes of content, or 0. */
  private after(leaf: number, bytes: Uint8Array): number {
    let at = leaf;
    for (let i = 0; i < bytes.length && at !== 0; i++) at = this.acceptor.machine.step(at, bytes[i] ?? 0) >> 2;
    return at;
  }
}

/** The bytes of a text up to a quote, backslash or control character, no more than tokens have, and of how many UTF-16 units they are. */
function plainOf(rest: string): { readonly bytes: Uint8Array; readonly units: number } {
  const bytes = new Uint8Array(Math.min(rest.length, FAR));
  for (let units = 0; units < bytes.length; units++) {
    const code = rest.charCodeAt(units);
    if (!isPlain(code)) {
      const [plain = ''] = PLAIN.exec(rest.length > FAR ? rest.slice(0, FAR).replace(HALF, '') : rest) ?? [];
      return { bytes: utf8.encode(plain), units: plain.length };
    }
    bytes[units] = code;
  }
  return { bytes, units: bytes.length };
}

/** The child over a byte of a node that may be none. */
function below(trie: TokenTrie, node: number | undefined, byte: number): number {
  return node === undefined || node < 0 ? -1 : childOf(trie, node, byte);
}
