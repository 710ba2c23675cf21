import { defineEqualizer } from './quantizer.ts';

/**
 * SmoothQuant (Xiao et al. 2022): s_j = max|x_j|^a / max|w_j|^(1-a) with a = 1/2, so that inputs and weights share the difficulty of
 * 8-bit activations. Here the scale multiplies the weights.
 */
export const smoothQuant = defineEqualizer({
  name: 'smoothquant',
  does: 'moves outliers of the inputs into the weights, for 8-bit activations (needs calibration)',
  needs: 'moments',
  scales: ({ matrices, k, statistics }) => {
    const largest = new Float32Array(k);
    for (const { weights, n } of matrices)
      for (let r = 0; r < n; r++)
        for (let j = 0; j < k; j++) largest[j] = Math.max(largest[j] ?? 0, Math.abs(weights[r * k + j] ?? 0));
    return largest.map((w, j) => {
      const s = Math.sqrt((statistics.maxAbs[j] ?? 0) / Math.max(w, 1e-8));
      return s > 1e-5 && Number.isFinite(s) ? Math.min(s, 1e5) : 1;
    });
  },
});
