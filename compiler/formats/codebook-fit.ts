import { stored } from './fit.ts';
import type { MatrixSize } from './rows.ts';

/** Weights that one code stands for. */
export const DIMS = 8;
/** Entries of a codebook. */
export const ENTRIES = 256;
/** Weights that share a scale. */
export const SPAN = 64;
/** Whole number that the root mean square of a span becomes: entries reach four times as far. */
const RMS = 30;
const LARGEST = 127;
/** Vectors that codebooks are made of; codes are found for all of them afterwards. */
const SAMPLE = 8192;
const LLOYD_ROUNDS = 10;
const JOINT_ROUNDS = 4;
/** Vectors between two stops. */
const CHUNK = 2048;
/** Of the mean importance, added to each: columns that calibration saw little of still count. */
const DAMPING = 0.01;
/** Entries of the first codebook for each of which the best of the second is looked for. */
const BEAM = 8;

export interface CodebookPlanes extends Readonly<Record<string, ArrayLike<number>>> {
  /** For each eight weights a code a codebook. */
  readonly codes: Uint8Array;
  /** Bits of an f16 for each span. */
  readonly scale: Uint16Array;
  /** [codebooks, entries, weights] */
  readonly codebook: Int8Array;
}

/**
 * Additive vector quantization (AQLM, Egiazarian et al. 2024): eight neighbouring weights are a scale times the sum of one entry of each
 * codebook. Codebooks come from k-means, the second one of what the first leaves; then codes (by a beam) and entries (means of what the
 * other codebook leaves) are improved in turn. `importance`, a number a column, weighs errors: those of vectors in the means, those of
 * weights where codes and scales are chosen. Deterministic.
 */
export function* fitCodebooks(
  weights: Float32Array,
  { length }: MatrixSize,
  books: number,
  importance?: Float32Array,
): Generator<number, CodebookPlanes, void> {
  const columns = importance && damped(importance);
  const scale = new Uint16Array(weights.length / SPAN);
  const vectors = new Float32Array(weights.length);
  const sizes = new Float32Array(scale.length);
  for (let s = 0; s < scale.length; s++) {
    let sum = 0;
    for (let i = s * SPAN; i < (s + 1) * SPAN; i++) sum += (weights[i] ?? 0) ** 2;
    const { bits, value } = stored('f16', Math.sqrt(sum / SPAN) / RMS);
    scale[s] = bits;
    sizes[s] = value;
    if (value > 0) for (let i = s * SPAN; i < (s + 1) * SPAN; i++) vectors[i] = (weights[i] ?? 0) / value;
  }
  const count = vectors.length / DIMS;
  const weightOf = (v: number): number => {
    const column = (v * DIMS) % length;
    let mean = 1;
    if (columns) {
      mean = 0;
      for (let d = 0; d < DIMS; d++) mean += (columns[column + d] ?? 0) / DIMS;
    }
    return mean * (sizes[Math.floor((v * DIMS) / SPAN)] ?? 0) ** 2;
  };
  const stride = Math.max(1, Math.floor(count / SAMPLE));
  const picked = Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
  const sample = new Float32Array(picked.length * DIMS);
  picked.forEach((v, i) => sample.set(vectors.subarray(v * DIMS, (v + 1) * DIMS), i * DIMS));
  const own = Float64Array.from(picked, weightOf);
  const fit = new Fit(books, picked.length, count);
  const codebook = yield* fit.trained(sample, own);
  const codes = yield* fit.nearest(vectors, codebook, books, columns);
  // For these codes the best scales.
  for (let s = 0; s < scale.length; s++) {
    let [up, down] = [0, 0];
    for (let i = s * SPAN; i < (s + 1) * SPAN; i++) {
      const q = valueAt(codes, codebook, books, i);
      const weight = columns?.[i % length] ?? 1;
      up += weight * q * (weights[i] ?? 0);
      down += weight * q * q;
    }
    if (down > 0 && up > 0) scale[s] = stored('f16', up / down).bits;
  }
  return { codes, scale, codebook: Int8Array.from(codebook) };
}

function damped(importance: Float32Array): Float32Array {
  const extra = (DAMPING * importance.reduce((a, b) => a + b, 0)) / importance.length || 1;
  return importance.map((v) => v + extra);
}

