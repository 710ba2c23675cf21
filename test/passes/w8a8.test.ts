import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
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
});
