import { describe, expect, it } from 'vitest';
import { Reference } from '../../backends/reference/evaluate.ts';
import { createCompiler } from '../../compiler/compile.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { difference } from '../conformance/onnx-data.ts';
import { player } from '../conformance/onnx-targets.ts';
import {
  type Attribute,
  attribute,
  encodeModel,
  f32,
  i64,
  info,
  type Node,
  node,
  type Tensor,
} from '../import/build-onnx.ts';
import { onnxruntime, random } from '../ops/against-onnxruntime.ts';

type Code = 'u8' | 'i8';
const ELEMENT: Readonly<Record<Code, number>> = { u8: 2, i8: 3 };

/** Writes a quantized graph: what an exporter of the QDQ kind would. */
class Writer {
  readonly nodes: Node[] = [];
  readonly constants: Tensor[] = [];
  private made = 0;

  constructor(
    readonly activations: Code,
    readonly weights: Code,
    readonly perChannel: boolean,
  ) {}

  private name(hint: string): string {
    return `${hint}${this.made++}`;
  }

  op(type: string, inputs: string[], attributes: Attribute[] = [], outputs = 1): string {
    const names = Array.from({ length: outputs }, () => this.name(type));
    this.nodes.push(node(type, inputs, names, attributes));
    return names[0] ?? '';
  }

  codes(dtype: Code | 'i32', dims: number[], values: readonly number[]): string {
    const name = this.name('c');
    const data =
      dtype === 'u8' ? Uint8Array.from(values) : dtype === 'i8' ? Int8Array.from(values) : Int32Array.from(values);
    const rawData = new Uint8Array(data.buffer);
    this.constants.push({ name, dims, dataType: dtype === 'i32' ? 6 : ELEMENT[dtype], rawData });
    return name;
  }

  floats(dims: number[], values: readonly number[]): string {
    const name = this.name('f');
    this.constants.push(f32(name, dims, [...values]));
    return name;
  }

  /** Scale and zero point of an activation. */
  grid(scale: number, zero: number): [string, string] {
    return [this.floats([], [scale]), this.codes(this.activations, [], [zero])];
  }

  /** Quantizes and dequantizes at once. */
  qdq(x: string, [scale, zero]: [string, string]): string {
    return this.op('DequantizeLinear', [this.op('QuantizeLinear', [x, scale, zero]), scale, zero]);
  }

  /** Dequantized weights whose channels lie along `axis`, and the scale of each. */
  weight(dims: number[], axis: number, seed: number): { value: string; scales: number[] } {
    const noise = random(dims, seed).data as Float32Array;
    const zero = this.weights === 'u8' ? 121 : 0;
    const codes = Array.from(noise, (v) => Math.round(v * 127) + (this.weights === 'u8' ? 128 : 0));
    const channels = dims[axis] ?? 1;
    const scales = Array.from({ length: this.perChannel ? channels : 1 }, (_, i) => 0.004 + 0.0003 * (i % 7));
    const shape = this.perChannel ? [channels] : [];
    const inputs = [
      this.codes(this.weights, dims, codes),
      this.floats(shape, scales),
      this.codes(
        this.weights,
        shape,
        scales.map(() => zero),
      ),
    ];
    return { value: this.op('DequantizeLinear', inputs, [attribute.int('axis', axis)]), scales };
  }

  /** A bias quantized as onnxruntime's tools do: in 32 bits, with the product of the scales. */
  bias(channels: number, input: number, scales: readonly number[], seed: number): string {
    const product = scales.map((s) => Math.fround(Math.fround(input) * Math.fround(s)));
    const noise = random([channels], seed).data as Float32Array;
    const at = (i: number): number => product[product.length === 1 ? 0 : i] ?? 1;
    const codes = Array.from(noise, (v, i) => Math.round(v / at(i)));
    const shape = scales.length === 1 ? [] : [channels];
    const zeros = this.codes(
      'i32',
      shape,
      scales.map(() => 0),
    );
    return this.op(
      'DequantizeLinear',
      [this.codes('i32', [channels], codes), this.floats(shape, product), zeros],
      [attribute.int('axis', 0)],
    );
  }

