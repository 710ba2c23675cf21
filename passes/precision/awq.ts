import { gridSpan } from '../../compiler/formats/format.ts';
import { defineEqualizer, type EqualizerRequest, gridOf } from './quantizer.ts';

const STEPS = 20;
/** Rows of each matrix that the search looks at: enough to rank 20 candidates. */
const SAMPLE_ROWS = 64;

/**
 * Activation-aware scaling (AWQ, Lin et al. 2023): channels with large inputs are scaled up before rounding, s_j = E|x_j|^a normalised to
 * sqrt(max s * min s) = 1. The exponent a in 0, 1/20 .. 1 with the least expected output error, sum_j E[x_j^2] (dw_j / s_j)^2, wins.
 */
export const awq = defineEqualizer({
  name: 'awq',
  does: 'scales channels by how large their inputs are before rounding (needs calibration)',
  needs: 'moments',
  scales: (request) => {
    let best = new Float32Array(request.k).fill(1);
    let least = Number.POSITIVE_INFINITY;
    for (let step = 0; step < STEPS; step++) {
      const scales = powers(request.statistics.meanAbs, step / STEPS);
      const error = errorUnder(request, scales, least);
      if (error < least) [best, least] = [scales, error];
    }
    return best;
  },
});

function powers(magnitude: Float32Array, exponent: number): Float32Array<ArrayBuffer> {
  const s = Float32Array.from(magnitude, (m) => Math.max(m, 1e-8) ** exponent);
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const v of s) [low, high] = [Math.min(low, v), Math.max(high, v)];
  const norm = Math.sqrt(low * high);
  return s.map((v) => v / norm);
}

/** Expected squared error of the products of a sample of rows; gives up once it exceeds `limit`. */
function errorUnder({ matrices, k, statistics }: EqualizerRequest, scales: Float32Array, limit: number): number {
  let sum = 0;
  for (const matrix of matrices) {
    const { weights, n, format } = matrix;
    const span = gridSpan(format);
    const stride = Math.max(1, Math.floor(n / SAMPLE_ROWS));
    const row = new Float32Array(k);
    for (let r = 0; r < n && sum < limit; r += stride) {
      for (let j = 0; j < k; j++) row[j] = (weights[r * k + j] ?? 0) * (scales[j] ?? 1);
      for (let g = 0; g < k; g += span) {
        const group = row.subarray(g, g + span);
        const grid = gridOf(matrix, group);
        for (let i = 0; i < group.length; i++) {
          const w = group[i] ?? 0;
          const error = (grid.nearest(w, i) - w) / (scales[g + i] ?? 1);
          sum += error * error * (statistics.meanSquare[g + i] ?? 0);
        }
      }
    }
  }
  return sum;
}
