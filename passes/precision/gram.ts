import { defineCalibrator } from './calibrator.ts';

/** Inputs that are multiplied at once: each product is a pass over k x k sums. */
const ROWS = 512;

/** Mean of x x^T: which errors cancel in the outputs and which add up. Sums of f32 products, kept in f32: they are damped by a hundredth. */
export const gram = defineCalibrator({
  name: 'gram',
  does: 'mean products of all pairs of input channels (the Hessian of the layer-wise error)',
  serves: (needs) => needs === 'gram',
  start: (k, product) => {
    let sum: Float32Array | undefined;
    let waiting = new Float32Array(0);
    let [seen, held] = [0, 0];
    const flush = async (rows: Float32Array, count: number): Promise<void> => {
      if (count === 0) return;
      const part = await product(rows, count, k);
      if (sum) addLower(sum, part, k);
      else sum = part;
    };
    return {
      add: async (rows, count) => {
        seen += count;
        for (let at = 0; at < count; ) {
          if (held === 0 && count - at >= ROWS) {
            await flush(rows.subarray(at * k, (at + ROWS) * k), ROWS);
            at += ROWS;
            continue;
          }
          const taken = Math.min(count - at, ROWS - held);
          if (waiting.length === 0) waiting = new Float32Array(ROWS * k);
          waiting.set(rows.subarray(at * k, (at + taken) * k), held * k);
          at += taken;
          held += taken;
          if (held < ROWS) continue;
          await flush(waiting, ROWS);
          held = 0;
        }
      },
      finish: async () => {
        await flush(waiting.subarray(0, held * k), held);
        waiting = new Float32Array(0);
        const found = sum ?? new Float32Array(k * k);
        const by = 1 / Math.max(1, seen);
        for (let i = 0; i < k; i++)
          for (let j = 0; j <= i; j++) found[j * k + i] = found[i * k + j] = (found[i * k + j] ?? 0) * by;
        return { gram: found };
      },
    };
  },
});

/** Both are symmetric: the half below the diagonal says all. */
function addLower(sum: Float32Array, part: Float32Array, k: number): void {
  for (let i = 0; i < k; i++)
    for (let at = i * k, end = at + i; at <= end; at++) sum[at] = (sum[at] ?? 0) + (part[at] ?? 0);
}
