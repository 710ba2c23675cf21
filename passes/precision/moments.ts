import { defineCalibrator } from './calibrator.ts';

/** Per channel: mean magnitude, mean square, largest magnitude; and the share of zeros. */
export const moments = defineCalibrator({
  name: 'moments',
  does: 'mean magnitude, mean square and largest magnitude of each input channel',
  serves: (needs) => needs !== 'nothing',
  start: (k) => {
    const [abs, square, largest] = [new Float64Array(k), new Float64Array(k), new Float32Array(k)];
    let [seen, zeros] = [0, 0];
    return {
      add: (rows, count) => {
        seen += count;
        for (let r = 0, at = 0; r < count; r++)
          for (let j = 0; j < k; j++, at++) {
            const v = rows[at] ?? 0;
            const a = Math.abs(v);
            if (a === 0) zeros++;
            abs[j] = (abs[j] ?? 0) + a;
            square[j] = (square[j] ?? 0) + v * v;
            if (a > (largest[j] ?? 0)) largest[j] = a;
          }
      },
      finish: () => ({
        count: seen,
        zeros: zeros / Math.max(1, seen * k),
        meanAbs: Float32Array.from(abs, (v) => v / Math.max(1, seen)),
        meanSquare: Float32Array.from(square, (v) => v / Math.max(1, seen)),
        maxAbs: largest,
      }),
    };
  },
});
