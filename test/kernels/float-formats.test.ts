import { describe, expect, it } from 'vitest';
import { formats } from '../../compiler/formats/index.ts';
import { build, inInterpreter, ofAllSizes, onWasm, random, worst } from './product-case.ts';

/** Formats whose codes are floats: those that `gemm-format` decodes to scratch. */
const floats = formats.filter((f) => Object.values(f.planes).some((p) => p.dtype.startsWith('f8')) && !f.integer);

/** Weights of all magnitudes that a format tells apart and of some that it does not, zeros among them. */
const allMagnitudes = (n: number, seed: number): Float32Array =>
  random(n, seed).map((v, i) => (i % 11 === 0 ? 0 : Math.sign(v) * 2 ** (-24 * Math.abs(v))));

describe.each(floats.map((f) => f.name))('products with %s', (name) => {
  it('one row, few, many; ragged columns; every magnitude', () => {
    for (const { built, size } of ofAllSizes(name, 128, allMagnitudes)) {
      const got = onWasm(built, []);
      expect(worst(got, built.expected), size).toBeLessThan(1e-5);
      expect(worst(inInterpreter(built, []), Float64Array.from(got))).toBeLessThan(2e-6);
    }
  });

  it('gives each weight exactly as it is decoded', () => {
    const [n, k] = [19, 64];
    const w = allMagnitudes(n * k, 3);
    for (const column of [0, 1, 2, 3, 31, 32, 63]) {
      const x = new Float32Array(k);
      x[column] = 1;
      const built = build(name, 1, 1, n, k, x, w);
      expect([...onWasm(built, [])]).toEqual([...built.expected].map((v) => v + 0));
    }
  });
});
