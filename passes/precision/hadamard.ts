/** The largest power of two that divides n, at most `limit`: rotations work on blocks of that many channels. */
export function hadamardBlock(n: number, limit = 1024): number {
  let b = 1;
  while (b < limit && n % (2 * b) === 0) b *= 2;
  return b;
}

/**
 * Multiplies each run of `block` values by the orthonormal Walsh-Hadamard matrix of that size, in place (fast transform, n log n).
 * The matrix is symmetric and its own inverse.
 */
export function hadamard(values: Float32Array | Float64Array, block: number): void {
  const norm = 1 / Math.sqrt(block);
  for (let at = 0; at < values.length; at += block) {
    for (let half = 1; half < block; half *= 2)
      for (let i = at; i < at + block; i += 2 * half)
        for (let j = i; j < i + half; j++) {
          const [a, b] = [values[j] ?? 0, values[j + half] ?? 0];
          values[j] = a + b;
          values[j + half] = a - b;
        }
    for (let i = at; i < at + block; i++) values[i] = (values[i] ?? 0) * norm;
  }
}

/** The same on the columns of a matrix [rows, columns]: runs of `block` rows are mixed. */
export function hadamardRows(values: Float64Array, rows: number, columns: number, block: number): void {
  const column = new Float64Array(rows);
  for (let c = 0; c < columns; c++) {
    for (let r = 0; r < rows; r++) column[r] = values[r * columns + c] ?? 0;
    hadamard(column, block);
    for (let r = 0; r < rows; r++) values[r * columns + c] = column[r] ?? 0;
  }
}
