import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { numbersOf } from '../conformance/onnx-data.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute, encodeModel, f32, i64, info, node } from '../import/build-onnx.ts';
import { floats, modelOf, type NodeCase, wholes } from './against-onnxruntime.ts';
import { pack } from './random/builder.ts';

const { int, ints, string } = attribute;
const compiler = createCompiler();

async function play(model: Uint8Array, inputs: Record<string, HostTensor>): Promise<Record<string, HostTensor>> {
  const m = await player(await compiler.compile(model, { targets: ['wasm'] }));
  try {
    return (await m.run(inputs)) as Record<string, HostTensor>;
  } finally {
    await m.dispose();
  }
}

/** Outputs of one node on Wasm, as numbers. */
async function values(c: NodeCase): Promise<number[][]> {
  const inputs = Object.fromEntries(c.inputs.flatMap((t, i) => (t ? [[`x${i}`, t]] : [])));
  const out = await play(modelOf(c), inputs);
  return Object.values(out).map((t) => numbersOf(t).map(Number));
}

const one = async (
  op: string,
  inputs: readonly (HostTensor | null)[],
  out: HostTensor['dtype'],
  rank: number,
  more: Partial<NodeCase> = {},
): Promise<number[]> => (await values({ op, inputs, outputs: [out], ranks: [rank], ...more }))[0] ?? [];

const data = floats([3, 2], [1, 2, 3, 4, 5, 6]);
const NaNs = floats([5], [1, Number.NaN, 7, Number.NaN, -3]);

describe('indices outside their dimension', () => {
  it.each([3, -4, 2147483647])('Gather refuses %d', async (bad) => {
    await expect(one('Gather', [data, wholes('i64', [2], [0, bad])], 'f32', 2)).rejects.toThrow(
      `index ${bad} at position 1 of [2] is outside a dimension of 3`,
    );
  });

  it('GatherElements, GatherND and the scatters refuse them', async () => {
    const at = wholes('i64', [1, 2], [0, 5]);
    await expect(one('GatherElements', [data, at], 'f32', 2)).rejects.toThrow('outside a dimension of 3');
    await expect(one('GatherND', [data, wholes('i64', [1, 2], [2, 2])], 'f32', 1)).rejects.toThrow(
      'index 2 at position 1 of [1, 2] is outside a dimension of 2',
    );
    await expect(one('ScatterElements', [data, at, floats([1, 2], [0, 0])], 'f32', 2)).rejects.toThrow('outside');
    await expect(
      one('ScatterND', [data, wholes('i64', [1, 1], [-4]), floats([1, 2], [0, 0])], 'f32', 2),
    ).rejects.toThrow('outside');
  });

  it('constants are refused when compiling', async () => {
    const model = encodeModel({
      name: 'g',
      input: [info('x', [3])],
      output: [info('y', [1])],
      initializer: [i64('at', [1], [3])],
      node: [node('Gather', ['x', 'at'], ['y'], [], { name: 'pick' })],
    });
    await expect(compiler.compile(model)).rejects.toThrow(/INFC1030.*index 3 is outside a dimension of 3.*pick/);
  });

  it('the last and the first index are inside', async () => {
    expect(await one('Gather', [data, wholes('i64', [3], [-3, 2, -1])], 'f32', 2)).toEqual([1, 2, 5, 6, 5, 6]);
  });

  it('updates must have the shape of the indices', async () => {
    const at = wholes('i64', [1, 2], [0, 1]);
    await expect(one('ScatterElements', [data, at, floats([1, 1], [9])], 'f32', 2)).rejects.toThrow(
      'shape of the indices',
    );
    await expect(one('ScatterND', [data, wholes('i64', [1, 1], [0]), floats([1, 1], [9])], 'f32', 2)).rejects.toThrow(
      'do not fit',
    );
  });

  it('sequences, positions and lengths are checked', async () => {
    const model = encodeModel({
      name: 'g',
      input: [info('x', [1]), info('i', [], 7)],
      output: [info('y', [1])],
      node: [node('SequenceConstruct', ['x', 'x'], ['s']), node('SequenceAt', ['s', 'i'], ['y'])],
    });
    await expect(play(model, { x: floats([1], [1]), i: wholes('i64', [], [2]) })).rejects.toThrow(/INFC6\d\d\d/);
    await expect(one('Compress', [floats([2], [1, 2]), pack('bool', [3], [1, 0, 1])], 'f32', 1)).rejects.toThrow(
      'longer',
    );
    await expect(
      values({ op: 'TopK', inputs: [NaNs, wholes('i64', [1], [6])], outputs: ['f32', 'i64'], ranks: [1, 1] }),
    ).rejects.toThrow('k = 6');
  });
});

