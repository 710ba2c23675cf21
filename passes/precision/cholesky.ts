import { InfcError } from '../../runtime/errors.ts';

/**
 * Upper triangular U [k, k] with H^-1 = U^T U, row-major, from a symmetric positive H [k, k] (only its lower half is read). Row i of U says
 * how the error of column i spreads over the columns after it; U[i][i]^2 is the variance left in column i once the ones before it are
 * fixed (Frantar et al., GPTQ, 2022, section 3.3). `damping` times the mean of the diagonal is added to the diagonal; ten times more on each
 * retry until the factorisation succeeds. Throws INFC2071 when H is not finite.
 */
export function inverseFactor(h: Float64Array, k: number, damping = 0.01): Float64Array {
  let mean = 0;
  for (let i = 0; i < k; i++) mean += (h[i * k + i] ?? 0) / k;
  if (!Number.isFinite(mean))
    throw new InfcError('INFC2071', 'the calibration statistics are not finite', {
      fix: 'Check the calibration data for NaN and infinities',
    });
  for (let extra = damping * (mean || 1), tries = 0; tries < 8; extra *= 10, tries++) {
    const m = reversed(h, k, extra);
    if (factorLower(m, k)) return reversedInverse(m, k);
  }
  throw new InfcError('INFC2071', 'the calibration statistics are not positive definite', {
    fix: 'Calibrate on more data, or on data without NaN and infinities',
  });
}

/** H with rows and columns in reverse order: its lower factor is, reversed again, an upper factor of H. */
function reversed(h: Float64Array, k: number, extra: number): Float64Array {
  const m = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    const r = k - 1 - i;
    for (let j = 0; j <= i; j++) m[i * k + j] = h[(k - 1 - j) * k + r] ?? 0;
    // A column that never saw data constrains nothing; the damping alone is its weight.
    m[i * k + i] = (h[r * k + r] ?? 0) + extra;
  }
  return m;
}

/** Cholesky factor in place, lower half, row by row (dot products of rows keep to the cache); false when not positive. */
function factorLower(m: Float64Array, k: number): boolean {
  for (let i = 0; i < k; i++) {
    const a = m.subarray(i * k, i * k + k);
    for (let j = 0; j <= i; j++) {
      const b = m.subarray(j * k, j * k + k);
      const rest = (a[j] ?? 0) - dot(a, b, j);
      if (j < i) a[j] = rest / (b[j] ?? 1);
      else if (rest > 0 && Number.isFinite(rest)) a[i] = Math.sqrt(rest);
      else return false;
    }
  }
  return true;
}

function dot(a: Float64Array, b: Float64Array, n: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += (a[i] ?? 0) * (b[i] ?? 0);
    s1 += (a[i + 1] ?? 0) * (b[i + 1] ?? 0);
    s2 += (a[i + 2] ?? 0) * (b[i + 2] ?? 0);
    s3 += (a[i + 3] ?? 0) * (b[i + 3] ?? 0);
  }
  for (; i < n; i++) s0 += (a[i] ?? 0) * (b[i] ?? 0);
  return s0 + s1 + s2 + s3;
}

/** Inverse of the lower factor, reversed back into an upper triangular matrix. */
function reversedInverse(m: Float64Array, k: number): Float64Array {
  const x = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    const row = x.subarray(i * k, i * k + k);
    row[i] = 1;
    for (let t = 0; t < i; t++) {
      const f = m[i * k + t] ?? 0;
      if (f === 0) continue;
      const other = x.subarray(t * k, t * k + t + 1);
      for (let j = 0; j <= t; j++) row[j] = (row[j] ?? 0) - f * (other[j] ?? 0);
    }
    const d = 1 / (m[i * k + i] ?? 1);
    for (let j = 0; j <= i; j++) row[j] = (row[j] ?? 0) * d;
  }
  const u = new Float64Array(k * k);
  for (let i = 0; i < k; i++) for (let j = 0; j <= i; j++) u[(k - 1 - i) * k + (k - 1 - j)] = x[i * k + j] ?? 0;
  return u;
}
