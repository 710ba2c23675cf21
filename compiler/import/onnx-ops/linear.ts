import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import { isFloat } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, dimsOf, rankOf, reshape, scalar } from './common.ts';
import { buildEinsum } from './einsum.ts';

/** numpy.matmul: vectors gain an axis that the result loses. */
export function matmulOf(
  b: GraphBuilder,
  a: Value,
  w: Value,
  { op = 'matmul', more = [] }: { readonly op?: string; readonly more?: readonly (Value | null)[] } = {},
): Value {
  const left = rankOf(a) === 1 ? reshape(b, a, [1, a.type.shape[0] ?? 1]) : a;
  const right = rankOf(w) === 1 ? reshape(b, w, [w.type.shape[0] ?? 1, 1]) : w;
  const y = b.node(op, [left, right, ...more]);
  const { shape } = y.type;
  const kept = shape.filter(
    (_, i) => !(rankOf(a) === 1 && i === shape.length - 2) && !(rankOf(w) === 1 && i === shape.length - 1),
  );
  return reshape(b, y, kept);
}

function buildMatMul(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  return [matmulOf(b, node.input(0), node.input(1))];
}

function scaled(b: GraphBuilder, v: Value, factor: number): Value {
  if (factor === 1) return v;
  if (isFloat(v.type.dtype)) return b.node('mul', [v, scalar(b, v.type.dtype, factor)]);
  return cast(b, b.node('mul', [cast(b, v, 'f64'), scalar(b, 'f64', factor)]), v.type.dtype);
}

/** alpha * A' * B' + beta * C. */
function buildGemm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = { transposeA: node.int('transA', 0) !== 0, transposeB: node.int('transB', 0) !== 0 };
  const product = scaled(b, b.node('matmul', [node.input(0), node.input(1)], attrs), node.float('alpha', 1));
  const bias = node.inputs[2];
  if (!bias) return [product];
  return [b.node('add', [product, scaled(b, bias, node.float('beta', 1))])];
}

export interface Geometry {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly Dim[];
}

const AUTO_PADS = ['NOTSET', '', 'SAME_UPPER', 'SAME_LOWER', 'VALID'] as const;

/** Strides, dilations, kernels and groups are at least 1. */
function positive(node: OnnxNode, name: string, values: readonly number[]): readonly number[] {
  const bad = values.find((v) => v < 1);
  return bad === undefined ? values : node.fail(`${name} has a ${bad}`, 'Use whole numbers from 1 up');
}

export const groupOf = (node: OnnxNode): number => positive(node, 'group', [node.int('group', 1)])[0] ?? 1;

/** Strides, dilations and pads of a windowed op; `auto_pad` becomes pads. */
export function geometry(node: OnnxNode, x: Value, kernel: readonly Dim[]): Geometry {
  const rank = kernel.length;
  const ones = new Array<number>(rank).fill(1);
  const strides = positive(node, 'strides', node.ints('strides', ones));
  const dilations = positive(node, 'dilations', node.ints('dilations', ones));
  const auto = node.choice('auto_pad', AUTO_PADS, 'NOTSET');
  if (auto === 'NOTSET' || auto === '')
    return { strides, dilations, pads: node.ints('pads', new Array<number>(2 * rank).fill(0)) };
  const begins: Dim[] = [];
  const ends: Dim[] = [];
  kernel.forEach((k, i) => {
    const stride = strides[i] ?? 1;
    const n = x.type.shape[i + 2] ?? 1;
    const span = D.add(D.mul(dilations[i] ?? 1, D.sub(k, 1)), 1);
    const covered = D.add(D.mul(D.sub(D.ceilDiv(n, stride), 1), stride), span);
    const total = auto === 'VALID' ? 0 : D.max(0, D.sub(covered, n));
    const small = D.floorDiv(total, 2);
    begins.push(auto === 'SAME_LOWER' ? D.sub(total, small) : small);
    ends.push(auto === 'SAME_LOWER' ? small : D.sub(total, small));
  });
  return { strides, dilations, pads: [...begins, ...ends] };
}

/** y + bias, one value a channel. */
export function addBias(b: GraphBuilder, y: Value, bias: Value | null | undefined): Value {
  if (!bias) return y;
  return b.node('add', [y, reshape(b, bias, [bias.type.shape[0] ?? 1, ...new Array<number>(rankOf(y) - 2).fill(1)])]);
}

function buildConv(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, w] = [node.input(0), node.input(1)];
  const attrs = { ...geometry(node, x, w.type.shape.slice(2)), group: groupOf(node) };
  return [addBias(b, b.node('conv', [x, w], attrs), node.inputs[2])];
}