  model(shape: number[], output: string, rank: number, elem: number): Uint8Array {
    return encodeModel({
      name: 'g',
      node: this.nodes,
      initializer: this.constants,
      input: [info('x', shape)],
      output: [info(output, new Array(rank).fill(null), elem)],
    });
  }
}

const pads = (n: number): Attribute => attribute.ints('pads', [n, n, n, n]);

/** Convolutions of every kind between max pooling, a residual sum and a concatenation; a pool and a Gemm at the end. */
function cnn(w: Writer): { model: Uint8Array; shape: number[]; convs: number; products: number } {
  const least = w.activations === 'u8' ? 0 : -128;
  const middle = w.activations === 'u8' ? 130 : 3;
  const shape = [2, 3, 13, 15];
  const gx = w.grid(1 / 127, middle);
  let y = w.qdq('x', gx);
  const first = w.weight([8, 3, 3, 3], 0, 1);
  const g1 = w.grid(0.012, least);
  y = w.op('Relu', [w.op('Conv', [y, first.value, w.bias(8, 1 / 127, first.scales, 2)], [pads(1)])]);
  y = w.qdq(y, g1);
  const pooled = w.op('MaxPool', [y], [attribute.ints('kernel_shape', [2, 2]), attribute.ints('strides', [2, 2])]);
  y = w.qdq(pooled, g1);
  const depthwise = w.weight([8, 1, 3, 3], 0, 3);
  const g2 = w.grid(0.02, middle);
  const conv = w.op(
    'Conv',
    [y, depthwise.value, w.bias(8, 0.012, depthwise.scales, 4)],
    [pads(1), attribute.int('group', 8)],
  );
  const branch = w.qdq(conv, g2);
  const g3 = w.grid(0.03, middle);
  const sum = w.qdq(w.op('Add', [branch, y]), g3);
  const joined = w.qdq(w.op('Concat', [sum, sum], [attribute.int('axis', 1)]), g3);
  const last = w.weight([10, 16, 1, 1], 0, 5);
  const g4 = w.grid(0.06, middle);
  const strided = w.op('Conv', [joined, last.value], [attribute.ints('strides', [2, 2])]);
  const tail = w.qdq(w.op('GlobalAveragePool', [w.qdq(strided, g4)]), g4);
  const flat = w.qdq(w.op('Reshape', [tail, shapeOf(w, [0, -1])]), g4);
  const fc = w.weight([7, 10], 0, 6);
  const gemm = w.op('Gemm', [flat, fc.value, w.bias(7, 0.06, fc.scales, 7)], [attribute.int('transB', 1)]);
  const [scale, zero] = w.grid(0.02, middle);
  const out = w.op('QuantizeLinear', [gemm, scale, zero]);
  return { model: w.model(shape, out, 2, ELEMENT[w.activations]), shape, convs: 3, products: 1 };
}

function shapeOf(w: Writer, values: number[]): string {
  const name = `shape${w.constants.length}`;
  w.constants.push(i64(name, [values.length], values));
  return name;
}

/** Both operands of the second product come at run time. */
function attention(w: Writer): { model: Uint8Array; shape: number[]; convs: number; products: number } {
  const middle = w.activations === 'u8' ? 130 : 3;
  const shape = [2, 9, 20];
  const gx = w.grid(1 / 127, middle);
  const x = w.qdq('x', gx);
  const wq = w.weight([20, 12], 1, 1);
  const wk = w.weight([20, 12], 1, 2);
  const g = w.grid(0.02, middle);
  const q = w.qdq(w.op('MatMul', [x, wq.value]), g);
  const k = w.qdq(w.op('MatMul', [x, wk.value]), g);
  const turned = w.qdq(w.op('Transpose', [k], [attribute.ints('perm', [0, 2, 1])]), g);
  const [scale, zero] = w.grid(0.05, middle);
  const out = w.op('QuantizeLinear', [w.op('MatMul', [q, turned]), scale, zero]);
  return { model: w.model(shape, out, 3, ELEMENT[w.activations]), shape, convs: 0, products: 3 };
}

const compiler = createCompiler();

/** Largest step between two tensors of codes, and the share of elements at most one step apart. */
function steps(a: HostTensor | undefined, b: ArrayLike<number>): { largest: number; close: number } {
  const data = a?.data as ArrayLike<number>;
  expect(data.length).toBe(b.length);
  let [largest, close] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs((data[i] ?? Number.NaN) - (b[i] ?? 0));
    largest = Math.max(largest, d);
    if (d <= 1) close++;
  }
  return { largest, close: close / b.length };
}

