import { describe, expect, it } from 'vitest';
import { formats } from '../../compiler/formats/index.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { verifyKernel } from '../../compiler/ir/verify-kernel.ts';
import { build, inInterpreter, onWasm, random, worst } from './product-case.ts';

const sparse = formats.filter((f) => f.sparse);

describe('products with weights whose format leaves out zeros', () => {
  it.each(sparse.map((f) => f.name))('%s: one row, a tile, many rows; ragged columns', (name) => {
    const k = 192;
    for (const [rows, n] of [
      [1, 48],
      [2, 16],
      [5, 32],
      ...(name.startsWith('block') ? [] : [[1, 37] as const, [1, 3] as const]),
    ] as const) {
      const built = build(name, rows, rows, n, k, random(rows * k, 1), random(n * k, 2));
      for (const { kernel } of built.lowered) verifyKernel(kernel);
      expect(worst(onWasm(built, []), built.expected), `${rows} rows, ${n} columns`).toBeLessThan(3e-4);
    }
  });

  it.each(['2of4-q8', 'bitmap-f16', 'bitmap-q4', 'block16x16-q4'])('%s: the interpreter agrees', (name) => {
    for (const rows of [1, 5]) {
      const built = build(name, rows, rows, 32, 128, random(rows * 128, 3), random(32 * 128, 4));
      expect(worst(inInterpreter(built, []), Float64Array.from(onWasm(built, [])))).toBeLessThan(2e-6);
    }
  });

  it('the largest sums that integers must hold', () => {
    const k = 1024;
    for (const rows of [1, 5])
      for (const sign of [1, -1]) {
        const w = new Float32Array(8 * k).map((_, i) => (i % 4 < 2 ? sign : 0));
        const built = build('2of4-q8', rows, rows, 8, k, new Float32Array(rows * k).fill(1), w);
        expect(worst(onWasm(built, []), built.expected), `${rows} rows`).toBeLessThan(1e-6);
      }
  });

  it('a number of rows that only the run knows', () => {
    const m = sym('m', { min: 1, max: 400 });
    for (const rows of [1, 2, 7, 200]) {
      const built = build('bitmap-q8', m, rows, 24, 128, random(rows * 128, 5), random(24 * 128, 6));
      expect(worst(onWasm(built, []), built.expected), `${rows} rows`).toBeLessThan(3e-4);
    }
  });

  it('weights that are all zero, and activations that are not finite', () => {
    for (const name of ['bitmap-q8', '2of4-q8', 'block16x16-f16', 'gqsa-w4']) {
      const none = build(name, 1, 1, 16, 64, random(64, 7), new Float32Array(16 * 64));
      expect([...onWasm(none, [])].every((v) => v === 0)).toBe(true);
    }
    for (const rows of [1, 5]) {
      const x = random(rows * 64, 8);
      x[3] = Number.NaN;
      const got = onWasm(build('bitmap-q8', rows, rows, 16, 64, x, random(16 * 64, 9)), []);
      expect([...got.subarray(0, 16)].some((v) => Number.isFinite(v))).toBe(false);
      expect([...got.subarray(16)].every((v) => Number.isFinite(v))).toBe(true);
    }
  });
});
