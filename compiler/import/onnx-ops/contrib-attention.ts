import type { Dim } from '../../ir/dim.ts';
import * as D from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import type { GraphBuilder } from '../../ir/graph-builder.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { appendTo, attend, mergeHeads, rotate, splitHeads, visibilityMask } from './attention-core.ts';
import { cast, rankOf, reshape, scalar, shapeScalar, sliceAxis, transpose } from './common.ts';
import { integerProduct, MICROSOFT } from './contrib.ts';

/** Positions start, start + 1, ... as an i64 vector. */
const positions = (b: GraphBuilder, start: Value, length: Dim): Value =>
  b.node('range', [cast(b, start, 'i64'), scalar(b, 'i64', 1)], { length });

/** What a key mask of com.microsoft adds to the scores: lengths [b], or 1 where a key counts [b, kv] or [b, q, kv]. */
function keyMask(node: OnnxNode, b: GraphBuilder, mask: Value, like: Value, queries: Dim, keys: Dim): Value {
  const { dtype, shape } = like.type;
  const batch = shape[0] ?? 1;
  if (rankOf(mask) === 1) {
    if (D.equals(mask.type.shape[0] ?? 1, batch) === false)
      return node.fail('masks of starts and ends are not supported');
    return visibilityMask(b, dtype, batch, queries, keys, { causal: false, offset: 0, lengths: mask });
  }
  const seen = cast(b, mask, 'bool');
  const shaped =
    rankOf(mask) === 2
      ? [mask.type.shape[0] ?? 1, 1, 1, mask.type.shape[1] ?? 1]
      : [mask.type.shape[0] ?? 1, 1, ...mask.type.shape.slice(1)];
  const filter = node.float('mask_filter_value', -10000);
  return b.node('where', [reshape(b, seen, shaped), scalar(b, dtype, 0), scalar(b, dtype, filter)]);
}

function scaleOf(node: OnnxNode, width: Dim): number {
  const given = node.float('scale', 0);
  if (given !== 0) return given;
  return D.isStatic(width) ? 1 / Math.sqrt(width) : node.fail('the head size is not known', 'Give the scale attribute');
}

/** Query, key and value as [b, heads, s, d] from the projected rows of a self-attention. */
function splitProjection(b: GraphBuilder, qkv: Value, heads: number, sizes: readonly Dim[]): Value[] {
  let start: Dim = 0;
  return sizes.map((size) => {
    const part = sliceAxis(b, qkv, 2, start, size);
    start = D.add(start, size);
    return splitHeads(b, part, heads);
  });
}

function selfAttention(
  node: OnnxNode,
  b: GraphBuilder,
  qkv: Value,
  mask: Value | null | undefined,
  past: Value | null | undefined,
  bias: Value | null | undefined,
): readonly Value[] {
  const heads = node.int('num_heads');
  const total = qkv.type.shape[2] ?? 1;
  const third = D.floorDiv(total, 3);
  const sizes = node.has('qkv_hidden_sizes') ? node.ints('qkv_hidden_sizes') : [third, third, third];
  const [q, newK, newV] = splitProjection(b, qkv, heads, sizes);
  if (!q || !newK || !newV) return node.fail('its projection does not split');
  if (node.int('do_rotary', 0) !== 0) return node.fail('rotary embedding inside Attention is not supported');
  const half = (i: number): Value | undefined =>
    past ? reshape(b, sliceAxis(b, past, 0, i, 1), past.type.shape.slice(1)) : undefined;
  const [k, v] = [appendTo(b, half(0), newK), appendTo(b, half(1), newV)];
  const [queries, keys] = [q.type.shape[2] ?? 1, k.type.shape[2] ?? 1];
  const biases: Value[] = [];
  if (mask) biases.push(keyMask(node, b, mask, q, queries, keys));
  if (node.int('unidirectional', 0) !== 0)
    biases.push(visibilityMask(b, q.type.dtype, 1, queries, keys, { causal: true, offset: D.sub(keys, queries) }));
  if (bias) biases.push(bias);
  const { output } = attend(b, q, k, v, { scale: scaleOf(node, q.type.shape[3] ?? 1), biases });
  const lead = (x: Value): Value => reshape(b, x, [1, ...x.type.shape]);
  if ((node.outputs[1] ?? '') === '') return [mergeHeads(b, output)];
  return [mergeHeads(b, output), b.node('concat', [lead(k), lead(v)], { axis: 0 })];
}

