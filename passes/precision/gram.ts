import { defineCalibrator } from './calibrator.ts';

/** Mean of x x^T: which errors cancel in the outputs and which add up. */
export const gram = defineCalibrator({
  name: 'gram',
  does: 'mean products of all pairs of input channels (the Hessian of the layer-wise error)',
  serves: (needs) => needs === 'gram',
  start: (k, product) => {
    const sum = new Float64Array(k * k);
    let seen = 0;
    return {
      add: async (rows, count) => {
        seen += count;
        const part = await product(rows, count, k);
        for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (part[i] ?? 0);
      },
      finish: () => ({ gram: sum.map((v) => v / Math.max(1, seen)) }),
    };
  },
});
