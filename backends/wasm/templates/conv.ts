import { packedOnce } from '../../../compiler/derived-constant.ts';
import { add, mul } from '../../../compiler/ir/dim.ts';
import type { DType } from '../../../compiler/ir/dtype.ts';
import type { Constant, Node } from '../../../compiler/ir/graph.ts';
import { defineTemplate, type TemplateRequest } from '../../../compiler/lower/template.ts';
import { constantNumbers } from '../../../compiler/tensor-values.ts';
import { buildConv, type Factors, type Geometry, geometryOf, overWeights } from './conv-loops.ts';
import { floatSums } from './microkernel.ts';
import { floatPlanes } from './patch.ts';

const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f16', 'bf16']);

const isFloatConv = (node: Node): boolean => {
  const [x, w] = node.inputs;
  const out = node.outputs[0];
  return [x, w, out].every((v) => v && FLOATS.has(v.type.dtype) && v.type.format === 'dense');
};

/** Weights in the order in which tiles read them. */
function packWeights(g: Geometry, rows: number, length: number): Constant {
  const source = g.w.constant;
  if (!source) throw new TypeError('weights are not constant');
  return packedOnce(source, `tiles${rows}.${g.group}`, 'f32', length, () => {
    const w = constantNumbers(source);
    const out = new Float32Array(length);
    overWeights(g, rows, g.depth, 1, (to, from) => (out[to] = w[from] ?? 0));
    return out;
  });
}

const floats = (g: Geometry, request: TemplateRequest): Factors => ({
  sums: floatSums,
  storage: 'f32',
  planes: g.depth,
  source: (k, n, group) => floatPlanes(k, g, request.bind(k, g.x), n, mul(group, g.depth)),
  weights: (k, rows, tiles) => {
    const perTile = g.y.taps * g.columns.taps * g.depth * rows;
    const w = request.bindPacked(k, g.w, `conv${rows}`, packWeights(g, rows, g.group * tiles * perTile));
    return { at: (tile, flat, row) => k.load(w, add(add(mul(tile, perTile), mul(flat, rows)), row)) };
  },
});

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
    return buildConv(g, floats(g, request), request);
  },
});
