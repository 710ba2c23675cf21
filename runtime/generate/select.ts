/** Whether candidate `i` comes before a pair in the order of selection: heavier first, then lower ids, so that no two are equal. */
const before = (ids: Int32Array, weights: Float64Array, i: number, weight: number, id: number): boolean => {
  const w = weights[i] ?? 0;
  return w > weight || (w === weight && (ids[i] ?? 0) < id);
};

function swap(ids: Int32Array, weights: Float64Array, i: number, j: number): void {
  const [id = 0, w = 0] = [ids[i], weights[i]];
  ids[i] = ids[j] ?? 0;
  weights[i] = weights[j] ?? 0;
  ids[j] = id;
  weights[j] = w;
}

/** Partitions [low, high) around its median of three; returns where the pivot came to lie: those before it come before it in order. */
function partition(ids: Int32Array, weights: Float64Array, low: number, high: number): number {
  const [a, b, c] = [low, (low + high) >> 1, high - 1];
  const less = (i: number, j: number): boolean => before(ids, weights, i, weights[j] ?? 0, ids[j] ?? 0);
  const middle = less(a, b) ? (less(b, c) ? b : less(a, c) ? c : a) : less(a, c) ? a : less(b, c) ? c : b;
  swap(ids, weights, middle, c);
  const [weight, id] = [weights[c] ?? 0, ids[c] ?? 0];
  let store = low;
  for (let i = low; i < c; i++) if (before(ids, weights, i, weight, id)) swap(ids, weights, i, store++);
  swap(ids, weights, store, c);
  return store;
}

/** Moves the `k` first of `n` candidates to the front, in linear time on average. */
export function keepLargest(ids: Int32Array, weights: Float64Array, n: number, k: number): void {
  for (let low = 0, high = n; high - low > 1; ) {
    const at = partition(ids, weights, low, high);
    if (at === k || at + 1 === k) return;
    if (at < k) low = at + 1;
    else high = at;
  }
}

/**
 * Moves the shortest beginning of the order whose weights sum to at least `share` of all to the front and returns its length (at least
 * one), in linear time on average.
 */
export function keepMass(ids: Int32Array, weights: Float64Array, n: number, share: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += weights[i] ?? 0;
  let missing = share * total;
  let low = 0;
  let high = n;
  while (high - low > 1) {
    const at = partition(ids, weights, low, high);
    let mass = 0;
    for (let i = low; i < at; i++) mass += weights[i] ?? 0;
    if (mass >= missing) high = at;
    else {
      missing -= mass + (weights[at] ?? 0);
      low = at + 1;
      if (missing <= 0) break;
    }
  }
  // One candidate is left undecided: it belongs when the mass before it does not suffice.
  return Math.max(1, Math.min(n, missing > 0 && low < high ? low + 1 : low));
}
