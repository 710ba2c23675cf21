import { add, type Dim, mul } from '../../../compiler/ir/dim.ts';
import type { Buffer } from '../../../compiler/ir/expr.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { TemplateRequest } from '../../../compiler/lower/template.ts';
import { type Operands, overRows } from './gemm.ts';
import { finishTile, Tile } from './microkernel.ts';

/** A panel of `columns` weights side by side, [depth, columns] f32 in scratch: columns `column` and on of the product. */
export interface ExpandedPanel {
  readonly scratch: Buffer;
  readonly columns: number;
  readonly column: Dim;
}

/** Rows `from` to `to` of the left operand `a` times the panel, in tiles of `tileRows`. */
export function multiplyPanel(
  k: KernelBuilder,
  o: Operands,
  request: TemplateRequest,
  a: Buffer,
  { scratch, columns, column }: ExpandedPanel,
  [from, to, rows]: readonly [Dim, Dim, Dim],
  tileRows: number,
): void {
  const depth = Number(o.depth);
  const body = (row: Dim, count: number): void => {
    const tile = new Tile(k, count, columns / 4);
    tile.loop(depth, (i) => ({
      a: (r) => k.load(a, add(mul(add(row, r), depth), i)),
      b: (v) => k.load(scratch, add(mul(i, columns), 4 * v), 4),
    }));
    finishTile(k, tile, {
      columnOf: (v) => add(column, mul(v, 4)),
      limit: Number(o.n),
      finish: (value, r, c) => request.finish(k, value, [...unravel(add(row, r), [...o.batch, o.m]), c]),
    });
  };
  overRows(k, from, to, rows, body, tileRows);
}
