import { InfcError } from '../../runtime/errors.ts';
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
export function feedbackOf(h: Gram, k: number, damping = 0.01): Feedback {
  if (last?.h.deref() === h && last.damping === damping) return last.factor;
  let mean = 0;
  for (let i = 0; i < k; i++) mean += (h[i * k + i] ?? 0) / k;
  if (!Number.isFinite(mean))
    throw new InfcError('INFC2071', 'the calibration statistics are not finite', {
      fix: 'Check the calibration data for NaN and infinities',
    });
  for (let extra = damping * (mean || 1), tries = 0; tries < 8; extra *= 10, tries++) {
    const m = reversed(h, k, extra);
    if (!factorLower(m, k)) continue;
    const made = sharesOf(m, k);
    last = { h: new WeakRef(h), damping, factor: made };
    return made;
  }
  throw new InfcError('INFC2071', 'the calibration statistics are not positive definite', {
    fix: 'Calibrate on more data, or on data without NaN and infinities',
  });
}

/** H with rows and columns in reverse order, lower half: its lower factor is, reversed again, an upper factor of H. */
function reversed(h: Gram, k: number, extra: number): Float64Array {
  const m = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    const r = k - 1 - i;
    for (let j = 0; j < i; j++) m[i * k + j] = h[(k - 1 - j) * k + r] ?? 0;
    // A column that never saw data constrains nothing; the damping alone is its weight.
    m[i * k + i] = (h[r * k + r] ?? 0) + extra;
  }
  return m;
}

/** Rows factored side by side: each row above is read once for all of them. */
const ROWS = 4;

/** Cholesky factor in place, lower half; false when H is not positive. */
function factorLower(m: Float64Array, k: number): boolean {
  for (let i = 0; i < k; i += ROWS) {
    const rows = Math.min(ROWS, k - i);
    if (rows === ROWS) eliminate(m, k, i);
    for (let r = i; r < i + rows; r++) {
      for (let j = rows === ROWS ? i : 0; j <= r; j++) {
        const rest = (m[r * k + j] ?? 0) - dot(m, r * k, j * k, j);
        if (j < r) m[r * k + j] = rest / (m[j * k + j] ?? 1);
        else if (rest > 0 && Number.isFinite(rest)) m[r * k + r] = Math.sqrt(rest);
        else return false;
      }
    }
  }
  return true;
}

/** Columns [0, i) of rows i to i + 3. */
function eliminate(m: Float64Array, k: number, i: number): void {
  const [a, b, c, d] = [i * k, (i + 1) * k, (i + 2) * k, (i + 3) * k];
  for (let j = 0; j < i; j++) {
    const row = j * k;
    let [s0, s1, s2, s3] = [m[a + j] ?? 0, m[b + j] ?? 0, m[c + j] ?? 0, m[d + j] ?? 0];
    for (let t = 0; t < j; t++) {
      const x = m[row + t] ?? 0;
      s0 -= x * (m[a + t] ?? 0);
      s1 -= x * (m[b + t] ?? 0);
      s2 -= x * (m[c + t] ?? 0);
      s3 -= x * (m[d + t] ?? 0);
    }
    const pivot = 1 / (m[row + j] ?? 1);
    m[a + j] = s0 * pivot;
    m[b + j] = s1 * pivot;
    m[c + j] = s2 * pivot;
    m[d + j] = s3 * pivot;
  }
}

function dot(m: Float64Array, a: number, b: number, n: number): number {
  let s = 0;
  for (let t = 0; t < n; t++) s += (m[a + t] ?? 0) * (m[b + t] ?? 0);
  return s;
}

function sharesOf(m: Float64Array, k: number): Feedback {
  const shares = new Float32Array(k * k);
  const pivots = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    const row = k - 1 - i;
    pivots[row] = (m[i * k + i] ?? 0) ** 2;
    for (let j = 0; j < i; j++) shares[row * k + k - 1 - j] = (m[i * k + j] ?? 0) / (m[j * k + j] ?? 1);
  }
  return { shares, pivots };
}
