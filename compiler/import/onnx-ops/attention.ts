import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import {
  additiveMask,
  appendTo,
  attend,
  groupedMatmul,
  mergeHeads,
  padMask,
  rotate,
  splitHeads,
  visibilityMask,
} from './attention-core.ts';
import { cast, dtypeOf, rankOf, reshape, scalar, shapeScalar, sliceAxis } from './common.ts';
import { addBias } from './linear.ts';

function buildAttention(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const flat = rankOf(node.input(0)) === 3;
  const heads = (v: Value, attribute: string): Value => (flat ? splitHeads(b, v, node.int(attribute)) : v);
  const q = heads(node.input(0), 'q_num_heads');
  const [mask, pastKey, pastValue, lengths] = [node.inputs[3], node.inputs[4], node.inputs[5], node.inputs[6]];
  const k = appendTo(b, pastKey, heads(node.input(1), 'kv_num_heads'));
  const v = appendTo(b, pastValue, heads(node.input(2), 'kv_num_heads'));
  const [batch = 1, , queries = 1, width = 1] = q.type.shape;
  const keys = k.type.shape[2] ?? 1;
  if (!node.has('scale') && !D.isStatic(width))
    return node.fail('the head size is not known', 'Give the scale attribute');
  const scale = node.has('scale') ? node.float('scale') : 1 / Math.sqrt(Number(width));
  const { dtype } = q.type;
  const biases: Value[] = [];
  if (mask) biases.push(additiveMask(b, padMask(b, mask, keys), dtype));
  const causal = node.int('is_causal', 0) !== 0;
  const [left, right] = [node.int('left_window_size', -1), node.int('right_window_size', -1)];
  if (causal || left >= 0 || right >= 0 || lengths) {
    const offset =
      lengths && !pastKey
        ? b.node('sub', [cast(b, lengths, 'i64'), shapeScalar(b, queries)])
        : (pastKey?.type.shape[2] ?? 0);
    const window = causal && right > 0 ? 0 : right;
    biases.push(
      visibilityMask(b, dtype, batch, queries, keys, {
        causal,
        left,
        right: window,
        offset,
        lengths: lengths ?? undefined,
      }),
    );
  }
  const precision = node.has('softmax_precision') ? dtypeOf(node, node.int('softmax_precision')) : undefined;
  const a = attend(b, q, k, v, { scale, biases, softcap: node.float('softcap', 0), precision });
  const mode = node.int('qk_matmul_output_mode', 0);
  const seen = [a.scores, a.capped, a.biased, a.probabilities][mode] ?? a.scores;
  return [flat ? mergeHeads(b, a.output) : a.output, k, v, cast(b, seen, dtype)];
}

/** Attention with score and probability functions given as bodies (ai.onnx.preview). */
function buildFlexAttention(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [q, k, v] = [node.input(0), node.input(1), node.input(2)];
  const { dtype } = q.type;
  const width = Number(q.type.shape[3] ?? 1);
  const root = scalar(b, dtype, Math.sqrt(node.has('scale') ? node.float('scale') : 1 / Math.sqrt(width)));
  const product = groupedMatmul(b, b.node('mul', [q, root]), b.node('mul', [k, root]), true);
  const narrow = dtype === 'f16' || dtype === 'bf16';
  const wide = node.has('softmax_precision') ? dtypeOf(node, node.int('softmax_precision')) : narrow ? 'f32' : dtype;
  const modified = (name: string, x: Value): Value => {
    if (!node.has(name)) return x;
    return cast(b, node.inline(name, [x])[0] ?? node.fail(`body '${name}' has no output`), wide);
  };
  const scores = modified('score_mod', cast(b, product, wide));
  const probabilities = modified('prob_mod', b.node('softmax', [scores], { axis: 3 }));
  return [cast(b, groupedMatmul(b, probabilities, cast(b, v, wide)), v.type.dtype)];
}

function buildRotary(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const flat = rankOf(x) === 3;
  const heads = node.int('num_heads', 0);
  const [batch = 1, seq = 1, hidden = 1] = x.type.shape;
  const shaped = flat ? reshape(b, x, [batch, seq, heads, D.floorDiv(hidden, heads)]) : x;
  const y = rotate(b, shaped, {
    cos: node.input(1),
    sin: node.input(2),
    positions: node.inputs[3] ?? undefined,
    interleaved: node.int('interleaved', 0) !== 0,
    width: node.int('rotary_embedding_dim', 0),
    seqAxis: flat ? 1 : 2,
  });
  return [reshape(b, y, x.type.shape)];
}

/** Depthwise convolution over time whose left padding is the state of the previous call. */
function buildCausalConv(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [x, w] = [node.input(0), node.input(1)];
  const [batch = 1, channels = 1] = x.type.shape;
  const before = D.sub(w.type.shape[2] ?? 1, 1);
  if (!D.isStatic(channels)) return node.fail('the number of channels is not known');
  const past = node.inputs[3] ?? b.node('expand', [scalar(b, x.type.dtype, 0)], { shape: [batch, channels, before] });
  const padded = b.node('concat', [past, x], { axis: 2 });
  const y = addBias(
    b,
    b.node('conv', [padded, w], { strides: [1], dilations: [1], pads: [0, 0], group: channels }),
    node.inputs[2],
  );
  const activation = node.choice('activation', ['none', 'silu', 'swish'], 'none');
  const length = padded.type.shape[2] ?? 1;
  const state = sliceAxis(b, padded, 2, D.sub(length, before), before);
  return [activation === 'silu' || activation === 'swish' ? b.node('silu', [y]) : y, state];
}

function buildLinearAttention(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const inputs = Array.from({ length: 6 }, (_, i) => node.inputs[i] ?? null);
  const attrs = {
    heads: node.int('q_num_heads'),
    kvHeads: node.int('kv_num_heads'),
    scale: node.float('scale', 0),
    rule: node.choice('update_rule', ['linear', 'gated', 'delta', 'gated_delta'], 'gated_delta'),
  };
  return b.nodes('linear_attention', inputs, attrs);
}

/** Attention operators of ai.onnx and ai.onnx.preview. */
export const attentionOnnxOps: readonly OnnxOp[] = [
  onnxOp('Attention', buildAttention, { since: 23 }),
  onnxOp('RotaryEmbedding', buildRotary, { since: 23 }),
  onnxOp('CausalConvWithState', buildCausalConv),
  onnxOp('LinearAttention', buildLinearAttention),
  onnxOp('FlexAttention', buildFlexAttention, { domain: 'ai.onnx.preview' }),
];
