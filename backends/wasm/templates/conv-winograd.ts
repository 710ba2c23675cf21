import { add, ceilDiv, type Dim, floorDiv, isStatic, mod, mul, product } from '../../../compiler/ir/dim.ts';
import { type Buffer, constant, dimValue, type Expr } from '../../../compiler/ir/expr.ts';
import type { Constant, Node } from '../../../compiler/ir/graph.ts';
import type { Kernel } from '../../../compiler/ir/kernel.ts';
import { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { addHalves, subtractHalves } from '../intrinsics.ts';
import { fits, pairPlanes } from './conv-integer.ts';
import { type Geometry, geometryOf, noteOf } from './conv-loops.ts';
import { widened } from './gemm-integer.ts';
import { finishVector, halfSums, Tile } from './microkernel.ts';
import { codesOf, type PackedCodes, packCodes } from './packing.ts';
import { type Block, blocksOf, copyPatch, locate } from './patch.ts';

/** Channels of a register tile, and tiles of 2 x 2 outputs in it: two vectors. */
const ROWS = 4;
const TILES = 8;
/** Transformed positions of a tile. */
const POSITIONS = 16;
/** Words of transformed input in scratch: half of a second-level cache. */
const INPUT_WORDS = 1 << 17;
/** Fewer channels would spend their time on transforms. */
const LEAST_DEPTH = 32;
const LEAST_CHANNELS = 16;

/** Sums of four times the result must stay in 32 bits: what wraps on the way then comes out right. */
const LARGEST_SUM = 2 ** 31 / (4 * 255);

const sums = new WeakMap<Constant, number>();

/** The largest sum of |w - zero| that one output channel can have. */
function largestSum(g: Geometry, zero: Constant | undefined): number {
  const source = g.w.constant;
  if (!source) return Number.POSITIVE_INFINITY;
  const known = sums.get(source);
  if (known !== undefined) return known;
  const perChannel = g.depth * 9;
  const codes = codesOf(source, g.channels * perChannel);
  const zeros = zero ? codesOf(zero, zero.bytes) : new Int8Array(1);
  let largest = 0;
  for (let m = 0; m < g.channels; m++) {
    const z = zeros[zeros.length === 1 ? 0 : m] ?? 0;
    let sum = 0;
    for (let i = m * perChannel; i < (m + 1) * perChannel; i++) sum += Math.abs((codes[i] ?? 0) - z);
    largest = Math.max(largest, sum);
  }
  sums.set(source, largest);
  return largest;
}

function applies(node: Node): boolean {
  const g = fits(node) ? geometryOf(node) : undefined;
  if (g?.rank !== 2 || g.group !== 1 || g.depth < LEAST_DEPTH || g.channels < LEAST_CHANNELS) return false;
  const axes = [g.y, g.columns];
  if (!axes.every((a) => a.taps === 3 && a.stride === 1 && a.dilation === 1 && isStatic(a.output) && a.output >= 8))
    return false;
  return largestSum(g, node.inputs[3]?.constant) < LARGEST_SUM;
}

/** Tiles of a block: `across` (a whole number of vectors) by `down`. */
function blockShape(g: Geometry, pairs: number): { across: number; down: number } {
  const most = Math.max(TILES, Math.min(64, Math.floor(INPUT_WORDS / (POSITIONS * pairs) / TILES) * TILES));
  const wide = Math.ceil(Number(g.columns.output) / 8) * 4;
  const across = Math.min(wide, most <= 16 ? 8 : 16);
  const high = Math.ceil(Number(g.y.output) / 2);
  // Pairs of vectors: an odd number of vectors across needs an even number of rows.
  const step = across % TILES === 0 ? 1 : 2;
  const down = Math.max(step, Math.floor(Math.min(most / across, Math.ceil(high / step) * step) / step) * step);
  return { across, down };
}

/** Weights as [tile of 4 channels][pair][tap][channel]. */
function packWeights(g: Geometry, zero: Constant | undefined, tiles: number, pairs: number): PackedCodes {
  const source = g.w.constant;
  if (!source) throw new TypeError('weights are not constant');
  const elements = g.channels * g.depth * 9;
  const channelOf = (from: number): number => Math.floor(from / (g.depth * 9));
  return packCodes(
    `${source.name}.winograd`,
    source,
    zero,
    elements,
    tiles * pairs * 9 * ROWS * 2,
    channelOf,
    (put) => {
      let at = 0;
      for (let t = 0; t < tiles; t++)
        for (let p = 0; p < pairs; p++)
          for (let tap = 0; tap < 9; tap++)
            for (let r = 0; r < ROWS; r++)
              for (let h = 0; h < 2; h++, at++) {
                const [m, d] = [t * ROWS + r, 2 * p + h];
                if (m < g.channels && d < g.depth) put(at, (m * g.depth + d) * 9 + tap);
              }
    },
  );
}

/**
 * F(2x2, 3x3) of Winograd's minimal filtering (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks") in integers:
 * a 2 x 2 tile of outputs takes 16 products a channel instead of 36. With G doubled all transforms are whole-numbered; codes less their
 * zero points grow to at most 1020 and 2295, so 16 bits hold both factors, and the sums are four times the convolution, exactly.
 */
function build(g: Geometry, request: TemplateRequest): Kernel {
  const [, , xZero, wZero] = request.anchor.inputs;
  const pairs = Math.ceil(g.depth / 2);
  const tiles = Math.ceil(g.channels / ROWS);
  const { across, down } = blockShape(g, pairs);
  const phaseColumns = 2 * across + 4;
  const b: Block = {
    rows: 2 * down,
    columns: 2 * across,
    vectors: across / 2,
    patchRows: 2 * down + 2,
    phases: 1,
    phaseColumns,
    plane: (2 * down + 2) * phaseColumns,
  };
  const planes: Geometry = { ...g, depth: pairs };
  const { rowBlocks, columnBlocks } = blocksOf(planes, b);
  const k = new KernelBuilder(request.name, 'simd', 1, [product([g.batch, rowBlocks, columnBlocks]), 1, 1]);
  const columnBlock = mod(k.group.x, columnBlocks);
  const rest = floorDiv(k.group.x, columnBlocks);
  const n = floorDiv(rest, rowBlocks);
  const { row, column, rows } = locate(k, planes, b, mod(rest, rowBlocks), columnBlock);
  const patch = k.shared('patch', 'u32', pairs * b.plane + 8);
  const downHere = typeof rows === 'number' ? Math.ceil(rows / 2) : ceilDiv(rows, 2);
  copyPatch(k, planes, b, pairPlanes(k, g, request, xZero, n, 0), patch, {
    row,
    column,
    rows: mul(downHere, 2),
    vectors: b.vectors,
  });

  const groups = (across * down) / TILES;
  const input = k.shared('input', 'u32', POSITIONS * pairs * across * down);
  /** Where the eight tiles of a group lie at one position: [position][group][pair][tile]. */
  const inputAt = (position: Dim, group: Dim, pair: Dim): Dim =>
    mul(add(mul(add(mul(position, groups), group), pairs), pair), TILES);
  transformInput(k, patch, input, { b, pairs, across, down: downHere, inputAt });

  const packed = packWeights(g, wZero?.constant, tiles, pairs);
  const codes = request.bindPacked(k, g.w, 'winograd', packed.constant);
  const minus = packed.minus === 0 ? undefined : constant('i32', packed.minus);
  const weights = k.shared('weights', 'u32', POSITIONS * pairs * ROWS);
  const products = k.shared('products', 'i32', POSITIONS * ROWS * TILES);
  const slots = mul(downHere, across / 4);
  const tile = (index: Dim, count: number): void => {
    k.for(0, pairs, 1, (p) => {
      const at = mul(add(mul(index, pairs), p), 9 * ROWS * 2);
      const tap = (y: number, x: number): Expr => widened(k, codes, add(at, (y * 3 + x) * ROWS * 2), minus);
      transformWeights(k, tap, (position, v) => k.store(weights, add(mul(add(position * pairs, p), ROWS), 0), v));
    });
    k.for(0, ceilDiv(slots, 2), 1, (group) => {
      k.for(0, POSITIONS, 1, (position) => {
        const t = new Tile(k, count, 2, undefined, halfSums);
        t.loop(pairs, (p) => ({
          a: (r) => k.load(weights, add(mul(add(mul(position, pairs), p), ROWS), r)),
          b: (v) => k.load(input, add(inputAt(position, group, p), 4 * v), 4),
        }));
        for (let r = 0; r < count; r++)
          for (let v = 0; v < 2; v++)
            k.store(products, add(mul(add(mul(position, ROWS), r), TILES), 4 * v), t.value(r, v));
      });
      k.for(0, count, 1, (r) => {
        k.for(0, 2, 1, (v) => {
          const slot = add(mul(group, 2), v);
          const tileRow = floorDiv(slot, across / 4);
          const first = add(column, mul(mod(slot, across / 4), 8));
          const product = (y: number, x: number): Expr =>
            k.load(products, add(mul(add((y * 4 + x) * ROWS, r), TILES), mul(v, 4)), 4);
          const outputs = transformOutput(k, product);
          outputs.forEach((line, dy) => {
            const oy = add(row, add(mul(tileRow, 2), dy));
            const store = (): void =>
              line.forEach((value, half) => {
                finishVector(k, value, add(first, 4 * half), g.columns.output, (x, ox) =>
                  request.finish(k, x, [n, add(mul(index, ROWS), r), oy, ox]),
                );
              });
            if (Number(g.y.output) % b.rows === 0) store();
            else k.if(dimValue(oy).lt(dimValue(g.y.output)), store);
          });
        });
      });
    });
  };
  const whole = Math.floor(g.channels / ROWS);
  k.for(0, whole, 1, (t) => tile(t, ROWS));
  if (g.channels % ROWS > 0) tile(whole, g.channels % ROWS);
  return k.done({ ...noteOf(g, request), why: '' });
}

/** Sums and differences of the 16-bit halves. */
const plus = (a: Expr, b: Expr): Expr => addHalves(a, b).bitcast('u32');
const less = (a: Expr, b: Expr): Expr => subtractHalves(a, b).bitcast('u32');

type Four<T> = readonly [T, T, T, T];

/** V = B' d B for each tile and pair of channels, four tiles at a time. */
function transformInput(
  k: KernelBuilder,
  patch: Buffer,
  input: Buffer,
  s: {
    readonly b: Block;
    readonly pairs: number;
    readonly across: number;
    readonly down: Dim;
    readonly inputAt: (position: Dim, group: Dim, pair: Dim) => Dim;
  },
): void {
  const even = [0, 2, 4, 6];
  const odd = [1, 3, 5, 7];
  const step = ([a, b, c, d]: Four<Expr>): Four<Expr> => [less(a, c), plus(b, c), less(c, b), less(b, d)];
  k.for(0, s.pairs, 1, (p) => {
    k.for(0, s.down, 1, (r) => {
      k.for(0, s.across / 4, 1, (q) => {
        const at = add(mul(p, s.b.plane), add(mul(mul(r, 2), s.b.phaseColumns), mul(q, 8)));
        const line = (y: number): Four<Expr> => {
          const word = (x: number): Expr => k.load(patch, add(at, y * s.b.phaseColumns + x), 4);
          return step([
            word(0).shuffle(word(4), even),
            word(0).shuffle(word(4), odd),
            word(2).shuffle(word(6), even),
            word(2).shuffle(word(6), odd),
          ]);
        };
        const lines = [line(0), line(1), line(2), line(3)].map((l) => l.map((e) => k.let(e)));
        const slot = add(mul(r, s.across / 4), q);
        for (let x = 0; x < 4; x++) {
          const [a, b, c, d] = lines.map((l) => l[x]);
          if (!a || !b || !c || !d) return;
          step([a, b, c, d]).forEach((v, y) => {
            k.store(input, add(s.inputAt(y * 4 + x, floorDiv(slot, 2), p), mul(mod(slot, 2), 4)), v);
          });
        }
      });
    });
  });
}

/** U = 4 G w G' for a pair of channels of four output channels. */
function transformWeights(
  k: KernelBuilder,
  tap: (y: number, x: number) => Expr,
  put: (position: number, value: Expr) => void,
): void {
  const step = (a: Expr, b: Expr, c: Expr): Four<Expr> => {
    const ends = k.let(plus(a, c));
    return [plus(a, a), plus(ends, b), less(ends, b), plus(c, c)];
  };
  const columns = [0, 1, 2].map((x) => {
    const [a, b, c] = [0, 1, 2].map((y) => k.let(tap(y, x)));
    return a && b && c ? step(a, b, c).map((e) => k.let(e)) : [];
  });
  for (let y = 0; y < 4; y++) {
    const [a, b, c] = columns.map((line) => line[y]);
    if (a && b && c) step(a, b, c).forEach((v, x) => put(y * 4 + x, v));
  }
}

/** A' M A / 4 of four tiles: two rows of outputs, each as two vectors of neighbours. */
function transformOutput(k: KernelBuilder, product: (y: number, x: number) => Expr): Expr[][] {
  const step = (a: Expr, b: Expr, c: Expr, d: Expr): [Expr, Expr] => [a.add(b).add(c), b.sub(c).sub(d)];
  const columns = [0, 1, 2, 3].map((x) =>
    step(product(0, x), product(1, x), product(2, x), product(3, x)).map((e) => k.let(e)),
  );
  return [0, 1].map((dy) => {
    const [a, b, c, d] = columns.map((line) => line[dy]);
    if (!a || !b || !c || !d) return [];
    const [left, right] = step(a, b, c, d).map((e) => k.let(e.shr(2)));
    if (!left || !right) return [];
    return [left.shuffle(right, [0, 4, 1, 5]), left.shuffle(right, [2, 6, 3, 7])].map((e) => k.let(e));
  });
}

/** Convolutions of 8-bit codes with 3 x 3 taps and many channels. */
export const convWinograd = defineTemplate({
  name: 'conv-winograd',
  op: 'conv_integer',
  score: 12,
  why: 'tiles of 2 x 2 outputs by 16 products instead of 36, in integers that fit 16 bits: exact',
  when: (node) => applies(node),
  build: (request) => {
    const g = geometryOf(request.anchor);
    if (!g) throw new TypeError('not a convolution this template runs');
    return build(g, request);
  },
});
