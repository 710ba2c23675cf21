import { describe, expect, test } from 'vitest';
import { dft, stft } from '../../runtime/host/fourier.ts';
import type { HostContext, HostOp, HostTensor, HostValue } from '../../runtime/host.ts';

const context: HostContext = {
  outputs: [],
  fail: (reason: string): never => {
    throw new Error(reason);
  },
};
async function result(op: HostOp, inputs: readonly HostValue[], attrs: Parameters<HostOp>[1]): Promise<HostTensor> {
  const [out] = await op(inputs, attrs, context);
  if (typeof out !== 'object' || out === null || !('dtype' in out)) throw new TypeError('a tensor was expected');
  return out;
}

let state = 1;
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const signal = (shape: readonly number[]): HostTensor & { data: Float64Array } => ({
  dtype: 'f64',
  shape,
  data: Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, random),
});

/** The sum that defines the transform, term by term. */
function defined(re: readonly number[], im: readonly number[], sign: number): number[] {
  const n = re.length;
  return re.flatMap((_, k) => {
    let [x, y] = [0, 0];
    for (let t = 0; t < n; t++) {
      const angle = (sign * 2 * Math.PI * ((k * t) % n)) / n;
      x += (re[t] ?? 0) * Math.cos(angle) - (im[t] ?? 0) * Math.sin(angle);
      y += (re[t] ?? 0) * Math.sin(angle) + (im[t] ?? 0) * Math.cos(angle);
    }
    return [x, y];
  });
}

function expectClose(got: HostTensor, want: readonly number[], what: string): void {
  const values = Array.from(got.data as Float64Array);
  expect(values.length, what).toBe(want.length);
  const worst = Math.max(0, ...values.map((v, i) => Math.abs(v - (want[i] ?? 0))));
  expect(worst, what).toBeLessThan(1e-10);
}

describe('Fourier transforms on the host', () => {
  // Powers of two and of four, primes, even and odd composites.
  const lengths = [...Array.from({ length: 34 }, (_, i) => i + 1), 64, 97, 100, 128, 255, 360, 512];

  test.each(lengths)('length %i equals the defining sum', async (n) => {
    const x = signal([n, 2]);
    const parts = (p: number): number[] => Array.from({ length: n }, (_, i) => x.data[2 * i + p] ?? 0);
    const attrs = { axis: 0, inverse: false, onesided: false };
    expectClose(await result(dft, [x, null, null], attrs), defined(parts(0), parts(1), -1), 'complex, forward');
    expectClose(
      await result(dft, [x, null, null], { ...attrs, inverse: true }),
      defined(parts(0), parts(1), 1).map((v) => v / n),
      'complex, inverse',
    );
    const real = { ...x, shape: [n, 1], data: Float64Array.from(parts(0)) };
    const zero = parts(0).map(() => 0);
    expectClose(await result(dft, [real, null, null], attrs), defined(parts(0), zero, -1), 'real, forward');
    const step = { dtype: 'i64', shape: [], data: BigInt64Array.of(1n) } as const;
    const framed = await result(stft, [{ ...real, shape: [1, n, 1] }, step, real, null], { onesided: true });
    const squares = parts(0).map((v) => v * v);
    expectClose(framed, defined(squares, zero, -1).slice(0, 2 * (Math.floor(n / 2) + 1)), 'windowed frame');
  });
});
