import type { TokenTrie } from '../../matching/trie.ts';
import { CHAR_WORDS, type CharBits, charBit } from './char-bits.ts';

/**
 * The nodes of a token trie and what lies below each. Which characters occur below a node lets a walk take whole subtrees at once, or
 * pass over them. A walk that jumps waits for memory more than for anything else: what it asks of every node is two numbers.
 */
export interface Rows {
  /**
   * By node {@link HEAD} numbers: its byte, depth << 8, the height of the subtree << 16 and {@link BROKEN}; and the number of nodes from here
   * to the end of the subtree.
   */
  readonly heads: Int32Array;
  /** By node a set of first bytes of characters below, as in {@link CharBits}. */
  readonly bits: Int32Array;
}

/** Numbers of a head. */
export const HEAD = 2;
/** What is below the node does not begin with a whole character: the node is in the middle of one. */
const BROKEN = 1 << 24;

const cache = new WeakMap<TokenTrie, Rows>();

// Positions within a UTF-8 character: 0 between characters, 1..3 continuation bytes to come, then the restricted second bytes.
const AFTER_E0 = 4;
const AFTER_ED = 5;
const AFTER_F0 = 6;
const AFTER_F4 = 7;

/** The position within a UTF-8 character (0: between characters) after a byte, or -1. */
function utf8Step(position: number, byte: number): number {
  const continuation = (byte & 0xc0) === 0x80;
  switch (position) {
    case 0:
      if (byte < 0x80) return 0;
      if (byte < 0xc2 || byte > 0xf4) return -1;
      if (byte < 0xe0) return 1;
      if (byte < 0xf0) return byte === 0xe0 ? AFTER_E0 : byte === 0xed ? AFTER_ED : 2;
      return byte === 0xf0 ? AFTER_F0 : byte === 0xf4 ? AFTER_F4 : 3;
    case AFTER_E0:
      return continuation && byte >= 0xa0 ? 1 : -1;
    case AFTER_ED:
      return continuation && byte < 0xa0 ? 1 : -1;
    case AFTER_F0:
      return continuation && byte >= 0x90 ? 2 : -1;
    case AFTER_F4:
      return continuation && byte < 0x90 ? 2 : -1;
    default:
      return continuation ? position - 1 : -1;
  }
}

/** Computes the rows of a trie, once. */
export function rowsOf(trie: TokenTrie): Rows {
  const known = cache.get(trie);
  if (known) return known;
  const { count, byte, depth } = trie;
  const bits = new Int32Array(count * CHAR_WORDS);
  // Bit p: everything below the node is well-formed when the node is at position p of a character.
  const sound = new Uint8Array(count).fill(255);
  const height = new Uint8Array(count);
  const steps = new Int8Array(8 * 256);
  for (let p = 0; p < 8; p++) for (let b = 0; b < 256; b++) steps[p * 256 + b] = utf8Step(p, b);
  const parent = parentsOf(trie);
  for (let i = count - 1; i > 0; i--) {
    const up = parent[i] ?? 0;
    const b = byte[i] ?? 0;
    const [above, own] = [up * CHAR_WORDS, i * CHAR_WORDS];
    for (let w = 0; w < CHAR_WORDS; w++) bits[above + w] = (bits[above + w] ?? 0) | (bits[own + w] ?? 0);
    if (b < 0x80 || b >= 0xc0) {
      const bit = charBit(b);
      bits[above + (bit >> 5)] = (bits[above + (bit >> 5)] ?? 0) | (1 << (bit & 31));
    }
    height[up] = Math.max(height[up] ?? 0, (height[i] ?? 0) + 1);
    let ok = sound[up] ?? 0;
    for (let p = 0; p < 8; p++) {
      const next = steps[p * 256 + b] ?? -1;
      if (next < 0 || (((sound[i] ?? 0) >> next) & 1) === 0) ok &= ~(1 << p);
    }
    sound[up] = ok;
  }
  const heads = new Int32Array(count * HEAD);
  for (let i = 0; i < count; i++) {
    const broken = ((sound[i] ?? 0) & 1) === 0 ? BROKEN : 0;
    heads[i * HEAD] = (byte[i] ?? 0) | ((depth[i] ?? 0) << 8) | ((height[i] ?? 0) << 16) | broken;
    heads[i * HEAD + 1] = trie.size[i] ?? 1;
  }
  const rows = { heads, bits };
  cache.set(trie, rows);
  return rows;
}

/** Bytes of the longest text below a node, by its head. */
export function heightOf(head: number): number {
  return (head >>> 16) & 255;
}

/** Whether all that is below a node may come in any order. */
export function covers(set: CharBits, { heads, bits }: Rows, i: number, at = 0): boolean {
  return ((heads[i * HEAD] ?? 0) & BROKEN) === 0 && hasAll(set, bits, i, at);
}

/** Whether a set, whose words begin at a place, has all characters that begin below a node. */
export function hasAll(set: CharBits, bits: Int32Array, i: number, at = 0): boolean {
  for (let w = 0; w < CHAR_WORDS; w++) if (((bits[i * CHAR_WORDS + w] ?? 0) & ~(set[at + w] ?? 0)) !== 0) return false;
  return true;
}

/** Whether some character that begins below a node is in a set. */
export function meets(set: CharBits, bits: Int32Array, i: number): boolean {
  for (let w = 0; w < CHAR_WORDS; w++) if (((bits[i * CHAR_WORDS + w] ?? 0) & (set[w] ?? 0)) !== 0) return true;
  return false;
}

function parentsOf({ count, depth, maxDepth }: TokenTrie): Int32Array {
  const parent = new Int32Array(count);
  const path = new Int32Array(maxDepth + 1);
  for (let i = 1; i < count; i++) {
    const d = depth[i] ?? 0;
    path[d] = i;
    parent[i] = path[d - 1] ?? 0;
  }
  return parent;
}
