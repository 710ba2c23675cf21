import { add, ceilDiv, type Dim, floorDiv, isMultipleOf, mod, mul, sub } from '../../compiler/ir/dim.ts';
import { constant, dimValue, type Expr } from '../../compiler/ir/expr.ts';
import type { Node } from '../../compiler/ir/graph.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { guess } from '../../compiler/lower/region.ts';
import {
  defineTemplate,
  type LoweredKernel,
  type Template,
  type TemplateRequest,
} from '../../compiler/lower/template.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Target } from '../backend.ts';
import { type Contraction, contractionOf, extentOf, place, placeOf, split, type WeightBlocks } from './contraction.ts';

/** A workgroup computes `rows` x `columns` outputs, `depth` terms at a time; each lane holds 4 x 4 of them in registers. */
interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

const PER_LANE = 4;
const SMALL: Tile = { rows: 32, columns: 32, depth: 16 };
const LARGE: Tile = { rows: 64, columns: 64, depth: 16 };
const lanesOf = (t: Tile): number => (t.rows / PER_LANE) * (t.columns / PER_LANE);
const sharedBytes = (t: Tile): number => 4 * ((t.rows + t.columns) * t.depth + t.rows * t.columns);

function chooseTile(c: Contraction, target: Target): Tile {
  // A whole number of blocks at a time, or of long ones one group after the other.
  if (c.rightBlocks) {
    const { length, parts, someLeftOut } = c.rightBlocks;
    if (someLeftOut && length <= SMALL.depth) return { ...SMALL, depth: length };
    return { ...SMALL, depth: length > SMALL.depth ? length / parts : SMALL.depth - (SMALL.depth % length) };
  }
  const fits = sharedBytes(LARGE) <= target.sharedBytes && lanesOf(LARGE) <= target.maxLanes;
  return fits && guess(extentOf(c, c.rows)) >= 64 && guess(extentOf(c, c.columns)) >= 64 ? LARGE : SMALL;
}

/**
 * Tiled contraction: both factors pass through workgroup memory, sums stay in registers. Ragged edges are filled with zeros. Results
 * go through workgroup memory once more so that the epilogue exists once in the code and its stores are contiguous.
 */
