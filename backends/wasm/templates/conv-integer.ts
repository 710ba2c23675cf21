import { add, type Dim, min as dimMin, mul, product } from '../../../compiler/ir/dim.ts';
import { constant, type Expr, type Width } from '../../../compiler/ir/expr.ts';
import type { Node, Value } from '../../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { buildConv, type Factors, type Geometry, geometryOf, overWeights } from './conv-loops.ts';
import { widened, zeroPoint } from './gemm-integer.ts';
import { halfSums } from './microkernel.ts';
import { packCodes } from './packing.ts';
import type { PatchSource } from './patch.ts';

/** Constant weights and zero points of the weights; one zero point for the input, or none. */
export function fits(node: Node): boolean {
  const [x, w, xZero, wZero] = node.inputs;
  return (
    [x, w].every((v) => v?.type.format === 'dense') &&
    (!wZero || wZero.constant !== undefined) &&
    (!xZero || product(xZero.type.shape) === 1) &&
    geometryOf(node) !== undefined
  );
}

/** Channels of image `n` from `first` on, two in each word as 16-bit integers less the zero point. */
export function pairPlanes(
  k: KernelBuilder,
  g: Geometry,
  request: TemplateRequest,
  xZero: Value | null | undefined,
  n: Dim,
  first: Dim,
): PatchSource {
  const x = request.bind(k, g.x);
  const zero = zeroPoint(k, request, xZero);
  const start = add(mul(n, g.x.type.shape[1] ?? 1), first);
  const size = mul(g.y.input, g.columns.input);
  const channel = (c: Dim, position: Dim, width: Width): Expr => {
    // A last plane of one channel repeats it: its second weight is zero.
    const codes = k.load(x, add(mul(add(start, dimMin(c, g.depth - 1)), size), position), width).cast('i32');
    return (zero ? codes.sub(zero) : codes).bitcast('u32');
  };
  return {
    outside: constant('u32', 0),
    load: (d, position, width) => {
      const [low, high] = [channel(mul(d, 2), position, width), channel(add(mul(d, 2), 1), position, width)];
      return low.and(0xffff).or(high.shl(16));
    },
  };
}

/** Pairs of channels: a patch element holds both, less the zero point, and one step multiplies them with two weights. */
const pairs = (g: Geometry, request: TemplateRequest): Factors => {
  const [, , xZero, wZero] = request.anchor.inputs;
  const planes = Math.ceil(g.depth / 2);
  const taps = g.y.taps * g.columns.taps;
  const source = g.w.constant;
  if (!source) throw new TypeError('weights are not constant');
  return {
    sums: halfSums,
    storage: 'u32',
    planes,
    source: (k, n, group) => pairPlanes(k, g, request, xZero, n, mul(group, g.depth)),
    weights: (k, rows, tiles) => {
      const perTile = taps * planes * rows;
      const packed = packCodes(
        `${source.name}.pairs${rows}`,
        source,
        wZero?.constant,
        g.group * g.channels * g.depth * taps,
        g.group * tiles * perTile * 2,
        (from) => Math.floor(from / (g.depth * taps)),
        (put) => overWeights(g, rows, planes, 2, put),
      );
      const codes = request.bindPacked(k, g.w, `pairs${rows}`, packed.constant);
      const minus = packed.minus === 0 ? undefined : constant('i32', packed.minus);
      const words = k.shared('weights', 'u32', perTile + 4);
      return {
        prepare: (tile) =>
          k.for(0, perTile, 4, (i) => k.store(words, i, widened(k, codes, mul(add(mul(tile, perTile), i), 2), minus))),
        at: (_, flat, row) => k.load(words, add(mul(flat, rows), row)),
      };
    },
  };
};

/** Convolutions of 8-bit codes over one or two axes with constant weights. */
export const convInteger = defineTemplate({
  name: 'conv-integer',
  op: 'conv_integer',
  score: 10,
  why: 'padded patches of channel pairs in scratch as 16-bit integers, register tiles of 4 channels x 8 pixels',
  when: (node) => fits(node),
  build: (request) => {
    const g = geometryOf(request.anchor);
    if (!g) throw new TypeError('not a convolution this template runs');
    return buildConv(g, pairs(g, request), request);
  },
});
