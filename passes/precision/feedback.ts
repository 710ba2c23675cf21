import { InfcError } from '../../runtime/errors.ts';
import type { AddProduct } from './add-product.ts';
import type { Gram } from './quantizer.ts';

/** How the errors of columns carry over to later ones. */
export interface Feedback {
  /**
   * Strictly upper triangular [k, k], row-major: entry [j, i] is the share of column j's error that column i > j takes on. With I added and
   * the pivots D it factors the Gram matrix: H = (U + I) D (U + I)^T.
   */
  readonly shares: Float32Array;
  /** D [k]: what a squared error of column j costs once the columns after it have made up for it. */
  readonly pivots: Float64Array;
}

/** The factor made last: weights that read the same input follow one another, and each factor is as large as its Gram matrix. */
let last: { readonly h: WeakRef<Gram>; readonly damping: number; readonly factor: Feedback } | undefined;

/**
 * The factorisation that rounding with feedback needs, from a symmetric H [k, k] (its lower half is read). This is LDLQ (Chee et al.,
 * QuIP, 2023), which they show to equal GPTQ without the inverse of H. `damping` times the mean of the diagonal is added to the
 * diagonal; ten times more on each retry. Throws INFC2071 when H is not finite. The last one is remembered.
 */
export function feedbackOf(h: Gram, k: number, addProduct: AddProduct, damping = 0.01): Feedback {
  if (last?.h.deref() === h && last.damping === damping) return last.factor;
  let mean = 0;
  for (let i = 0; i < k; i++) mean += (h[i * k + i] ?? 0) / k;
  if (!Number.isFinite(mean))
    throw new InfcError('INFC2071', 'the calibration statistics are not finite', {
      fix: 'Check the calibration data for NaN and infinities',
    });
  for (let extra = damping * (mean || 1), tries = 0; tries < 8; extra *= 10, tries++) {
    const m = reversed(h, k, extra);
    if (!factorLower(m, k, addProduct)) continue;
    const made = sharesOf(m, k);
    last = { h: new WeakRef(h), damping, factor: made };
    return made;
  }
  throw new InfcError('INFC2071', 'the calibration statistics are not positive definite', {
    fix: 'Calibrate on more data, or on data without NaN and infinities',
  });
}

/** H with rows and columns in reverse order, lower half: its lower factor is, reversed again, an upper factor of H. */
function reversed(h: Gram, k: number, extra: number): Float32Array {
  const m = new Float32Array(k * k);
  for (let i = 0; i < k; i++) {
    const r = k - 1 - i;
    for (let j = 0; j < i; j++) m[i * k + j] = h[(k - 1 - j) * k + r] ?? 0;
    // A column that never saw data constrains nothing; the damping alone is its weight.
    m[i * k + i] = (h[r * k + r] ?? 0) + extra;
  }
  return m;
}

/** Columns factored side by side: what those before take away from them is one product. */
const COLUMNS = 32;

/** Cholesky factor in place, lower half; false when H is not positive. */
function factorLower(m: Float32Array, k: number, addProduct: AddProduct): boolean {
  for (let from = 0; from < k; from += COLUMNS) {
    const to = Math.min(k, from + COLUMNS);
    const width = to - from;
    const before = new Float32Array(from * width);
    for (let t = 0; t < from; t++)
      for (let j = 0; j < width; j++) before[t * width + j] = -(m[(from + j) * k + t] ?? 0);
    const [columns, rows] = [
      { data: m, at: from * k + from, stride: k },
      { data: m, at: from * k, stride: k },
    ];
    // The rows right of the diagonal are spoilt; nobody reads them.
    addProduct(columns, rows, { data: before, at: 0, stride: width }, k - from, width, from);
    for (let i = from; i < k; i++) {
      const row = m.subarray(i * k + from, i * k + to);
      for (let j = 0; j < Math.min(width, i - from + 1); j++) {
        const above = (from + j) * k + from;
        let rest = row[j] ?? 0;
        for (let t = 0; t < j; t++) rest -= (row[t] ?? 0) * (m[above + t] ?? 0);
        if (from + j < i) row[j] = rest / (m[above + j] ?? 1);
        else if (rest > 0 && Number.isFinite(rest)) row[j] = Math.sqrt(rest);
        else return false;
      }
    }
  }
  return true;
}

function sharesOf(m: Float32Array, k: number): Feedback {
  const shares = new Float32Array(k * k);
  const pivots = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    const row = k - 1 - i;
    pivots[row] = (m[i * k + i] ?? 0) ** 2;
    for (let j = 0; j < i; j++) shares[row * k + k - 1 - j] = (m[i * k + j] ?? 0) / (m[j * k + j] ?? 1);
  }
  return { shares, pivots };
}
