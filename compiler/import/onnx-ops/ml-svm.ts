import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { cast, numbers, reshape, scalar } from './common.ts';
import { classLabels, labelled, postTransform, transformOf } from './ml-scores.ts';

const KERNELS = ['LINEAR', 'POLY', 'RBF', 'SIGMOID'] as const;

/** Products of the rows of x [n, features] with `vectors` [count, features] under the node's kernel: f32 [n, count]. */
function kernel(node: OnnxNode, b: GraphBuilder, x: Value, vectors: readonly number[], count: number): Value {
  const kind = node.choice('kernel_type', KERNELS, 'LINEAR');
  const [gamma = 0, coef0 = 0, degree = 0] = node.floats('kernel_params', []);
  const features = vectors.length / count;
  if (!Number.isInteger(features)) return node.fail(`${vectors.length} numbers are no ${count} support vectors`);
  const n = (v: number): Value => scalar(b, 'f32', v);
  const w = numbers(b, 'f32', [count, features], vectors);
  if (kind === 'RBF') {
    // Differences first: |a|^2 + |b|^2 - 2ab would cancel.
    const row = reshape(b, x, [x.type.shape[0] ?? 1, 1, x.type.shape[1] ?? 1]);
    const d = b.node('sub', [row, w]);
    const distance = b.node('reduce_sum', [b.node('mul', [d, d])], { axes: [2], keepDims: false });
    return b.node('exp', [b.node('mul', [distance, n(-gamma)])]);
  }
  const dot = b.node('matmul', [x, w], { transposeB: true });
  if (kind === 'LINEAR') return dot;
  const scaled = b.node('add', [b.node('mul', [dot, n(gamma)]), n(coef0)]);
  return kind === 'POLY' ? b.node('pow', [scaled, n(degree)]) : b.node('tanh', [scaled]);
}

function buildRegressor(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = cast(b, node.input(0), 'f32');
  const supports = node.int('n_supports', 0);
  const coefficients = node.floats('coefficients');
  const columns = supports > 0 ? kernel(node, b, x, node.floats('support_vectors'), supports) : x;
  const w = numbers(b, 'f32', [coefficients.length, 1], coefficients);
  const y = b.node('add', [b.node('matmul', [columns, w]), scalar(b, 'f32', node.floats('rho', [0])[0] ?? 0)]);
  if (node.int('one_class', 0) === 0) return [postTransform(b, transformOf(node), y)];
  const inside = b.node('gt', [y, scalar(b, 'f32', 0)]);
  return [b.node('where', [inside, scalar(b, 'f32', 1), scalar(b, 'f32', -1)])];
}

/**
 * One-against-one decisions of libsvm: the weights [vectors, pairs] that make decision (i, j) of the kernels, class i winning above 0.
 * `coefficients` [classes - 1, vectors] holds, for a vector of class i, its weight against the other classes in order.
 */
function pairWeights(perClass: readonly number[], coefficients: readonly number[], total: number): number[][] {
  const starts = perClass.map((_, i) => perClass.slice(0, i).reduce((p, q) => p + q, 0));
  const columns: number[][] = [];
  perClass.forEach((ofI, i) => {
    for (let j = i + 1; j < perClass.length; j++) {
      const column = new Array<number>(total).fill(0);
      const [si = 0, sj = 0, ofJ = 0] = [starts[i], starts[j], perClass[j]];
      for (let m = 0; m < ofI; m++) column[si + m] = coefficients[(j - 1) * total + si + m] ?? 0;
      for (let m = 0; m < ofJ; m++) column[sj + m] = coefficients[i * total + sj + m] ?? 0;
      columns.push(column);
    }
  });
  return columns;
}

const matrix = (b: GraphBuilder, columns: readonly (readonly number[])[]): Value =>
  numbers(
    b,
    'f32',
    [columns[0]?.length ?? 0, columns.length],
    (columns[0] ?? []).flatMap((_, row) => columns.map((c) => c[row] ?? 0)),
  );

/** Classes by the votes of all pairs, the first of the most voted for; scores are the decisions or, with Platt's parameters, probabilities. */
function buildClassifier(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = cast(b, node.input(0), 'f32');
  const perClass = node.ints('vectors_per_class', []);
  const coefficients = node.floats('coefficients');
  const rho = node.floats('rho');
  const classes = classLabels(node).length;
  const kind = transformOf(node);
  const total = perClass.reduce((p, q) => p + q, 0);
  if (total === 0) {
    const scores = b.node('add', [kernel(node, b, x, coefficients, classes), scalar(b, 'f32', rho[0] ?? 0)]);
    return labelled(
      node,
      b,
      b.node('arg_max', [scores], { axes: [1], keepDims: false }),
      postTransform(b, kind, scores),
    );
  }
  const pairs = (classes * (classes - 1)) / 2;
  if (perClass.length !== classes || coefficients.length !== (classes - 1) * total || rho.length !== pairs)
    return node.fail(
      `${perClass.length} counts of vectors, ${coefficients.length} coefficients and ${rho.length} values of rho do not make ${classes} classes of ${total} vectors`,
      'Export the model again',
    );
  const kernels = kernel(node, b, x, node.floats('support_vectors'), total);
  const decisions = b.node('add', [
    b.node('matmul', [kernels, matrix(b, pairWeights(perClass, coefficients, total))]),
    numbers(b, 'f32', [pairs], rho),
  ]);
  // Pair (i, j) votes for i above 0 and for j otherwise: +1 and -1, and j's vote is there from the start.
  const ahead: number[][] = perClass.map(() => []);
  const behind = perClass.map(() => 0);
  for (let i = 0; i < classes; i++)
    for (let j = i + 1; j < classes; j++) {
      perClass.forEach((_, c) => ahead[c]?.push(c === i ? 1 : c === j ? -1 : 0));
      behind[j] = (behind[j] ?? 0) + 1;
    }
  const wins = cast(b, b.node('gt', [decisions, scalar(b, 'f32', 0)]), 'f32');
  const votes = b.node('add', [b.node('matmul', [wins, matrix(b, ahead)]), numbers(b, 'f32', [classes], behind)]);
  const best = b.node('arg_max', [votes], { axes: [1], keepDims: false });
  const [slopes, offsets] = [node.floats('prob_a', []), node.floats('prob_b', [])];
  if (slopes.length > 0) {
    const steep = b.node('mul', [decisions, numbers(b, 'f32', [pairs], slopes)]);
    const shifted = b.node('add', [steep, numbers(b, 'f32', [pairs], offsets)]);
    const shares = b.node('sigmoid', [b.node('neg', [shifted])]);
    const scores = b.node('couple_probabilities', [shares], { classes });
    return labelled(node, b, best, postTransform(b, kind, scores));
  }
  if (pairs > 1) return labelled(node, b, best, postTransform(b, kind, decisions));
  // One decision for two classes is that of the first; the scores are both sides of it.
  if (kind === 'PROBIT') return node.fail('post_transform PROBIT of one score for two classes is not defined');
  const second = kind === 'LOGISTIC' ? b.node('sigmoid', [decisions]) : decisions;
  const first = kind === 'NONE' ? b.node('neg', [second]) : b.node('sub', [scalar(b, 'f32', 1), second]);
  return labelled(node, b, best, b.node('concat', [first, second], { axis: 1 }));
}

const ML = { domain: 'ai.onnx.ml' };

/** Support vector machines of ai.onnx.ml. */
export const svmOnnxOps: readonly OnnxOp[] = [
  onnxOp('SVMRegressor', buildRegressor, ML),
  onnxOp('SVMClassifier', buildClassifier, ML),
];
