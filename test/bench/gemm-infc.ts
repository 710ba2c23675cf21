import v8 from 'node:v8';
import { wasmBackend } from '../../backends/wasm/backend.ts';
import { convSimd } from '../../backends/wasm/templates/conv.ts';
import { gemmSimd } from '../../backends/wasm/templates/gemm.ts';
import { type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { instantiate } from '../kernels/run-wasm.ts';
import { lowerOne, type Operand } from '../kernels/template-request.ts';

/** One measurement: a matrix product with constant right operand, or a convolution of a square image. */
export interface BenchCase {
  readonly kind: 'gemm' | 'conv';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly size?: number;
  readonly kernel?: number;
  readonly group?: number;
}

/** Runs one case for `seconds` on one thread and returns the best time in ms and some of the results. */
export function measure(c: BenchCase, relaxed: boolean, seconds: number): { best: number; sample: number[] } {
  if (relaxed) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  const features = relaxed ? ['relaxed-simd'] : [];
  const pad = Math.floor((c.kernel ?? 1) / 2);
  const { kernel = 1, size = 1, group = 1 } = c;
  const x: Operand =
    c.kind === 'gemm' ? { dtype: 'f32', shape: [c.m, c.k] } : { dtype: 'f32', shape: [1, c.k, size, size] };
  const wShape = c.kind === 'gemm' ? [c.k, c.n] : [c.m, c.k / group, kernel, kernel];
  const fill = (n: number, step: number) => Float32Array.from({ length: n }, (_, i) => ((i * step) % 17) / 17 - 0.4);
  const elements = (shape: readonly number[]) => shape.reduce((p, d) => p * d, 1);
  const weights = fill(elements(wShape), 7);
  const { lowered, inputs, output } = lowerOne(
    c.kind === 'gemm' ? gemmSimd : convSimd,
    wasmBackend.target(features),
    c.kind === 'gemm' ? 'matmul' : 'conv',
    [x, { dtype: 'f32', shape: wShape, data: weights }],
    c.kind === 'gemm' ? {} : { strides: [1, 1], dilations: [1, 1], pads: [pad, pad, pad, pad], group },
  );
  const out = new Float32Array(elements(output.type.shape.map(Number)));
  const data = lowered.args.map((a): TypedArray => {
    if (a.kind !== 'packed')
      return a.kind === 'value' && a.value === inputs[0] ? fill(elements(x.shape.map(Number)), 3) : out;
    return viewOf(a.constant.type.dtype, a.constant.read().slice().buffer, 0, Number(a.constant.type.shape[0]));
  });
  const running = instantiate(lowered.kernel, data, {}, features);
  const until = (ms: number): number => {
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + ms;
    do {
      const start = performance.now();
      running.run();
      best = Math.min(best, performance.now() - start);
    } while (performance.now() < end);
    return best;
  };
  until(seconds * 500); // until V8 has optimised the kernel
  const best = until(seconds * 1000);
  const got = running.views[data.indexOf(out)];
  return { best, sample: Array.from({ length: 16 }, (_, i) => Number(got?.[(i * 7919) % out.length])) };
}