describe('integers', () => {
  const dtypes = ['i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'] as const;

  // The standard leaves division by zero open; numpy, in which its reference is written, gives 0.
  it.each(dtypes)('%s divided by zero is 0, and nothing traps', async (dtype) => {
    const model = encodeModel({
      name: 'g',
      input: [info('x', [4], TYPES[dtype]), info('y', [4], TYPES[dtype])],
      output: [info('q', [4], TYPES[dtype]), info('r', [4], TYPES[dtype])],
      node: [node('Div', ['x', 'y'], ['q']), node('Mod', ['x', 'y'], ['r'])],
    });
    const out = await play(model, { x: pack(dtype, [4], [7, 0, 5, 6]), y: pack(dtype, [4], [0, 0, 2, 3]) });
    expect(numbersOf(out.q ?? NaNs).map(Number)).toEqual([0, 0, 2, 2]);
    expect(numbersOf(out.r ?? NaNs).map(Number)).toEqual([0, 0, 1, 0]);
  });

  it('the least integer divided by -1 wraps', async () => {
    expect(await one('Div', [wholes('i32', [1], [-2147483648]), wholes('i32', [1], [-1])], 'i32', 1)).toEqual([
      -2147483648,
    ]);
    const least = wholes('i64', [1], []);
    const big = { ...least, data: BigInt64Array.of(-(2n ** 63n)) };
    expect(await one('Div', [big, wholes('i64', [1], [-1])], 'i64', 1)).toEqual([-(2 ** 63)]);
    expect(await one('Mod', [big, wholes('i64', [1], [-1])], 'i64', 1)).toEqual([0]);
  });
});

const TYPES = { i8: 3, i16: 5, i32: 6, i64: 7, u8: 2, u16: 4, u32: 12, u64: 13 } as const;

describe('NaN', () => {
  it('wins ArgMax and ArgMin, the first one as in numpy', async () => {
    expect(await one('ArgMax', [NaNs], 'i64', 1)).toEqual([1]);
    expect(await one('ArgMin', [NaNs], 'i64', 1)).toEqual([1]);
    const last = { attributes: [int('select_last_index', 1)] };
    expect(await one('ArgMax', [NaNs], 'i64', 1, last)).toEqual([3]);
  });

  it('counts as the largest in TopK, and positions stay inside', async () => {
    const largest = await values({
      op: 'TopK',
      inputs: [NaNs, wholes('i64', [1], [3])],
      outputs: ['f32', 'i64'],
      ranks: [1, 1],
    });
    expect(largest).toEqual([
      [Number.NaN, Number.NaN, 7],
      [1, 3, 2],
    ]);
    const smallest = await values({
      op: 'TopK',
      inputs: [NaNs, wholes('i64', [1], [5])],
      outputs: ['f32', 'i64'],
      ranks: [1, 1],
      attributes: [int('largest', 0)],
    });
    expect(smallest).toEqual([
      [-3, 1, 7, Number.NaN, Number.NaN],
      [4, 0, 2, 1, 3],
    ]);
  });

  it('passes through Max, Min, Clip, Relu and reductions', async () => {
    for (const op of ['Max', 'Min']) expect((await one(op, [NaNs, floats([], [0])], 'f32', 1))[1]).toBeNaN();
    expect((await one('Relu', [NaNs], 'f32', 1))[1]).toBeNaN();
    expect((await one('Clip', [NaNs, floats([], [-1]), floats([], [1])], 'f32', 1))[1]).toBeNaN();
    for (const op of ['ReduceMax', 'ReduceMin', 'ReduceSum', 'ReduceMean'])
      expect(await one(op, [NaNs], 'f32', 0, { attributes: [int('keepdims', 0)] })).toEqual([Number.NaN]);
  });

  it('is one value each in Unique, sorted last', async () => {
    const out = await values({
      op: 'Unique',
      inputs: [NaNs],
      outputs: ['f32', 'i64', 'i64', 'i64'],
      ranks: [1, 1, 1, 1],
    });
    expect(out[0]?.slice(0, 3)).toEqual([-3, 1, 7]);
    expect(out[0]?.[3]).toBeNaN();
  });

  it('as a coordinate or an index stays inside the image', async () => {
    const x = floats([1, 1, 2, 2], [1, 2, 3, 4]);
    const grid = floats([1, 1, 2, 2], [Number.NaN, 0, Number.POSITIVE_INFINITY, -1e30]);
    const y = await one('GridSample', [x, grid], 'f32', 4);
    expect(y).toHaveLength(2);
  });

  it('scores do not hang NonMaxSuppression', async () => {
    const boxes = floats([1, 2, 4], [0, 0, 1, 1, 0, 0, 1, Number.NaN]);
    const scores = floats([1, 1, 2], [Number.NaN, 0.5]);
    const picked = await one('NonMaxSuppression', [boxes, scores, wholes('i64', [1], [2])], 'i64', 2);
    expect(picked.length % 3).toBe(0);
  });
});

