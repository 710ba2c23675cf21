import { fitsFormat, type StorageFormat } from '../../compiler/formats/format.ts';
import type { WeightStorage } from '../pass.ts';
import { parseSparsity } from '../precision/sparsity-pattern.ts';

/** The format that pruned weights get, and why. */
export interface SparseChoice {
  /** Undefined: they keep the dense one. */
  readonly format: StorageFormat | undefined;
  readonly why: string;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/**
 * Looks for the sparse format whose measured product beats that of the dense format `dense`, for rows of `length` weights with the zeros of
 * the pattern `sparsity`. Formats for zeros anywhere hold those of every pattern.
 */
export function chooseSparse(
  sparsity: string,
  dense: string,
  length: number,
  { formats, sparseSpeed }: Pick<WeightStorage, 'formats' | 'sparseSpeed'>,
): SparseChoice {
  const { kind, sparsity: zeros } = parseSparsity(sparsity);
  const holding = [...formats()].filter(
    ({ sparse }) => sparse?.dense === dense && (sparse.pattern === kind || sparse.pattern === 'unstructured'),
  );
  const stays = (why: string): SparseChoice => ({ format: undefined, why: `zeros of ${sparsity} stay dense: ${why}` });
  if (holding.length === 0)
    return stays(
      dense === 'dense' ? 'sparse formats hold weights of --quant q8, q4 or f16' : `no sparse format holds ${dense}`,
    );
  const fitting = holding.filter((f) => fitsFormat(f, length));
  const [first] = holding;
  if (fitting.length === 0) return stays(`rows of ${length} are no whole number of groups of ${first?.name}`);
  const measured = fitting.flatMap((format) => {
    const time = sparseSpeed(format.name, zeros);
    return time === undefined ? [] : [{ format, time }];
  });
  const best = measured.sort((a, b) => a.time - b.time)[0];
  const share = percent(zeros);
  if (!best) return stays(`${fitting.map((f) => f.name).join(', ')} was not measured at ${share} zeros on this target`);
  const times = `takes ${best.time.toFixed(2)} times as long as one in ${dense} (measured at ${share} zeros or less)`;
  if (best.time >= 1) return stays(`a product in ${best.format.name} ${times}`);
  return { format: best.format, why: `a product in ${best.format.name} ${times}` };
}
