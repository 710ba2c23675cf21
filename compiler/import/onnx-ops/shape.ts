import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import { isFloat } from '../../ir/dtype.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, dimsOf, dtypeOf, knownDims, rankOf, reshape, scalar, shapeScalar, shapeVector } from './common.ts';

function buildShape(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const { shape } = node.input(0).type;
  const wrap = (i: number): number => Math.max(0, Math.min(shape.length, i < 0 ? i + shape.length : i));
  const [start, end] = [wrap(node.int('start', 0)), wrap(node.int('end', shape.length))];
  return [shapeVector(b, shape.slice(start, Math.max(start, end)))];
}

/** Elements of an arithmetic progression: ceil((limit - start) / delta), at least 0. */
function progressionLength(start: Dim, limit: Dim, delta: Dim): Dim | undefined {
  if (!D.isStatic(delta) || delta === 0) return undefined;
  if (D.isStatic(start) && D.isStatic(limit)) return Math.max(0, Math.ceil((limit - start) / delta));
  if (![start, limit, delta].every((d) => !D.isStatic(d) || Number.isInteger(d))) return undefined;
  const span = delta > 0 ? D.sub(limit, start) : D.sub(start, limit);
  return D.max(0, D.ceilDiv(span, Math.abs(delta)));
}

function buildRange(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [start, limit, delta] = [node.input(0), node.input(1), node.input(2)].map((v) => reshape(b, v, []));
  if (!start || !limit || !delta) return node.fail('it needs start, limit and delta');
  const { dtype } = start.type;
  const known = [start, limit, delta].map((v) => knownDims(v)?.[0]);
  const [s, l, d] = known;
  if (d === 0) node.fail('its delta is 0', 'Use a delta other than 0');
  const length = s !== undefined && l !== undefined && d !== undefined ? progressionLength(s, l, d) : undefined;
  return [
    b.node('range', [start, delta], {
      length: length ?? runtimeLength(b, dtype === 'f16' || dtype === 'bf16', [start, limit, delta]),
    }),
  ];
}

function runtimeLength(b: GraphBuilder, narrow: boolean, [start, limit, delta]: readonly Value[]): Dim {
  if (!start || !limit || !delta) return 0;
  const wide = isFloat(start.type.dtype) && !narrow ? start.type.dtype : 'f64';
  const span = b.node('sub', [cast(b, limit, wide), cast(b, start, wide)]);
  const count = b.node('ceil', [b.node('div', [span, cast(b, delta, wide)])]);
  const some = b.node('max', [count, scalar(b, wide, 0)]);
  return dimsOf(b, reshape(b, cast(b, some, 'i64'), [1]), 'length')[0] ?? 0;
}

function buildConstantOfShape(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const fill = node.tensor('value');
  const one = fill ? reshape(b, b.graph.constant(fill), []) : scalar(b, 'f32', 0);
  return [b.node('expand', [one], { shape: dimsOf(b, node.input(0), 'shape') })];
}

function buildEyeLike(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  if (rankOf(x) !== 2) return node.fail('the input must be a matrix');
  const dtype = node.has('dtype') ? dtypeOf(node, node.int('dtype')) : x.type.dtype;
  return [b.node('eye', [], { shape: x.type.shape, k: node.int('k', 0), dtype })];
}

/** Operators of ai.onnx about shapes: folded into the Dim algebra wherever the contents are known. */
export const shapeOnnxOps: readonly OnnxOp[] = [
  onnxOp('Shape', buildShape),
  onnxOp('Size', (node, b) => [shapeScalar(b, D.product(node.input(0).type.shape))]),
  onnxOp('Range', buildRange),
  onnxOp('ConstantOfShape', buildConstantOfShape),
  onnxOp('EyeLike', buildEyeLike),
];
