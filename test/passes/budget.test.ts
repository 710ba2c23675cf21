import { describe, expect, test } from 'vitest';
import { best, type Measured, missedBounds } from '../../compiler/compress/budget.ts';
import type { LogitsQuality, TensorQuality } from '../../compiler/compress/quality.ts';

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

describe('a bound on divergence', () => {
  /** A language model that differs by `kl` in the mean of so many texts. */
  const diverging = (texts: number, kl: number, klError: number) => {
    const quality: LogitsQuality = {
      positions: 15 * texts,
      texts,
      kl,
      klError,
      klMax: 10 * kl,
      top1: 0.99,
      perplexity: 5,
      referencePerplexity: 5,
    };
    return { bytes: 100, damage: { kind: 'tokens', ...quality } as const, recipe: { name: 'q4' } };
  };
  const kept = (maxKl: number, m: Measured): boolean => missedBounds({ maxKl }, m).length === 0;

  test('counts how much texts differ, and how few they are', () => {
    // As capp-gpt had it: 0.0242 on other texts.
    expect(kept(0.02, diverging(6, 0.0128, 0.003))).toBe(false);
    expect(kept(0.035, diverging(6, 0.0128, 0.003))).toBe(true);
    expect(kept(0.02, diverging(60, 0.0128, 0.003))).toBe(false);
    expect(kept(0.0245, diverging(60, 0.0128, 0.003))).toBe(true);
    expect(kept(0.02, diverging(60, 0.0179, 0.0001))).toBe(true);
    expect(kept(0.02, diverging(60, 0.0181, 0.0001))).toBe(false);
    expect(kept(0.02, diverging(2, 0.0128, 0.001))).toBe(false);
    expect(kept(0.02, diverging(1, 0.0128, 0.001))).toBe(false);
    expect(kept(0.02, diverging(3, 0, 0))).toBe(true);
    // Two texts on which nothing but rounding differs: f16 of a model whose weights are f16.
    expect(kept(0.02, diverging(2, 2e-17, 2e-17))).toBe(true);
  });

  test('that the data cannot show asks for more data', () => {
    expect(() => best({ maxKl: 0.02 }, [diverging(6, 0.0128, 0.003)])).toThrow(
      /INFC2084.*--max-kl 0\.033 \(q4\).*more data: 6 texts differ so much.*0\.013 there may be 0\.033 elsewhere/s,
    );
    expect(() => best({ maxKl: 0.02 }, [diverging(100, 0.03, 0.001)])).toThrow(/INFC2084(?!.*more data)/s);
  });
});