export function buildTiled(request: TemplateRequest, c: Contraction): LoweredKernel {
  const tile = chooseTile(c, request.target);
  const rows = extentOf(c, c.rows);
  const columns = extentOf(c, c.columns);
  const batch = extentOf(c, c.batch);
  const depth = c.depth.reduce<Dim>(mul, 1);
  const lanes = lanesOf(tile);
  const k = new KernelBuilder(request.name, 'simt', lanes, [
    ceilDiv(columns, tile.columns),
    ceilDiv(rows, tile.rows),
    batch,
  ]);
  const a = k.shared('left', storage(c), tile.rows * tile.depth);
  const b = k.shared('right', storage(c), tile.columns * tile.depth);
  const out = k.shared('sums', storage(c), tile.rows * tile.columns);
  const laneRow = mul(floorDiv(k.lane, tile.columns / PER_LANE), PER_LANE);
  const laneColumn = mul(mod(k.lane, tile.columns / PER_LANE), PER_LANE);
  const firstRow = mul(k.group.y, tile.rows);
  const firstColumn = mul(k.group.x, tile.columns);
  const batchPart = { axes: c.batch, flat: k.group.z };
  const sums = Array.from({ length: PER_LANE }, () => k.var(c.init.splat(PER_LANE), 'sum'));

  /** Fills `depth` x `extent` of one factor into workgroup memory, depth-major. */
  const fill = (side: 'left' | 'right', firstDepth: Dim): void => {
    const [shared, extent, limit, first, axes] =
      side === 'left'
        ? ([a, tile.rows, rows, firstRow, c.rows] as const)
        : ([b, tile.columns, columns, firstColumn, c.columns] as const);
    const along = side === 'left' ? c.leftAlongDepth : c.rightAlongDepth;
    k.for(
      k.lane,
      extent * tile.depth,
      lanes,
      (e) => {
        // Neighbouring lanes take neighbouring elements of memory.
        const [d, i] = along ? [mod(e, tile.depth), floorDiv(e, tile.depth)] : [floorDiv(e, extent), mod(e, extent)];
        const position = add(first, i);
        const term = add(firstDepth, d);
        const load = (): void => {
          const flat = k.index(dimValue(position), { min: 0, max: sub(limit, 1) }, 'i');
          const terms = split(k, k.index(dimValue(term), { min: 0, max: sub(depth, 1) }, 'd'), c.depth);
          const coords = place(k, c, [batchPart, { axes, flat }]);
          k.store(shared, add(mul(d, extent), i), c[side](k, coords, terms));
        };
        const inside = both(
          isMultipleOf(limit, extent) ? undefined : dimValue(position).lt(dimValue(limit)),
          isMultipleOf(depth, tile.depth) ? undefined : dimValue(term).lt(dimValue(depth)),
        );
        if (!inside) load();
        else k.if(inside, load, () => k.store(shared, add(mul(d, extent), i), constant(c.type, 0)));
      },
      'e',
    );
  };

  const columnAt = (i: Dim): Dim =>
    k.index(dimValue(add(firstColumn, i)).min(dimValue(sub(columns, 1))), { min: 0, max: sub(columns, 1) }, 'col');
  // Where blocks are left out, each lane follows those of one column from tile to tile.
  const cursor =
    c.rightBlocks?.someLeftOut === true
      ? k.var(dimValue(c.rightBlocks.range(k, columnAt(mod(k.lane, tile.columns))).from), 'cursor')
      : undefined;

  /** The same for weights in a storage format: a lane decodes blocks of one column, or part `part` of a block where it fills the tile. */
  const fillBlocks = (blocks: WeightBlocks, firstDepth: Dim, part: number | undefined): void => {
    const length = part === undefined ? blocks.length : blocks.length / blocks.parts;
    const before = part === undefined ? 0 : part * length;
    k.for(k.lane, tile.columns * (tile.depth / length), lanes, (e) => {
      const [i, j] = [mod(e, tile.columns), floorDiv(e, tile.columns)];
      const position = add(firstColumn, i);
      const block = add(floorDiv(firstDepth, blocks.length), j);
      const at = (d: Dim): Dim => add(mul(add(mul(j, length), d), tile.columns), i);
      const zeros = (): void => {
        for (let d = 0; d < length; d++) k.store(b, at(d), constant(c.type, 0));
      };
      const decode = (column: Dim, stored: Dim): void => {
        const groups = [...blocks.groups(k, column, stored, part)];
        if (groups.some(({ group }) => group.columns)) zeros();
        for (const { group, at: start } of groups) {
          const { codes, scale, offset } = group;
          codes.forEach((code, n) => {
            const scaled = scale ? code.mul(scale) : code;
            const place = placeOf(k, { group, at: start - before }, n, length);
            k.store(b, at(place), offset ? scaled.sub(offset) : scaled);
          });
        }
      };
      const inside = both(
        isMultipleOf(columns, tile.columns) ? undefined : dimValue(position).lt(dimValue(columns)),
        isMultipleOf(depth, tile.depth) ? undefined : dimValue(mul(block, blocks.length)).lt(dimValue(depth)),
      );
      const fill = (): void => {
        const column = columnAt(i);
        if (!cursor) {
          decode(column, block);
          return;
        }
        const { to } = blocks.range(k, column);
        const next = k.index(cursor.value, { min: 0, max: to }, 'next');
        const take = (): void => {
          decode(column, next);
          if (part === undefined || part === blocks.parts - 1) cursor.set(dimValue(next).add(1));
        };
        k.if(
          dimValue(next).lt(dimValue(to)),
          () => {
            const start = blocks.depthOf(k, column, next);
            k.if(dimValue(start).eq(dimValue(mul(block, blocks.length))), take, zeros);
          },
          zeros,
        );
      };
      if (inside) k.if(inside, fill, zeros);
      else fill();
    });
  };

  /** Adds the products of one depth of tiles. */
  const multiply = (firstDepth: Dim, part?: number): void => {
    fill('left', add(firstDepth, (part ?? 0) * tile.depth));
    if (c.rightBlocks) fillBlocks(c.rightBlocks, firstDepth, part);
    else fill('right', firstDepth);
    k.barrier();
    k.for(
      0,
      tile.depth,
      1,
      (d) => {
        const x = k.let(k.load(a, add(mul(d, tile.rows), laneRow), PER_LANE), 'x');
        const y = k.let(k.load(b, add(mul(d, tile.columns), laneColumn), PER_LANE), 'y');
        for (const [i, sum] of sums.entries()) sum.set(x.extract(i).splat(PER_LANE).fma(y, sum.value));
      },
      'd',
    );
    k.barrier();
  };
  const parts = c.rightBlocks && c.rightBlocks.length > tile.depth ? c.rightBlocks.parts : 1;
  k.for(
    0,
    depth,
    tile.depth * parts,
    (firstDepth) => {
      if (parts === 1) multiply(firstDepth);
      else for (let part = 0; part < parts; part++) multiply(firstDepth, part);
    },
    'first',
  );
  for (const [i, sum] of sums.entries()) k.store(out, add(mul(add(laneRow, i), tile.columns), laneColumn), sum.value);
  k.barrier();
  k.for(
    k.lane,
    tile.rows * tile.columns,
    lanes,
    (e) => {
      const position = add(firstRow, floorDiv(e, tile.columns));
      const column = add(firstColumn, mod(e, tile.columns));
      const finish = (): void => {
        const row = k.index(dimValue(position), { min: 0, max: sub(rows, 1) }, 'row');
        const col = k.index(dimValue(column), { min: 0, max: sub(columns, 1) }, 'col');
        const coords = place(k, c, [batchPart, { axes: c.rows, flat: row }, { axes: c.columns, flat: col }]);
        request.finish(k, k.load(out, e), coords);
      };
      const inside = both(
        isMultipleOf(rows, tile.rows) ? undefined : dimValue(position).lt(dimValue(rows)),
        isMultipleOf(columns, tile.columns) ? undefined : dimValue(column).lt(dimValue(columns)),
      );
      if (inside) k.if(inside, finish);
      else finish();
    },
    'e',
  );
  return request.close(k, noteOf(request, c));
}

