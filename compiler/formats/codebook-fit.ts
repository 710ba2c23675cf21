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
 * other codebook leaves) are improved in turn. `importance`, a number a column, weighs vectors in the means. Deterministic.
 */
export function fitCodebooks(
  weights: Float32Array,
  { length }: MatrixSize,
  books: number,
  importance?: Float32Array,
): CodebookPlanes {
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
    if (importance) {
      mean = 0;
      for (let d = 0; d < DIMS; d++) mean += (importance[column + d] ?? 0) / DIMS;
    }
    return mean * (sizes[Math.floor((v * DIMS) / SPAN)] ?? 0) ** 2;
  };
  const stride = Math.max(1, Math.floor(count / SAMPLE));
  const picked = Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
  const sample = new Float32Array(picked.length * DIMS);
  picked.forEach((v, i) => sample.set(vectors.subarray(v * DIMS, (v + 1) * DIMS), i * DIMS));
  const own = Float64Array.from(picked, weightOf);
  const codebook = trained(sample, own, books);
  const codes = nearest(vectors, codebook, books);
  // For these codes the best scales.
  for (let s = 0; s < scale.length; s++) {
    let [up, down] = [0, 0];
    for (let i = s * SPAN; i < (s + 1) * SPAN; i++) {
      const q = valueAt(codes, codebook, books, i);
      up += q * (weights[i] ?? 0);
      down += q * q;
    }
    if (down > 0 && up > 0) scale[s] = stored('f16', up / down).bits;
  }
  return { codes, scale, codebook: Int8Array.from(codebook) };
}

/** Sum of the entries for weight `i`. */
function valueAt(codes: Uint8Array, codebook: ArrayLike<number>, books: number, i: number): number {
  const [v, d] = [Math.floor(i / DIMS), i % DIMS];
  let sum = 0;
  for (let b = 0; b < books; b++) sum += codebook[(b * ENTRIES + (codes[v * books + b] ?? 0)) * DIMS + d] ?? 0;
  return sum;
}

/** Codebooks of whole numbers for a sample of vectors. */
function trained(sample: Float32Array, weights: Float64Array, books: number): Float32Array {
  const codebook = new Float32Array(books * ENTRIES * DIMS);
  const rest = sample.slice();
  for (let b = 0; b < books; b++) {
    const book = codebook.subarray(b * ENTRIES * DIMS, (b + 1) * ENTRIES * DIMS);
    kMeans(rest, weights, book, b);
    const codes = nearest(rest, book, 1);
    for (let i = 0; i < rest.length; i++) rest[i] = (rest[i] ?? 0) - valueAt(codes, book, 1, i);
  }
  for (let round = 0; books > 1 && round < JOINT_ROUNDS; round++) {
    const codes = nearest(sample, codebook, books);
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
function kMeans(vectors: Float32Array, weights: Float64Array, book: Float32Array, seed: number): void {
  const count = vectors.length / DIMS;
  let s = seed + 1;
  for (let e = 1; e < ENTRIES; e++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    const v = Math.floor((s / 2 ** 32) * count);
    book.set(vectors.subarray(v * DIMS, (v + 1) * DIMS), e * DIMS);
  }
  for (let round = 0; round < LLOYD_ROUNDS; round++) means(vectors, weights, nearest(vectors, book, 1), book);
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

/** Codes of the sums of entries nearest to each vector: of one codebook, or by a beam over the first of two. */
function nearest(vectors: Float32Array, codebook: Float32Array, books: number): Uint8Array {
  const count = vectors.length / DIMS;
  const codes = new Uint8Array(count * books);
  const entries = books * ENTRIES;
  const norms = Float32Array.from({ length: entries }, (_, e) => dot(codebook, e * DIMS, codebook, e * DIMS));
  // Products of each entry of the first codebook with each of the second.
  const cross = new Float32Array(books > 1 ? ENTRIES * ENTRIES : 0);
  for (let i = 0; i < cross.length; i++)
    cross[i] = 2 * dot(codebook, (i >> 8) * DIMS, codebook, (ENTRIES + (i & 255)) * DIMS);
  const distances = new Float32Array(entries);
  for (let v = 0; v < count; v++) {
    for (let e = 0; e < entries; e++) distances[e] = (norms[e] ?? 0) - 2 * dot(vectors, v * DIMS, codebook, e * DIMS);
    if (books === 1) {
      codes[v] = least(distances, 0, ENTRIES);
      continue;
    }
    let best = Number.POSITIVE_INFINITY;
    for (let b = 0; b < BEAM; b++) {
      const first = least(distances, 0, ENTRIES);
      const base = distances[first] ?? 0;
      distances[first] = Number.POSITIVE_INFINITY;
      for (let e = 0; e < ENTRIES; e++) {
        const d = base + (distances[ENTRIES + e] ?? 0) + (cross[first * ENTRIES + e] ?? 0);
        if (d < best) {
          best = d;
          codes[v * 2] = first;
          codes[v * 2 + 1] = e;
        }
      }
    }
  }
  return codes;
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number): number {
  let sum = 0;
  for (let d = 0; d < DIMS; d++) sum += (a[i + d] ?? 0) * (b[j + d] ?? 0);
  return sum;
}

function least(values: Float32Array, from: number, to: number): number {
  let at = from;
  for (let i = from + 1; i < to; i++) if ((values[i] ?? 0) < (values[at] ?? 0)) at = i;
  return at;
}