const empty = (shape: readonly number[]): HostTensor => floats(shape, []);

describe('empty tensors', () => {
  it('reduce to the identity', async () => {
    const axes = { attributes: [int('keepdims', 0)], opset: 18 };
    expect(await one('ReduceSum', [empty([2, 0]), wholes('i64', [1], [1])], 'f32', 1, axes)).toEqual([0, 0]);
    expect(await one('ReduceProd', [empty([2, 0]), wholes('i64', [1], [1])], 'f32', 1, axes)).toEqual([1, 1]);
    expect(await one('ReduceMax', [empty([1, 0]), wholes('i64', [1], [1])], 'f32', 1, axes)).toEqual([
      Number.NEGATIVE_INFINITY,
    ]);
    expect(await one('ReduceMin', [empty([1, 0]), wholes('i64', [1], [1])], 'f32', 1, axes)).toEqual([
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('multiply to zeros', async () => {
    expect(await one('MatMul', [empty([2, 0]), empty([0, 2])], 'f32', 2)).toEqual([0, 0, 0, 0]);
    expect(await one('Gemm', [empty([1, 0]), empty([0, 2]), floats([2], [1, 2])], 'f32', 2)).toEqual([1, 2]);
  });

  it('pass through everything that keeps a shape', async () => {
    for (const op of ['Relu', 'Sigmoid', 'Softmax', 'Neg', 'Floor', 'Identity'])
      expect(await one(op, [empty([0, 3])], 'f32', 2), op).toEqual([]);
    expect(await one('Add', [empty([0, 3]), floats([1], [1])], 'f32', 2)).toEqual([]);
    expect(await one('Transpose', [empty([0, 3])], 'f32', 2)).toEqual([]);
    expect(await one('Concat', [empty([0, 2]), data], 'f32', 2, { attributes: [int('axis', 0)] })).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    expect(await one('Gather', [data, wholes('i64', [0], [])], 'f32', 2)).toEqual([]);
    expect(await one('NonZero', [empty([0])], 'i64', 2)).toEqual([]);
    const top = await values({
      op: 'TopK',
      inputs: [floats([3], [1, 2, 3]), wholes('i64', [1], [0])],
      outputs: ['f32', 'i64'],
      ranks: [1, 1],
    });
    expect(top).toEqual([[], []]);
    expect(await one('Conv', [empty([0, 1, 3]), floats([1, 1, 2], [1, 1])], 'f32', 3)).toEqual([]);
    expect(await one('CumSum', [empty([0]), wholes('i32', [], [0])], 'f32', 1)).toEqual([]);
  });

  it('hold no largest element', async () => {
    await expect(one('ArgMax', [empty([0, 2])], 'i64', 2)).rejects.toThrow(/INFC1030.*nothing to choose from/);
  });

  it('of a size that only the run knows behave alike', async () => {
    const model = encodeModel(
      {
        name: 'g',
        input: [info('x', ['n', 2])],
        initializer: [f32('w', [2, 2], [1, 0, 0, 1])],
        output: [info('y', ['n', 2]), info('s', [2])],
        node: [
          node('MatMul', ['x', 'w'], ['y']),
          node('ReduceSum', ['x'], ['s'], [int('keepdims', 0), ints('axes', [0])]),
        ],
      },
      { opsetImport: [{ domain: '', version: 12 }] },
    );
    const out = await play(model, { x: empty([0, 2]) });
    expect(out.y?.shape).toEqual([0, 2]);
    expect(numbersOf(out.s ?? NaNs)).toEqual([0, 0]);
  });
});

describe('rank 0', () => {
  const x = floats([], [-2]);
  it('is a tensor like any other', async () => {
    expect(await one('Abs', [x], 'f32', 0)).toEqual([2]);
    expect(await one('Add', [x, data], 'f32', 2)).toEqual([-1, 0, 1, 2, 3, 4]);
    expect(await one('Transpose', [x], 'f32', 0)).toEqual([-2]);
    expect(await one('ReduceSum', [x], 'f32', 0)).toEqual([-2]);
    expect(await one('ReduceMax', [x], 'f32', 0)).toEqual([-2]);
    expect(await one('Shape', [x], 'i64', 1)).toEqual([]);
    expect(await one('Size', [x], 'i64', 0)).toEqual([1]);
    expect(await one('Gather', [data, wholes('i64', [], [1])], 'f32', 1)).toEqual([3, 4]);
    expect(await one('Unsqueeze', [x, wholes('i64', [1], [0])], 'f32', 1)).toEqual([-2]);
    expect(await one('Expand', [x, wholes('i64', [2], [1, 2])], 'f32', 2)).toEqual([-2, -2]);
    expect(await one('Flatten', [x], 'f32', 2, { attributes: [int('axis', 0)] })).toEqual([-2]);
    expect(await one('NonZero', [x], 'i64', 2)).toEqual([0]);
    expect(await one('Where', [pack('bool', [], [1]), x, data], 'f32', 2)).toEqual([-2, -2, -2, -2, -2, -2]);
    expect(await one('CumSum', [floats([1], [3]), wholes('i32', [], [0])], 'f32', 1)).toEqual([3]);
  });

  it('has no axis to work along', async () => {
    for (const [op, attributes] of [
      ['Concat', [int('axis', 0)]],
      ['Split', [int('axis', 0)]],
    ] as const)
      await expect(one(op, [x], 'f32', 0, { attributes: [...attributes] }), op).rejects.toThrow(/INFC\d{4}/);
    await expect(one('Gather', [x, wholes('i64', [1], [0])], 'f32', 1)).rejects.toThrow(/INFC\d{4}/);
  });
});

describe('parameters that make no sense', () => {
  it('are refused', async () => {
    await expect(one('Range', [floats([], [0]), floats([], [3]), floats([], [0])], 'f32', 1)).rejects.toThrow(
      /INFC\d{4}/,
    );
    await expect(
      one(
        'Slice',
        [data, wholes('i64', [1], [0]), wholes('i64', [1], [1]), wholes('i64', [1], [0]), wholes('i64', [1], [0])],
        'f32',
        2,
      ),
    ).rejects.toThrow('step is 0');
    await expect(one('Tile', [data, wholes('i64', [2], [-1, 1])], 'f32', 2)).rejects.toThrow(/INFC\d{4}/);
    await expect(one('Reshape', [data, wholes('i64', [2], [4, 2])], 'f32', 2)).rejects.toThrow(/INFC\d{4}/);
    await expect(one('Expand', [data, wholes('i64', [2], [3, 5])], 'f32', 2)).rejects.toThrow(/INFC\d{4}/);
    await expect(one('Pad', [data, wholes('i64', [4], [-4, 0, 0, 0])], 'f32', 2)).rejects.toThrow(/INFC\d{4}/);
    await expect(
      one('Split', [data, wholes('i64', [2], [2, 2])], 'f32', 2, {
        outputs: ['f32', 'f32'],
        ranks: [2, 2],
        attributes: [int('axis', 0)],
      }),
    ).rejects.toThrow(/INFC\d{4}/);
    await expect(one('ReverseSequence', [data, wholes('i64', [2], [4, 1])], 'f32', 2)).rejects.toThrow(/INFC\d{4}/);
    await expect(
      one(
        'RoiAlign',
        [floats([1, 1, 2, 2], [1, 2, 3, 4]), floats([1, 4], [0, 0, 1, 1]), wholes('i64', [1], [3])],
        'f32',
        4,
      ),
    ).rejects.toThrow(/INFC\d{4}/);
    await expect(
      one('MaxUnpool', [floats([1, 1, 1, 1], [1]), wholes('i64', [1, 1, 1, 1], [99])], 'f32', 4, {
        attributes: [ints('kernel_shape', [2, 2])],
      }),
    ).rejects.toThrow(/INFC\d{4}/);
    await expect(
      one('Resize', [data, floats([0], []), floats([2], [0, 1])], 'f32', 2, {
        attributes: [string('mode', 'nearest')],
      }),
    ).resolves.toEqual([]);
  });
});
