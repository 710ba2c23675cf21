import { describe, expect, it } from 'vitest';
import { formats } from '../../compiler/formats/index.ts';
import type { Planes } from '../../compiler/formats/rows.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { probeRelaxedSimd } from '../../runtime/devices/probe.ts';
import { build, inInterpreter, ofAllSizes, onWasm, RELAXED, random, worst } from './product-case.ts';

const integer = formats.filter((f) => f.integer && !f.sparse);
const hasRelaxed = probeRelaxedSimd().has('relaxed-dot16');

describe('products with integer codes', () => {
  it.each(integer.map((f) => f.name))('%s: one row, a tile, many rows; ragged columns', (name) => {
    for (const { built, size } of ofAllSizes(name, 256)) {
      expect(worst(onWasm(built, []), built.expected), size).toBeLessThan(2e-4);
      if (hasRelaxed) expect(worst(onWasm(built, RELAXED), built.expected)).toBeLessThan(4e-2);
    }
  });

  it.each(['q4g32', 'q8g32', 'q6_k', 'q2g64'])('%s: the interpreter agrees, bytes as well', (name) => {
    for (const [rows, n] of [
      [1, 5],
      [3, 18],
    ] as const) {
      const built = build(name, rows, rows, n, 256, random(rows * 256, 3), random(n * 256, 4));
      expect(worst(inInterpreter(built, []), Float64Array.from(onWasm(built, [])))).toBeLessThan(2e-6);
      expect(worst(inInterpreter(built, RELAXED), built.expected)).toBeLessThan(4e-2);
    }
  });

  it('a number of rows that only the run knows', () => {
    const m = sym('m', { min: 1, max: 400 });
    for (const rows of [1, 2, 7, 200, 389]) {
      const built = build('q4g32', m, rows, 24, 64, random(rows * 64, 5), random(24 * 64, 6));
      expect(worst(onWasm(built, []), built.expected), `${rows} rows`).toBeLessThan(3e-4);
    }
  });

  it('outliers cost no precision elsewhere', () => {
    const k = 512;
    const x = random(2 * k, 7).map((v, i) => (i % 97 === 5 ? 400 * v : v));
    const w = random(40 * k, 8);
    // Weights that meet an outlier are zero: what is left must still be right.
    for (let j = 0; j < 40; j++) for (let i = 0; i < k; i++) if (i % 97 === 5 || (k + i) % 97 === 5) w[j * k + i] = 0;
    const built = build('q4g32', 2, 2, 40, k, x, w);
    expect(worst(onWasm(built, []), built.expected)).toBeLessThan(1e-2);
    // Eight bits alone would be off by about their step, 400 / 127 of the other values, in every run with an outlier.
    expect(worst(inInterpreter(built, RELAXED), built.expected)).toBeLessThan(4e-2);
  });

  it('zeros, subnormals and what is not finite', () => {
    const k = 64;
    const w = random(16 * k, 9);
    const zero = build('q8g32', 1, 1, 16, k, new Float32Array(k), w);
    expect([...onWasm(zero, [])].every((v) => v === 0)).toBe(true);
    const tiny = build(
      'q8g32',
      1,
      1,
      16,
      k,
      random(k, 10).map((v) => v * 1e-40),
      w,
    );
    expect([...onWasm(tiny, [])].every((v) => Math.abs(v) < 1e-37)).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = random(2 * k, 11);
      x[40] = bad;
      const built = build('q4g32', 2, 2, 16, k, x, w);
      for (const out of [onWasm(built, []), inInterpreter(built, RELAXED)]) {
        expect([...out.subarray(0, 16)].some((v) => Number.isFinite(v))).toBe(false);
        expect([...out.subarray(16)].every((v) => Number.isFinite(v))).toBe(true);
      }
    }
  });

  it('refuses scales that are not finite', () => {
    const [x, w] = [random(32, 13), random(16 * 32, 12)];
    const large = w.map((v) => v * 1e9);
    expect(() => onWasm(build('q4g32', 1, 1, 16, 32, x, large), [])).toThrow(/INFC2092.*'w'/);
    const inFile = (planes: Planes): Planes => ({ ...planes, scale: new Uint16Array(16).fill(0x7c00) });
    expect(() => onWasm(build('q4g32', 1, 1, 16, 32, x, w, inFile), [])).toThrow(/INFC4029.*'w'/);
  });
});