/** Sum of the entries for weight `i`. */
function valueAt(codes: Uint8Array, codebook: ArrayLike<number>, books: number, i: number): number {
  const [v, d] = [Math.floor(i / DIMS), i % DIMS];
  let sum = 0;
  for (let b = 0; b < books; b++) sum += codebook[(b * ENTRIES + (codes[v * books + b] ?? 0)) * DIMS + d] ?? 0;
  return sum;
}

/** The slow parts, which stop to say how far they are. */
class Fit {
  private done = 0;
  private readonly total: number;

  constructor(
    private readonly books: number,
    sample: number,
    count: number,
  ) {
    const joint = books > 1 ? JOINT_ROUNDS * books : 0;
    this.total = sample * (books * (LLOYD_ROUNDS + 1) + joint) + count * books;
  }

  /** Codebooks of whole numbers for a sample of vectors. */
  *trained(sample: Float32Array, weights: Float64Array): Generator<number, Float32Array, void> {
    const { books } = this;
    const codebook = new Float32Array(books * ENTRIES * DIMS);
    const rest = sample.slice();
    for (let b = 0; b < books; b++) {
      const book = codebook.subarray(b * ENTRIES * DIMS, (b + 1) * ENTRIES * DIMS);
      yield* this.kMeans(rest, weights, book, b);
      const codes = yield* this.nearest(rest, book, 1);
      for (let i = 0; i < rest.length; i++) rest[i] = (rest[i] ?? 0) - valueAt(codes, book, 1, i);
    }
    for (let round = 0; books > 1 && round < JOINT_ROUNDS; round++) {
      const codes = yield* this.nearest(sample, codebook, books);
      for (let b = 0; b < books; b++) {
        const left = sample.map((x, i) => {
          const code = codes[Math.floor(i / DIMS) * books + b] ?? 0;
          return x - valueAt(codes, codebook, books, i) + (codebook[(b * ENTRIES + code) * DIMS + (i % DIMS)] ?? 0);
        });
        const own = Uint8Array.from({ length: sample.length / DIMS }, (_, v) => codes[v * books + b] ?? 0);
        means(left, weights, own, codebook.subarray(b * ENTRIES * DIMS, (b + 1) * ENTRIES * DIMS));
      }
    }
    return codebook.map((x) => Math.max(-LARGEST, Math.min(LARGEST, Math.round(x))));
  }

  /** Lloyd's algorithm from drawn vectors. Entry 0 stays zero, so that zeros are kept. */
  private *kMeans(
    vectors: Float32Array,
    weights: Float64Array,
    book: Float32Array,
    seed: number,
  ): Generator<number, void, void> {
    const count = vectors.length / DIMS;
    let s = seed + 1;
    for (let e = 1; e < ENTRIES; e++) {
      s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
      const v = Math.floor((s / 2 ** 32) * count);
      book.set(vectors.subarray(v * DIMS, (v + 1) * DIMS), e * DIMS);
    }
    for (let round = 0; round < LLOYD_ROUNDS; round++)
      means(vectors, weights, yield* this.nearest(vectors, book, 1), book);
  }

  /** Codes of the sums of entries nearest to each vector; `columns` [length of a row] weighs the squared errors. */
  *nearest(
    vectors: Float32Array,
    codebook: Float32Array,
    books: number,
    columns?: Float32Array,
  ): Generator<number, Uint8Array, void> {
    const count = vectors.length / DIMS;
    const codes = new Uint8Array(count * books);
    // Vectors of the same columns follow one another: what the weights change is computed once for them.
    const groups = columns ? columns.length / DIMS : 1;
    let waiting = 0;
    for (let g = 0; g < groups; g++) {
      const search = new CodeSearch(codebook, books, columns?.subarray(g * DIMS, (g + 1) * DIMS));
      for (let v = g; v < count; v += groups) {
        search.find(vectors, v, codes);
        if (++waiting < CHUNK) continue;
        this.done += waiting * books;
        waiting = 0;
        yield this.done / this.total;
      }
    }
    this.done += waiting * books;
    return codes;
  }
}