async function templatesOf(model: Uint8Array): Promise<string[]> {
  const { targets } = await compiler.compile(model, { targets: ['wasm'] });
  return (targets[0]?.plan.kernels ?? []).map((k) => k.note?.template ?? '');
}

const ort = onnxruntime();

describe('quantized graphs', () => {
  for (const activations of ['u8', 'i8'] as const)
    for (const weights of ['i8', 'u8'] as const)
      for (const perChannel of [false, true])
        for (const build of [cnn, attention])
          it(`${build.name}, ${activations} by ${weights}${perChannel ? ' a channel' : ''}`, async () => {
            const { model, shape, convs, products } = build(new Writer(activations, weights, perChannel));
            const x = random(shape, 11);
            const compilation = await compiler.compile(model, { targets: ['wasm'] });
            const templates = (compilation.targets[0]?.plan.kernels ?? []).map((k) => k.note?.template);
            const count = (name: string): number => templates.filter((t) => t === name).length;
            expect([count('conv-integer'), count('conv-simd'), count('gemm-simd')]).toEqual([convs, 0, 0]);
            expect(count('gemm-integer')).toBeGreaterThan(0);
            expect(count('gemm-integer')).toBeLessThanOrEqual(products);
            const played = await player(compilation);
            const [got] = Object.values(await played.run({ x }));
            await played.dispose();
            const plain = await compiler.import(model);
            const [graph] = plain.entries.values();
            if (!graph) throw new Error('no entry');
            const [wanted] = Object.values(
              new Reference({ ops: compiler.registry, host: hostFunctions }).run(graph, { x }),
            ) as HostTensor[];
            const toReference = steps(got as HostTensor, wanted?.data as Uint8Array);
            expect(toReference.close).toBeGreaterThanOrEqual(0.999);
            expect(new Set(Array.from(wanted?.data as Uint8Array)).size).toBeGreaterThan(3);
            if (!ort) return;
            const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
            const [theirs] = Object.values(
              await session.run({ x: new ort.Tensor('float32', x.data as Float32Array, shape) }),
            );
            const toOrt = steps(got as HostTensor, theirs?.data as Uint8Array);
            expect(toOrt.close, `largest step ${toOrt.largest}`).toBeGreaterThanOrEqual(0.999);
          });

  it('leaves weight-only quantization and unknown zero points to floats', async () => {
    const w = new Writer('u8', 'i8', true);
    const weights = w.weight([4, 3, 3, 3], 0, 1);
    const y = w.op('Conv', ['x', weights.value], [pads(1)]);
    expect(await templatesOf(w.model([1, 3, 9, 9], y, 4, 1))).toContain('conv-simd');
  });

  it('adds a bias of another scale as floats', async () => {
    const w = new Writer('u8', 'i8', false);
    const weights = w.weight([4, 3, 3, 3], 0, 1);
    const x = w.qdq('x', w.grid(0.01, 128));
    const y = w.op('Conv', [x, weights.value, w.bias(4, 0.5, weights.scales, 3)], [pads(1)]);
    const model = w.model([1, 3, 9, 9], y, 4, 1);
    expect(await templatesOf(model)).toContain('conv-integer');
    const input = random([1, 3, 9, 9], 5);
    const played = await player(await compiler.compile(model, { targets: ['wasm'] }));
    const [got] = Object.values(await played.run({ x: input })) as HostTensor[];
    await played.dispose();
    if (!ort) return;
    const session = await ort.InferenceSession.create(model, {
      logSeverityLevel: 3,
      graphOptimizationLevel: 'disabled',
    });
    const [theirs] = Object.values(
      await session.run({ x: new ort.Tensor('float32', input.data as Float32Array, [1, 3, 9, 9]) }),
    );
    if (!got || !theirs) throw new TypeError('no output');
    expect(
      difference(
        got,
        { dtype: 'f32', shape: got.shape, data: theirs.data as Float32Array },
        { relative: 1e-4, absolute: 1e-4 },
      ),
    ).toBeUndefined();
  });
});
