import { add, type Dim, min as dimMin, floorDiv, isAtMost, mul, sub } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import type { KernelBuilder, Variable } from '../../../compiler/ir/kernel-builder.ts';

/** What a tile sums up: its start, one step with a scalar of a row set to all lanes, and how a finished sum is stored. */
export interface Sums {
  readonly zero: Expr;
  readonly storage: 'f32' | 'i32';
  step(a: Expr, b: Expr, acc: Expr): Expr;
}

/** Products of floats. */
export const floatSums: Sums = {
  zero: constant('f32', 0).splat(4),
  storage: 'f32',
  step: (a, b, acc) => a.fma(b, acc),
};

/** Products of 16-bit integers, two of them in each 32-bit word: `i32x4.dot_i16x8_s` is exact for differences of 8-bit codes. */
export const halfSums: Sums = {
  zero: constant('i32', 0).splat(4),
  storage: 'i32',
  step: (a, b, acc) => a.dot2(b, acc),
};

/** One multiply-accumulate step of a tile: a scalar for each row and a vector for each column group. */
export interface TileStep {
  a(row: number): Expr;
  b(vector: number): Expr;
}

/**
 * Accumulators of a register tile of `rows` x `vectors` vectors of four. x86 has 16 vector registers, and V8 puts all loads of a basic block before
 * its arithmetic: 4 x 2 accumulators, 2 vectors and 4 broadcasts still fit, more rows or an unrolled loop spill (measured: 4 x 2 not
 * unrolled 44 GFLOP/s, 6 x 2 37, 4 x 3 40, unrolled by 4 at most 29). A tile with few accumulators keeps several sets and adds them up
 * at the end, so that additions do not wait for each other.
 */
export class Tile {
  private readonly sets: Variable[][];
  private next = 0;

  constructor(
    private readonly k: KernelBuilder,
    readonly rows: number,
    readonly vectors: number,
    sets = setsFor(rows * vectors),
    readonly sums = floatSums,
  ) {
    const count = rows * vectors;
    this.sets = Array.from({ length: sets }, () => Array.from({ length: count }, () => k.var(sums.zero, 'acc')));
  }

  /** acc[r][v] += a(r) * b(v) for the whole tile. */
  step({ a, b }: TileStep): void {
    const set = this.sets[this.next++ % this.sets.length] ?? [];
    const vectors = Array.from({ length: this.vectors }, (_, v) => b(v));
    for (let r = 0; r < this.rows; r++) {
      const scalar = a(r).splat(4);
      vectors.forEach((x, v) => {
        const acc = set[r * this.vectors + v];
        acc?.set(this.sums.step(scalar, x, acc.value));
      });
    }
  }

  /** Steps for depth indices from 0 to `depth`, one for each set of accumulators in one round of the loop. */
  loop(depth: Dim, at: (k: Dim) => TileStep): void {
    const unroll = this.sets.length;
    const whole = mul(floorDiv(depth, unroll), unroll);
    this.k.for(0, whole, unroll, (k0) => {
      for (let u = 0; u < unroll; u++) this.step(at(add(k0, u)));
    });
    if (whole === depth) return;
    const rest = sub(depth, whole);
    if (typeof rest === 'number') for (let u = 0; u < rest; u++) this.step(at(add(whole, u)));
    else this.k.for(whole, depth, 1, (k1) => this.step(at(k1)));
  }

  /** The finished accumulator of a row and column group. */
  value(row: number, vector: number): Expr {
    const i = row * this.vectors + vector;
    const [first, ...more] = this.sets.map((s) => s[i]?.value).filter((v): v is Expr => v !== undefined);
    if (!first) throw new RangeError(`no accumulator ${row}, ${vector}`);
    return more.reduce((x, y) => x.add(y), first);
  }
}

const setsFor = (count: number): number => (count >= 6 ? 1 : count >= 3 ? 2 : count === 2 ? 3 : 4);

