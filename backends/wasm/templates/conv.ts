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
import { type Buffer, constant, dimValue, type Expr, pack } from '../../../compiler/ir/expr.ts';
import type { Node, Value } from '../../../compiler/ir/graph.ts';
import type { Kernel, KernelNote } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { type Window, windowsOf } from '../../../compiler/ops/conv.ts';
import { numberAttr } from '../../../compiler/ops/shapes.ts';
import { finishTile, Tile } from './microkernel.ts';
import { constantNumbers, packedConstant, packedIndices } from './packing.ts';

const ROWS = 4;
/** Columns of a block where the width comes at run time, most columns of one, and floats of the input patch it copies to scratch. */
const BLOCK_COLUMNS = 32;
const MOST_COLUMNS = 64;
const PATCH_FLOATS = 1 << 16;

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f16', 'bf16']);

/** One spatial axis: sizes of input and output, window. */
interface Axis extends Window {
  readonly taps: number;
  readonly input: Dim;
  readonly output: Dim;
}

/** A convolution over at most two spatial axes (a missing one has length 1). */
interface Geometry {
  readonly x: Value;
  readonly w: Value;
  readonly batch: Dim;
  readonly group: number;
  /** Input and output channels of one group. */
  readonly depth: number;
  readonly channels: number;
  readonly y: Axis;
  readonly columns: Axis;
  readonly rank: number;
}

