import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../runtime/host.ts';
import { attribute } from '../import/build-onnx.ts';
import {
  bytes,
  disagreement,
  floats,
  type NodeCase,
  onnxruntime,
  random,
  runReference,
  wholes,
} from './against-onnxruntime.ts';

const { int, ints, float, string } = attribute;
const f32 = (c: Omit<NodeCase, 'outputs' | 'ranks'> & { rank: number }): NodeCase => ({
  ...c,
  outputs: ['f32'],
  ranks: [c.rank],
});
const special = floats(
  [2, 4],
  [0, -0, 1.5, -2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38],
);

/** Older opsets, corner cases and shapes that the ONNX backend tests leave out. */
const cases: Record<string, NodeCase> = {
  'Softmax before opset 13 flattens to rows': f32({
    op: 'Softmax',
    opset: 11,
    attributes: [int('axis', 1)],
    inputs: [random([2, 3, 4], 1)],
    rank: 3,
  }),
  'Sum of one input': f32({ op: 'Sum', inputs: [random([3], 1)], rank: 1 }),
  'Clip with attributes': f32({
    op: 'Clip',
    opset: 6,
    attributes: [float('min', -0.2), float('max', 0.4)],
    inputs: [random([9], 1)],
    rank: 1,
  }),
  'Relu of special values': f32({ op: 'Relu', inputs: [special], rank: 2 }),
  'Sign of special values': f32({ op: 'Sign', inputs: [special], rank: 2 }),
  'Round half to even': f32({ op: 'Round', inputs: [floats([6], [0.5, 1.5, 2.5, -0.5, -1.5, -2.5])], rank: 1 }),
  'Max propagates NaN': f32({ op: 'Max', inputs: [special, floats([4], [0, 1, 2, 3])], rank: 2 }),
  'ReduceLogSumExp of large numbers': f32({
    op: 'ReduceLogSumExp',
    attributes: [ints('axes', [1])],
    inputs: [floats([2, 3], [1000, 1001, 1002, -1000, -1000, -1000])],
    rank: 2,
  }),
  'Mod with negative operands': {
    op: 'Mod',
    inputs: [wholes('i64', [4], [7, -7, 7, -7]), wholes('i64', [4], [3, 3, -3, -3])],
    outputs: ['i64'],
    ranks: [1],
  },
  'Div truncates': {
    op: 'Div',
    inputs: [wholes('i32', [4], [7, -7, 7, -7]), wholes('i32', [4], [2, 2, -2, -2])],
    outputs: ['i32'],
    ranks: [1],
  },
  'Pow of integers': {
    op: 'Pow',
    inputs: [wholes('i64', [4], [3, -2, 0, 10]), wholes('i64', [4], [5, 3, 0, 9])],
    outputs: ['i64'],
    ranks: [1],
  },
  'Conv, groups, dilation and bias': f32({
    op: 'Conv',
    attributes: [int('group', 2), ints('dilations', [2, 1]), ints('strides', [1, 2]), ints('pads', [2, 1, 0, 1])],
    inputs: [random([1, 4, 7, 6], 1), random([6, 2, 3, 2], 2), random([6], 3)],
    rank: 4,
  }),
  'Conv, SAME_LOWER': f32({
    op: 'Conv',
    attributes: [string('auto_pad', 'SAME_LOWER'), ints('strides', [2])],
    inputs: [random([2, 3, 8], 1), random([4, 3, 4], 2)],
    rank: 3,
  }),
  'ConvTranspose, groups and output padding': f32({
    op: 'ConvTranspose',
    attributes: [int('group', 2), ints('strides', [3, 2]), ints('pads', [1, 0, 0, 1]), ints('output_padding', [1, 1])],
    inputs: [random([1, 4, 3, 4], 1), random([4, 3, 3, 2], 2), random([6], 3)],
    rank: 4,
  }),
  'AveragePool, ceil and padding': f32({
    op: 'AveragePool',
    opset: 19,
    attributes: [
      ints('kernel_shape', [3, 2]),
      ints('strides', [2, 2]),
      ints('pads', [1, 1, 1, 0]),
      int('ceil_mode', 1),
    ],
    inputs: [random([1, 2, 6, 7], 1)],
    rank: 4,
  }),
  'MaxPool, dilation': f32({
    op: 'MaxPool',
    attributes: [ints('kernel_shape', [3]), ints('dilations', [2]), ints('pads', [2, 2])],
    inputs: [random([1, 2, 9], 1)],
    rank: 3,
  }),
  'Einsum, heads of attention': f32({
    op: 'Einsum',
    attributes: [string('equation', 'bihd,bjhd->bhij')],
    inputs: [random([2, 3, 4, 5], 1), random([2, 6, 4, 5], 2)],
    rank: 4,
  }),
  'Einsum, columns first': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ij,jk->ki')],
    inputs: [random([3, 4], 1), random([4, 5], 2)],
    rank: 2,
  }),
  'Einsum, ellipsis': f32({
    op: 'Einsum',
    attributes: [string('equation', '...ij,...jk->...ik')],
    inputs: [random([2, 3, 4], 1), random([2, 4, 5], 2)],
    rank: 3,
  }),
  'Einsum, two labels summed over': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ijk,jkl->il')],
    inputs: [random([2, 3, 4], 1), random([3, 4, 5], 2)],
    rank: 2,
  }),
  'Einsum, all summed over': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ij,ij->')],
    inputs: [random([3, 4], 1), random([3, 4], 2)],
    rank: 0,
  }),
  'Einsum, labels of one factor summed over': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ij,kl->')],
    inputs: [random([3, 4], 1), random([2, 5], 2)],
    rank: 0,
  }),
  'Einsum, an outer product': f32({
    op: 'Einsum',
    attributes: [string('equation', 'i,j->ij')],
    inputs: [random([3], 1), random([4], 2)],
    rank: 2,
  }),
  'Einsum, a chain of three': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ij,jk,kl->il')],
    inputs: [random([3, 4], 1), random([4, 5], 2), random([5, 2], 3)],
    rank: 2,
  }),
  'Einsum, three that share a label': f32({
    op: 'Einsum',
    attributes: [string('equation', 'bi,bj,bk->bijk')],
    inputs: [random([2, 3], 1), random([2, 4], 2), random([2, 5], 3)],
    rank: 4,
  }),
  'Einsum, three, one label summed over in all': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ai,aj,ak->ijk')],
    inputs: [random([4, 2], 1), random([4, 3], 2), random([4, 2], 3)],
    rank: 3,
  }),
  'Einsum, a diagonal': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ii,ij->j')],
    inputs: [random([3, 3], 1), random([3, 4], 2)],
    rank: 1,
  }),
  'Einsum, a label of length 1 and 3': f32({
    op: 'Einsum',
    attributes: [string('equation', 'ij,jk->ik')],
    inputs: [random([2, 3], 1), random([3, 1], 2)],
    rank: 2,
  }),
  'Gather with negative indices': f32({
    op: 'Gather',
    attributes: [int('axis', 1)],
    inputs: [random([2, 5, 3], 1), wholes('i64', [2, 2], [0, -1, 4, -5])],
    rank: 4,
  }),
  'Slice backwards past the start': f32({
    op: 'Slice',
    inputs: [
      random([5, 4], 1),
      wholes('i64', [2], [3, -1]),
      wholes('i64', [2], [-100, 0]),
      wholes('i64', [2], [0, 1]),
      wholes('i64', [2], [-2, -1]),
    ],
    rank: 2,
  }),
  'Pad, reflect': f32({
    op: 'Pad',
    attributes: [string('mode', 'reflect')],
    inputs: [random([3, 4], 1), wholes('i64', [4], [1, 2, 2, 3])],
    rank: 2,
  }),
  'Resize, cubic': f32({
    op: 'Resize',
    attributes: [string('mode', 'cubic'), string('coordinate_transformation_mode', 'half_pixel')],
    inputs: [random([1, 1, 4, 5], 1), null, floats([4], [1, 1, 1.6, 0.7])],
    rank: 4,
  }),
  'Einsum with a diagonal and a sum': f32({
    op: 'Einsum',
    attributes: [string('equation', 'bij,bjk->bk')],
    inputs: [random([2, 3, 4], 1), random([2, 4, 5], 2)],
    rank: 2,
  }),
  'TopK of equal values': {
    op: 'TopK',
    inputs: [floats([2, 4], [1, 3, 3, 2, 0, 0, 0, 0]), wholes('i64', [1], [3])],
    outputs: ['f32', 'i64'],
    ranks: [2, 2],
  },
  'CumSum, reverse and exclusive': f32({
    op: 'CumSum',
    attributes: [int('reverse', 1), int('exclusive', 1)],
    inputs: [random([2, 5], 1), wholes('i64', [], [1])],
    rank: 2,
  }),
  BatchNormalization: f32({
    op: 'BatchNormalization',
    inputs: [random([2, 3, 4], 1), random([3], 2), random([3], 3), random([3], 4), floats([3], [0.5, 1, 2])],
    rank: 3,
  }),
  'GroupNormalization, opset 21': f32({
    op: 'GroupNormalization',
    opset: 21,
    attributes: [int('num_groups', 2)],
    inputs: [random([2, 4, 3], 1), random([4], 2), random([4], 3)],
    rank: 3,
  }),
  'QuantizeLinear a channel': {
    op: 'QuantizeLinear',
    opset: 13,
    attributes: [int('axis', 1)],
    inputs: [random([2, 3, 4], 1), floats([3], [0.01, 0.02, 0.05]), bytes('u8', [3], 5)],
    outputs: ['u8'],
    ranks: [3],
  },
  'MatMulInteger with row zero points': {
    op: 'MatMulInteger',
    inputs: [
      bytes('u8', [3, 4], 1),
      bytes('u8', [4, 2], 2),
      { dtype: 'u8', shape: [], data: Uint8Array.of(7) },
      bytes('u8', [2], 3),
    ],
    outputs: ['i32'],
    ranks: [2],
  },
  'DFT of an odd length': f32({
    op: 'DFT',
    opset: 17,
    attributes: [int('axis', 1)],
    inputs: [random([1, 15, 1], 1)],
    rank: 3,
  }),
  'STFT with a window': f32({
    op: 'STFT',
    opset: 17,
    inputs: [random([1, 64, 1], 1), wholes('i64', [], [8]), random([16], 2), wholes('i64', [], [16])],
    rank: 4,
  }),
  'GridSample, border': f32({
    op: 'GridSample',
    opset: 16,
    attributes: [string('padding_mode', 'border')],
    inputs: [random([1, 2, 4, 5], 1), random([1, 3, 3, 2], 2)],
    rank: 4,
  }),
  'Trilu with a negative diagonal': f32({
    op: 'Trilu',
    inputs: [random([2, 4, 5], 1), wholes('i64', [], [-1])],
    rank: 3,
  }),
  'OneHot with indices out of range': f32({
    op: 'OneHot',
    inputs: [wholes('i64', [4], [0, -1, 7, 2]), wholes('i64', [1], [3]), floats([2], [2, 5])],
    rank: 2,
  }),
  'Scatter of repeated additions': f32({
    op: 'ScatterElements',
    opset: 18,
    attributes: [string('reduction', 'add')],
    inputs: [random([3, 3], 1), wholes('i64', [2, 3], [0, 1, 1, 0, 2, 2]), random([2, 3], 2)],
    rank: 2,
  }),
  MaxRoiPool: f32({
    op: 'MaxRoiPool',
    attributes: [ints('pooled_shape', [2, 3]), float('spatial_scale', 0.5)],
    inputs: [random([2, 2, 8, 9], 1), floats([2, 5], [0, 0, 0, 14, 12, 1, 4, 3, 9, 15])],
    rank: 4,
  }),
  RoiAlign: f32({
    op: 'RoiAlign',
    opset: 16,
    attributes: [int('output_height', 3), int('output_width', 2), float('spatial_scale', 0.5)],
    inputs: [random([2, 2, 8, 9], 1), floats([2, 4], [0, 0, 14, 12, 4, 3, 9, 15]), wholes('i64', [2], [1, 0])],
    rank: 4,
  }),
  NonMaxSuppression: {
    op: 'NonMaxSuppression',
    inputs: [
      floats([1, 3, 4], [0, 0, 1, 1, 0, 0.1, 1, 1.1, 5, 5, 6, 6]),
      floats([1, 1, 3], [0.5, 0.9, 0.7]),
      wholes('i64', [1], [2]),
      floats([1], [0.5]),
      floats([1], [0]),
    ],
    outputs: ['i64'],
    ranks: [2],
  },
};

