import { decodeGroup, type StorageFormat } from '../../../compiler/formats/format.ts';
import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isAtMost,
  isStatic,
  mod,
  mul,
  product,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue } from '../../../compiler/ir/expr.ts';
import type { Kernel } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { InfcError } from '../../../runtime/errors.ts';
import { buildCodebookProduct } from './codebook-product.ts';
import { multiplyPanel } from './expanded-panel.ts';
import { noteFor, type Operands, operandsOf } from './gemm.ts';
import { buildIntegerProduct } from './integer-product.ts';
import { RUN } from './integer-rows.ts';
import { buildLookupProduct } from './lookup-product.ts';
import { finishVector } from './microkernel.ts';
import { bindPanels, blockOf, PANEL } from './panels.ts';
import { buildSparseProduct } from './sparse-product.ts';

const VECTORS = PANEL / 4;
const COLUMNS = PANEL;
/** Rows of a for which a panel of b is decoded once, to scratch. */
const ITEM_ROWS = 96;
/** Up to this many rows a block at a time is decoded, which stays in the first-level cache. */
const FEW_ROWS = 2;
/** Rows of a tile: with four vectors of columns the sums fill half the registers. */
const TILE_ROWS = 2;
const SCRATCH_FLOATS = 1 << 17;

function build(o: Operands, format: StorageFormat, request: TemplateRequest): Kernel {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const joined = !o.transposeA;
  if (!joined)
    throw new InfcError('INFC4020', 'a transposed left operand with packed weights', {
      node: request.anchor.source.name,
    });
  const rows = product([...o.batch, o.m]);
  const panels = Math.ceil(n / COLUMNS);
  const blocks = ceilDiv(rows, ITEM_ROWS);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(blocks, panels), 1, 1]);
  const a = request.bind(k, o.a);
  const packed = bindPanels(k, o.b, format, { rows: n, length: depth }, !o.transposeB, request);
  const panel = mod(k.group.x, panels);
  const block = floorDiv(k.group.x, panels);
  const column = n >= COLUMNS ? dimMin(mul(panel, COLUMNS), n - COLUMNS) : 0;
  const from = mul(block, ITEM_ROWS);
  const to = dimMin(add(from, ITEM_ROWS), rows);
  const length = blockOf(format);
  const parts = length / format.group;
  /** Codes, scale and offset of one group of the panel's columns of vector `v`. */
  const decode = (b: Dim, part: number, v: number) => {
    const first = mul(b, length / packed.unit);
    const values = packed.entries(panel, first, part * format.group, format.group, 4 * v, 4);
    return decodeGroup(format, values, part);
  };
  /** Block `b` of the panel as floats to scratch, from row `to` of it on. Stores keep V8 from loading all of it first. */
  const expand = (scratch: Buffer, b: Dim, first: Dim): void => {
    for (let part = 0; part < parts; part++)
      for (let v = 0; v < VECTORS; v++) {
        const { codes, scale, offset } = decode(b, part, v);
        codes.forEach((code, i) => {
          const scaled = scale ? code.mul(scale) : code;
          const at = mul(add(first, part * format.group + i), COLUMNS);
          k.store(scratch, add(at, 4 * v), offset ? scaled.sub(offset) : scaled);
        });
      }
  };
  const few = (): void => {
    const scratch = k.shared('block', 'f32', length * COLUMNS);
    k.for(from, to, 1, (row) => {
      const totals = Array.from({ length: VECTORS }, () => k.var(constant('f32', 0).splat(4), 'total'));
      packed.walk(panel, length, 0, depth / length, (b) => {
        expand(scratch, b, 0);
        k.for(0, length, 1, (i) => {
          const x = k.load(a, add(add(mul(row, depth), mul(b, length)), i)).splat(4);
          totals.forEach((total, v) => {
            total.set(x.fma(k.load(scratch, add(mul(i, COLUMNS), 4 * v), 4), total.value));
          });
        });
      });
      totals.forEach((total, v) =>
        finishVector(k, total.value, add(column, 4 * v), n, (x, c) =>
          request.finish(k, x, [...unravel(row, [...o.batch, o.m]), c]),
        ),
      );
    });
  };
  const many = (): void => {
    const scratch = k.shared('panel', 'f32', depth * COLUMNS);
    k.for(0, depth / length, 1, (b) => expand(scratch, b, mul(b, length)));
    multiplyPanel(k, o, request, a, { scratch, columns: COLUMNS, column }, [from, to, rows], TILE_ROWS);
  };
  if (isAtMost(rows, FEW_ROWS) || depth * COLUMNS > SCRATCH_FLOATS) few();
  else if (isAtMost(FEW_ROWS + 1, rows)) many();
  else k.if(dimValue(rows).le(FEW_ROWS), few, many);
  return k.done(noteFor(o, request, `b is kept as ${format.name}, decoded to scratch`));
}

/** Products with a constant right operand that is kept in a storage format. */
export const gemmFormat = defineTemplate({
  name: 'gemm-format',
  op: 'matmul',
  score: 20,
  why: 'weights stay in their storage format',
  when: (node) => {
    const o = operandsOf(node);
    return (
      o?.b.constant !== undefined &&
      o.b.type.format !== 'dense' &&
      !o.transposeA &&
      isStatic(o.n) &&
      isStatic(o.depth) &&
      o.a.type.shape.length - 2 === o.batch.length &&
      o.b.type.shape.slice(0, -2).every((d) => d === 1)
    );
  },
  build: (request) => {
    const o = operandsOf(request.anchor);
    if (!o) throw new TypeError('not a matmul');
    const format = request.format(o.b.type.format);
    if (format.sparse) return buildSparseProduct(o, format, request);
    const { integer, signs, codebooks } = format;
    if (codebooks) return buildCodebookProduct(o, format, codebooks, request);
    if (signs) return buildLookupProduct(o, format, signs, request);
    return integer && blockOf(format) % RUN === 0
      ? buildIntegerProduct(o, format, integer, request)
      : build(o, format, request);
  },
});
