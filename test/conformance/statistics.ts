/** Value at quantile `p` of an ascending list; 0 when empty. */
export function quantile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;
}

/** Rounds to two decimals. */
export function round(x: number): number {
  return Math.round(x * 100) / 100;
}
