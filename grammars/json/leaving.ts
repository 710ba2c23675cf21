import type { TokenTrie } from '../trie.ts';
import type { CharBits, Loop } from './char-loops.ts';
import { ROW, rowsOf, utf8Step } from './subtrees.ts';

/**
 * Nodes of a trie at which tokens leave a loop that characters of `first` enter: the first byte that is not on it but may come, or is
 * one too many. Subtrees without such a byte are passed over, so that most of the trie is never seen. Returns how many were put in `out`.
 */
export function leaving(trie: TokenTrie, loop: Loop, first: CharBits, out: Int32Array): number {
  const rows = rowsOf(trie);
  const { count: most, others, otherExits } = loop;
  const [s0, s1, s2, s3] = loop.ascii;
  const [x0, x1, x2, x3] = loop.exits;
  // By depth: where in a UTF-8 character the path is.
  const at = new Int8Array(256);
  let n = 0;
  for (let i = ROW; i < rows.length; ) {
    const head = rows[i] ?? 0;
    const byte = head & 255;
    const depth = (head >> 8) & 255;
    const next = i + (rows[i + 1] ?? 1) * ROW;
    const before = at[depth - 1] ?? 0;
    if (depth > most) {
      out[n++] = i / ROW;
      i = next;
      continue;
    }
    if (byte < 0x80) {
      const set = byte < 0x40 ? (byte < 0x20 ? s0 : s1) : byte < 0x60 ? s2 : s3;
      const exits = byte < 0x40 ? (byte < 0x20 ? x0 : x1) : byte < 0x60 ? x2 : x3;
      const on = ((set >> (byte & 31)) & 1) === 1 && (depth > 1 || begins(first, byte));
      if (!on || before !== 0) {
        if (before === 0 && (depth === 1 || ((exits >> (byte & 31)) & 1) === 1)) out[n++] = i / ROW;
        i = next;
        continue;
      }
      at[depth] = 0;
    } else {
      const position = others ? utf8Step(before, byte) : -1;
      if (position < 0) {
        if (!others && (depth === 1 || otherExits)) out[n++] = i / ROW;
        i = next;
        continue;
      }
      at[depth] = position;
    }
    const leaves =
      ((rows[i + 4] ?? 0) & x0) !== 0 ||
      ((rows[i + 5] ?? 0) & x1) !== 0 ||
      ((rows[i + 6] ?? 0) & x2) !== 0 ||
      ((rows[i + 7] ?? 0) & x3) !== 0 ||
      (otherExits && ((head >> 16) & 3) > 0) ||
      depth + (head >>> 18) > most;
    i = leaves ? i + ROW : next;
  }
  return n;
}

function begins({ ascii }: CharBits, byte: number): boolean {
  return (((ascii[byte >> 5] ?? 0) >> (byte & 31)) & 1) === 1;
}
