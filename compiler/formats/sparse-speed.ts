/** What a sparse format gains on a target: measured, never reckoned. */
export interface SparseSpeed {
  readonly format: string;
  /** Share of zeros. */
  readonly zeros: number;
  /** Time of a product with one row of activations, in times that of the format's dense one. */
  readonly time: number;
}

/** Measured time at the nearest share of zeros that is not above; undefined where nothing was measured. */
export function measuredTime(table: readonly SparseSpeed[], format: string, zeros: number): SparseSpeed | undefined {
  const own = table.filter((s) => s.format === format && s.zeros <= zeros + 1e-9);
  return own.sort((a, b) => b.zeros - a.zeros)[0];
}
