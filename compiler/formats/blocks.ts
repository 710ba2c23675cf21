import type { StorageFormat } from './format.ts';
import type { MatrixSize, Planes } from './rows.ts';

/** Names of the planes that say where a sparse matrix keeps what; matrices have them beside the planes of their format. */
export const blockStarts = 'blocks.starts';
export const blockColumns = 'blocks.columns';
export const startsOf = (ragged: string): string => `${ragged}.starts`;

/**
 * Which blocks of a matrix are kept. Rows come in strips of `height`; strip s keeps blocks `starts[s]` to `starts[s + 1]`, of which block b
 * lies at columns `columns * list[b]` and on. Planes hold block after block, of each all rows of the strip one after the other (the last
 * strip is filled with rows of zeros). A format that keeps all has strips of one row and blocks as long as it.
 */
export interface KeptBlocks {
  readonly height: number;
  readonly columns: number;
  readonly starts: Uint32Array;
  readonly list: Uint16Array;
}

const allBlocks = ({ rows, length }: MatrixSize): KeptBlocks => ({
  height: 1,
  columns: length,
  starts: Uint32Array.from({ length: rows + 1 }, (_, r) => r),
  list: new Uint16Array(rows),
});

/** The blocks with a weight that is not zero. */
export function keptBlocks({ sparse }: StorageFormat, weights: Float32Array, size: MatrixSize): KeptBlocks {
  const { rows, length } = size;
  if (!sparse?.blocks) return allBlocks(size);
  const { rows: height, columns } = sparse.blocks;
  const strips = Math.ceil(rows / height);
  const starts = new Uint32Array(strips + 1);
  const list: number[] = [];
  const isKept = (strip: number, block: number): boolean => {
    for (let r = strip * height; r < Math.min(rows, (strip + 1) * height); r++)
      for (let i = r * length + block * columns; i < r * length + (block + 1) * columns; i++)
        if (weights[i] !== 0) return true;
    return false;
  };
  for (let s = 0; s < strips; s++) {
    for (let b = 0; b < length / columns; b++) if (isKept(s, b)) list.push(b);
    starts[s + 1] = list.length;
  }
  return { height, columns, starts, list: Uint16Array.from(list) };
}

/** The blocks that encoded planes hold. */
export function blocksOf({ name, sparse }: StorageFormat, planes: Planes, size: MatrixSize): KeptBlocks {
  if (!sparse?.blocks) return allBlocks(size);
  const [starts, list] = [planes[blockStarts], planes[blockColumns]];
  if (!(starts instanceof Uint32Array) || !(list instanceof Uint16Array))
    throw new TypeError(`planes of '${name}' do not say which blocks they hold`);
  return { height: sparse.blocks.rows, columns: sparse.blocks.columns, starts, list };
}
