import {
  add,
  ceilDiv,
  type Dim,
  min as dimMin,
  floorDiv,
  isStatic,
  mod,
  mul,
  product,
  range,
  sub,
} from '../../../compiler/ir/dim.ts';
import { type Buffer, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import type { Node, Value } from '../../../compiler/ir/graph.ts';
import type { Kernel, KernelNote } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { TemplateRequest } from '../../../compiler/lower/template.ts';
import { windowsOf } from '../../../compiler/ops/conv.ts';
import { numberAttr } from '../../../compiler/ops/shapes.ts';
import { finishTile, type Sums, Tile } from './microkernel.ts';
import { packedIndices } from './packing.ts';
import {
  type Axis,
  type Block,
  blockOf,
  blocksOf,
  copyPatch,
  flatAxis,
  locate,
  type Patched,
  type PatchSource,
  tapOffset,
} from './patch.ts';

const ROWS = 4;
/** A convolution over at most two spatial axes (a missing one has length 1); `depth` is input channels in a group. */
export interface Geometry extends Patched {
  readonly w: Value;
  readonly batch: Dim;
  readonly group: number;
  readonly rank: number;
}

/** The convolution a node with constant weights is; undefined when it has more axes or weights of unknown shape. */
export function geometryOf(node: Node): Geometry | undefined {
  const [x, w] = node.inputs;
  const out = node.outputs[0]?.type;
  if (!x || !w || !out || w.constant === undefined) return undefined;
  const [m, depth, ...kernel] = w.type.shape;
  const group = numberAttr(node.attrs, 'group', 1);
  if (kernel.length < 1 || kernel.length > 2 || !isStatic(m ?? 0) || !isStatic(depth ?? 0) || !kernel.every(isStatic))
    return undefined;
  const windows = windowsOf(node.attrs, kernel);
  const axes = windows.map(
    (win, i): Axis => ({
      ...win,
      taps: Number(kernel[i]),
      input: x.type.shape[2 + i] ?? 1,
      output: out.shape[2 + i] ?? 1,
    }),
  );
  let columns = axes.at(-1);
  if (!columns) return undefined;
  let y = axes.length === 2 ? (axes[0] ?? flatAxis) : flatAxis;
  let rank = kernel.length;
  // One tap, no stride, no padding: rows follow each other in memory, so the image is one long row.
  if (rank === 2 && [y, columns].every((a) => a.taps === 1 && a.stride === 1 && a.begin === 0 && a.end === 0)) {
    columns = { ...columns, input: mul(y.input, columns.input), output: mul(y.output, columns.output) };
    y = flatAxis;
    rank = 1;
  }
  return {
    x,
    w,
    batch: out.shape[0] ?? 1,
    group,
    depth: Number(depth),
    channels: Number(m) / group,
    y,
    columns,
    rank,
  };
}

/** What the loops of a convolution multiply: how the patch and the weights reach the register tiles. */
export interface Factors {
  readonly sums: Sums;
  /** Type of a patch element, and planes of it: one a channel, or one for several that a single step multiplies. */
  readonly storage: 'f32' | 'u32';
  readonly planes: number;
  source(k: KernelBuilder, n: Dim, group: Dim): PatchSource;
  /** Binds the weights of all register tiles. */
  weights(k: KernelBuilder, rows: number, tiles: number): TileWeights;
}

/** Weights of one register tile: those of tap and plane number `flat`, row by row. */
export interface TileWeights {
  /** Called before the tile numbered `tile` (over all groups) is computed. */
  prepare?(tile: Dim): void;
  at(tile: Dim, flat: Dim, row: number): Expr;
}

/** Position of a weight in the order in which tiles read them: [group][tile of rows][tap][channel or plane][row]. */
export function overWeights(
  g: Geometry,
  rows: number,
  planes: number,
  per: number,
  put: (to: number, from: number) => void,
): void {
  const taps = g.y.taps * g.columns.taps;
  const tiles = Math.ceil(g.channels / rows);
  let at = 0;
  for (let group = 0; group < g.group; group++)
    for (let t = 0; t < tiles; t++)
      for (let tap = 0; tap < taps; tap++)
        for (let p = 0; p < planes; p++)
          for (let r = 0; r < rows; r++)
            for (let h = 0; h < per; h++, at++) {
              const m = t * rows + r;
              const d = p * per + h;
              // Rows that fill the last tile, and channels that fill the last plane, count as nothing.
              if (m < g.channels && d < g.depth) put(at, ((group * g.channels + m) * g.depth + d) * taps + tap);
            }
}

/** A direct convolution: for each block of output pixels the padded input patch in scratch, then register tiles of channels x pixels. */
export function buildConv(channels: Geometry, factors: Factors, request: TemplateRequest): Kernel {
  // From here on the depth is that of the patch.
  const g: Geometry = { ...channels, depth: factors.planes };
  const b = blockOf(g);
  const { y, columns: c } = g;
  const rows = Math.min(ROWS, g.channels);
  const depthwise = channels.depth === 1 && c.taps <= 8;
  const group = depthwise && rows === 1 && c.taps <= 3 ? 3 : 2;
  const tiles = Math.ceil(g.channels / rows);
  const { rowBlocks, columnBlocks } = blocksOf(g, b);
  // Few blocks of pixels: split the channels too, so that threads have something to share.
  const blocks = product([g.batch, g.group, rowBlocks, columnBlocks]);
  const split = range(blocks).max < 8 && tiles >= 16 ? Math.min(4, Math.floor(tiles / 8)) : 1;
  const tilesPerItem = Math.ceil(tiles / split);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(blocks, split), 1, 1]);
  const weights = factors.weights(k, rows, tiles);
  const patch = k.shared('patch', factors.storage, g.depth * b.plane + 8);

  let rest = k.group.x;
  const take = (n: Dim): Dim => {
    const i = mod(rest, n);
    rest = floorDiv(rest, n);
    return i;
  };
  const columnBlock = take(columnBlocks);
  const rowBlock = take(rowBlocks);
  const part = take(split);
  const groupIndex = take(g.group);
  const n = rest;
  const { row, column, rows: rowsHere, vectors } = locate(k, g, b, rowBlock, columnBlock);
  copyPatch(k, g, b, factors.source(k, n, groupIndex), patch, { row, column, rows: rowsHere, vectors });

  const taps = y.taps * c.taps;
  const slots = mul(rowsHere, vectors);
  /** Row and column inside the block of a vector. */
  const place = (slot: Dim): { row: Dim; column: Dim } => {
    const v = mul(mod(slot, vectors), 4);
    return {
      row: floorDiv(slot, vectors),
      column: b.columns >= 4 && b.columns % 4 !== 0 ? dimMin(v, b.columns - 4) : v,
    };
  };
  /** Column groups of the block, `group` at a time; short ones at the end repeat the last. */
  const overGroups = (body: (placeOf: (v: Dim) => { row: Dim; column: Dim }) => void): void => {
    const clamp = (first: Dim, v: Dim, count: Dim) => (v === 0 ? first : dimMin(add(first, v), sub(count, 1)));
    if (isStatic(vectors) || !depthwise)
      k.for(0, ceilDiv(slots, group), 1, (s) => body((v) => place(clamp(mul(s, group), v, slots))));
    // Few taps: a division for each group would cost as much as the taps.
    else
      k.for(0, rowsHere, 1, (r) => {
        k.for(0, ceilDiv(vectors, group), 1, (s) =>
          body((v) => ({ row: r, column: mul(clamp(mul(s, group), v, vectors), 4) })),
        );
      });
  };
  const table = taps > 1 && g.depth < 8 && !depthwise ? offsetTable(k, g, b, request) : undefined;
  const tile = (index: Dim, count: number): void => {
    const number = add(mul(groupIndex, tiles), index);
    weights.prepare?.(number);
    const first = add(mul(groupIndex, g.channels), mul(index, rows));
    overGroups((placeOf) => {
      const places = Array.from({ length: group }, (_, v) => placeOf(v));
      const starts = places.map((p) => add(mul(mul(p.row, y.taps === 1 ? 1 : y.stride), b.phaseColumns), p.column));
      const t = new Tile(k, count, group, depthwise ? 1 : undefined, factors.sums);
      const step = (flat: Dim, offset: Dim) => ({
        a: (r: number) => weights.at(number, flat, r),
        b: (v: number) => k.load(patch, add(starts[v] ?? 0, offset), 4),
      });
      if (table) t.loop(taps * g.depth, (i) => step(i, k.index(k.load(table, i), { min: 0, max: g.depth * b.plane })));
      else if (depthwise) {
        k.for(0, y.taps, 1, (ky) => {
          for (let kx = 0; kx < c.taps; kx++)
            t.step(step(add(mul(ky, c.taps), kx), add(tapOffset(g, b, 0, kx), mul(ky, y.dilation * b.phaseColumns))));
        });
      } else if (c.stride === 1 || c.taps === 1) {
        k.for(0, y.taps, 1, (ky) => {
          k.for(0, c.taps, 1, (kx) => {
            const tap = add(mul(ky, c.taps), kx);
            const at = add(mul(ky, y.dilation * b.phaseColumns), mul(kx, c.dilation));
            t.loop(g.depth, (d) => step(add(mul(tap, g.depth), d), add(at, mul(d, b.plane))));
          });
        });
      } else {
        k.for(0, y.taps, 1, (ky) => {
          for (let kx = 0; kx < c.taps; kx++) {
            const tap = add(mul(ky, c.taps), kx);
            const at = add(mul(ky, y.dilation * b.phaseColumns), tapOffset(g, b, 0, kx));
            t.loop(g.depth, (d) => step(add(mul(tap, g.depth), d), add(at, mul(d, b.plane))));
          }
        });
      }
      finishTile(k, t, {
        columnOf: (v) => add(column, placeOf(v).column),
        limit: c.output,
        finish: (value, r, oc, v) =>
          request.finish(k, value, [n, add(first, r), ...(g.rank === 2 ? [add(row, placeOf(v).row)] : []), oc]),
      });
    });
  };
  const whole = Math.floor(g.channels / rows);
  const left = g.channels - whole * rows;
  const from = mul(part, tilesPerItem);
  k.for(from, split === 1 ? whole : dimMin(add(from, tilesPerItem), whole), 1, (t) => tile(t, rows));
  if (left > 0) {
    if (split === 1) tile(whole, left);
    else k.if(dimValue(part).eq(split - 1), () => tile(whole, left));
  }
  return k.done(noteOf(channels, request));
}

