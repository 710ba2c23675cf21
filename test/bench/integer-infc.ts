import { wasmBackend } from '../../backends/wasm/backend.ts';
import { convInteger } from '../../backends/wasm/templates/conv-integer.ts';
import { convWinograd } from '../../backends/wasm/templates/conv-winograd.ts';
import { gemmInteger } from '../../backends/wasm/templates/gemm-integer.ts';
import { type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { instantiate } from '../kernels/run-wasm.ts';
import { lowerOne } from '../kernels/template-request.ts';

const codes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 2654435761) >>> 24);
const elements = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);

/** Times products of u8 by u8 codes with zero points, one thread, best of `seconds`; a multiplication and an addition are two operations. */
export function measure(seconds: number): void {
  const products = [
    [1024, 1024, 1024],
    [64, 512, 512],
    [1, 4096, 4096],
  ].map(([m = 1, n = 1, k = 1]) => ({
    name: `matmul ${m} x ${n} x ${k}`,
    template: gemmInteger,
    op: 'matmul_integer',
    x: [m, k],
    w: [k, n],
    attrs: {},
    work: 2 * m * n * k,
  }));
  const convolutions = [
    [64, 64, 128],
    [512, 256, 32],
  ].flatMap(([c = 1, m = 1, size = 1]) =>
    [convInteger, convWinograd].map((template) => ({
      name: `3x3 ${c} to ${m}, ${size}^2, ${template.name}`,
      template,
      op: 'conv_integer',
      x: [1, c, size, size],
      w: [m, c, 3, 3],
      attrs: { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 },
      work: 2 * 9 * c * m * size * size,
    })),
  );
  for (const c of [...products, ...convolutions]) {
    const { lowered, inputs, output } = lowerOne(
      c.template,
      wasmBackend.target(),
      c.op,
      [
        { dtype: 'u8', shape: c.x },
        { dtype: 'u8', shape: c.w, data: codes(elements(c.w)) },
        { dtype: 'u8', shape: [] },
        { dtype: 'u8', shape: [], data: Uint8Array.of(131) },
      ],
      c.attrs,
    );
    const out = new Int32Array(elements(output.type.shape.map(Number)));
    const data = lowered.args.map((a): TypedArray => {
      if (a.kind === 'packed')
        return viewOf(a.constant.type.dtype, a.constant.read().slice().buffer, 0, Number(a.constant.type.shape[0]));
      const at = a.kind === 'value' ? inputs.indexOf(a.value) : -1;
      return at === 0 ? codes(elements(c.x)) : at === 2 ? Uint8Array.of(128) : out;
    });
    const running = instantiate(lowered.kernel, data);
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + seconds * 1500;
    do {
      const start = performance.now();
      running.run();
      best = Math.min(best, performance.now() - start);
    } while (performance.now() < end);
    console.log(
      `${c.name.padEnd(44)} ${best.toFixed(3).padStart(9)} ms ${(c.work / best / 1e6).toFixed(1).padStart(7)} GOP/s`,
    );
  }
}