function buildAttention(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const projected = b.node('matmul', [node.input(0), node.input(1)]);
  const bias = node.inputs[2];
  const qkv = bias ? b.node('add', [projected, bias]) : projected;
  return selfAttention(node, b, qkv, node.inputs[3], node.inputs[4], node.inputs[5]);
}

/** Attention whose projection multiplies integers. */
function buildQAttention(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const a = { codes: node.input(0), scale: node.input(3), zero: node.inputs[6] };
  const w = { codes: node.input(1), scale: node.input(4), zero: node.inputs[7] };
  return selfAttention(node, b, integerProduct(b, a, w, node.input(2)), node.inputs[5], node.inputs[8], null);
}

/** Heads of q, k and v, from separate rows, packed key-value pairs or packed triples. */
function multiHeadInputs(node: OnnxNode, b: GraphBuilder, heads: number): [Value, Value, Value] {
  const query = node.input(0);
  const [key, value] = [node.inputs[1], node.inputs[2]];
  const bias = node.inputs[3];
  const pick = (x: Value, i: number): Value => {
    const [batch = 1, seq = 1, h = 1, , d = 1] = x.type.shape;
    return transpose(b, reshape(b, sliceAxis(b, x, 3, i, 1), [batch, seq, h, d]), [0, 2, 1, 3]);
  };
  if (!key) {
    if (rankOf(query) !== 5) return node.fail('the key is missing');
    return [pick(query, 0), pick(query, 1), pick(query, 2)];
  }
  const hidden = query.type.shape[2] ?? 1;
  const biased = (x: Value, start: Dim): Value =>
    bias && rankOf(x) === 3 ? b.node('add', [x, sliceAxis(b, bias, 0, start, x.type.shape[2] ?? 1)]) : x;
  const shaped = (x: Value, start: Dim): Value => (rankOf(x) === 4 ? x : splitHeads(b, biased(x, start), heads));
  if (rankOf(key) === 5) return [shaped(query, 0), pick(key, 0), pick(key, 1)];
  if (!value) return node.fail('the value is missing');
  return [
    shaped(query, 0),
    shaped(key, hidden),
    shaped(value, D.add(hidden, rankOf(key) === 3 ? (key.type.shape[2] ?? 1) : hidden)),
  ];
}

function buildMultiHead(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const [q, newK, newV] = multiHeadInputs(node, b, node.int('num_heads'));
  const [k, v] = [appendTo(b, node.inputs[6], newK), appendTo(b, node.inputs[7], newV)];
  const [queries, keys] = [q.type.shape[2] ?? 1, k.type.shape[2] ?? 1];
  const biases: Value[] = [];
  const mask = node.inputs[4];
  if (mask) biases.push(keyMask(node, b, mask, q, queries, keys));
  const bias = node.inputs[5];
  if (bias) biases.push(bias);
  if (node.int('unidirectional', 0) !== 0)
    biases.push(visibilityMask(b, q.type.dtype, 1, queries, keys, { causal: true, offset: D.sub(keys, queries) }));
  const { output } = attend(b, q, k, v, { scale: scaleOf(node, q.type.shape[3] ?? 1), biases });
  return [mergeHeads(b, output), k, v];
}

/**
 * Grouped-query attention with a cache that grows by the new keys: `present` is past followed by what is new. (onnxruntime also takes
 * caches of a fixed size that it fills in place; such a model must be exported without buffer sharing.)
 */
