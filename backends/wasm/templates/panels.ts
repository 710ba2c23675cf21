import { packedOnce } from '../../../compiler/derived-constant.ts';
import type { StorageFormat } from '../../../compiler/formats/format.ts';
import { type MatrixSize, planesOf } from '../../../compiler/formats/rows.ts';
import { byteLength, type TypedArray, viewOf } from '../../../compiler/ir/dtype.ts';
import type { Buffer } from '../../../compiler/ir/expr.ts';
import type { Value } from '../../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { TemplateRequest } from '../../../compiler/lower/template.ts';
import { InfcError } from '../../../runtime/errors.ts';

/** Rows of weights (columns of the product) that lie side by side. */
export const PANEL = 16;

/** One plane of packed weights and how it is indexed: entry e of column j of panel p is at (p * perColumn + e) * PANEL + j. */
export interface PackedPlane {
  readonly name: string;
  readonly buffer: Buffer;
  /** Entries of one block. */
  readonly entries: number;
  readonly per: number;
}

/** Weights of a block: the longest run that one entry of some plane covers. */
export const blockOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => Math.max(n, p.per), format.group);

/** First row of a panel: the last one overlaps its neighbour where rows do not fill it. */
export const panelStart = (panel: number, rows: number): number =>
  rows >= PANEL ? Math.min(panel * PANEL, rows - PANEL) : 0;

/**
 * Weights in a storage format, 8 rows side by side: for each panel and entry of a plane, 8 entries in a row, so that one vector load
 * gives the same entry of four rows and `decode` works on four rows at once.
 */
export function bindPanels(
  k: KernelBuilder,
  weights: Value,
  format: StorageFormat,
  size: MatrixSize,
  transposed: boolean,
  request: TemplateRequest,
): PackedPlane[] {
  const source = weights.constant;
  if (!source) throw new TypeError('weights are not constant');
  const { rows, length } = size;
  const panels = Math.ceil(rows / PANEL);
  return Object.entries(format.planes).map(([name, plane]) => {
    const perRow = length / plane.per;
    const key = `${format.name}.${name}.panels${transposed ? 't' : ''}`;
    const packed = packedOnce(source, key, plane.dtype, panels * perRow * PANEL, () => {
      const from = planesOf(source, format, size, transposed)[name];
      const total = panels * perRow * PANEL;
      const out = viewOf(plane.dtype, new ArrayBuffer(byteLength(plane.dtype, total)), 0, total);
      if (!from) throw new TypeError(`format '${format.name}' encodes no plane '${name}'`);
      for (let p = 0, at = 0; p < panels; p++) {
        const first = panelStart(p, rows);
        for (let e = 0; e < perRow; e++)
          for (let j = 0; j < PANEL; j++, at++) out[at] = first + j < rows ? (from[(first + j) * perRow + e] ?? 0) : 0;
      }
      if (plane.dtype === 'f16') checkFinite(out, source.name, name);
      return out;
    });
    const buffer = request.bindPacked(k, weights, key, packed, plane.dtype === 'f16' ? { finite: true } : {});
    return { name, buffer, entries: blockOf(format) / plane.per, per: plane.per };
  });
}

/** Kernels take the f16 numbers of planes for finite, which saves them a third of the decoding. */
function checkFinite(plane: TypedArray, weight: string, name: string): void {
  const at = plane.findIndex((v: number | bigint) => (Number(v) & 0x7c00) === 0x7c00);
  if (at >= 0)
    throw new InfcError('INFC4029', `plane '${name}' of weight '${weight}' holds an infinite or undefined number`, {
      fix: 'The weights are too large for 16-bit scales, or the model file is damaged: store this weight as f32',
    });
}