const ort = onnxruntime();

describe('operators agree with onnxruntime', () => {
  if (!ort) it.skip('onnxruntime-node is not installed', () => undefined);
  else
    for (const [name, c] of Object.entries(cases)) {
      it(name, async () => {
        expect(await disagreement(c)).toBeUndefined();
      });
    }
});

describe('ai.onnx.ml', () => {
  it('picks columns of strings, a vector being one row', async () => {
    const words: HostTensor = { dtype: 'string', shape: [3], data: ['a', 'b', 'c'] };
    const c: NodeCase = {
      op: 'ArrayFeatureExtractor',
      domain: 'ai.onnx.ml',
      inputs: [words, wholes('i64', [2], [2, 0])],
      outputs: ['string'],
      ranks: [2],
    };
    expect((await runReference(c)).y0).toEqual({ dtype: 'string', shape: [1, 2], data: ['c', 'a'] });
  });

  it('has the quantile of a normal distribution, as rough as the standard has it', async () => {
    const c: NodeCase = {
      op: 'LinearRegressor',
      domain: 'ai.onnx.ml',
      attributes: [attribute.floats('coefficients', [1]), attribute.string('post_transform', 'PROBIT')],
      inputs: [floats([3, 1], [0.025, 0.5, 0.975])],
      outputs: ['f32'],
      ranks: [2],
    };
    const [low = 0, middle = 1, high = 0] = [...((await runReference(c)).y0?.data ?? [])].map(Number);
    expect(low).toBeCloseTo(-1.96, 2);
    expect(middle).toBeCloseTo(0, 6);
    expect(high).toBeCloseTo(1.96, 2);
    expect(await disagreement(c)).toBeUndefined();
  });
});

