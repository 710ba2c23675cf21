import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { compress } from '../../compiler/compress/compress.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute, encodeModel, f32, info, type Node, node, type Tensor } from '../import/build-onnx.ts';
import { random } from '../ops/against-onnxruntime.ts';

const weights = (name: string, dims: number[], seed: number): Tensor =>
  f32(
    name,
    dims,
    Array.from(random(dims, seed).data as Float32Array, (v) => v * 0.2),
  );

const model = (nodes: Node[], constants: Tensor[], shape: number[], rank: number): Uint8Array =>
  encodeModel({
    name: 'g',
    node: nodes,
    initializer: constants,
    input: [info('x', shape)],
    output: [info('y', new Array(rank).fill(null))],
  });

const compiler = createCompiler();

/** Outputs with and without the recipe, and the templates of the kernels with it. */
async function both(
  bytes: Uint8Array,
  x: HostTensor,
): Promise<{ plain: Float32Array; quantized: Float32Array; templates: string[] }> {
  const run = async (quant?: string) => {
    const compilation = await compiler.compile(bytes, { targets: ['wasm'], ...(quant ? { quant } : {}) });
    const played = await player(compilation);
    const [y] = Object.values(await played.run({ x })) as HostTensor[];
    const data = Float32Array.from(y?.data as Float32Array);
    await played.dispose();
    return { data, templates: (compilation.targets[0]?.plan.kernels ?? []).map((k) => k.note?.template ?? '') };
  };
  const [plain, quantized] = [await run(), await run('w8a8')];
  return { plain: plain.data, quantized: quantized.data, templates: quantized.templates };
}

function relativeError(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    size += (b[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / size);
}

describe('w8a8', () => {
  it('convolutions multiply codes; depthwise ones and small ones stay floats', async () => {
    const nodes = [
      node('Conv', ['x', 'w0', 'b0'], ['a'], [attribute.ints('pads', [1, 1, 1, 1])]),
      node('Relu', ['a'], ['r']),
      node('Conv', ['r', 'w1'], ['d'], [attribute.int('group', 16), attribute.ints('pads', [1, 1, 1, 1])]),
      node('Conv', ['d', 'w2'], ['y'], [attribute.ints('strides', [2, 2])]),
    ];
    const constants = [
      weights('w0', [16, 12, 3, 3], 1),
      weights('b0', [16], 2),
      weights('w1', [16, 1, 3, 3], 3),
      weights('w2', [70, 16, 1, 1], 4),
    ];
    const { plain, quantized, templates } = await both(
      model(nodes, constants, [1, 12, 14, 18], 4),
      random([1, 12, 14, 18], 9),
    );
    expect(templates.filter((t) => t === 'conv-integer')).toHaveLength(2);
    expect(templates.filter((t) => t === 'conv-simd')).toHaveLength(1);
    expect(relativeError(quantized, plain)).toBeLessThan(0.02);
    expect(relativeError(quantized, plain)).toBeGreaterThan(0);
  });

  it('products quantize each row by itself: an outlier row costs the others nothing', async () => {
    const nodes = [node('MatMul', ['x', 'w'], ['h']), node('Add', ['h', 'b'], ['y'])];
    const x = random([2, 6, 48], 3);
    const data = x.data as Float32Array;
    for (let i = 0; i < 48; i++) data[i] = (data[i] ?? 0) * 1000;
    data.fill(0, 48, 96);
    const bytes = model(nodes, [weights('w', [48, 40], 1), weights('b', [40], 2)], [2, 6, 48], 3);
    const { plain, quantized, templates } = await both(bytes, x);
    expect(templates).toContain('gemm-integer');
    expect(relativeError(quantized.subarray(80), plain.subarray(80))).toBeLessThan(0.02);
    // A row of zeros gives the bias, exactly.
    expect(quantized.subarray(40, 80)).toEqual(plain.subarray(40, 80));
  });

  const program = (body: (b: GraphBuilder, x: Value) => Value, shape: number[]): Program => {
    const graph = new Graph('main');
    const b = new GraphBuilder(graph, compiler.registry, { name: 'm', op: 'MatMul' });
    graph.outputs.push(body(b, graph.input('x', tensor('f32', shape))));
    return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
  };
  const values = (shape: number[], seed: number): Float32Array => random(shape, seed).data as Float32Array;
  const outputOf = async (made: Awaited<ReturnType<typeof compress>>, x: HostTensor): Promise<Float32Array> => {
    const played = await player(made);
    const [y] = Object.values(await played.run({ x })) as HostTensor[];
    await played.dispose();
    return y?.data as Float32Array;
  };

  it('static ranges come from calibration and are constants', async () => {
    const shape = [1, 8, 10, 10];
    const build = () =>
      program((b, x) => {
        const w = b.constant('f32', [24, 8, 3, 3], values([24, 8, 3, 3], 1), 'w');
        const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], group: 1 };
        const flat = b.node('reshape', [b.node('relu', [b.node('conv', [x, w], attrs)])], { shape: [24, 64] });
        return b.node('matmul', [flat, b.constant('f32', [64, 32], values([64, 32], 2), 'v')], {}, 'y');
      }, shape);
    const runs = () => [3, 4, 5].map((s) => ({ inputs: { x: { shape, data: values(shape, s) } } }));
    const made = await compress(build(), { quant: 'w8a8-static', runs });
    const ops = made.program.entries.get('main')?.nodes.map((n) => n.op) ?? [];
    expect(ops.filter((o) => o === 'conv_integer' || o === 'matmul_integer')).toHaveLength(2);
    expect(ops).not.toContain('value_range');
    expect(ops).not.toContain('reduce_max');
    const x = random(shape, 9);
    const exact = await outputOf(await compiler.compile(build(), {}), x);
    expect(relativeError(await outputOf(made, x), exact)).toBeLessThan(0.02);
    await expect(compiler.compile(build(), { quant: 'w8a8-static' })).rejects.toMatchObject({ code: 'INFC2089' });
  });

  it('columns with outliers stay floats', async () => {
    const shape = [6, 64];
    const build = () =>
      program((b, x) => b.node('matmul', [x, b.constant('f32', [64, 80], values([64, 80], 1), 'w')], {}, 'y'), shape);
    const outlying = (seed: number): Float32Array => {
      const data = values(shape, seed);
      for (let i = 0; i < 6; i++) for (const j of [5, 40]) data[i * 64 + j] = (data[i * 64 + j] ?? 0) * 200;
      return data;
    };
    const runs = () => [3, 4].map((s) => ({ inputs: { x: { shape, data: outlying(s) } } }));
    const x: HostTensor = { dtype: 'f32', shape, data: outlying(9) };
    const exact = await outputOf(await compiler.compile(build(), {}), x);
    const error = async (quant: string): Promise<number> => {
      const made = await compress(build(), { quant, runs });
      return relativeError(await outputOf(made, x), exact);
    };
    const plain = await error('w8a8');
    expect(await error('w8a8-outliers')).toBeLessThan(0.2 * plain);
    expect(await error('w8a8+smoothquant')).toBeLessThan(0.9 * plain);
  });
});