/** Offset in the patch of each (tap, channel), for convolutions with so few channels that a loop over them is not worth it. */
function offsetTable(k: KernelBuilder, g: Geometry, b: Block, request: TemplateRequest): Buffer {
  const taps = g.y.taps * g.columns.taps;
  const name = g.w.constant?.name ?? 'weights';
  return request.bindPacked(
    k,
    g.w,
    `offsets${b.plane}`,
    packedIndices(`${name}.offsets${b.plane}`, taps * g.depth, () => {
      const out = new Int32Array(taps * g.depth);
      let at = 0;
      for (let ky = 0; ky < g.y.taps; ky++)
        for (let kx = 0; kx < g.columns.taps; kx++)
          for (let d = 0; d < g.depth; d++) out[at++] = tapOffset(g, b, ky, kx) + d * b.plane;
      return out;
    }),
  );
}

/** Cost of a convolution. */
export function noteOf(g: Geometry, request: TemplateRequest): KernelNote {
  const taps = g.depth * g.y.taps * g.columns.taps;
  const outputs = product(request.output.shape);
  return {
    op: request.anchor.op,
    sources: [request.anchor.source.name],
    template: 'conv-simd',
    why: 'direct convolution of padded patches in scratch',
    bytes: mul(4, add(add(product(g.x.type.shape), product(g.w.type.shape)), outputs)),
    flops: mul(outputs, 2 * taps),
  };
}
