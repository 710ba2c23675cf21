import { randomSource } from '../../compiler/random.ts';

/** Rounds of subspace iteration: the error of the best approximation is a few per cent away by then. */
const ROUNDS = 6;

/** [n, rank] times [rank, k]. */
export interface LowRank {
  readonly left: Float32Array;
  readonly right: Float32Array;
}

/**
 * Nearly the best approximation of m [n, k], row-major, of the given rank (at most min(n, k)) in squared error, by subspace iteration from
 * a seeded start (Halko, Martinsson & Tropp 2011, algorithm 4.4). The columns of `left` are orthonormal. Deterministic.
 */
export function lowRank(m: Float32Array, n: number, k: number, rank: number): LowRank {
  const random = randomSource(1);
  const right = Float32Array.from({ length: rank * k }, () => random() - 0.5);
  const left = new Float32Array(n * rank);
  for (let round = 0; round < ROUNDS; round++) {
    // left = m right^T, orthonormal; right = left^T m.
    left.fill(0);
    for (let i = 0; i < n; i++) for (let r = 0; r < rank; r++) left[i * rank + r] = dot(m, i * k, right, r * k, k);
    orthonormalize(left, n, rank);
    right.fill(0);
    for (let i = 0; i < n; i++)
      for (let r = 0; r < rank; r++) addScaled(right, r * k, m, i * k, left[i * rank + r] ?? 0, k);
  }
  return { left, right };
}

function dot(a: Float32Array, from: number, b: Float32Array, at: number, n: number): number {
  let s = 0;
  for (let i = 0; i < n; i++) s += (a[from + i] ?? 0) * (b[at + i] ?? 0);
  return s;
}

function addScaled(to: Float32Array, at: number, from: Float32Array, start: number, by: number, n: number): void {
  if (by !== 0) for (let i = 0; i < n; i++) to[at + i] = (to[at + i] ?? 0) + by * (from[start + i] ?? 0);
}

/** Gram-Schmidt on the columns of [n, rank], twice, since once loses digits; columns that depend on others become zero. */
function orthonormalize(a: Float32Array, n: number, rank: number): void {
  const at = (i: number, r: number): number => a[i * rank + r] ?? 0;
  for (let r = 0; r < rank; r++) {
    let before = 0;
    for (let i = 0; i < n; i++) before += at(i, r) ** 2;
    for (let pass = 0; pass < 2; pass++)
      for (let q = 0; q < r; q++) {
        let s = 0;
        for (let i = 0; i < n; i++) s += at(i, q) * at(i, r);
        for (let i = 0; i < n; i++) a[i * rank + r] = at(i, r) - s * at(i, q);
      }
    let norm = 0;
    for (let i = 0; i < n; i++) norm += at(i, r) ** 2;
    const by = norm > 1e-10 * before ? 1 / Math.sqrt(norm) : 0;
    for (let i = 0; i < n; i++) a[i * rank + r] = at(i, r) * by;
  }
}