describe('broadcasting of lengths that only the run knows', () => {
  const none = floats([0, 1], []);
  it.each([
    ['nothing stays nothing beside 1', none, [1, 3], [0, 3]],
    ['nothing stays nothing beside 0', none, [0, 3], [0, 3]],
    ['one becomes nothing', floats([1, 2], [1, 2]), [0, 2], [0, 2]],
    ['a new axis may be empty', floats([2], [1, 2]), [0, 1], [0, 2]],
  ])('%s', async (_, x, wanted, shape) => {
    const to = wholes('i64', [wanted.length], wanted);
    const got = await runReference(f32({ op: 'Expand', inputs: [x, to], rank: shape.length }));
    expect(got.y0?.shape).toEqual(shape);
  });
});

describe('what operators refuse', () => {
  const refused: readonly (readonly [string, NodeCase, RegExp])[] = [
    [
      'shapes that do not broadcast',
      f32({ op: 'Add', inputs: [random([2, 3], 1), random([2, 4], 2)], rank: 2 }),
      /INFC2010.*do not broadcast/,
    ],
    [
      'inner dimensions that differ',
      f32({ op: 'MatMul', inputs: [random([2, 3], 1), random([4, 2], 2)], rank: 2 }),
      /INFC2010.*inner dimensions 3 and 4/,
    ],
    [
      'an axis outside the rank',
      f32({ op: 'Softmax', attributes: [int('axis', 5)], inputs: [random([2, 3], 1)], rank: 2 }),
      /INFC1030.*axis 5/,
    ],
    [
      'a reshape to another size at run time',
      f32({ op: 'Reshape', inputs: [random([2, 3], 1), wholes('i64', [2], [4, 2])], rank: 2 }),
      /INFC6016.*\[2, 3\].*\[4, 2\]/,
    ],
    [
      'k above the length',
      { op: 'TopK', inputs: [random([3], 1), wholes('i64', [1], [4])], outputs: ['f32', 'i64'], ranks: [1, 1] },
      /INFC6016.*k = 4/,
    ],
    [
      'a scatter outside',
      f32({ op: 'ScatterElements', inputs: [random([3], 1), wholes('i64', [1], [3]), random([1], 2)], rank: 1 }),
      /INFC6016.*index 3/,
    ],
  ];
  for (const [name, c, message] of refused) {
    it(name, async () => {
      await expect(runReference(c)).rejects.toThrow(message);
    });
  }
  it('integer division by zero gives 0, and the least integer over -1 wraps', async () => {
    const c: NodeCase = {
      op: 'Div',
      inputs: [wholes('i32', [3], [5, -5, -2147483648]), wholes('i32', [3], [0, 0, -1])],
      outputs: ['i32'],
      ranks: [1],
    };
    expect([...((await runReference(c)).y0?.data ?? [])]).toEqual([0, 0, -2147483648]);
  });
});
