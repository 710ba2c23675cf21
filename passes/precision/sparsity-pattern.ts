import { InfcError } from '../../runtime/errors.ts';

/** Which weights of a matrix may be zero together. */
export interface SparsityPattern {
  /** As written: `2:4`, `block:16x16:0.5`, `unstructured:0.6`. */
  readonly name: string;
  /** The same without the share of zeros: what formats say they hold. */
  readonly kind: string;
  /** Columns within which a row's kept weights are chosen; all columns of a row when 0. */
  readonly segment: number;
  /** Share of zeros, 0 to 1. */
  readonly sparsity: number;
  /** Rows and columns of which a matrix must have a multiple. */
  readonly unit: readonly [number, number];
  /**
   * Marks with 1 the weights to keep, from scores (larger is kept) of `n` rows of `k` columns, row-major, which {@link unit} divides.
   */
  keep(scores: Float32Array, n: number, k: number): Uint8Array;
}

/** Keeps the `keep` largest of every `of` consecutive weights of a row. */
function nOfM(name: string, keep: number, of: number): SparsityPattern {
  return {
    name,
    kind: name,
    segment: of,
    sparsity: 1 - keep / of,
    unit: [1, of],
    keep: (scores, n, k) => {
      const mask = new Uint8Array(n * k);
      for (let at = 0; at < n * k; at += of) markLargest(scores, at, of, keep, mask);
      return mask;
    },
  };
}

/** Keeps the largest weights of each row, so that rows cost alike. */
function unstructured(name: string, sparsity: number): SparsityPattern {
  return {
    name,
    kind: 'unstructured',
    segment: 0,
    sparsity,
    unit: [1, 1],
    keep: (scores, n, k) => {
      const mask = new Uint8Array(n * k);
      const count = Math.round(k * (1 - sparsity));
      for (let r = 0; r < n; r++) markLargest(scores, r * k, k, count, mask);
      return mask;
    },
  };
}

/** Keeps the blocks of `rows` x `columns` weights with the largest sums of scores; each strip of rows keeps as many. */
function blocks(name: string, rows: number, columns: number, sparsity: number): SparsityPattern {
  return {
    name,
    kind: `block:${rows}x${columns}`,
    segment: 0,
    sparsity,
    unit: [rows, columns],
    keep: (scores, n, k) => {
      const across = k / columns;
      const mask = new Uint8Array(n * k);
      const sums = new Float32Array(across);
      const kept = new Uint8Array(across);
      for (let top = 0; top < n; top += rows) {
        sums.fill(0);
        kept.fill(0);
        for (let r = top; r < top + rows; r++)
          for (let j = 0; j < k; j++) {
            const b = Math.floor(j / columns);
            sums[b] = (sums[b] ?? 0) + (scores[r * k + j] ?? 0);
          }
        markLargest(sums, 0, across, Math.max(1, Math.round(across * (1 - sparsity))), kept);
        for (let r = top; r < top + rows; r++)
          for (let j = 0; j < k; j++) mask[r * k + j] = kept[Math.floor(j / columns)] ?? 0;
      }
      return mask;
    },
  };
}

/** Marks the `count` largest of `of` scores from `at`; among equals the first. */
function markLargest(scores: Float32Array, at: number, of: number, count: number, mask: Uint8Array): void {
  const least = nthLargest(scores.slice(at, at + of), count);
  let left = count;
  for (let i = at; i < at + of; i++)
    if ((scores[i] ?? 0) > least) {
      mask[i] = 1;
      left--;
    }
  for (let i = at; left > 0 && i < at + of; i++)
    if (scores[i] === least) {
      mask[i] = 1;
      left--;
    }
}

