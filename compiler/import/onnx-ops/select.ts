import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, knownNumbers, rankOf } from './common.ts';

/** The axis attribute, or nothing where the op then works on the flattened tensor. */
function optionalAxis(node: OnnxNode): { readonly axis?: number } {
  return node.has('axis') ? { axis: axisIn(node, node.int('axis'), rankOf(node.input(0))) } : {};
}

function buildTopK(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const k = node.opset < 10 ? b.constant('i64', [1], [node.int('k')]) : node.input(1);
  const known = knownNumbers(k)?.[0] ?? 0;
  if (known < 0) return node.fail(`k is ${known}`, 'Use a k from 0 up');
  const attrs = { axis: axisIn(node, node.int('axis', -1), rankOf(x)), largest: node.int('largest', 1) !== 0 };
  return b.nodes('top_k', [x, k], attrs);
}

function buildNms(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = Array.from({ length: 5 }, (_, i) => node.inputs[i] ?? null);
  return [b.node('non_max_suppression', inputs, { center: node.int('center_point_box', 0) !== 0 })];
}

/** Operators of ai.onnx whose output shape or order is data. */
export const selectOnnxOps: readonly OnnxOp[] = [
  onnxOp('NonZero', (node, b) => [b.node('non_zero', [node.input(0)])]),
  onnxOp('Compress', (node, b) => [b.node('compress', [node.input(0), node.input(1)], optionalAxis(node))]),
  onnxOp('Unique', (node, b) =>
    b.nodes('unique', [node.input(0)], { ...optionalAxis(node), sorted: node.int('sorted', 1) !== 0 }),
  ),
  onnxOp('TopK', buildTopK),
  onnxOp('NonMaxSuppression', buildNms),
];
