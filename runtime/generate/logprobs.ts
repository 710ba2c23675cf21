import type { Emission } from './strategy.ts';

/** log of the sum of e^x over a row. */
export function logSumExp(row: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) most = Math.max(most, row[i] ?? most);
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += Math.exp((row[i] ?? most) - most);
  return most + Math.log(sum);
}

/** The `count` largest entries of a row, largest first, lower index first among equals. */
export function largest(row: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < row.length; i++) {
    const v = row[i] ?? 0;
    if (best.length === count && !(v > (row[best[count - 1] ?? 0] ?? 0))) continue;
    let at = best.length;
    while (at > 0 && v > (row[best[at - 1] ?? 0] ?? 0)) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** What a row says of a token; to be called before the row is changed. Given back for whichever token is chosen. */
export function describe(row: Float32Array, count: number): (token: number) => Emission {
  const norm = logSumExp(row);
  const raw = row.slice();
  const top = largest(row, count).map((token) => ({ token, logprob: (row[token] ?? 0) - norm }));
  return (token) => ({ token, logprob: (raw[token] ?? 0) - norm, ...(count > 0 ? { top } : {}) });
}

/** Only the token, for requests without logprobs. */
export const plain = (token: number): Emission => ({ token });