/** Pads of a transposed convolution so that the output has the wanted or automatic shape. */
function transposedPads(
  node: OnnxNode,
  x: Value,
  kernel: readonly Dim[],
  extra: readonly number[],
  g: Geometry,
): readonly Dim[] {
  const auto = node.choice('auto_pad', AUTO_PADS, 'NOTSET');
  const wanted = node.has('output_shape') ? node.ints('output_shape').slice(-kernel.length) : undefined;
  if (!wanted && (auto === 'NOTSET' || auto === '')) return g.pads;
  const begins: Dim[] = [];
  const ends: Dim[] = [];
  kernel.forEach((k, i) => {
    const n = x.type.shape[i + 2] ?? 1;
    const stride = g.strides[i] ?? 1;
    const full = D.add(
      D.add(D.mul(D.sub(n, 1), stride), extra[i] ?? 0),
      D.add(D.mul(D.sub(k, 1), g.dilations[i] ?? 1), 1),
    );
    const target: Dim = wanted ? (wanted[i] ?? 1) : auto === 'VALID' ? full : D.mul(n, stride);
    const total = wanted ? D.sub(full, target) : D.max(0, D.sub(full, target));
    const small = D.floorDiv(total, 2);
    begins.push(auto === 'SAME_UPPER' ? small : D.sub(total, small));
    ends.push(auto === 'SAME_UPPER' ? D.sub(total, small) : small);
  });
  return [...begins, ...ends];
}

function buildConvTranspose(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, w] = [node.input(0), node.input(1)];
  const kernel = w.type.shape.slice(2);
  const outputPadding = node.ints(
    'output_padding',
    kernel.map(() => 0),
  );
  const ones = kernel.map(() => 1);
  const plain: Geometry = {
    strides: node.ints('strides', ones),
    dilations: node.ints('dilations', ones),
    pads: node.ints(
      'pads',
      [...kernel, ...kernel].map(() => 0),
    ),
  };
  const attrs = {
    ...plain,
    pads: transposedPads(node, x, kernel, outputPadding, plain),
    outputPadding,
    group: groupOf(node),
  };
  return [addBias(b, b.node('conv_transpose', [x, w], attrs), node.inputs[2])];
}

function poolAttributes(node: OnnxNode, x: Value) {
  const kernel = positive(node, 'kernel_shape', node.ints('kernel_shape'));
  return { kernel, ...geometry(node, x, kernel), ceil: node.int('ceil_mode', 0) !== 0 };
}

function buildMaxPool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const indices = (node.outputs[1] ?? '') !== '';
  const attrs = { ...poolAttributes(node, x), indices, columnMajor: node.int('storage_order', 0) !== 0 };
  return b.nodes('max_pool', [x], attrs);
}

function buildAveragePool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  return [
    b.node('average_pool', [x], { ...poolAttributes(node, x), countPadding: node.int('count_include_pad', 0) !== 0 }),
  ];
}

function buildLpPool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const p = node.opset < 2 ? node.float('p', 2) : node.int('p', 2);
  return [b.node('lp_pool', [x], { ...poolAttributes(node, x), p })];
}

/** x scattered to the positions of a max pooling; the rest is zero. */
function buildMaxUnpool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, indices] = [node.input(0), node.input(1)];
  const kernel = positive(node, 'kernel_shape', node.ints('kernel_shape'));
  const strides = node.ints(
    'strides',
    kernel.map(() => 1),
  );
  const pads = node.ints(
    'pads',
    [...kernel, ...kernel].map(() => 0),
  );
  const spatial = kernel.map((k, i) =>
    D.sub(
      D.add(D.mul(D.sub(x.type.shape[i + 2] ?? 1, 1), strides[i] ?? 1), k),
      (pads[i] ?? 0) + (pads[i + kernel.length] ?? 0),
    ),
  );
  const outer = x.type.shape.slice(0, 2);
  const inferred = [...outer, ...spatial];
  const wanted = node.inputs[2] ? dimsOf(b, node.inputs[2], 'shape') : undefined;
  // Indices count in the inferred shape; a wanted shape then only pads it at the end.
  const zeros = b.node('expand', [scalar(b, x.type.dtype, 0)], { shape: [D.product(inferred)] });
  const flat = (v: Value): Value => reshape(b, v, [D.product(v.type.shape)]);
  const placed = b.node('scatter_elements', [zeros, flat(indices), flat(x)], { axis: 0, reduction: 'none' });
  const y = reshape(b, placed, inferred);
  if (!wanted) return [y];
  const ends = inferred.map((d, i) => D.sub(wanted[i] ?? 1, d));
  return [b.node('pad', [y], { begins: ends.map(() => 0), ends, mode: 'constant' })];
}

function buildCol2Im(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const shape = dimsOf(b, node.input(1), 'image');
  const kernel = dimsOf(b, node.input(2), 'block');
  const ones = kernel.map(() => 1);
  const attrs = {
    shape,
    kernel,
    strides: node.ints('strides', ones),
    dilations: node.ints('dilations', ones),
    pads: node.ints(
      'pads',
      [...kernel, ...kernel].map(() => 0),
    ),
  };
  return [b.node('col2im', [node.input(0)], attrs)];
}

/** Matrix products, convolutions and pooling of ai.onnx. */
export const linearOnnxOps: readonly OnnxOp[] = [
  onnxOp('MatMul', buildMatMul),
  onnxOp('Gemm', buildGemm),
  onnxOp('Conv', buildConv),
  onnxOp('ConvTranspose', buildConvTranspose),
  onnxOp('MaxPool', buildMaxPool),
  onnxOp('AveragePool', buildAveragePool),
  onnxOp('LpPool', buildLpPool),
  onnxOp('MaxUnpool', buildMaxUnpool),
  onnxOp('Col2Im', buildCol2Im),
  onnxOp('Einsum', buildEinsum),
  onnxOp('Det', (node, b) => [b.node('det', [node.input(0)])]),
];