/** Entries become the weighted means of their vectors; those without vectors stay. */
function means(vectors: Float32Array, weights: Float64Array, codes: Uint8Array, book: Float32Array): void {
  const sums = new Float64Array(ENTRIES * DIMS);
  const totals = new Float64Array(ENTRIES);
  codes.forEach((code, v) => {
    const w = weights[v] ?? 0;
    totals[code] = (totals[code] ?? 0) + w;
    for (let d = 0; d < DIMS; d++)
      sums[code * DIMS + d] = (sums[code * DIMS + d] ?? 0) + w * (vectors[v * DIMS + d] ?? 0);
  });
  for (let e = 1; e < ENTRIES; e++) {
    const total = totals[e] ?? 0;
    if (total > 0) for (let d = 0; d < DIMS; d++) book[e * DIMS + d] = (sums[e * DIMS + d] ?? 0) / total;
  }
}

/** Finds the sum of entries nearest to a vector: of one codebook, or by a beam over the first of two. */
class CodeSearch {
  /** Weighted squares of the entries, and twice the products of each entry of the first codebook with each of the second. */
  private readonly norms: Float32Array;
  private readonly cross: Float32Array;
  private readonly distances: Float32Array;

  constructor(
    private readonly codebook: Float32Array,
    private readonly books: number,
    private readonly weights: Float32Array = new Float32Array(DIMS).fill(1),
  ) {
    const entries = books * ENTRIES;
    const weighted = codebook.map((c, i) => c * (weights[i % DIMS] ?? 0));
    this.norms = Float32Array.from({ length: entries }, (_, e) => dot(weighted, e * DIMS, codebook, e * DIMS));
    this.cross = new Float32Array(books > 1 ? ENTRIES * ENTRIES : 0);
    for (let i = 0; i < this.cross.length; i++)
      this.cross[i] = 2 * dot(weighted, (i >> 8) * DIMS, codebook, (ENTRIES + (i & 255)) * DIMS);
    this.distances = new Float32Array(entries);
  }

  /** Writes the codes of vector `v`. */
  find(vectors: Float32Array, v: number, codes: Uint8Array): void {
    const { distances, cross } = this;
    this.measure(vectors, v * DIMS);
    if (this.books === 1) {
      codes[v] = least(distances, ENTRIES);
      return;
    }
    let best = Number.POSITIVE_INFINITY;
    let pair = 0;
    for (let b = 0; b < BEAM; b++) {
      const first = least(distances, ENTRIES);
      const base = distances[first] ?? 0;
      distances[first] = Number.POSITIVE_INFINITY;
      const row = first * ENTRIES;
      for (let e = 0; e < ENTRIES; e++) {
        const d = base + (distances[ENTRIES + e] ?? 0) + (cross[row + e] ?? 0);
        if (d < best) {
          best = d;
          pair = row + e;
        }
      }
    }
    codes[v * 2] = pair >> 8;
    codes[v * 2 + 1] = pair & 255;
  }

  /** Squared distances of the entries from the vector at `at`, less its own square. Unrolled: nearly all of the time goes here. */
  private measure(vectors: Float32Array, at: number): void {
    const { codebook: c, norms, distances, weights } = this;
    const x = (d: number): number => -2 * (vectors[at + d] ?? 0) * (weights[d] ?? 0);
    const [x0, x1, x2, x3, x4, x5, x6, x7] = [x(0), x(1), x(2), x(3), x(4), x(5), x(6), x(7)];
    for (let e = 0, i = 0; e < distances.length; e++, i += DIMS) {
      const low = (c[i] ?? 0) * x0 + (c[i + 1] ?? 0) * x1 + (c[i + 2] ?? 0) * x2 + (c[i + 3] ?? 0) * x3;
      const high = (c[i + 4] ?? 0) * x4 + (c[i + 5] ?? 0) * x5 + (c[i + 6] ?? 0) * x6 + (c[i + 7] ?? 0) * x7;
      distances[e] = (norms[e] ?? 0) + low + high;
    }
  }
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number): number {
  let sum = 0;
  for (let d = 0; d < DIMS; d++) sum += (a[i + d] ?? 0) * (b[j + d] ?? 0);
  return sum;
}

/** Index of the least of the first `count` values. */
function least(values: Float32Array, count: number): number {
  let [at, value] = [0, values[0] ?? 0];
  for (let i = 1; i < count; i++) {
    const v = values[i] ?? 0;
    if (v < value) {
      at = i;
      value = v;
    }
  }
  return at;
}
