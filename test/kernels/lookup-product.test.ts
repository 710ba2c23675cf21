import { describe, expect, it } from 'vitest';
import { formats } from '../../compiler/formats/index.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { probeRelaxedSimd } from '../../runtime/devices/probe.ts';
import { type Built, build, inInterpreter, ofAllSizes, onWasm, RELAXED, random, worst } from './product-case.ts';

const names = formats.filter((f) => f.signs).map((f) => f.name);
const hasRelaxed = probeRelaxedSimd().has('relaxed-madd');

/** The root of the mean squared error over that of the results. */
const relative = ({ expected }: Built, got: Float32Array): number =>
  Math.sqrt(
    expected.reduce((s, e, i) => s + (e - (got[i] ?? Number.NaN)) ** 2, 0) / expected.reduce((s, e) => s + e * e, 0),
  );

describe('products with sums of signs', () => {
  it('has formats', () => expect(names).toEqual(expect.arrayContaining(['ternary', 'ternary-median', 'b1', 'b4'])));

  it.each(names)('%s: one row, a tile, ragged columns; the interpreter agrees', (name) => {
    for (const { built, size } of ofAllSizes(name, 192)) {
      const got = onWasm(built, []);
      expect(relative(built, got), size).toBeLessThan(3e-2);
      expect(worst(inInterpreter(built, []), Float64Array.from(got))).toBeLessThan(2e-6);
      if (hasRelaxed) expect(worst(onWasm(built, RELAXED), Float64Array.from(got))).toBeLessThan(1e-5);
    }
  });

  it.each(['ternary', 'b3'])('%s: exact where sums of four activations are multiples of the step', (name) => {
    const k = 256;
    // Halved sums are whole numbers of 127 at most, which the first four of each run reach.
    const x = random(3 * k, 3).map((v, i) => (i % 64 < 4 ? ([64, 64, 64, 62][i % 64] ?? 0) : 2 * Math.round(31 * v)));
    const built = build(name, 3, 3, 32, k, x, random(32 * k, 4));
    expect(relative(built, onWasm(built, []))).toBeLessThan(1e-6);
  });

  it('a number of rows that only the run knows', () => {
    const m = sym('m', { min: 1, max: 400 });
    for (const rows of [1, 2, 7, 200]) {
      const built = build('ternary', m, rows, 24, 64, random(rows * 64, 5), random(24 * 64, 6));
      expect(relative(built, onWasm(built, [])), `${rows} rows`).toBeLessThan(1e-2);
    }
  });

  it('outliers cost no precision elsewhere', () => {
    const k = 512;
    const x = random(2 * k, 7).map((v, i) => (i % 97 === 5 ? 400 * v : v));
    const w = random(40 * k, 8);
    // Weights that meet an outlier are zero: what is left must still be right.
    for (let j = 0; j < 40; j++) for (let i = 0; i < k; i++) if (i % 97 === 5 || (k + i) % 97 === 5) w[j * k + i] = 0;
    const built = build('ternary', 2, 2, 40, k, x, w);
    // Without the finer tables every run with an outlier would be off by about their step, 400 / 127 of the other values. Outliers make the
    // mean magnitude 2.5, so that one in ten is not told from the rest: there the step is up to 20 / 127.
    expect(relative(built, onWasm(built, []))).toBeLessThan(2e-2);
  });

  it('zeros, subnormals and what is not finite', () => {
    const k = 128;
    const w = random(16 * k, 9);
    expect([...onWasm(build('ternary', 1, 1, 16, k, new Float32Array(k), w), [])].every((v) => v === 0)).toBe(true);
    const small = random(k, 10).map((v) => v * 1e-40);
    expect([...onWasm(build('b2', 1, 1, 16, k, small, w), [])].every((v) => Math.abs(v) < 1e-37)).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = random(2 * k, 11);
      x[40] = bad;
      const built = build('ternary', 2, 2, 16, k, x, w);
      for (const out of [onWasm(built, []), inInterpreter(built, [])]) {
        expect([...out.subarray(0, 16)].some((v) => Number.isFinite(v))).toBe(false);
        expect([...out.subarray(16)].every((v) => Number.isFinite(v))).toBe(true);
      }
    }
  });
});
