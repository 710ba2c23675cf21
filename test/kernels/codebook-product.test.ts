import { describe, expect, it } from 'vitest';
import { sym } from '../../compiler/ir/dim.ts';
import { build, inInterpreter, ofAllSizes, onWasm, random, worst } from './product-case.ts';

describe('products with codebooks', () => {
  it.each(['c1x8', 'c2x8'])('%s: one row, a tile, ragged columns; the interpreter agrees', (name) => {
    for (const { built, size } of ofAllSizes(name, 192)) {
      const got = onWasm(built, []);
      expect(worst(got, built.expected), size).toBeLessThan(3e-4);
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