function geometryOf(node: Node): Geometry | undefined {
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
  const flat: Axis = { kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0, taps: 1, input: 1, output: 1 };
  let columns = axes.at(-1);
  if (!columns) return undefined;
  let y = axes.length === 2 ? (axes[0] ?? flat) : flat;
  let rank = kernel.length;
  // One tap, no stride, no padding: rows follow each other in memory, so the image is one long row.
  if (rank === 2 && [y, columns].every((a) => a.taps === 1 && a.stride === 1 && a.begin === 0 && a.end === 0)) {
    columns = { ...columns, input: mul(y.input, columns.input), output: mul(y.output, columns.output) };
    y = flat;
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

const isFloatConv = (node: Node): boolean => {
  const [x, w] = node.inputs;
  const out = node.outputs[0];
  return [x, w, out].every((v) => v && FLOATS.has(v.type.dtype) && v.type.format === 'dense');
};

/** The piece of the output one work item computes and the patch of the input it needs. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  /** Vectors that cover the columns of one row. */
  readonly vectors: number;
  /** Rows of the patch; with one tap a row holds just what is read. */
  readonly patchRows: number;
  /** Columns of one phase of the patch: columns of input whose distance is the stride lie side by side. */
  readonly phases: number;
  readonly phaseColumns: number;
  readonly plane: number;
}

/** Columns of a block: the whole row when it is short, else an even share of it that fills pairs of vectors. */
function blockColumns(g: Geometry): number {
  const { output } = g.columns;
  if (!isStatic(output)) return BLOCK_COLUMNS;
  const most = Math.max(8, Math.min(MOST_COLUMNS, Math.floor(PATCH_FLOATS / g.depth / 8) * 8));
  if (output <= most) return Math.max(1, output);
  const shares = Array.from({ length: 8 }, (_, i) => 8 * Math.ceil(output / 8 / (Math.ceil(output / most) + i)));
  const waste = (share: number) => Math.ceil(output / share) * share;
  return Math.min(
    most,
    shares.reduce((best, share) => (waste(share) < waste(best) ? share : best)),
  );
}

function blockOf(g: Geometry): Block {
  const { y, columns: c } = g;
  const columns = blockColumns(g);
  const vectors = Math.ceil(columns / 4);
  const phases = c.taps === 1 ? 1 : c.stride;
  const reach = c.taps === 1 ? columns : (Math.max(columns, 4) - 1) * c.stride + (c.taps - 1) * c.dilation + 1;
  const phaseColumns = Math.ceil(Math.max(Math.ceil(reach / phases), vectors * 4) / 4) * 4;
  const patch = (rows: number) => (y.taps === 1 ? rows : (rows - 1) * y.stride + (y.taps - 1) * y.dilation + 1);
  const size = (rows: number) => g.depth * phases * patch(rows) * phaseColumns;
  const most = isStatic(y.output) ? Math.max(1, y.output) : 8;
  let rows = 1;
  // Copying the rows that blocks share costs little beside many output channels, much beside few.
  const enough = g.channels >= 16 ? 24 : 192;
  while (rows < most && rows * vectors < enough && size(rows + 1) <= PATCH_FLOATS) rows++;
  // Blocks of equal height waste nothing on the last one.
  if (isStatic(y.output) && y.output > 0) rows = Math.ceil(y.output / Math.ceil(y.output / rows));
  return {
    rows,
    columns,
    vectors,
    patchRows: patch(rows),
    phases,
    phaseColumns,
    plane: phases * patch(rows) * phaseColumns,
  };
}

/** Where tap (ky, kx) of channel 0 of the patch starts for output (0, 0). */
function tapOffset(g: Geometry, b: Block, ky: number, kx: number): number {
  const across = kx * g.columns.dilation;
  const phase = b.phases === 1 ? 0 : across % b.phases;
  const position = b.phases === 1 ? across : Math.floor(across / b.phases);
  return (phase * b.patchRows + ky * g.y.dilation) * b.phaseColumns + position;
}

/** Where a block is: image, first input channel, first output row and column, and how much of it exists. */
interface Place {
  readonly n: Dim;
  readonly first: Dim;
  readonly row: Dim;
  readonly column: Dim;
  readonly rows: Dim;
  readonly vectors: Dim;
}

/** Copies the input a block needs to scratch, with zeros outside the image and the columns sorted by phase. */
function copyPatch(k: KernelBuilder, g: Geometry, b: Block, x: Buffer, patch: Buffer, at: Place): void {
  const { y, columns: c } = g;
  const zero = constant('f32', 0);
  const channelsIn = g.x.type.shape[1] ?? 1;
  const top = sub(mul(at.row, y.stride), y.begin);
  const left = sub(mul(at.column, c.stride), c.begin);
  const inside = (v: Dim, size: Dim, length: number): Expr | undefined => {
    const low = isAtMost(0, v) ? undefined : dimValue(v).ge(0);
    const high = isAtMost(add(v, length), size) ? undefined : dimValue(add(v, length)).le(dimValue(size));
    return low && high ? low.and(high) : (low ?? high);
  };
  const both = (p: Expr | undefined, q: Expr | undefined): Expr | undefined => (p && q ? p.and(q) : (p ?? q));
  const patchRows = y.taps === 1 ? at.rows : add(mul(sub(at.rows, 1), y.stride), (y.taps - 1) * y.dilation + 1);
  const reach = Math.ceil(((c.taps - 1) * c.dilation) / b.phases);
  const across = isStatic(at.vectors) ? b.phaseColumns : dimMin(b.phaseColumns, add(mul(at.vectors, 4), reach));
  k.for(0, g.depth, 1, (d) => {
    k.for(0, patchRows, 1, (r) => {
      const iy = y.taps === 1 ? sub(mul(add(at.row, r), y.stride), y.begin) : add(top, r);
      const line = mul(add(mul(add(mul(at.n, channelsIn), add(at.first, d)), y.input), iy), c.input);
      const to = add(mul(d, b.plane), mul(r, b.phaseColumns));
      const rowInside = inside(iy, y.input, 1);
      const one = (ix: Dim): Expr => {
        const value = k.load(x, add(line, ix));
        const condition = both(rowInside, inside(ix, c.input, 1));
        return condition ? condition.guard(value, zero) : value;
      };
      if (c.stride === 1) {
        k.for(0, across, 4, (p) => {
          const ix = add(left, p);
          const whole = both(rowInside, inside(ix, c.input, 4));
          const fast = () => k.store(patch, add(to, p), k.load(x, add(line, ix), 4));
          if (!whole) fast();
          else
            k.if(whole, fast, () => {
              k.store(patch, add(to, p), pack([0, 1, 2, 3].map((i) => one(add(ix, i)))));
            });
        });
      } else if (c.stride === 2) {
        // Two vectors hold four columns of each phase.
        k.for(0, across, 4, (p) => {
          const ix = add(left, mul(p, 2));
          const whole = both(rowInside, inside(ix, c.input, 8));
          const put = (phase: number, value: Expr) =>
            k.store(patch, add(add(to, phase * b.patchRows * b.phaseColumns), p), value);
          const fast = () => {
            const [low, high] = [k.load(x, add(line, ix), 4), k.load(x, add(line, add(ix, 4)), 4)];
            for (let phase = 0; phase < b.phases; phase++)
              put(phase, low.shuffle(high, [phase, phase + 2, phase + 4, phase + 6]));
          };
          const slow = () => {
            for (let phase = 0; phase < b.phases; phase++)
              put(phase, pack([0, 2, 4, 6].map((i) => one(add(ix, i + phase)))));
          };
          if (whole) k.if(whole, fast, slow);
          else fast();
        });
      } else {
        k.for(0, across, 1, (p) => {
          for (let phase = 0; phase < b.phases; phase++)
            k.store(
              patch,
              add(add(to, phase * b.patchRows * b.phaseColumns), p),
              one(add(left, add(mul(p, c.stride), phase))),
            );
        });
      }
    });
  });
}

/** Weights as [group][tile of rows][tap][channel][row], zero rows filling the last tile. */
function packWeights(g: Geometry, rows: number, tiles: number): ReturnType<typeof packedConstant> {
  const taps = g.y.taps * g.columns.taps;
  const length = g.group * tiles * taps * g.depth * rows;
  const source = g.w.constant;
  if (!source) throw new TypeError('weights are not constant');
  return packedConstant(`${source.name}.tiles${rows}`, length, () => {
    const w = constantNumbers(source, g.group * g.channels * g.depth * taps);
    const out = new Float32Array(length);
    let at = 0;
    for (let group = 0; group < g.group; group++)
      for (let t = 0; t < tiles; t++)
        for (let tap = 0; tap < taps; tap++)
          for (let d = 0; d < g.depth; d++)
            for (let r = 0; r < rows; r++, at++) {
              const m = t * rows + r;
              if (m < g.channels) out[at] = w[((group * g.channels + m) * g.depth + d) * taps + tap] ?? 0;
            }
    return out;
  });
}

function build(g: Geometry, request: TemplateRequest): Kernel {
  const b = blockOf(g);
  const { y, columns: c } = g;
  const rows = Math.min(ROWS, g.channels);
  const depthwise = g.depth === 1 && c.taps <= 8;
  const group = depthwise && rows === 1 && c.taps <= 3 ? 3 : 2;
  const tiles = Math.ceil(g.channels / rows);
  const rowBlocks = ceilDiv(y.output, b.rows);
  const columnBlocks = isStatic(c.output) && c.output === b.columns ? 1 : ceilDiv(c.output, b.columns);
  // Few blocks of pixels: split the channels too, so that threads have something to share.
  const blocks = product([g.batch, g.group, rowBlocks, columnBlocks]);
  const split = range(blocks).max < 8 && tiles >= 16 ? Math.min(4, Math.floor(tiles / 8)) : 1;
  const tilesPerItem = Math.ceil(tiles / split);
  const k = new KernelBuilder(request.name, 'simd', 1, [mul(blocks, split), 1, 1]);
  const x = request.bind(k, g.x);
  const w = request.bindPacked(k, g.w, `conv${rows}`, packWeights(g, rows, tiles));
  const patch = k.shared('patch', 'f32', g.depth * b.plane + 8);

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
  const row = mul(rowBlock, b.rows);
  const overlaps = columnBlocks !== 1 && isAtMost(b.columns, c.output);
  const column = overlaps ? dimMin(mul(columnBlock, b.columns), sub(c.output, b.columns)) : mul(columnBlock, b.columns);
  const rowsHere = isAtMost(add(row, b.rows), y.output)
    ? b.rows
    : k.index(dimValue(dimMin(b.rows, sub(y.output, row))), { min: 1, max: b.rows }, 'rows');
  const vectors = isStatic(c.output)
    ? b.vectors
    : k.index(dimValue(dimMin(b.vectors, ceilDiv(sub(c.output, column), 4))), { min: 1, max: b.vectors }, 'vectors');
  copyPatch(k, g, b, x, patch, { n, first: mul(groupIndex, g.depth), row, column, rows: rowsHere, vectors });

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
    const base = mul(add(mul(groupIndex, tiles), index), taps * g.depth * rows);
    const first = add(mul(groupIndex, g.channels), mul(index, rows));
    overGroups((placeOf) => {
      const places = Array.from({ length: group }, (_, v) => placeOf(v));
      const starts = places.map((p) => add(mul(mul(p.row, y.taps === 1 ? 1 : y.stride), b.phaseColumns), p.column));
      const t = depthwise ? new Tile(k, count, group, 1) : new Tile(k, count, group);
      const step = (flat: Dim, offset: Dim) => ({
        a: (r: number) => k.load(w, add(add(base, mul(flat, rows)), r)),
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
  return k.done(noteOf(g, request));
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

function noteOf(g: Geometry, request: TemplateRequest): KernelNote {
  const taps = g.depth * g.y.taps * g.columns.taps;
  const outputs = product(request.output.shape);
  return {
    op: 'conv',
    sources: [request.anchor.source.name],
    template: 'conv-simd',
    why: 'direct convolution of padded patches in scratch',
    bytes: mul(4, add(add(product(g.x.type.shape), product(g.w.type.shape)), outputs)),
    flops: mul(outputs, 2 * taps),
  };
}

/** Convolutions over one or two axes with constant weights: f32 and 16-bit floats, accumulated in f32. */
export const convSimd = defineTemplate({
  name: 'conv-simd',
  op: 'conv',
  score: 10,
  why: 'padded input patches in scratch, register tiles of 4 channels x 8 pixels, weights packed when compiling',
  when: (node) => isFloatConv(node) && geometryOf(node) !== undefined,
  build: (request) => {
    const g = geometryOf(request.anchor);
    if (!g) throw new TypeError('not a convolution this template runs');
    return build(g, request);
  },
});
