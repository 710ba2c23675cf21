import { decodeRows } from '../../backends/reference/decode-format.ts';
import { rowUnit, type StorageFormat } from '../../compiler/formats/format.ts';
import { encodeRows } from '../../compiler/formats/rows.ts';
import { parseSparsity } from '../../passes/precision/sparsity-pattern.ts';
import { type Check, fail } from './check.ts';

/** Rows that formats must survive, `length` weights each. */
const rows: Readonly<Record<string, (length: number) => Float32Array>> = {
  zeros: (n) => new Float32Array(n),
  ramp: (n) => Float32Array.from({ length: n }, (_, i) => (2 * i) / n - 1),
  waves: (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7) * (0.2 + 0.8 * Math.abs(Math.cos(i / 9)))),
  outlier: (n) => Float32Array.from({ length: n }, (_, i) => (i === n >> 1 ? 1 : Math.sin(i) / 50)),
  constant: (n) => new Float32Array(n).fill(-0.75),
  'tiny values': (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i) * 1e-6),
};

/** A row with zeros where the format leaves them out. */
export function pruned(format: StorageFormat, row: Float32Array, rows = 1): Float32Array {
  const { pattern, blocks } = format.sparse ?? {};
  if (pattern === undefined) return row;
  const length = row.length / rows;
  // Patterns choose for whole strips of rows: what is missing repeats the first ones.
  const whole = Math.ceil(rows / (blocks?.rows ?? 1)) * (blocks?.rows ?? 1);
  const scores = Float32Array.from({ length: whole * length }, (_, i) => Math.abs(row[i % row.length] ?? 0));
  const mask = parseSparsity(pattern, 0.5).keep(scores, whole, length);
  return row.map((w, i) => (mask[i] === 1 ? w : 0));
}

/**
 * Laws of a storage format: planes have the declared sizes, decode is executable and address-free (run by the interpreter on the encoded
 * planes), and |decode(encode(w)) - w| stays within `errorBound` times the row's largest magnitude.
 */
export function formatConformance(format: StorageFormat): Check[] {
  const length = lengthFor(format);
  const checks: Check[] = Object.entries(rows).map(([name, make]) => ({
    name: `${format.name}: ${name} within the error bound`,
    run: async () => {
      const row = pruned(format, make(length));
      const decoded = decodeRow(format, row);
      const largest = row.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
      const allowed = format.errorBound * largest + Number.EPSILON;
      for (let i = 0; i < length; i++) {
        const error = Math.abs((decoded[i] ?? Number.NaN) - (row[i] ?? 0));
        if (!(error <= allowed)) fail(`weight ${i}: ${row[i]} came back as ${decoded[i]}, more than ${allowed} off`);
      }
    },
  }));
  checks.push({
    name: `${format.name}: planes have the declared sizes`,
    run: async () => {
      const planes = format.encode(pruned(format, (rows.waves ?? fail('no rows'))(length)));
      const declared = [...Object.keys(format.planes), ...Object.keys({ ...format.sparse?.ragged, ...format.shared })];
      const [got, want] = [Object.keys(planes).sort().join(), declared.sort().join()];
      if (got !== want) fail(`encode gives planes ${got}, declared are ${want}`);
      for (const [name, plane] of Object.entries(format.planes)) {
        const expected = length / plane.per;
        if (!Number.isInteger(expected)) fail(`plane '${name}': a row of ${length} is not a multiple of ${plane.per}`);
        if (planes[name]?.length !== expected)
          fail(`plane '${name}' has ${planes[name]?.length} entries for ${length} weights, not ${expected}`);
      }
    },
  });
  checks.push({
    name: `${format.name}: encoding is deterministic`,
    run: async () => {
      const row = pruned(format, (rows.outlier ?? fail('no rows'))(length));
      const text = (): string => JSON.stringify(Object.entries(format.encode(row)).map(([k, v]) => [k, Array.from(v)]));
      const [first, second] = [text(), text()];
      if (first !== second) fail('two encodings of one row differ');
    },
  });
  return checks;
}

/** A row length that every plane and group divides: at least four groups. */
function lengthFor(format: StorageFormat): number {
  const unit = rowUnit(format);
  return unit * Math.max(2, Math.ceil((4 * format.group) / unit));
}

const decodeRow = (format: StorageFormat, row: Float32Array): Float32Array => {
  const size = { rows: 1, length: row.length };
  return decodeRows(format, encodeRows(format, row, size), size);
};
