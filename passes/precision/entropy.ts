import { defineCalibrator } from './calibrator.ts';

/** Steps of the histogram a deviation takes, and deviations it reaches to each side. */
const [STEPS, REACH] = [16, 8];

/** Values of a batch that are counted. */
const SAMPLED = 8192;

/** Entropy of the inputs' values in bits: a measure of how much a layer's inputs say (LUQ, 2025). */
export const entropy = defineCalibrator({
  name: 'entropy',
  does: 'entropy of the input values, in bits',
  serves: (needs) => needs !== 'nothing',
  start: (k) => {
    const bins = new Float64Array(2 * STEPS * REACH);
    let deviation = 0;
    return {
      add: (rows, count) => {
        const values = rows.subarray(0, count * k);
        const stride = Math.max(1, Math.floor(values.length / SAMPLED));
        // The scale is that of the first batch: entropies compare layers, not batches.
        if (deviation === 0) deviation = Math.sqrt(values.reduce((s, v) => s + v * v, 0) / Math.max(1, values.length));
        if (deviation === 0) return;
        for (let i = 0; i < values.length; i += stride) {
          const v = values[i] ?? 0;
          const at = Math.floor((v / deviation + REACH) * STEPS);
          const bin = Math.max(0, Math.min(bins.length - 1, at));
          bins[bin] = (bins[bin] ?? 0) + 1;
        }
      },
      finish: () => {
        const total = bins.reduce((a, b) => a + b, 0);
        let bits = 0;
        for (const c of bins) if (c > 0) bits -= (c / total) * Math.log2(c / total);
        return { entropy: bits };
      },
    };
  },
});
