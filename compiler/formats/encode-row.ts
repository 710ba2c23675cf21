import type { Grid } from './format.ts';

/** A grid that knows the code of each value. */
export interface CodedGrid extends Grid {
  code(weight: number): number;
}

/** Codes of a row whose parameters `span` weights share, with the grids given or else fitted ones; the grids used, in order. */
export function encodeRow<G extends CodedGrid>(
  row: Float32Array,
  span: number,
  grid: (weights: Float32Array) => G,
  given: readonly Grid[] | undefined,
): { readonly codes: Int16Array; readonly grids: readonly G[] } {
  // A format gets back the grids that it made.
  const isOwn = (g: Grid | undefined): g is G => g !== undefined && 'code' in g;
  const codes = new Int16Array(row.length);
  const grids: G[] = [];
  for (let at = 0; at < row.length; at += span) {
    const own = given?.[at / span];
    const g = isOwn(own) ? own : grid(row.subarray(at, at + span));
    grids.push(g);
    for (let i = at; i < at + span; i++) codes[i] = g.code(row[i] ?? 0);
  }
  return { codes, grids };
}
