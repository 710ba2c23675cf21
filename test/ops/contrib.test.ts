import { describe, expect, it } from 'vitest';
import { attribute } from '../import/build-onnx.ts';
import { bytes, disagreement, floats, type NodeCase, onnxruntime, random, wholes } from './against-onnxruntime.ts';

const ms = (c: Omit<NodeCase, 'domain'>): NodeCase => ({ domain: 'com.microsoft', ...c });
const { int, float, string } = attribute;

const cases: Record<string, NodeCase> = {
  'MatMulNBits, 4 bits': ms({
    op: 'MatMulNBits',
    attributes: [int('K', 64), int('N', 8), int('bits', 4), int('block_size', 32)],
    inputs: [random([3, 64], 1), bytes('u8', [8, 2, 16], 2), random([16], 3)],
    outputs: ['f32'],
    ranks: [2],
  }),
  'MatMulNBits with zero points': ms({
    op: 'MatMulNBits',
    attributes: [int('K', 64), int('N', 8), int('bits', 4), int('block_size', 16)],
    inputs: [random([3, 64], 1), bytes('u8', [8, 4, 8], 2), random([32], 3), bytes('u8', [16], 4)],
    outputs: ['f32'],
    ranks: [2],
  }),
  FastGelu: ms({ op: 'FastGelu', inputs: [random([2, 6], 1), random([6], 2)], outputs: ['f32'], ranks: [2] }),
  BiasGelu: ms({ op: 'BiasGelu', inputs: [random([2, 6], 1), random([6], 2)], outputs: ['f32'], ranks: [2] }),
  QuickGelu: ms({ op: 'QuickGelu', inputs: [random([2, 6], 1)], outputs: ['f32'], ranks: [2] }),
  FusedMatMul: ms({
    op: 'FusedMatMul',
    attributes: [float('alpha', 0.5), int('transB', 1)],
    inputs: [random([2, 3, 4], 1), random([2, 5, 4], 2)],
    outputs: ['f32'],
    ranks: [3],
  }),
  SkipLayerNormalization: ms({
    op: 'SkipLayerNormalization',
    inputs: [random([1, 3, 8], 1), random([1, 3, 8], 2), random([8], 3), random([8], 4), random([8], 5)],
    outputs: ['f32', '', '', 'f32'],
    ranks: [3, 0, 0, 3],
  }),
  SkipSimplifiedLayerNormalization: ms({
    op: 'SkipSimplifiedLayerNormalization',
    inputs: [random([1, 3, 8], 1), random([1, 3, 8], 2), random([8], 3)],
    outputs: ['f32', '', '', 'f32'],
    ranks: [3, 0, 0, 3],
  }),
  SimplifiedLayerNormalization: {
    op: 'SimplifiedLayerNormalization',
    attributes: [int('axis', -1), float('epsilon', 1e-5)],
    inputs: [random([2, 3, 8], 1), random([8], 3)],
    outputs: ['f32'],
    ranks: [3],
  },
  'RotaryEmbedding, positions': ms({
    op: 'RotaryEmbedding',
    inputs: [random([2, 2, 3, 8], 1), wholes('i64', [2, 3], [0, 1, 2, 4, 5, 6]), random([8, 4], 2), random([8, 4], 3)],
    outputs: ['f32'],
    ranks: [4],
  }),
  'RotaryEmbedding, interleaved rows': ms({
    op: 'RotaryEmbedding',
    attributes: [int('interleaved', 1)],
    inputs: [random([2, 3, 16], 1), wholes('i64', [1], [2]), random([8, 4], 2), random([8, 4], 3)],
    outputs: ['f32'],
    ranks: [3],
  }),
  MultiHeadAttention: ms({
    op: 'MultiHeadAttention',
    attributes: [int('num_heads', 2)],
    inputs: [random([2, 3, 8], 1), random([2, 5, 8], 2), random([2, 5, 8], 3), random([24], 4)],
    outputs: ['f32'],
    ranks: [3],
  }),
  'MultiHeadAttention, key mask and bias': ms({
    op: 'MultiHeadAttention',
    attributes: [int('num_heads', 2)],
    inputs: [
      random([2, 3, 8], 1),
      random([2, 5, 8], 2),
      random([2, 5, 8], 3),
      null,
      wholes('i32', [2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 0]),
      random([2, 2, 3, 5], 6),
    ],
    outputs: ['f32'],
    ranks: [3],
  }),
  'Attention of com.microsoft, causal': ms({
    op: 'Attention',
    attributes: [int('num_heads', 2), int('unidirectional', 1)],
    inputs: [random([2, 3, 6], 1), random([6, 24], 2), random([24], 3)],
    outputs: ['f32'],
    ranks: [3],
  }),
  'GroupQueryAttention, prompt': ms({
    op: 'GroupQueryAttention',
    attributes: [int('num_heads', 4), int('kv_num_heads', 2)],
    inputs: [
      random([1, 3, 32], 1),
      random([1, 3, 16], 2),
      random([1, 3, 16], 3),
      random([1, 2, 0, 8], 4),
      random([1, 2, 0, 8], 5),
      wholes('i32', [1], [2]),
      wholes('i32', [1], [3]),
    ],
    outputs: ['f32', 'f32', 'f32'],
    ranks: [3, 4, 4],
  }),
  'GroupQueryAttention, step with rotary': ms({
    op: 'GroupQueryAttention',
    attributes: [int('num_heads', 4), int('kv_num_heads', 2), int('do_rotary', 1)],
    inputs: [
      random([1, 1, 64], 1),
      random([1, 1, 32], 2),
      random([1, 1, 32], 3),
      random([1, 2, 4, 16], 4),
      random([1, 2, 4, 16], 5),
      wholes('i32', [1], [4]),
      wholes('i32', [1], [5]),
      random([8, 8], 6),
      random([8, 8], 7),
    ],
    outputs: ['f32', 'f32', 'f32'],
    ranks: [3, 4, 4],
  }),
  DynamicQuantizeMatMul: ms({
    op: 'DynamicQuantizeMatMul',
    inputs: [random([3, 8], 1), bytes('i8', [8, 4], 2), floats([1], [0.02]), null, random([4], 5)],
    outputs: ['f32'],
    ranks: [2],
  }),
  MatMulIntegerToFloat: ms({
    op: 'MatMulIntegerToFloat',
    inputs: [bytes('u8', [3, 8], 1), bytes('i8', [8, 4], 2), floats([], [0.1]), random([4], 3)],
    outputs: ['f32'],
    ranks: [2],
  }),
  QAttention: ms({
    op: 'QAttention',
    attributes: [int('num_heads', 2)],
    inputs: [
      bytes('u8', [1, 3, 6], 1),
      bytes('i8', [6, 24], 2),
      random([24], 3),
      floats([], [0.01]),
      floats([], [0.01]),
      null,
      { dtype: 'u8', shape: [], data: Uint8Array.of(128) },
      { dtype: 'i8', shape: [], data: Int8Array.of(0) },
    ],
    outputs: ['f32'],
    ranks: [3],
  }),
  'GatherBlockQuantized, bytes': ms({
    op: 'GatherBlockQuantized',
    attributes: [int('block_size', 16), int('gather_axis', 0), int('quantize_axis', 1), int('bits', 4)],
    inputs: [bytes('u8', [6, 16], 1), wholes('i64', [2, 2], [0, 5, 3, 3]), random([6, 2], 2)],
    outputs: ['f32'],
    ranks: [3],
  }),
  MoE: ms({
    op: 'MoE',
    attributes: [int('k', 2), string('activation_type', 'relu'), int('normalize_routing_weights', 1)],
    inputs: [
      random([5, 8], 1),
      random([5, 3], 2),
      random([3, 16, 8], 3),
      random([3, 16], 4),
      random([3, 8, 16], 5),
      random([3, 8], 6),
    ],
    outputs: ['f32'],
    ranks: [2],
  }),
  QLinearAdd: ms({
    op: 'QLinearAdd',
    inputs: [
      bytes('u8', [2, 6], 1),
      floats([], [0.1]),
      { dtype: 'u8', shape: [], data: Uint8Array.of(120) },
      bytes('u8', [6], 2),
      floats([], [0.05]),
      { dtype: 'u8', shape: [], data: Uint8Array.of(100) },
      floats([], [0.2]),
      { dtype: 'u8', shape: [], data: Uint8Array.of(128) },
    ],
    outputs: ['u8'],
    ranks: [2],
  }),
};

const ort = onnxruntime();

describe('operators of com.microsoft agree with onnxruntime', () => {
  if (!ort) it.skip('onnxruntime-node is not installed', () => undefined);
  else
    for (const [name, c] of Object.entries(cases)) {
      it(name, async () => {
        expect(await disagreement(c)).toBeUndefined();
      });
    }
});
