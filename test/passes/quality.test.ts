import { expect, test } from 'vitest';
import { LogitsComparison, rowLengthOf, TensorComparison } from '../../compiler/compress/quality.ts';

test('equal logits do no damage', () => {
  const c = new LogitsComparison();
  const p = Float32Array.of(1, 2, 3, 0, -1, 5);
  c.add(p, p.slice(), 3, [2, -1]);
  const q = c.finish();
  expect(q).toMatchObject({ positions: 2, kl: 0, klMax: 0, top1: 1 });
  expect(q.perplexity).toBeCloseTo((Math.E + Math.E ** 2 + Math.E ** 3) / Math.E ** 3);
});

test('divergence and perplexity by hand', () => {
  const c = new LogitsComparison();
  // Distributions (1/2, 1/2) and (1/4, 3/4): logits are shifted, which must not matter.
  c.add(Float32Array.of(7, 7), Float32Array.of(Math.log(1) + 90, Math.log(3) + 90), 2, [0]);
  const q = c.finish();
  expect(q.kl).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 5);
  expect(q.referencePerplexity).toBeCloseTo(2, 5);
  expect(q.perplexity).toBeCloseTo(4, 4);
  expect(q.top1).toBe(0);
});

test('impossible tokens of the reference cost nothing; NaN shows', () => {
  const c = new LogitsComparison();
  c.add(Float32Array.of(0, Number.NEGATIVE_INFINITY), Float32Array.of(0, 0), 2, [0]);
  expect(c.finish().kl).toBeCloseTo(Math.log(2), 5);
  c.add(Float32Array.of(0, 0), Float32Array.of(0, Number.NaN), 2, [0]);
  expect(c.finish().kl).toBeNaN();
  expect(c.finish().klMax).toBeNaN();
});

test('tensors by hand', () => {
  const c = new TensorComparison();
  c.add([3, 4, 0, 1], [3, 5, 1, 0], 2);
  const q = c.finish();
  expect(q.cosine).toBeCloseTo(29 / Math.sqrt(26 * 35));
  expect(q).toMatchObject({ elements: 4, maxError: 1, meanError: 0.75, top1: 0.5 });
  expect(q.relative).toBeCloseTo(Math.sqrt(3 / 35));
  const zeros = new TensorComparison();
  zeros.add([0], [0], 1);
  expect(zeros.finish()).toMatchObject({ cosine: 1, relative: 0 });
  const nan = new TensorComparison();
  nan.add([Number.NaN], [0], 1);
  expect(nan.finish().maxError).toBeNaN();
});

test('rows of one number are decisions at one half when they are probabilities', () => {
  const p = new TensorComparison();
  p.add([0.4, 0.7, 0.9], [0.6, 0.8, 0.95], 1);
  expect(p.finish().top1).toBeCloseTo(2 / 3);
  const values = new TensorComparison();
  values.add([0.4, 7], [0.6, 8], 1);
  expect(values.finish().top1).toBe(1);
  expect(rowLengthOf([1, 1000, 1, 1])).toBe(1000);
  expect(rowLengthOf([8, 1])).toBe(1);
  expect(rowLengthOf([2, 5, 7])).toBe(7);
});

test('the divergence says how sure it is', () => {
  const c = new LogitsComparison();
  const [even, odd] = [Float32Array.of(0, 0), Float32Array.of(0, Math.log(3))];
  for (let i = 0; i < 8; i++) c.add(even, i % 2 ? odd : even, 2, [-1]);
  const { kl, klError } = c.finish();
  expect(klError).toBeCloseTo(kl / Math.sqrt(8));
  // The same places as two texts, of which one is all right and the other all wrong: two numbers, not eight.
  const texts = new LogitsComparison();
  for (const other of [even, odd]) {
    texts.begin();
    for (let i = 0; i < 4; i++) texts.add(even, other, 2, [-1]);
  }
  expect(texts.finish()).toMatchObject({ texts: 2, positions: 8 });
  expect(texts.finish().kl).toBeCloseTo(kl);
  expect(texts.finish().klError).toBeCloseTo(kl);
});
