import { describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.ts';
import { compress } from '../../compiler/compress/compress.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { encodeModel, f32, info, node } from '../import/build-onnx.ts';
import { runInChild } from '../kit/child.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { hasSwiftShader, swiftShaderEnv } from '../kit/dawn.ts';
import { random } from '../ops/against-onnxruntime.ts';

const values = (shape: readonly number[], seed: number): Float32Array => random([...shape], seed).data as Float32Array;

const [K, N] = [192, 70];
const W = values([N, K], 1);

/** x W^T + 0.5; W is kept [k, N]. */
function product(rows: number, k = K, weights = W): Uint8Array {
  const turned = Array.from({ length: k * N }, (_, i) => weights[(i % N) * k + Math.floor(i / N)] ?? 0);
  return encodeModel({
    name: 'g',
    node: [node('MatMul', ['x', 'w'], ['y']), node('Add', ['y', 'b'], ['z'])],
    initializer: [f32('w', [k, N], turned), f32('b', [N], new Array(N).fill(0.5))],
    input: [info('x', [rows, k])],
    output: [info('z', [rows, N])],
  });
}

/** QoQ as its paper writes it, in f64: whole numbers up to 119 a row, steps for each 64 of them, codes a row of x; all sums whole. */
function expected(x: Float32Array, rows: number): Float64Array {
  const out = new Float64Array(rows * N);
  for (let n = 0; n < N; n++) {
    const row = W.subarray(n * K, (n + 1) * K);
    const scale = Math.fround(row.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / 119);
    const whole = Float64Array.from(row, (v) => Math.round(v / scale));
    const kept = new Float64Array(K);
    for (let g = 0; g < K; g += 64) {
      const group = whole.subarray(g, g + 64);
      const [low, high] = [Math.min(0, ...group), Math.max(0, ...group)];
      const step = Math.max(1, Math.ceil((high - low) / 15));
      const tries = [step, step - 1]
        .filter((s) => s > 0)
        .map((s) => {
          const zero = Math.max(0, Math.min(15, Math.round(-low / s)));
          const back = group.map((v) => (Math.max(0, Math.min(15, Math.round(v / s) + zero)) - zero) * s);
          return { back, error: back.reduce((e, v, i) => e + (v - (group[i] ?? 0)) ** 2, 0) };
        });
      const [wide, finer] = tries;
      kept.set((finer && wide && finer.error < wide.error ? finer : wide)?.back ?? group, g);
    }
    expect(kept.every((v) => Number.isInteger(v) && v >= -128 && v <= 127)).toBe(true);
    for (let r = 0; r < rows; r++) {
      const xs = x.subarray(r * K, (r + 1) * K);
      const largest = xs.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const by = largest === 0 ? 1 : Math.fround(largest / 127);
      let sum = 0;
      for (let i = 0; i < K; i++) sum += Math.round(Math.fround((xs[i] ?? 0) / by)) * (kept[i] ?? 0);
      out[r * N + n] = sum * by * scale + 0.5;
    }
  }
  return out;
}

const targets = ['wasm', 'interpreted wgsl', ...(hasGxx ? ['cuda-cpu'] : [])];

function input(rows: number): Float32Array {
  const data = values([rows, K], 7 + rows);
  for (let i = 0; i < K; i++) data[i] = (data[i] ?? 0) * 300;
  if (rows > 1) data.fill(0, K, 2 * K);
  return data;
}

function compare(got: Float32Array, data: Float32Array, rows: number): void {
  const want = expected(data, rows);
  const largest = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  // A tie of rounding may fall either way: one code in a sum.
  const off = want.filter((v, i) => !(Math.abs(v - (got[i] ?? Number.NaN)) <= 1e-5 * largest)).length;
  expect(off).toBeLessThanOrEqual(0.01 * want.length);
  want.forEach((v, i) => expect(Math.abs(v - (got[i] ?? Number.NaN))).toBeLessThan(0.02 * largest));
}

describe('w4a8', () => {
  it.each(targets.flatMap((t) => [1, 5, 13].map((rows) => [t, rows] as const)))(
    'on %s, %d rows: the sums of QoQ',
    async (target, rows) => {
      const backend = target === 'wasm' ? 'wasm' : target === 'cuda-cpu' ? 'cuda' : 'wgsl';
      const made = await compile(product(rows), { targets: [backend], quant: 'w4a8' });
      const played = await player(made, target);
      const data = input(rows);
      const x: HostTensor = { dtype: 'f32', shape: [rows, K], data };
      const { z } = (await played.run({ x })) as Record<string, HostTensor>;
      await played.dispose();
      compare(z?.data as Float32Array, data, rows);
      const kernels = made.targets[0]?.plan.kernels ?? [];
      expect(kernels.some((k) => k.note?.template?.includes('format'))).toBe(true);
    },
  );

  it.skipIf(!hasSwiftShader)(
    `on SwiftShader${hasSwiftShader ? '' : ' (absent)'}`,
    async () => {
      const data = input(5);
      const inputs = { x: { dtype: 'f32', shape: [5, K], data } };
      const request = { model: product(5), quant: 'w4a8', inputs };
      compare(
        await runInChild<typeof request, Float32Array>('recipe-webgpu.ts', request, { env: swiftShaderEnv }),
        data,
        5,
      );
    },
    130_000,
  );

  it('takes algorithms; rows that groups do not divide keep 8 bits', async () => {
    const runs = () => [1, 2, 3].map((s) => ({ inputs: { x: { shape: [13, K], data: values([13, K], s) } } }));
    const made = await compress(product(13), { quant: 'w4a8+gptq', runs });
    expect(made.report.changes.map((c) => c.what)).toContain('weights rounded to p4g64 by gptq');
    const odd = await compile(product(3, 100, values([N, 100], 2)), { quant: 'w4a8' });
    expect(odd.program.entries.get('main')?.nodes.map((n) => n.op)).toContain('matmul_integer');
  });

  it('refuses the format where activations are floats', async () => {
    await expect(compile(product(3), { quant: 'p4g64' })).rejects.toMatchObject({ code: 'INFC2093' });
  });
});
