import { describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { build, inInterpreter, onWasm, random, worst } from './product-case.ts';

describe('products with codebooks', () => {
  it.each(['c1x8', 'c2x8'])('%s: one row, a tile, ragged columns; the interpreter agrees', (name) => {
    const k = 192;
    for (const [rows, n] of [
      [1, 37],
      [1, 3],
      [2, 16],
      [5, 21],
    ] as const) {
      const built = build(name, rows, rows, n, k, random(rows * k, 1), random(n * k, 2));
      for (const { kernel } of built.lowered) verifyKernel(kernel);
      const got = onWasm(built, []);
      expect(worst(got, built.expected), `${rows} rows, ${n} columns`).toBeLessThan(3e-4);
      expect(worst(inInterpreter(built, []), Float64Array.from(got))).toBeLessThan(2e-6);
    }
  });

  it('a number of rows that only the run knows', () => {
    const m = sym('m', { min: 1, max: 400 });
    for (const rows of [1, 2, 7, 200]) {
      const built = build('c2x8', m, rows, 24, 64, random(rows * 64, 5), random(24 * 64, 6));
      expect(worst(onWasm(built, []), built.expected), `${rows} rows`).toBeLessThan(3e-4);
    }
  });
});
