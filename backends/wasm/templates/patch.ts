import { add, ceilDiv, type Dim, min as dimMin, isAtMost, isStatic, mul, sub } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr, pack, type Width } from '../../../compiler/ir/expr.ts';
import type { Value } from '../../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { Window } from '../../../compiler/ops/conv.ts';

/** Columns of a block where the width comes at run time, most columns of one, and floats of the input patch it copies to scratch. */
const BLOCK_COLUMNS = 32;
const MOST_COLUMNS = 64;
const PATCH_FLOATS = 1 << 16;

/** One spatial axis: sizes of input and output, window. */
export interface Axis extends Window {
  readonly taps: number;
  readonly input: Dim;
  readonly output: Dim;
}

/** What reads windows of an image: convolutions and pooling. */
export interface Patched {
  readonly x: Value;
  /** Channels a block reads, and those it computes. */
  readonly depth: number;
  readonly channels: number;
  readonly y: Axis;
  readonly columns: Axis;
}

/** An axis that is not there. */
export const flatAxis: Axis = { kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0, taps: 1, input: 1, output: 1 };

/** The piece of the output one work item computes and the patch of the input it needs. */
export interface Block {
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
function blockColumns(g: Patched): number {
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

export function blockOf(g: Patched): Block {
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
export function tapOffset(g: Patched, b: Block, ky: number, kx: number): number {
  const across = kx * g.columns.dilation;
  const phase = b.phases === 1 ? 0 : across % b.phases;
  const position = b.phases === 1 ? across : Math.floor(across / b.phases);
  return (phase * b.patchRows + ky * g.y.dilation) * b.phaseColumns + position;
}

/** Where a block is: first output row and column, and how much of it exists. */
export interface Place {
  readonly row: Dim;
  readonly column: Dim;
  readonly rows: Dim;
  readonly vectors: Dim;
}

/** What a patch holds: plane `d` at a position of the image, as many side by side as asked for, and what lies around the image. */
export interface PatchSource {
  readonly outside: Expr;
  load(d: Dim, position: Dim, width: Width): Expr;
}

/** The channels of image `n` from `first` on as floats, with `outside` around them. */
export function floatPlanes(k: KernelBuilder, g: Patched, x: Buffer, n: Dim, first: Dim, outside = 0): PatchSource {
  const channel = add(mul(n, g.x.type.shape[1] ?? 1), first);
  const size = mul(g.y.input, g.columns.input);
  return {
    outside: constant('f32', outside),
    load: (d, position, width) => k.load(x, add(mul(add(channel, d), size), position), width).cast('f32'),
  };
}

/** Copies the input a block needs to scratch, padded, and with the columns sorted by phase. */
export function copyPatch(k: KernelBuilder, g: Patched, b: Block, source: PatchSource, patch: Buffer, at: Place): void {
  const { y, columns: c } = g;
  const zero = source.outside;
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
      const line = mul(iy, c.input);
      const to = add(mul(d, b.plane), mul(r, b.phaseColumns));
      const rowInside = inside(iy, y.input, 1);
      const one = (ix: Dim): Expr => {
        const value = source.load(d, add(line, ix), 1);
        const condition = both(rowInside, inside(ix, c.input, 1));
        return condition ? condition.guard(value, zero) : value;
      };
      if (c.stride === 1) {
        k.for(0, across, 4, (p) => {
          const ix = add(left, p);
          const whole = both(rowInside, inside(ix, c.input, 4));
          const fast = () => k.store(patch, add(to, p), source.load(d, add(line, ix), 4));
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
            const [low, high] = [0, 4].map((i) => source.load(d, add(line, add(ix, i)), 4));
            if (!low || !high) return;
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

/** How many blocks the rows and columns of the output make. */
export const blocksOf = (g: Patched, b: Block): { rowBlocks: Dim; columnBlocks: Dim } => ({
  rowBlocks: ceilDiv(g.y.output, b.rows),
  columnBlocks: isStatic(g.columns.output) && g.columns.output === b.columns ? 1 : ceilDiv(g.columns.output, b.columns),
});

/** First row and column of a block and how much of it exists; static columns overlap at the end rather than stick out. */
export function locate(k: KernelBuilder, g: Patched, b: Block, rowBlock: Dim, columnBlock: Dim): Place {
  const { y, columns: c } = g;
  const row = mul(rowBlock, b.rows);
  const first = mul(columnBlock, b.columns);
  const column = first !== 0 && isAtMost(b.columns, c.output) ? dimMin(first, sub(c.output, b.columns)) : first;
  const rows = isAtMost(add(row, b.rows), y.output)
    ? b.rows
    : k.index(dimValue(dimMin(b.rows, sub(y.output, row))), { min: 1, max: b.rows }, 'rows');
  const vectors = isStatic(c.output)
    ? b.vectors
    : k.index(dimValue(dimMin(b.vectors, ceilDiv(sub(c.output, column), 4))), { min: 1, max: b.vectors }, 'vectors');
  return { row, column, rows, vectors };
}
