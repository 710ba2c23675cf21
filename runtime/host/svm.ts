import type { HostOp } from '../host.ts';
import { isTensor, toNumbers } from './values.ts';

/**
 * Probabilities of k classes from those of all pairs: input [n, k(k-1)/2], the share of i against j; output f32 [n, k]. The second method of
 * Wu, Lin and Weng, "Probability Estimates for Multi-class Classification by Pairwise Coupling" (2004), with libsvm's steps and bounds.
 */
export const coupleProbabilities: HostOp = ([given], attrs, { fail }) => {
  if (!isTensor(given)) return fail('input 0 is not a tensor');
  const k = Number(attrs.classes);
  const [rows = 0, pairs = 0] = given.shape;
  const shares = toNumbers(given);
  const data = new Float32Array(rows * k);
  const p = new Float64Array(k);
  const [r, q] = [new Float64Array(k * k), new Float64Array(k * k)];
  const at = (m: Float64Array, i: number, j: number): number => m[i * k + j] ?? 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0, pair = row * pairs; i < k; i++)
      for (let j = i + 1; j < k; j++, pair++) {
        const share = Math.min(1 - 1e-7, Math.max(1e-7, shares[pair] ?? 0));
        r[i * k + j] = share;
        r[j * k + i] = 1 - share;
      }
    for (let t = 0; t < k; t++) {
      p[t] = 1 / k;
      let own = 0;
      for (let j = 0; j < k; j++) {
        if (j === t) continue;
        own += at(r, j, t) ** 2;
        q[t * k + j] = -at(r, j, t) * at(r, t, j);
      }
      q[t * k + t] = own;
    }
    couple(p, q, k);
    p.forEach((v, t) => {
      data[row * k + t] = v;
    });
  }
  return [{ dtype: 'f32', shape: [rows, k], data }];
};

/** Minimises p'Qp over probabilities, coordinate by coordinate. */
function couple(p: Float64Array, q: Float64Array, k: number): void {
  const qp = new Float64Array(k);
  for (let round = 0; round < Math.max(100, k); round++) {
    let whole = 0;
    for (let t = 0; t < k; t++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += (q[t * k + j] ?? 0) * (p[j] ?? 0);
      qp[t] = sum;
      whole += (p[t] ?? 0) * sum;
    }
    if (qp.every((v) => Math.abs(v - whole) < 0.005 / k)) return;
    for (let t = 0; t < k; t++) {
      const own = q[t * k + t] ?? 1;
      const step = (whole - (qp[t] ?? 0)) / own;
      p[t] = (p[t] ?? 0) + step;
      whole = (whole + step * (step * own + 2 * (qp[t] ?? 0))) / (1 + step) / (1 + step);
      for (let j = 0; j < k; j++) {
        qp[j] = ((qp[j] ?? 0) + step * (q[t * k + j] ?? 0)) / (1 + step);
        p[j] = (p[j] ?? 0) / (1 + step);
      }
    }
  }
}
