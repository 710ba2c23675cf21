import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, numbers, scalar } from './common.ts';

export const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'] as const;
export type Transform = (typeof TRANSFORMS)[number];

/** The post_transform of a node. */
export const transformOf = (node: OnnxNode): Transform => node.choice('post_transform', TRANSFORMS, 'NONE');

/** Quantile of the normal distribution; ai.onnx.ml's reference takes the inverse of erf from Winitzki 2008, off by up to 0.002. */
function probit(b: GraphBuilder, p: Value): Value {
  const n = (v: number): Value => scalar(b, p.type.dtype, v);
  const x = b.node('sub', [b.node('mul', [p, n(2)]), n(1)]);
  const log = b.node('log', [b.node('mul', [b.node('sub', [n(1), x]), b.node('add', [n(1), x])])]);
  const v = b.node('add', [n(2 / (Math.PI * 0.147)), b.node('mul', [log, n(0.5)])]);
  const root = b.node('sqrt', [b.node('sub', [b.node('mul', [v, v]), b.node('mul', [log, n(1 / 0.147)])])]);
  const size = b.node('sqrt', [b.node('sub', [root, v])]);
  const signed = b.node('where', [b.node('lt', [x, n(0)]), b.node('neg', [size]), size]);
  return b.node('mul', [signed, n(Math.SQRT2)]);
}

/** What ai.onnx.ml does to scores [rows, targets] at the end. */
export function postTransform(b: GraphBuilder, kind: Transform, scores: Value): Value {
  switch (kind) {
    case 'NONE':
      return scores;
    case 'LOGISTIC':
      return b.node('sigmoid', [scores]);
    case 'SOFTMAX':
      return b.node('softmax', [scores], { axis: 1 });
    case 'SOFTMAX_ZERO': {
      // Zeros stay zeros and take no part.
      const nothing = b.node('eq', [scores, scalar(b, scores.type.dtype, 0)]);
      const rest = b.node('where', [nothing, scalar(b, scores.type.dtype, Number.NEGATIVE_INFINITY), scores]);
      return b.node('softmax', [rest], { axis: 1, masked: true });
    }
    case 'PROBIT':
      return probit(b, scores);
  }
}

function linearScores(node: OnnxNode, b: GraphBuilder, targets: number): Value {
  const x = cast(b, node.input(0), 'f32');
  const coefficients = node.floats('coefficients');
  if (coefficients.length % targets !== 0)
    return node.fail(`${coefficients.length} coefficients are no whole rows of ${targets} targets`);
  const w = numbers(b, 'f32', [targets, coefficients.length / targets], coefficients);
  const y = b.node('matmul', [x, w], { transposeB: true });
  const intercepts = node.floats('intercepts', []);
  return intercepts.length === 0 ? y : b.node('add', [y, numbers(b, 'f32', [intercepts.length], intercepts)]);
}

/** Labels by their places, and the scores. */
export function labelled(node: OnnxNode, b: GraphBuilder, best: Value, scores: Value): readonly Value[] {
  const labels = classLabels(node);
  if (labels.some((l) => typeof l === 'string')) {
    const attrs = { keys: labels.map((_, i) => i), values: labels, fallback: '', dtype: 'string' };
    return [b.node('label_encode', [best], attrs), scores];
  }
  return [b.node('gather', [numbers(b, 'i64', [labels.length], labels.map(Number)), best], { axis: 0 }), scores];
}

/** Labels of a classifier, words or numbers. */
export function classLabels(node: OnnxNode): readonly (string | number)[] {
  if (node.has('classlabels_strings') && node.strings('classlabels_strings').length > 0)
    return node.strings('classlabels_strings');
  return node.ints(node.has('classlabels_int64s') ? 'classlabels_int64s' : 'classlabels_ints');
}

/**
 * Labels and scores of a classifier. One score s for two classes is that of the second class, and the standard does not say what the first
 * one gets: as in onnxruntime it is 1 - s for scores that are a share (`share`: the second class wins above 1/2) or of a linear model,
 * -s otherwise (it wins above 0).
 */
export function classify(node: OnnxNode, b: GraphBuilder, raw: Value, share: boolean): readonly Value[] {
  const kind = transformOf(node);
  const { dtype, shape } = raw.type;
  if (shape[1] !== 1 || classLabels(node).length !== 2) {
    const scores = postTransform(b, kind, raw);
    return labelled(node, b, b.node('arg_max', [scores], { axes: [1], keepDims: false }), scores);
  }
  if (kind === 'PROBIT') return node.fail('post_transform PROBIT of one score for two classes is not defined');
  const second = kind === 'LOGISTIC' ? b.node('sigmoid', [raw]) : raw;
  const linear = node.op === 'LinearClassifier';
  const first =
    kind === 'LOGISTIC' || share || linear ? b.node('sub', [scalar(b, dtype, 1), second]) : b.node('neg', [second]);
  const wins = b.node('gt', [raw, scalar(b, dtype, share ? 0.5 : 0)]);
  const best = b.node('reshape', [cast(b, wins, 'i64')], { shape: [shape[0] ?? 1] });
  return labelled(node, b, best, b.node('concat', [first, second], { axis: 1 }));
}

function buildLinearClassifier(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const width = node.input(0).type.shape[1] ?? 1;
  const given = node.floats('intercepts', []).length;
  if (given === 0 && !D.isStatic(width))
    return node.fail('it has no intercepts, and how long a row is, is not known', 'Export it with intercepts');
  const targets = given > 0 ? given : node.floats('coefficients').length / Number(width);
  return classify(node, b, linearScores(node, b, targets), false);
}

function buildLinearRegressor(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  return [postTransform(b, transformOf(node), linearScores(node, b, node.int('targets', 1)))];
}

const ML = { domain: 'ai.onnx.ml' };

/** Linear models of ai.onnx.ml. */
export const linearModelOnnxOps: readonly OnnxOp[] = [
  onnxOp('LinearRegressor', buildLinearRegressor, ML),
  onnxOp('LinearClassifier', buildLinearClassifier, ML),
];
