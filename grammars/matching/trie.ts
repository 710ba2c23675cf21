import { sharedBy } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';

/**
 * Tokens as a byte trie in depth-first order: node `i` has byte `byte[i]`, depth `depth[i]`, and `size[i]` nodes from itself
 * to the end of its subtree. Walking it is one loop: go to `i + 1` to descend, to `i + size[i]` to skip. Node 0 is the root.
 */
export interface TokenTrie {
  readonly count: number;
  readonly byte: Uint8Array;
  readonly depth: Uint8Array;
  readonly size: Int32Array;
  /** Tokens that end at node `i`: `tokens[from[i] .. from[i + 1])`. */
  readonly from: Int32Array;
  readonly tokens: Int32Array;
  readonly maxDepth: number;
}

/** A text and the tokens it stands for. */
export interface TrieEntry {
  readonly bytes: Uint8Array;
  readonly tokens: readonly number[];
}

/** Bytes of the longest text that a trie holds. */
export const MAX_DEPTH = 255;

/** Builds the trie of a list of texts. Texts longer than 255 bytes are left out: no walk is that deep. */
export function buildTrie(entries: readonly TrieEntry[]): TokenTrie {
  const sorted = entries
    .filter((e) => e.bytes.length > 0 && e.bytes.length <= MAX_DEPTH)
    .sort((a, b) => compareBytes(a.bytes, b.bytes));
  let nodes = 1;
  let total = 0;
  let previous: Uint8Array = new Uint8Array(0);
  for (const { bytes, tokens } of sorted) {
    nodes += bytes.length - commonPrefix(previous, bytes);
    total += tokens.length;
    previous = bytes;
  }
  const byte = new Uint8Array(nodes);
  const depth = new Uint8Array(nodes);
  const size = new Int32Array(nodes).fill(1);
  const from = new Int32Array(nodes + 1);
  const tokens = new Int32Array(total);
  const path = new Int32Array(MAX_DEPTH + 1);
  let count = 1;
  let filled = 0;
  let maxDepth = 0;
  let open = 0;
  previous = new Uint8Array(0);
  for (const entry of sorted) {
    const { bytes } = entry;
    const shared = commonPrefix(previous, bytes);
    for (let d = open; d > shared; d--) size[path[d] ?? 0] = count - (path[d] ?? 0);
    for (let d = shared; d < bytes.length; d++) {
      byte[count] = bytes[d] ?? 0;
      depth[count] = d + 1;
      from[count] = filled;
      path[d + 1] = count++;
    }
    open = bytes.length;
    maxDepth = Math.max(maxDepth, open);
    for (const token of entry.tokens) tokens[filled++] = token;
    from[count] = filled;
    previous = bytes;
  }
  for (let d = open; d > 0; d--) size[path[d] ?? 0] = count - (path[d] ?? 0);
  size[0] = count;
  return { count, byte, depth, size, from, tokens, maxDepth };
}

/** The tokens that end at a node or below, or at the first so many of these nodes. */
export function tokensUnder({ tokens, from, size }: TokenTrie, node: number, nodes = size[node] ?? 1): Int32Array {
  return tokens.subarray(from[node], from[node + nodes]);
}

/** The children of each node: `list[start[i] .. start[i + 1])`, by ascending byte. */
export interface Children {
  readonly start: Int32Array;
  readonly list: Int32Array;
}

const children = new WeakMap<TokenTrie, Children>();

/** Lists the children of every node, once for each trie. */
export function childrenOf(trie: TokenTrie): Children {
  let found = children.get(trie);
  if (!found) {
    const { count, size } = trie;
    const start = new Int32Array(count + 1);
    const list = new Int32Array(count);
    let n = 0;
    for (let i = 0; i < count; i++) {
      start[i] = n;
      const end = i + (size[i] ?? 1);
      for (let child = i + 1; child < end; child += size[child] ?? 1) list[n++] = child;
    }
    start[count] = n;
    found = { start, list };
    children.set(trie, found);
  }
  return found;
}

/** The child of a node over a byte, or -1. */
export function childOf(trie: TokenTrie, node: number, byte: number): number {
  const { start, list } = childrenOf(trie);
  let low = start[node] ?? 0;
  let high = start[node + 1] ?? 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    const child = list[middle] ?? 0;
    const found = trie.byte[child] ?? 0;
    if (found === byte) return child;
    if (found < byte) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/** The same without a list of children, for tries that are seldom asked: the child, or 0. */
export function nextOf(trie: TokenTrie, node: number, byte: number): number {
  const end = node + (trie.size[node] ?? 1);
  let child = node + 1;
  while (child < end && trie.byte[child] !== byte) child += trie.size[child] ?? 1;
  return child < end ? child : 0;
}

/** Whether some token is these bytes and more. */
export function goesOn(trie: TokenTrie, bytes: readonly number[]): boolean {
  let node = 0;
  for (const byte of bytes) {
    node = nextOf(trie, node, byte);
    if (node === 0) return false;
  }
  return (trie.size[node] ?? 1) > 1;
}

const tries = new WeakMap<Vocabulary, TokenTrie>();

/** The trie of all text tokens of a vocabulary, built once. */
export function vocabularyTrie(vocabulary: Vocabulary): TokenTrie {
  return sharedBy(tries, vocabulary, () => {
    const entries: TrieEntry[] = [];
    vocabulary.bytes.forEach((bytes, id) => {
      if (bytes) entries.push({ bytes, tokens: [id] });
    });
    return buildTrie(entries);
  });
}

function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let i = 0;
  while (i < limit && a[i] === b[i]) i++;
  return i;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  for (let i = 0; i < limit; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}
