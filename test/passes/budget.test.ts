import { describe, expect, test } from 'vitest';
import { best, type Measured, missedBounds } from '../../compiler/compress/budget.ts';
import type { TensorQuality } from '../../compiler/compress/quality.ts';

/** A classifier measured on `rows` decisions, of which so many changed. */
function measured(
  rows: number,
  changed: number,
  bytes = 100,
): Measured & { readonly recipe: { readonly name: string } } {
  const quality: TensorQuality = {
    elements: 10 * rows,
    cosine: 1,
    maxError: 0,
    meanError: 0,
    relative: 0,
    rows,
    top1: 1 - changed / rows,
  };
  return { bytes, damage: { kind: 'inputs', outputs: { y: quality } }, recipe: { name: `${changed} of ${rows}` } };
}

describe('a bound on changed decisions', () => {
  test('is not kept by chance: a few that did not change show little', () => {
    const kept = (rows: number, changed: number): boolean =>
      missedBounds({ maxDrop: 0.01 }, measured(rows, changed)).length === 0;
    expect(kept(1, 0)).toBe(false);
    expect(kept(50, 0)).toBe(false);
    expect(kept(100, 0)).toBe(true);
    expect(kept(10_000, 80)).toBe(true);
    expect(kept(10_000, 95)).toBe(false);
  });

  test('that the data cannot show asks for more data', () => {
    expect(() => best({ maxDrop: 0.01 }, [measured(20, 0)])).toThrow(
      /INFC2084.*--max-drop 4\.7%.*more data: 20 decisions are too few to show that no more than 1\.0 % change/s,
    );
    expect(best({ maxDrop: 0.1 }, [measured(200, 0, 90), measured(200, 0, 80)]).bytes).toBe(80);
  });
});
