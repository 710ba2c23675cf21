/** What two neighbouring tokens merge to, and how early. */
export interface Merge {
  readonly rank: number;
  readonly id: number;
}

/** Looks up the merge of a pair of token ids. */
export type Merges = (left: number, right: number) => Merge | undefined;

/**
 * Applies byte-pair merges to a piece, lowest rank first and leftmost among equals. A heap over a linked list: O(n log n), so that a whole
 * document may be one piece (SentencePiece).
 */
export function mergePairs(symbols: readonly number[], merges: Merges): number[] {
  const ids = [...symbols];
  const count = ids.length;
  const next = Int32Array.from(ids, (_, i) => (i + 1 < count ? i + 1 : -1));
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const alive = new Uint8Array(count).fill(1);
  const heap: { rank: number; at: number; left: number; right: number; id: number }[] = [];
  const before = (a: { rank: number; at: number }, b: { rank: number; at: number }): boolean =>
    a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
  const push = (at: number): void => {
    const after = next[at] ?? -1;
    if (at < 0 || after < 0) return;
    const left = ids[at] ?? 0;
    const right = ids[after] ?? 0;
    const merge = merges(left, right);
    if (!merge) return;
    const entry = { rank: merge.rank, at, left, right, id: merge.id };
    let i = heap.length;
    while (i > 0) {
      const parent = heap[(i - 1) >> 1];
      if (!parent || !before(entry, parent)) break;
      heap[i] = parent;
      i = (i - 1) >> 1;
    }
    heap[i] = entry;
  };
  for (let i = 0; i + 1 < count; i++) push(i);
  for (let top = popHeap(heap, before); top; top = popHeap(heap, before)) {
    const { at, left, right, id } = top;
    const after = next[at] ?? -1;
    if (!alive[at] || after < 0 || ids[at] !== left || ids[after] !== right) continue;
    ids[at] = id;
    alive[after] = 0;
    const beyond = next[after] ?? -1;
    next[at] = beyond;
    if (beyond >= 0) previous[beyond] = at;
    push(previous[at] ?? -1);
    push(at);
  }
  return ids.filter((_, i) => alive[i]);
}

function popHeap<T>(heap: T[], before: (a: T, b: T) => boolean): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    const right = heap[child + 1];
    let smaller = heap[child];
    if (smaller === undefined) break;
    if (right !== undefined && before(right, smaller)) {
      child++;
      smaller = right;
    }
    if (!before(smaller, last)) break;
    heap[i] = smaller;
    i = child;
  }
  heap[i] = last;
  return top;
}