const storage = (c: Contraction): 'f32' | 'i32' | 'u32' => (c.type === 'i32' || c.type === 'u32' ? c.type : 'f32');

const both = (x: Expr | undefined, y: Expr | undefined): Expr | undefined => (x && y ? x.and(y) : (x ?? y));

/** Cost of a contraction: each factor and the result once. */
export function noteOf(request: TemplateRequest, c: Contraction) {
  const [rows, columns, batch] = [extentOf(c, c.rows), extentOf(c, c.columns), extentOf(c, c.batch)];
  const depth = c.depth.reduce<Dim>(mul, 1);
  const elements = add(mul(add(rows, columns), depth), mul(rows, columns));
  return {
    op: request.anchor.op,
    sources: [request.anchor.source.name],
    template: '',
    why: '',
    bytes: mul(mul(batch, elements), 4),
    flops: mul(mul(mul(batch, depth), mul(rows, columns)), 2),
  };
}

/** Sizes of a product by the usual names, as far as the op's shapes tell; for choosing before anything is built. */
export function productSizes(node: Node): { rows: number; columns: number; depth: number; groups: number } | undefined {
  const out = node.outputs[0]?.type.shape;
  const w = node.inputs[1]?.type.shape;
  if (!out || !w) return undefined;
  if (node.op === 'matmul' || node.op === 'matmul_integer') {
    const a = node.inputs[0]?.type.shape ?? [];
    const depth = node.attrs.transposeA ? a.at(-2) : a.at(-1);
    // Leading axes that only the left operand has count as rows.
    const lead = w.length <= 2 ? out.slice(0, -2) : [];
    return {
      rows: guess([...lead, out.at(-2) ?? 1].reduce<Dim>(mul, 1)),
      columns: guess(out.at(-1) ?? 1),
      depth: guess(depth ?? 1),
      groups: 1,
    };
  }
  if (node.op === 'conv' || node.op === 'conv_integer') {
    const groups = typeof node.attrs.group === 'number' ? node.attrs.group : 1;
    return {
      rows: guess(floorDiv(w[0] ?? 1, groups)),
      columns: guess([out[0] ?? 1, ...out.slice(2)].reduce<Dim>(mul, 1)),
      depth: guess(w.slice(1).reduce<Dim>(mul, 1)),
      groups,
    };
  }
  return undefined;
}

const isTyped = (node: Node): boolean => {
  const dtypes = [...node.inputs.slice(0, 2), node.outputs[0]].map((v) => v?.type.dtype);
  return dtypes.every((d) => d !== undefined && ['f32', 'f16', 'bf16', 'i32', 'i8', 'u8'].includes(d));
};

/** The register tile for one op. */
const tiled = (op: string): Template =>
  defineTemplate({
    name: 'gemm-regtile',
    op,
    when: (node, target) => {
      const s = productSizes(node);
      return (
        target.kernels === 'simt' &&
        target.sharedBytes >= sharedBytes(SMALL) &&
        target.maxLanes >= lanesOf(SMALL) &&
        isTyped(node) &&
        s !== undefined &&
        s.groups === 1 &&
        node.inputs[1]?.type.format === 'dense' &&
        s.rows >= 8 &&
        s.columns >= 8 &&
        s.depth >= 8
      );
    },
    score: 10,
    why: 'large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane',
    build: (request) => {
      const c = contractionOf(request);
      if (!c)
        throw new InfcError('INFC3015', `'${request.anchor.op}' is no sum of products`, {
          node: request.anchor.source.name,
        });
      return [buildTiled(request, c)];
    },
  });

export const gemmRegtile: readonly Template[] = ['matmul', 'conv', 'matmul_integer', 'conv_integer'].map(tiled);