/**
 * Passes an accumulator on to `finish` for the columns from `column` that lie before `limit`: as one vector where all four do,
 * else lane by lane. Overlapping vectors are stored twice with equal values, which is fine because outputs never share bytes with inputs.
 */
export function finishVector(
  k: KernelBuilder,
  accumulator: Expr,
  column: Dim,
  limit: Dim,
  finish: (value: Expr, column: Dim) => void,
): void {
  if (isAtMost(add(column, 4), limit)) {
    finish(accumulator, column);
    return;
  }
  const value = k.let(accumulator, 'done');
  const lanes = (): void => {
    for (let lane = 0; lane < (isAtMost(4, limit) ? 3 : 4); lane++) {
      const at = add(column, lane);
      if (isAtMost(add(at, 1), limit)) finish(value.extract(lane), at);
      else if (!isAtMost(limit, at)) k.if(dimValue(at).lt(dimValue(limit)), () => finish(value.extract(lane), at));
    }
  };
  if (isAtMost(limit, 3)) lanes();
  else k.if(dimValue(add(column, 4)).le(dimValue(limit)), () => finish(value, column), lanes);
}

/** Where the results of a tile go. */
export interface TileOutput {
  /** First column of a column group. */
  columnOf(vector: Dim): Dim;
  /** Columns from here on do not exist. */
  readonly limit: Dim;
  finish(value: Expr, row: Dim, column: Dim, vector: Dim): void;
}

const edges = new WeakMap<KernelBuilder, Map<number, Buffer>>();

/** Scratch for the accumulators of a tile at the edge: tiles of one size share it, those of another have their own. */
function edgeOf(k: KernelBuilder, storage: Sums['storage'], elements: number): Buffer {
  const known = edges.get(k) ?? new Map<number, Buffer>();
  edges.set(k, known);
  const buffer = known.get(elements) ?? k.shared(`edge${elements}`, storage, elements);
  known.set(elements, buffer);
  return buffer;
}

/** What a tile has computed: a tile of its own, or sums that were scaled on the way. */
export interface TileResults {
  readonly rows: number;
  readonly vectors: number;
  readonly sums: Pick<Sums, 'storage'>;
  value(row: number, vector: number): Expr;
}

/**
 * Passes the accumulators of a tile on: as vectors where all of them lie before the limit, else through scratch and lane by lane, which
 * keeps that rare part of the kernel small.
 */
export function finishTile(k: KernelBuilder, tile: TileResults, output: TileOutput): void {
  const { rows, vectors } = tile;
  const { columnOf, limit, finish } = output;
  const columns = Array.from({ length: vectors }, (_, v) => columnOf(v));
  const direct = (): void => {
    for (let r = 0; r < rows; r++)
      columns.forEach((column, v) => {
        finish(tile.value(r, v), r, column, v);
      });
  };
  const open = columns.filter((column) => !isAtMost(add(column, 4), limit));
  if (open.length === 0) {
    direct();
    return;
  }
  const edge = (): void => {
    const scratch = edgeOf(k, tile.sums.storage, rows * vectors * 4);
    for (let r = 0; r < rows; r++)
      for (let v = 0; v < vectors; v++) k.store(scratch, (r * vectors + v) * 4, tile.value(r, v));
    k.for(0, rows, 1, (r) => {
      k.for(0, vectors, 1, (v) => {
        const column = columnOf(v);
        k.for(0, dimMin(4, sub(limit, column)), 1, (lane) => {
          finish(k.load(scratch, add(mul(add(mul(r, vectors), v), 4), lane)), r, add(column, lane), v);
        });
      });
    });
  };
  if (isAtMost(limit, 3)) edge();
  else {
    const fits = open.map((column) => dimValue(add(column, 4)).le(dimValue(limit))).reduce((p, q) => p.and(q));
    k.if(fits, direct, edge);
  }
}
