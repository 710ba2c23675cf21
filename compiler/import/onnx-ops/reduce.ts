import * as D from '../../ir/dim.ts';
import type { Attributes, Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { attributeOrInput, axisIn, axisMask, knownNumbers, rankOf } from './common.ts';

const reductions: Readonly<Record<string, string>> = {
  ReduceSum: 'reduce_sum',
  ReduceMean: 'reduce_mean',
  ReduceProd: 'reduce_prod',
  ReduceMax: 'reduce_max',
  ReduceMin: 'reduce_min',
  ReduceL1: 'reduce_l1',
  ReduceL2: 'reduce_l2',
  ReduceSumSquare: 'reduce_sum_square',
  ReduceLogSum: 'reduce_log_sum',
  ReduceLogSumExp: 'reduce_log_sum_exp',
};

const buildReduce =
  (op: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const x = node.input(0);
    const rank = rankOf(x);
    const keepDims = node.int('keepdims', 1) !== 0;
    const axes = attributeOrInput(node, 'axes', 1);
    if (axes !== undefined && 'type' in axes) {
      // The run names the axes: reduce with a mask (axes kept), then drop them if asked to.
      if (axes.type.shape[0] === 0) return buildReduceAll(node, b, op, keepDims);
      const y = b.node(op, [x], { mask: axisMask(b, axes, rank) });
      return [keepDims ? y : b.node('squeeze', [y, axes])];
    }
    if (axes === undefined || axes.length === 0) return buildReduceAll(node, b, op, keepDims);
    return [b.node(op, [x], { axes: axes.map((a) => axisIn(node, a, rank)).sort((p, q) => p - q), keepDims })];
  };

/** No axes: all of them, or with noop_with_empty_axes none, where only the elementwise part applies. */
function buildReduceAll(node: OnnxNode, b: GraphBuilder, op: string, keepDims: boolean): readonly Value[] {
  const x = node.input(0);
  const axes = node.int('noop_with_empty_axes', 0) === 0 ? Array.from({ length: rankOf(x) }, (_, i) => i) : [];
  return [b.node(op, [x], { axes, keepDims })];
}

const buildArg =
  (op: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const x = node.input(0);
    const axis = axisIn(node, node.int('axis', 0), rankOf(x));
    if (x.type.shape[axis] === 0) node.fail(`axis ${axis} is empty: there is nothing to choose from`);
    const axes = [axis];
    const last = node.int('select_last_index', 0) !== 0;
    return [b.node(op, [x], { axes, keepDims: node.int('keepdims', 1) !== 0, last })];
  };

const buildCumulative =
  (op: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const x = node.input(0);
    const axis = node.input(1);
    const flags: Attributes = { exclusive: node.int('exclusive', 0) !== 0, reverse: node.int('reverse', 0) !== 0 };
    const known = knownNumbers(axis)?.[0];
    if (known !== undefined) return [b.node(op, [x], { ...flags, axes: [axisIn(node, known, rankOf(x))] })];
    return [b.node(op, [x], { ...flags, mask: axisMask(b, axis, rankOf(x)) })];
  };

/** x reduced over its spatial axes, which are kept with length 1. */
const globalPool =
  (op: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const x = node.input(0);
    return [b.node(op, [x], { axes: x.type.shape.map((_, i) => i).slice(2), keepDims: true })];
  };

function buildGlobalLpPool(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const p = node.opset < 2 ? node.float('p', 2) : node.int('p', 2);
  if (p === 1 || p === 2) return globalPool(p === 1 ? 'reduce_l1' : 'reduce_l2')(node, b);
  const kernel = x.type.shape.slice(2);
  if (!kernel.every(D.isStatic))
    return node.fail('its spatial dimensions are not known', 'Give the model static dimensions');
  return [b.node('lp_pool', [x], { kernel, p })];
}

/** Reductions, arg-reductions and prefix operators of ai.onnx. */
export const reduceOnnxOps: readonly OnnxOp[] = [
  ...Object.entries(reductions).map(([name, op]) => onnxOp(name, buildReduce(op))),
  onnxOp('ArgMax', buildArg('arg_max')),
  onnxOp('ArgMin', buildArg('arg_min')),
  onnxOp('CumSum', buildCumulative('cumsum')),
  onnxOp('CumProd', buildCumulative('cumprod')),
  onnxOp('GlobalAveragePool', globalPool('reduce_mean')),
  onnxOp('GlobalMaxPool', globalPool('reduce_max')),
  onnxOp('GlobalLpPool', buildGlobalLpPool),
];
