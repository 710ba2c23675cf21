import { derivedConstant } from '../../../compiler/derived-constant.ts';
import type { StorageFormat } from '../../../compiler/formats/format.ts';
import { planesOf } from '../../../compiler/formats/rows.ts';
import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isAtMost,
  mod,
  mul,
  product,
} from '../../../compiler/ir/dim.ts';
import { constant, dimValue, type Expr, pack } from '../../../compiler/ir/expr.ts';
import { tensor } from '../../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import type { LoweredKernel, TemplateRequest } from '../../../compiler/lower/template.ts';
import { decodeRows } from '../../reference/decode-format.ts';
import { noteFor, type Operands, overRows } from './gemm.ts';
import { finishTile, finishVector, Tile } from './microkernel.ts';
import { buildWindowProduct, windowsOf } from './window-product.ts';

/** Rows of weights side by side. */
const HEIGHT = 4;
const ITEM_ROWS = 96;
const FEW_ROWS = 2;
const TILE_ROWS = 4;
const SCRATCH_FLOATS = 1 << 17;

/** Products with weights whose format leaves out zeros. */
export function buildSparseProduct(o: Operands, format: StorageFormat, request: TemplateRequest): LoweredKernel[] {
  const windows = windowsOf(o, format);
  return windows ? buildWindowProduct(o, format, windows, request) : [buildGather(o, format, request)];
}

/** Weights that are not zero, four rows side by side: entry e of a panel's rows at 4 * e, filled up with zeros. */
interface Entries {
  readonly starts: Uint32Array;
  readonly columns: Uint16Array;
  readonly values: Float32Array;
}

function entriesOf(weights: Float32Array, rows: number, length: number): Entries {
  const panels = Math.ceil(rows / HEIGHT);
  const starts = new Uint32Array(panels + 1);
  const [columns, values]: [number[], number[]] = [[], []];
  for (let p = 0; p < panels; p++) {
    const first = firstRow(p, rows);
    const lists = Array.from({ length: HEIGHT }, (_, j) => {
      const list: number[] = [];
      if (first + j < rows) for (let c = 0; c < length; c++) if (weights[(first + j) * length + c] !== 0) list.push(c);
      return list;
    });
    const most = Math.max(...lists.map((l) => l.length));
    for (let e = 0; e < most; e++)
      lists.forEach((list, j) => {
        const column = list[e];
        columns.push(column ?? 0);
        values.push(column === undefined ? 0 : (weights[(first + j) * length + column] ?? 0));
      });
    starts[p + 1] = values.length / HEIGHT;
  }
  return { starts, columns: Uint16Array.from(columns), values: Float32Array.from(values) };
}

const firstRow = (panel: number, rows: number): number =>
  rows >= HEIGHT ? Math.min(panel * HEIGHT, rows - HEIGHT) : 0;

/** Any sparse format: decoded when compiling, activations are fetched one by one. Right for all, fast for none. */
function buildGather(o: Operands, format: StorageFormat, request: TemplateRequest): LoweredKernel {
  const source = o.b.constant;
  if (!source) throw new TypeError('weights are not constant');
  const [n, depth] = [Number(o.n), Number(o.depth)];
  const size = { rows: n, length: depth };
  let entries: Entries | undefined;
  const made = (): Entries =>
    (entries ??= entriesOf(decodeRows(format, planesOf(source, format, size, !o.transposeB), size), n, depth));
  const rows = product([...o.batch, o.m]);
  const panels = Math.ceil(n / HEIGHT);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(ceilDiv(rows, ITEM_ROWS), panels), 1, 1]);
  const bind = (what: keyof Entries, dtype: 'u32' | 'u16' | 'f32') => {
    const key = `${format.name}.entries.${what}`;
    const packed = derivedConstant(source, key, () => {
      const data = made()[what];
      const length = Math.max(HEIGHT, data.length);
      return {
        name: `${source.name}.${key}`,
        type: tensor(dtype, [length]),
        bytes: length * data.BYTES_PER_ELEMENT,
        unique: true,
        read: () => {
          const bytes = new Uint8Array(length * data.BYTES_PER_ELEMENT);
          bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          return bytes;
        },
      };
    });
    return { buffer: request.bindPacked(k, o.b, key, packed), length: Number(packed.type.shape[0]) };
  };
  const [starts, columns, values] = [bind('starts', 'u32'), bind('columns', 'u16'), bind('values', 'f32')];
  const panel = mod(k.group.x, panels);
  const column = n >= HEIGHT ? dimMin(mul(panel, HEIGHT), n - HEIGHT) : 0;
  const most = Math.floor(values.length / HEIGHT);
  const [first, last] = [0, 1].map((i) =>
    k.index(k.load(starts.buffer, add(panel, i)), { min: 0, max: most }, 'entry'),
  );
  if (first === undefined || last === undefined) throw new TypeError('two bounds');
  const a = request.bind(k, o.a);
  const columnsOf = (entry: Dim): Dim[] =>
    Array.from({ length: HEIGHT }, (_, j) =>
      k.index(k.load(columns.buffer, add(mul(entry, HEIGHT), j)), { min: 0, max: depth - 1 }, 'col'),
    );
  const zero = constant('f32', 0).splat(HEIGHT);
  const oneRow = (row: Dim): void => {
    const total = k.var(zero, 'total');
    k.for(first, last, 1, (e) => {
      const xs = columnsOf(e).map((c): Expr => k.load(a, add(mul(row, depth), c)));
      total.set(k.load(values.buffer, mul(e, HEIGHT), HEIGHT).fma(pack(xs), total.value));
    });
    finishVector(k, total.value, column, n, (x, c) => request.finish(k, x, [...unravel(row, [...o.batch, o.m]), c]));
  };
  const from = mul(floorDiv(k.group.x, panels), ITEM_ROWS);
  const to = dimMin(add(from, ITEM_ROWS), rows);
  const few = (): void => k.for(from, to, 1, oneRow);
  const note = noteFor(o, request, `what is not zero in ${format.name}, decoded to f32`);
  if (isAtMost(rows, FEW_ROWS) || depth * HEIGHT > SCRATCH_FLOATS) {
    few();
    return request.close(k, note);
  }
  const scratch = k.shared('panel', 'f32', depth * HEIGHT);
  const many = (): void => {
    k.for(0, depth, 1, (i) => k.store(scratch, mul(i, HEIGHT), zero));
    k.for(first, last, 1, (e) => {
      columnsOf(e).forEach((c, j) => {
        const at = add(mul(c, HEIGHT), j);
        // Entries that only fill up add zeros.
        k.store(scratch, at, k.load(scratch, at).add(k.load(values.buffer, add(mul(e, HEIGHT), j))));
      });
    });
    overRows(
      k,
      from,
      to,
      rows,
      (row, count) => {
        const tile = new Tile(k, count, 1);
        tile.loop(depth, (i) => ({
          a: (r) => k.load(a, add(mul(add(row, r), depth), i)),
          b: () => k.load(scratch, mul(i, HEIGHT), HEIGHT),
        }));
        finishTile(k, tile, {
          columnOf: () => column,
          limit: n,
          finish: (value, r, c) => request.finish(k, value, [...unravel(add(row, r), [...o.batch, o.m]), c]),
        });
      },
      TILE_ROWS,
    );
  };
  if (isAtMost(FEW_ROWS + 1, rows)) many();
  else k.if(dimValue(rows).le(FEW_ROWS), few, many);
  return request.close(k, note);
}