function buildGroupQuery(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const heads = node.int('num_heads');
  const kvHeads = node.int('kv_num_heads');
  const [query, key, value] = [node.input(0), node.inputs[1], node.inputs[2]];
  const width = D.floorDiv(query.type.shape[2] ?? 1, key ? heads : heads + 2 * kvHeads);
  const part = (given: Value | null | undefined, start: number, count: number): Value =>
    splitHeads(b, given ?? sliceAxis(b, query, 2, D.mul(start, width), D.mul(count, width)), count);
  let q = key ? splitHeads(b, query, heads) : part(undefined, 0, heads);
  let newK = part(key, heads, kvHeads);
  const newV = part(value, heads + kvHeads, kvHeads);
  const [pastKey, pastValue] = [node.inputs[3], node.inputs[4]];
  const before = pastKey?.type.shape[2] ?? 0;
  const queries = q.type.shape[2] ?? 1;
  if (node.int('do_rotary', 0) !== 0) {
    const given = node.inputs[9];
    const rotary = {
      cos: node.input(7),
      sin: node.input(8),
      positions: given ?? reshape(b, positions(b, shapeScalar(b, before), queries), [1, queries]),
      interleaved: node.int('rotary_interleaved', 0) !== 0,
      width: Number(D.mul(2, node.input(7).type.shape[1] ?? 0)),
      seqAxis: 2,
    } as const;
    q = rotate(b, q, rotary);
    newK = rotate(b, newK, rotary);
  }
  const [k, v] = [appendTo(b, pastKey, newK), appendTo(b, pastValue, newV)];
  const keys = k.type.shape[2] ?? 1;
  // seqlens_k holds the last valid position of each entry.
  const last = cast(b, node.input(5), 'i64');
  const lengths = reshape(b, b.node('add', [last, scalar(b, 'i64', 1)]), [D.product(last.type.shape)]);
  const window = node.int('local_window_size', -1);
  const mask = visibilityMask(b, q.type.dtype, q.type.shape[0] ?? 1, queries, keys, {
    causal: true,
    left: window > 0 ? window - 1 : -1,
    offset: before,
    lengths,
  });
  const bias = node.inputs[10];
  const a = attend(b, q, k, v, {
    scale: scaleOf(node, width),
    biases: bias ? [mask, bias] : [mask],
    softcap: node.float('softcap', 0),
  });
  return [mergeHeads(b, a.output), k, v];
}

function buildRotary(node: OnnxNode, b: GraphBuilder): readonly Value[] {
  const x = node.input(0);
  const [given, cos, sin] = [node.input(1), node.input(2), node.input(3)];
  const flat = rankOf(x) === 3;
  const [batch = 1, first = 1, third = 1] = x.type.shape;
  const seq = flat ? first : third;
  const partial = node.int('rotary_embedding_dim', 0);
  const head =
    flat && node.int('num_heads', 0) > 0 ? D.floorDiv(third, node.int('num_heads')) : D.mul(2, cos.type.shape[1] ?? 1);
  const shaped = flat ? reshape(b, x, [batch, seq, D.floorDiv(third, head), head]) : x;
  // A single position is where the sequence starts.
  const places = rankOf(given) === 1 ? reshape(b, positions(b, reshape(b, given, []), seq), [1, seq]) : given;
  const y = rotate(b, shaped, {
    cos,
    sin,
    positions: places,
    interleaved: node.int('interleaved', 0) !== 0,
    width: partial,
    seqAxis: flat ? 1 : 2,
  });
  return [reshape(b, y, x.type.shape)];
}

/** Attention operators of com.microsoft. */
export const contribAttentionOnnxOps: readonly OnnxOp[] = [
  onnxOp('Attention', buildAttention, MICROSOFT),
  onnxOp('QAttention', buildQAttention, MICROSOFT),
  onnxOp('MultiHeadAttention', buildMultiHead, MICROSOFT),
  onnxOp('GroupQueryAttention', buildGroupQuery, MICROSOFT),
  onnxOp('RotaryEmbedding', buildRotary, MICROSOFT),
];
