/** A table of states: what each does on every symbol, and what tells it apart before any symbol. */
export interface Table {
  /** One row a state: successors counted from 1, 0 for none, negative ones being unlike any other. */
  readonly rows: readonly Int32Array[];
  /** States of different kinds are never merged. */
  readonly kinds: readonly number[];
  /** Further edges of a state, as flat pairs of a label and a successor. */
  readonly edges: readonly (readonly number[])[];
}

/**
 * Classes of equivalent states by partition refinement (Moore 1956), numbered in the order in which they first occur. Signatures are
 * 64-bit hashes; the result is checked, so that a collision costs minimality and never correctness.
 */
export function minimize({ rows, kinds, edges }: Table): { readonly classOf: Int32Array; readonly count: number } {
  const size = rows.length;
  let classOf = Int32Array.from(kinds);
  let count = new Set(kinds).size;
  for (;;) {
    const seen = new Map<number, Map<number, number>>();
    const next = new Int32Array(size);
    let fresh = 0;
    for (let state = 0; state < size; state++) {
      let a = (classOf[state] ?? 0) | 0;
      let b = Math.imul(a + 1, 0x9e3779b1);
      const mix = (value: number): void => {
        a = Math.imul(a ^ value, 0x01000193) ^ (a >>> 15);
        b = Math.imul(b + value, 0x85ebca6b) ^ (b >>> 13);
      };
      const row = rows[state];
      for (let i = 0; i < 256; i++) mix(classAfter(classOf, row?.[i] ?? 0, state, i));
      const extra = edges[state] ?? [];
      for (let i = 0; i < extra.length; i += 2) {
        mix(extra[i] ?? 0);
        mix(classAfter(classOf, extra[i + 1] ?? 0, state, i));
      }
      let byHash = seen.get(a);
      if (!byHash) seen.set(a, (byHash = new Map()));
      let id = byHash.get(b);
      if (id === undefined) byHash.set(b, (id = fresh++));
      next[state] = id;
    }
    if (fresh === count) return consistent(rows, edges, next) ? { classOf: next, count } : identity(size);
    count = fresh;
    classOf = next;
  }
}

/** A number for where a symbol leads: a class, nothing, or (beyond the table) something that no other state shares. */
function classAfter(classOf: Int32Array, successor: number, state: number, symbol: number): number {
  if (successor > 0) return (classOf[successor - 1] ?? 0) + 1;
  return successor === 0 ? 0 : -2 - state * 256 - symbol;
}

function consistent(rows: readonly Int32Array[], edges: readonly (readonly number[])[], classOf: Int32Array): boolean {
  const leaders = new Map<number, number>();
  for (let state = 0; state < rows.length; state++) {
    const cls = classOf[state] ?? 0;
    const leader = leaders.get(cls);
    if (leader === undefined) {
      leaders.set(cls, state);
      continue;
    }
    const ours = rows[state];
    const theirs = rows[leader];
    for (let i = 0; i < 256; i++)
      if (classAfter(classOf, ours?.[i] ?? 0, state, i) !== classAfter(classOf, theirs?.[i] ?? 0, leader, i))
        return false;
    const own = edges[state] ?? [];
    const other = edges[leader] ?? [];
    if (own.length !== other.length) return false;
    for (let i = 0; i < own.length; i += 2) {
      if (
        own[i] !== other[i] ||
        classAfter(classOf, own[i + 1] ?? 0, state, i) !== classAfter(classOf, other[i + 1] ?? 0, leader, i)
      )
        return false;
    }
  }
  return true;
}

function identity(size: number): { classOf: Int32Array; count: number } {
  return { classOf: Int32Array.from({ length: size }, (_, i) => i), count: size };
}
