import { gridSpan, type StorageFormat } from '../../compiler/formats/format.ts';
import type { MatrixSize } from '../../compiler/formats/rows.ts';
import { InfcError } from '../../runtime/errors.ts';

/** Rows of each matrix that are looked at. */
const SAMPLE_ROWS = 48;
/** Share of the weights' magnitude that plain rounding may take unremarked: 4 bits in groups of 32 take a tenth. */
const REMARKABLE = 0.15;

/** Squared error of rounding weights [rows, length] to a format, each times the importance of its column; from a sample of the rows. */
export function squaredError(
  weights: Float32Array,
  { rows, length }: MatrixSize,
  format: StorageFormat,
  importance?: Float32Array,
): number {
  const span = gridSpan(format);
  const stride = Math.max(1, Math.floor(rows / SAMPLE_ROWS));
  let [sum, seen] = [0, 0];
  for (let r = 0; r < rows; r += stride, seen++)
    for (let g = 0; g < length; g += span) {
      const group = weights.subarray(r * length + g, r * length + g + span);
      const grid = format.grid?.(group);
      group.forEach((w, i) => {
        sum += ((grid?.nearest(w, i) ?? w) - w) ** 2 * (importance?.[g + i] ?? 1);
      });
    }
  return (sum * rows) / Math.max(1, seen);
}

/** What plain rounding, or pruning, does to a weight. */
export interface RoundingError {
  readonly name: string;
  readonly by: 'rounding' | 'pruning';
  /** A storage format, or a pattern of zeros. */
  readonly to: string;
  /** Magnitude (root of the sum of squares) of the error, in those of the weight. */
  readonly relative: number;
}

/** What to tell who rounds or prunes without looking: a few weights lose much, or all do. */
export function roundingWarning(errors: readonly RoundingError[]): InfcError | undefined {
  const large = errors.filter((e) => !(e.relative <= REMARKABLE)).sort((a, b) => b.relative - a.relative);
  const [worst] = large;
  if (!worst) return undefined;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return new InfcError(
    'INFC2094',
    `${worst.by} changes ${large.length} of ${errors.length} weights by more than ${percent(REMARKABLE)}, '${worst.name}' by ${percent(worst.relative)} in ${worst.to}: the model may be useless`,
    {
      node: worst.name,
      fix:
        worst.by === 'pruning'
          ? 'Measure it with infc eval; give --calibrate DATA with --prune sparsegpt or wanda, or ask for fewer zeros'
          : 'Measure it with infc eval; or give --calibrate DATA with a budget (--max-drop 1%) or with +gptq, or more bits to these weights in a recipe',
    },
  );
}
