/** A block of a row-major matrix: it begins at `at`, rows are `stride` apart. */
export interface Block {
  readonly data: Float32Array;
  readonly at: number;
  readonly stride: number;
}

/** c [rows, columns] += a [rows, depth] b [depth, columns]; c overlaps neither of the others. */
export type AddProduct = (c: Block, a: Block, b: Block, rows: number, columns: number, depth: number) => void;

/** Where no kernel is at hand. */
export const plainProduct: AddProduct = (c, a, b, rows, columns, depth) => {
  for (let r = 0; r < rows; r++)
    for (let t = 0; t < depth; t++) {
      const x = a.data[a.at + r * a.stride + t] ?? 0;
      if (x === 0) continue;
      const [to, from] = [c.at + r * c.stride, b.at + t * b.stride];
      for (let j = 0; j < columns; j++) c.data[to + j] = (c.data[to + j] ?? 0) + x * (b.data[from + j] ?? 0);
    }
};
