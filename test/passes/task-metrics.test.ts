import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, type Label, TaskMetric } from '../../compiler/compress/task-metrics.ts';

const scores = (samples: readonly (readonly [number[], number[], Label])[], alphabet?: readonly string[]) => {
  const metric = new TaskMetric(alphabet);
  for (const [values, shape, label] of samples) metric.add(values, shape, label);
  return metric.finish();
};

describe('scores against labels', () => {
  test('classes: the first of equal scores counts, NaN is right about nothing', () => {
    expect(scores([[[0.1, 0.7, 0.2], [1, 3], 1]])).toEqual({ accuracy: 1 });
    expect(scores([[[0.5, 0.5], [2], 0], [[0.5, 0.5], [2], 1]])).toEqual({ accuracy: 0.5 }); // biome-ignore format: two samples
    expect(scores([[[Number.NaN, 0.5], [2], 0]])).toEqual({ accuracy: 0 });
    expect(scores([[[Number.NaN, 0.5], [2], 1]])).toEqual({ accuracy: 0 });
    const twelve = Array.from({ length: 12 }, (_, i) => i);
    expect(scores([[twelve, [1, 12], 8]])).toEqual({ accuracy: 0, 'top-5': 1 });
  });
  test('one probability, classes of rows, values', () => {
    expect(scores([[[0.6], [1, 1], 1], [[0.4], [1, 1], 1]])).toEqual({ accuracy: 0.5 }); // biome-ignore format: two samples
    expect(
      scores([
        [
          [1, 0, 0, 1],
          [1, 2, 2],
          [0, 0],
        ],
      ]),
    ).toEqual({ accuracy: 0.5 });
    expect(scores([[[1, 2], [2], [1.5, 2]]])).toEqual({ 'mean error': 0.25 });
  });
  test('texts: repeats merge, blanks part', () => {
    const steps = [1, 1, 0, 1, 2].flatMap((c) => [0, 1, 2].map((k) => Number(k === c)));
    expect(scores([[steps, [1, 5, 3], 'aab']], ['', 'a', 'b'])).toEqual({ 'texts right': 1, 'characters wrong': 0 });
    expect(scores([[steps, [1, 5, 3], 'aaaa']], ['', 'a', 'b'])).toEqual({ 'texts right': 0, 'characters wrong': 0.5 });
  });
  test('labels that fit no output are refused', () => {
    for (const [values, shape, label] of [
      [[1, 2], [2], 2],
      [[1, 2], [2], -1],
      [[1, 2], [2], 0.5],
      [[1, 2, 3, 4], [2, 2], 0],
      [
        [1, 2, 3, 4],
        [2, 2],
        [0, 1, 1],
      ],
      [[1, 2], [2], 'a'],
    ] as const)
      expect(() => scores([[[...values], [...shape], label as Label]])).toThrow('INFC2088');
  });
  test('the edit distance is a metric', () => {
    const word = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 6 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        const ab = editDistance(a, b);
        expect(ab).toBe(editDistance(b, a));
        expect(ab === 0).toBe(a.join('') === b.join(''));
        expect(ab).toBeLessThanOrEqual(editDistance(a, c) + editDistance(c, b));
        expect(ab).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
      { seed: 7 },
    );
  });
});
