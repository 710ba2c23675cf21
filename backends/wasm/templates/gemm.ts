import { packedOnce } from '../../../compiler/derived-constant.ts';
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
  range,
  sub,
} from '../../../compiler/ir/dim.ts';
import type { DType } from '../../../compiler/ir/dtype.ts';
import { type Buffer, type Expr, pack } from '../../../compiler/ir/expr.ts';
import type { Constant, Node, TensorType, Value } from '../../../compiler/ir/graph.ts';
import type { Kernel, KernelNote } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { unravel } from '../../../compiler/lower/element.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { broadcastCoords, flagAttr } from '../../../compiler/ops/shapes.ts';
import { constantNumbers } from '../../../compiler/tensor-values.ts';
import { finishTile, Tile } from './microkernel.ts';

const ROWS = 4;

const VECTORS = 2;
const PANEL = 4 * VECTORS;
/** Rows one work item computes: a (rows x depth) stays in the second-level cache while the panels of b pass by. */
const ITEM_ROWS = 24 * ROWS;
/** Most floats of a panel of b that are copied to scratch. */
const SCRATCH_FLOATS = 1 << 16;

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f16', 'bf16']);

/** The operands of a matmul node as matrices. */
export interface Operands {
  readonly a: Value;
  readonly b: Value;
  readonly m: Dim;
  readonly n: Dim;
  readonly depth: Dim;
  /** Leading dims of the output. */
  readonly batch: readonly Dim[];
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export function operandsOf(node: Node): Operands | undefined {
  const [a, b] = node.inputs;
  const out = node.outputs[0]?.type;
  if (!a || !b || !out) return undefined;
  const transposeA = flagAttr(node.attrs, 'transposeA');
  const rank = a.type.shape.length;
  return {
    a,
    b,
    m: out.shape.at(-2) ?? 1,
    n: out.shape.at(-1) ?? 1,
    depth: a.type.shape[transposeA ? rank - 2 : rank - 1] ?? 1,
    batch: out.shape.slice(0, -2),
    transposeA,
    transposeB: flagAttr(node.attrs, 'transposeB'),
  };
}

const isFloatMatmul = (node: Node): boolean => {
  const o = operandsOf(node);
  if (!o) return false;
  const out = node.outputs[0]?.type.dtype ?? 'string';
  return [o.a, o.b].every((v) => FLOATS.has(v.type.dtype) && v.type.format === 'dense') && FLOATS.has(out);
};

/** Whether b is one constant matrix (no batch dims of its own that differ). */
export const hasConstantB = (o: Operands): boolean =>
  o.b.constant !== undefined && isStatic(o.n) && isStatic(o.depth) && o.b.type.shape.slice(0, -2).every((d) => d === 1);

/** Element [i, j] of a matrix, or [j, i] where it is stored transposed, inside a tensor of type `t`. */
export function element(t: TensorType, batch: readonly Dim[], transposed: boolean, i: Dim, j: Dim): Dim {
  const lead = broadcastCoords(t.shape.slice(0, -2), batch);
  const coords = [...lead, ...(transposed ? [j, i] : [i, j])];
  return coords.reduce<Dim>((p, c, i) => add(mul(p, t.shape[i] ?? 1), c), 0);
}

export function noteFor(o: Operands, request: TemplateRequest, why: string): KernelNote {
  const flops = mul(2, product([...request.output.shape, o.depth]));
  const size = (t: TensorType): Dim => mul(4, product(t.shape));
  return {
    op: 'matmul',
    sources: [request.anchor.source.name],
    template: 'gemm-simd',
    why,
    bytes: add(add(size(o.a.type), size(o.b.type)), size(request.output)),
    flops,
  };
}

/**
 * Runs `tile(row, rows)` over the rows [from, to): register tiles of `height` rows, then what is left. With a known count of at least that
 * many rows the last tile overlaps its neighbour.
 */
export function overRows(
  k: KernelBuilder,
  from: Dim,
  to: Dim,
  all: Dim,
  tile: (row: Dim, rows: number) => void,
  height = ROWS,
): void {
  if (isStatic(all) && all < height) {
    tile(0, all);
    return;
  }
  const count = sub(to, from);
  if (isAtMost(height, all)) {
    k.for(0, ceilDiv(count, height), 1, (t) => tile(dimMin(add(from, mul(t, height)), sub(all, height)), height));
    return;
  }
  const whole = floorDiv(count, height);
  k.for(0, whole, 1, (t) => tile(add(from, mul(t, height)), height));
  k.for(mul(whole, height), count, 1, (t) => tile(add(from, t), 1));
}

/** Constant b, packed into panels of 8 columns with k running down; a is read in place, its batch dims joined with its rows. */
function buildConstantB(o: Operands, request: TemplateRequest): Kernel {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const joined = !o.transposeA && o.a.type.shape.slice(0, -2).length === o.batch.length;
  const rows = joined ? product([...o.batch, o.m]) : o.m;
  const batches = joined ? 1 : product(o.batch);
  const columns = Math.min(PANEL, Math.ceil(n / 4) * 4);
  const panels = Math.ceil(n / columns);
  const startOf = (panel: number) => (n >= columns ? Math.min(panel * columns, n - columns) : 0);
  const key = `panels${columns}${o.transposeB ? 't' : ''}`;
  const fill = (source: Constant): Float32Array => {
    const w = constantNumbers(source);
    const out = new Float32Array(panels * depth * columns);
    for (let p = 0, at = 0; p < panels; p++)
      for (let i = 0; i < depth; i++)
        for (let j = 0; j < columns; j++, at++) {
          const c = startOf(p) + j;
          out[at] = c < n ? (w[o.transposeB ? c * depth + i : i * n + c] ?? 0) : 0;
        }
    return out;
  };
  const packed = (source: Constant): Constant =>
    packedOnce(source, key, 'f32', panels * depth * columns, () => fill(source));
  const blocks = ceilDiv(rows, ITEM_ROWS);
  const k = new KernelBuilder(request.name, 'simd', 1, [product([batches, blocks, panels]), 1, 1]);
  const a = request.bind(k, o.a);
  const b = request.bindPacked(k, o.b, key, packed);
  const panel = mod(k.group.x, panels);
  const rest = floorDiv(k.group.x, panels);
  const block = mod(rest, blocks);
  const batch = joined ? [] : unravel(floorDiv(rest, blocks), o.batch);
  const column = n >= columns ? dimMin(mul(panel, columns), n - columns) : 0;
  const from = mul(block, ITEM_ROWS);
  const to = dimMin(add(from, ITEM_ROWS), rows);
  const vectors = columns / 4;
  overRows(k, from, to, rows, (row, count) => {
    const tile = new Tile(k, count, vectors);
    tile.loop(depth, (i) => ({
      a: (r) =>
        k.load(a, joined ? add(mul(add(row, r), depth), i) : element(o.a.type, batch, o.transposeA, add(row, r), i)),
      b: (v) => k.load(b, add(mul(add(mul(panel, depth), i), columns), 4 * v), 4),
    }));
    finishTile(k, tile, {
      columnOf: (v) => add(column, mul(v, 4)),
      limit: n,
      finish: (value, r, c) =>
        request.finish(k, value, [...(joined ? unravel(add(row, r), [...o.batch, o.m]) : [...batch, add(row, r)]), c]),
    });
  });
  return k.done(noteFor(o, request, 'b is constant: packed into column panels when compiling'));
}

/** Four vectors as the columns of the matrix whose rows they were. */
export function transpose4(rows: readonly [Expr, Expr, Expr, Expr]): [Expr, Expr, Expr, Expr] {
  const [a, b, c, d] = rows;
  const low = [0, 4, 1, 5];
  const high = [2, 6, 3, 7];
  const [ab, cd, ef, gh] = [a.shuffle(b, low), c.shuffle(d, low), a.shuffle(b, high), c.shuffle(d, high)];
  return [
    ab.shuffle(cd, [0, 1, 4, 5]),
    ab.shuffle(cd, [2, 3, 6, 7]),
    ef.shuffle(gh, [0, 1, 4, 5]),
    ef.shuffle(gh, [2, 3, 6, 7]),
  ];
}

/** Copies 8 rows of b (stored [n, k]) to scratch as [k][8], four by four. */
function packRows(k: KernelBuilder, b: Buffer, panel: Buffer, depth: number, at: (c: number, i: Dim) => Dim): void {
  const whole = depth - (depth % 4);
  k.for(0, whole, 4, (i) => {
    for (let v = 0; v < VECTORS; v++) {
      const row = (c: number): Expr => k.load(b, at(4 * v + c, i), 4);
      transpose4([row(0), row(1), row(2), row(3)]).forEach((x, u) => {
        k.store(panel, add(mul(add(i, u), PANEL), 4 * v), x);
      });
    }
  });
  for (let i = whole; i < depth; i++)
    for (let c = 0; c < PANEL; c++) k.store(panel, i * PANEL + c, k.load(b, at(c, i)));
}

/** Both operands come at run time: a work item takes one panel of columns of b, in scratch when its depth is known, and all rows of a. */
function buildDynamicB(o: Operands, request: TemplateRequest): Kernel {
  const panels = ceilDiv(o.n, PANEL);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(product(o.batch), panels), 1, 1]);
  const a = request.bind(k, o.a);
  const b = request.bind(k, o.b);
  const panel = mod(k.group.x, panels);
  const batch = unravel(floorDiv(k.group.x, panels), o.batch);
  const wide = isAtMost(PANEL, o.n);
  const column = wide ? dimMin(mul(panel, PANEL), sub(o.n, PANEL)) : mul(panel, PANEL);
  // Columns past the end repeat inside b: their results are not stored.
  const columnOf = (c: number): Dim => (wide ? add(column, c) : dimMin(add(column, c), sub(o.n, 1)));
  const depth = o.depth;
  const packs = isStatic(depth) && depth * PANEL <= SCRATCH_FLOATS && (o.transposeB || range(o.m).max > ROWS);
  const inPlace = (i: Dim, v: number): Expr => {
    if (!o.transposeB) return k.load(b, element(o.b.type, batch, false, i, columnOf(4 * v)), 4);
    return pack([0, 1, 2, 3].map((c) => k.load(b, element(o.b.type, batch, true, i, columnOf(4 * v + c)))));
  };
  let source = inPlace;
  if (packs) {
    const scratch = k.shared('panel', 'f32', depth * PANEL);
    if (o.transposeB) packRows(k, b, scratch, depth, (c, i) => element(o.b.type, batch, true, i, columnOf(c)));
    else
      k.for(0, depth, 1, (i) => {
        for (let v = 0; v < VECTORS; v++) k.store(scratch, add(mul(i, PANEL), 4 * v), inPlace(i, v));
      });
    source = (i, v) => k.load(scratch, add(mul(i, PANEL), 4 * v), 4);
  }
  overRows(k, 0, o.m, o.m, (row, count) => {
    const tile = new Tile(k, count, VECTORS);
    tile.loop(depth, (i) => ({
      a: (r) => k.load(a, element(o.a.type, batch, o.transposeA, add(row, r), i)),
      b: (v) => source(i, v),
    }));
    finishTile(k, tile, {
      columnOf: (v) => add(column, mul(v, 4)),
      limit: o.n,
      finish: (value, r, c) => request.finish(k, value, [...batch, add(row, r), c]),
    });
  });
  return k.done(noteFor(o, request, packs ? 'b passes through scratch panel by panel' : 'b is read in place'));
}

/** Matrix products of f32 and 16-bit floats, accumulated in f32. */
export const gemmSimd = defineTemplate({
  name: 'gemm-simd',
  op: 'matmul',
  score: 10,
  why: 'register tiles of 4 x 8: broadcasts of a times vectors of b',
  when: (node) => isFloatMatmul(node),
  build: (request) => {
    const o = operandsOf(request.anchor);
    if (!o) throw new TypeError('not a matmul');
    return hasConstantB(o) ? buildConstantB(o, request) : buildDynamicB(o, request);
  },
});
