import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { axisIn, cast, dtypeOf, rankOf, reshape, scalar, shapeScalar } from './common.ts';

/** Softmax family: along `axis` since opset 13; before, over all axes from `axis` on (default 1), as one row. */
const rowOp =
  (op: string) =>
  (node: OnnxNode, b: GraphBuilder): readonly Value[] => {
    const x = node.input(0);
    const rank = rankOf(x);
    if (node.opset >= 13) return [b.node(op, [x], { axis: axisIn(node, node.int('axis', -1), rank) })];
    const axis = axisIn(node, node.int('axis', 1), rank);
    if (axis === rank - 1) return [b.node(op, [x], { axis })];
    const rows = reshape(b, x, [D.product(x.type.shape.slice(0, axis)), D.product(x.type.shape.slice(axis))]);
    return [reshape(b, b.node(op, [rows], { axis: 1 }), x.type.shape)];
  };

/** One value a channel, shaped to broadcast against x. */
const perChannel = (b: GraphBuilder, v: Value, x: Value): Value =>
  reshape(b, v, rankOf(x) < 2 ? v.type.shape : [v.type.shape[0] ?? 1, ...new Array<number>(rankOf(x) - 2).fill(1)]);

/** scale/sqrt(var + eps) and bias - mean * that: constants fold to one multiply and one add. */
function normalizeChannels(
  b: GraphBuilder,
  x: Value,
  stats: { scale: Value; bias: Value; mean: Value; variance: Value },
  eps: number,
): Value {
  const wide = x.type.dtype === 'f64' ? 'f64' : 'f32';
  const [scale, bias, mean, variance] = [stats.scale, stats.bias, stats.mean, stats.variance].map((v) =>
    cast(b, v, wide),
  );
  if (!scale || !bias || !mean || !variance) return x;
  const factor = b.node('mul', [scale, b.node('rsqrt', [b.node('add', [variance, scalar(b, wide, eps)])])]);
  const offset = b.node('sub', [bias, b.node('mul', [mean, factor])]);
  const y = b.node('mul', [cast(b, x, wide), perChannel(b, factor, x)]);
  return cast(b, b.node('add', [y, perChannel(b, offset, x)]), x.type.dtype);
}

function buildBatchNorm(node: OnnxNode, b: GraphBuilder): readonly (Value | null)[] {
  const x = node.input(0);
  const [scale, bias, mean, variance] = [node.input(1), node.input(2), node.input(3), node.input(4)];
  const eps = node.float('epsilon', 1e-5);
  const training =
    node.opset >= 14
      ? node.int('training_mode', 0) !== 0
      : node.opset < 7 && node.int('is_test', 0) === 0 && node.outputs.filter((o) => o !== '').length > 1;
  if (!training) return [normalizeChannels(b, x, { scale, bias, mean, variance }, eps)];
  const axes = x.type.shape.map((_, i) => i).filter((i) => i !== 1);
  const wide = cast(b, x, x.type.dtype === 'f64' ? 'f64' : 'f32');
  const batchMean = b.node('reduce_mean', [wide], { axes, keepDims: false });
  const centred = b.node('sub', [wide, perChannel(b, batchMean, x)]);
  const batchVariance = b.node('reduce_mean', [b.node('mul', [centred, centred])], { axes, keepDims: false });
  const y = normalizeChannels(b, x, { scale, bias, mean: batchMean, variance: batchVariance }, eps);
  const momentum = node.float('momentum', 0.9);
  const running = (old: Value, now: Value): Value => {
    const d = old.type.dtype;
    const kept = b.node('mul', [old, scalar(b, d, momentum)]);
    return b.node('add', [kept, b.node('mul', [cast(b, now, d), scalar(b, d, 1 - momentum)])]);
  };
  return [y, running(mean, batchMean), running(variance, batchVariance)];
}

function buildInstanceNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = [node.input(0), node.input(1), node.input(2)];
  return [b.node('group_norm', inputs, { groups: 0, eps: node.float('epsilon', 1e-5) })];
}

function buildGroupNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const groups = node.int('num_groups');
  const channels = x.type.shape[1] ?? 1;
  const per =
    D.divideExactly(channels, groups) ??
    node.fail(`${D.formatDim(channels)} channels do not divide into ${groups} groups`);
  // Opset 18 gave scale and bias per group.
  const spread = (v: Value): Value => {
    if (node.opset >= 21 || per === 1) return v;
    return reshape(b, b.node('expand', [reshape(b, v, [groups, 1])], { shape: [groups, per] }), [channels]);
  };
  const inputs = [x, spread(node.input(1)), spread(node.input(2))];
  return [b.node('group_norm', inputs, { groups, eps: node.float('epsilon', 1e-5) })];
}

function buildLayerNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axis = axisIn(node, node.int('axis', -1), rankOf(x));
  const moments = node.outputs.slice(1).some((o) => o !== '');
  const bias = node.inputs[2];
  const attrs = {
    axis,
    eps: node.float('epsilon', 1e-5),
    moments,
    momentsDtype: dtypeOf(node, node.int('stash_type', 1)),
  };
  return b.nodes('layer_norm', bias ? [x, node.input(1), bias] : [x, node.input(1)], attrs);
}

function buildRmsNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axis = axisIn(node, node.int('axis', -1), rankOf(x));
  return [b.node('rms_norm', [x, node.input(1)], { axis, eps: node.float('epsilon', 1e-5) })];
}

function buildLpNorm(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  return [b.node('lp_norm', [x], { axis: axisIn(node, node.int('axis', -1), rankOf(x)), p: node.int('p', 2) })];
}

/** (x - mean) / (std + 1e-9) over `axes`. */
function buildMeanVariance(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const axes = node.ints('axes', [0, 2, 3]).map((a) => axisIn(node, a, rankOf(x)));
  const mean = (v: Value): Value => b.node('reduce_mean', [v], { axes, keepDims: true });
  const centred = b.node('sub', [x, mean(x)]);
  const deviation = b.node('sqrt', [mean(b.node('mul', [centred, centred]))]);
  return [b.node('div', [centred, b.node('add', [deviation, scalar(b, x.type.dtype, 1e-9)])])];
}

function buildLrn(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const attrs = {
    size: node.int('size'),
    alpha: node.float('alpha', 1e-4),
    beta: node.float('beta', 0.75),
    bias: node.float('bias', 1),
  };
  return [b.node('lrn', [node.input(0)], attrs)];
}

/** Negative log likelihood of log-probabilities x [n, c, ...] at labels [n, ...], with weights, an ignored label and a reduction. */
function negativeLogLikelihood(
  node: OnnxNode,
  b: GraphBuilder,
  logProbabilities: Value,
  labels: Value,
  weights: Value | null,
): Value {
  const reduction = node.choice('reduction', ['mean', 'sum', 'none'], 'mean');
  const { dtype } = logProbabilities.type;
  const target = cast(b, labels, 'i64');
  const column = reshape(b, target, [target.type.shape[0] ?? 1, 1, ...target.type.shape.slice(1)]);
  const ignored = node.has('ignore_index')
    ? b.node('eq', [target, scalar(b, 'i64', node.int('ignore_index'))])
    : undefined;
  const ignoredColumn = ignored ? reshape(b, ignored, column.type.shape) : undefined;
  const safeColumn = ignoredColumn ? b.node('where', [ignoredColumn, scalar(b, 'i64', 0), column]) : column;
  const picked = b.node('gather_elements', [logProbabilities, safeColumn], { axis: 1 });
  let loss = b.node('neg', [reshape(b, picked, target.type.shape)]);
  let weight = weights
    ? b.node('gather', [weights, reshape(b, safeColumn, target.type.shape)], { axis: 0 })
    : undefined;
  if (ignored) {
    const one = weight ?? scalar(b, dtype, 1);
    weight = b.node('where', [ignored, scalar(b, dtype, 0), one]);
  }
  if (weight) loss = b.node('mul', [loss, weight]);
  if (reduction === 'none') return loss;
  const axes = loss.type.shape.map((_, i) => i);
  const total = b.node('reduce_sum', [loss], { axes, keepDims: false });
  if (reduction === 'sum') return total;
  const count = weight
    ? b.node('reduce_sum', [b.node('expand', [weight], { shape: loss.type.shape })], { axes, keepDims: false })
    : shapeScalar(b, D.product(loss.type.shape), dtype === 'f64' ? 'f64' : 'f32');
  return b.node('div', [total, cast(b, count, dtype)]);
}

function buildNll(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  return [negativeLogLikelihood(node, b, node.input(0), node.input(1), node.inputs[2] ?? null)];
}

function buildSoftmaxCrossEntropy(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const logProbabilities = b.node('log_softmax', [node.input(0)], { axis: 1 });
  return [negativeLogLikelihood(node, b, logProbabilities, node.input(1), node.inputs[2] ?? null), logProbabilities];
}

/** Normalisations and losses of ai.onnx. */
export const normOnnxOps: readonly OnnxOp[] = [
  onnxOp('Softmax', rowOp('softmax')),
  onnxOp('LogSoftmax', rowOp('log_softmax')),
  onnxOp('Hardmax', rowOp('hardmax')),
  onnxOp('BatchNormalization', buildBatchNorm),
  onnxOp('InstanceNormalization', buildInstanceNorm),
  onnxOp('GroupNormalization', buildGroupNorm),
  onnxOp('LayerNormalization', buildLayerNorm),
  onnxOp('RMSNormalization', buildRmsNorm),
  onnxOp('LpNormalization', buildLpNorm),
  onnxOp('MeanVarianceNormalization', buildMeanVariance),
  onnxOp('LRN', buildLrn),
  onnxOp('NegativeLogLikelihoodLoss', buildNll),
  onnxOp('SoftmaxCrossEntropyLoss', buildSoftmaxCrossEntropy),
];
