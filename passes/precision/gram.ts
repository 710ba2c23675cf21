import { defineCalibrator } from './calibrator.ts';

/** Inputs that are multiplied at once: each product is a pass over k x k sums. */
const ROWS = 128;
/** Rows of the sums that are added to together: of each, only columns up to the last of them. */
const BAND = 256;

/**
 * Mean of x x^T: which errors cancel in the outputs and which add up. Sums of f32 products, kept in f32: they are damped by a hundredth.
 * Both triangles are alike, so one is summed.
 */
export const gram = defineCalibrator({
  name: 'gram',
  does: 'mean products of all pairs of input channels (the Hessian of the layer-wise error)',
  serves: (needs) => needs === 'gram',
  start: (k, addProduct) => {
    // Many inputs are never seen: those of entries that do not run.
    let sum = new Float32Array(0);
    let waiting = new Float32Array(0);
    let [seen, held] = [0, 0];
    const flush = (rows: Float32Array, count: number): void => {
      if (count === 0) return;
      if (sum.length === 0) sum = new Float32Array(k * k);
      const columns = new Float32Array(BAND * count);
      for (let from = 0; from < k; from += BAND) {
        const height = Math.min(BAND, k - from);
        for (let r = 0; r < count; r++)
          for (let j = 0; j < height; j++) columns[j * count + r] = rows[r * k + from + j] ?? 0;
        const c = { data: sum, at: from * k, stride: k };
        addProduct(
          c,
          { data: columns, at: 0, stride: count },
          { data: rows, at: 0, stride: k },
          height,
          from + height,
          count,
        );
      }
    };
    return {
      add: (rows, count) => {
        seen += count;
        for (let at = 0; at < count; ) {
          if (held === 0 && count - at >= ROWS) {
            flush(rows.subarray(at * k, (at + ROWS) * k), ROWS);
            at += ROWS;
            continue;
          }
          const taken = Math.min(count - at, ROWS - held);
          if (waiting.length === 0) waiting = new Float32Array(ROWS * k);
          waiting.set(rows.subarray(at * k, (at + taken) * k), held * k);
          at += taken;
          held += taken;
          if (held < ROWS) continue;
          flush(waiting, ROWS);
          held = 0;
        }
      },
      finish: () => {
        flush(waiting, held);
        waiting = new Float32Array(0);
        if (seen > 0) mirror(sum, k, 1 / seen);
        return { gram: sum };
      },
    };
  },
});

/** The half below the diagonal, scaled, in both halves; square by square, since columns are far apart in memory. */
function mirror(sum: Float32Array, k: number, by: number): void {
  const side = 32;
  for (let top = 0; top < k; top += side)
    for (let left = 0; left <= top; left += side)
      for (let i = top; i < Math.min(k, top + side); i++)
        for (let j = left; j < Math.min(i + 1, left + side); j++)
          sum[j * k + i] = sum[i * k + j] = (sum[i * k + j] ?? 0) * by;
}