/** The n-th largest of numbers, by Hoare's FIND (1961), which reorders them; infinite for none. */
function nthLargest(numbers: Float32Array, n: number): number {
  if (n <= 0) return Number.POSITIVE_INFINITY;
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const pivot = numbers[(low + high) >> 1] ?? 0;
    let [i, j] = [low, high];
    while (i <= j) {
      while ((numbers[i] ?? 0) > pivot) i++;
      while ((numbers[j] ?? 0) < pivot) j--;
      if (i > j) break;
      const swapped = numbers[i] ?? 0;
      numbers[i++] = numbers[j] ?? 0;
      numbers[j--] = swapped;
    }
    if (n - 1 <= j) high = j;
    else if (n - 1 >= i) low = i;
    else break;
  }
  return numbers[n - 1] ?? Number.POSITIVE_INFINITY;
}

/** Throws INFC2074 when the pattern does not divide the weights `node`, [n, k]. */
export function checkDivides(
  { name, unit: [rows, columns] }: SparsityPattern,
  node: string,
  n: number,
  k: number,
): void {
  if (n % rows === 0 && k % columns === 0) return;
  const needs = rows === 1 ? `rows of a multiple of ${columns}` : `multiples of ${rows} x ${columns}`;
  throw new InfcError('INFC2074', `sparsity '${name}' needs ${needs} weights, and '${node}' is ${n} x ${k}`, {
    node,
    fix: 'Give this layer a rule without sparsity in a recipe file (--quant recipe.json), or use unstructured:SHARE',
  });
}

/** The share of whole channels that `channels:0.25` removes; undefined for patterns of weights. Throws INFC8031 for no share. */
export function channelShare(text: string | undefined): number | undefined {
  const given = /^channels:(.*)$/.exec(text ?? '')?.[1];
  if (given === undefined) return undefined;
  const share = Number(given);
  if (share > 0 && share < 1) return share;
  throw new InfcError('INFC8031', `sparsity '${text}' needs a share of channels between 0 and 1`, {
    fix: 'Write channels:0.25',
  });
}

/**
 * Reads `2:4`, `4:8`, `block:16x16` (half of the blocks) or `block:16x16:0.7`, `unstructured:0.6`, `gqsa:w4s50` (half of the groups of 16 of
 * a row). With `usual` a pattern may leave out its share of zeros. Throws INFC8031 otherwise.
 */
export function parseSparsity(text: string, usual?: number): SparsityPattern {
  const bad = (why: string): InfcError =>
    new InfcError('INFC8031', `sparsity '${text}' ${why}`, {
      fix: 'Write 2:4, 4:8, block:16x16, block:16x16:0.7, unstructured:0.6, gqsa:w4s50, channels:0.25 or activations',
    });
  const share = (s: string | undefined): number => {
    const v = Number(s ?? usual);
    if (!(v > 0 && v < 1)) throw bad('needs a share of zeros between 0 and 1');
    return v;
  };
  const [kind = '', ...rest] = text.split(':');
  if (kind === 'unstructured' && rest.length <= 1) return unstructured(text, share(rest[0]));
  if (kind === 'gqsa' && rest.length === 1) {
    const parts = /^(w[48])(?:s(\d\d?))?$/.exec(rest[0] ?? '');
    if (!parts) throw bad('needs bits and per cent of zeros, as w4s50');
    const zeros = parts[2] === undefined ? undefined : String(Number(parts[2]) / 100);
    return { ...blocks(text, 1, 16, share(zeros)), kind: `gqsa:${parts[1]}` };
  }
  if (kind === 'block' && rest.length >= 1 && rest.length <= 2) {
    const sizes = /^(\d+)x(\d+)$/.exec(rest[0] ?? '');
    const [rows, columns] = [Number(sizes?.[1]), Number(sizes?.[2])];
    if (!(rows > 0 && columns > 0 && rows * columns > 1)) throw bad('needs a block of ROWSxCOLUMNS');
    return blocks(text, rows, columns, rest.length === 2 ? share(rest[1]) : (usual ?? 0.5));
  }
  const [keep, of] = [Number(kind), Number(rest[0])];
  if (rest.length !== 1 || !Number.isInteger(keep) || !Number.isInteger(of)) throw bad('is not a pattern');
  if (!(keep >= 1 && keep < of && of <= 64)) throw bad('must keep at least one and fewer than all, of at most 64');
  return nOfM(text, keep, of);
}
