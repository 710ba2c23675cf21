import { constant } from '../ir/expr.ts';
import { finish } from '../steps.ts';
import { DIMS, ENTRIES, fitCodebooks, SPAN } from './codebook-fit.ts';
import { defineFormat, type StorageFormat } from './format.ts';

/** Weights decoded at once: the least that tiles of workgroup memory are deep. */
const GROUP = 2 * DIMS;

/**
 * Vectors of eight weights from codebooks of 256 entries (AQLM, Egiazarian et al. 2024): a scale times the sum of an entry of each of `books`
 * (one or two) codebooks of bytes, which all rows of the matrix share. One bit a weight for each codebook, a quarter for f16 scales of 64
 * weights, and 2 kB a matrix for each codebook.
 */
function codebooks(books: 1 | 2): StorageFormat {
  return defineFormat({
    name: `c${books}x8`,
    logical: 'f32',
    bits: books,
    group: GROUP,
    multiple: SPAN,
    planes: { codes: { dtype: 'u8', per: DIMS / books }, scale: { dtype: 'f16', per: SPAN } },
    shared: { codebook: { dtype: 'i8', entries: books * ENTRIES * DIMS } },
    codebooks: { codes: 'codes', entries: 'codebook', books },
    encode: (row) => finish(fitCodebooks(row, { rows: 1, length: row.length }, books)),
    encodeMatrix: (weights, size, importance) => fitCodebooks(weights, size, books, importance),
    decode: (planes, _, read) => {
      const [scale] = planes.scale ?? [];
      const first = (planes.codes ?? []).map((code, b) =>
        code
          .cast('i32')
          .add((b % books) * ENTRIES)
          .shl(constant('i32', Math.log2(DIMS))),
      );
      return {
        codes: Array.from({ length: GROUP }, (_, i) => {
          const own = first.slice(Math.floor(i / DIMS) * books, (Math.floor(i / DIMS) + 1) * books);
          return own.map((at) => read('codebook', at.add(i % DIMS)).cast('f32')).reduce((a, b) => a.add(b));
        }),
        ...(scale ? { scale } : {}),
      };
    },
    // A vector is no further from its entries than from zero, which is one of them; scales only lower the sum of squares of a span.
    errorBound: Math.sqrt(SPAN),
  });
}

/** One and two codebooks. */
export const vectorCodebooks: readonly StorageFormat[] = [codebooks(1), codebooks(2)];
