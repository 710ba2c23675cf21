import type { Builder, Val } from './builder.ts';

export const notEmpty = (v: Val): boolean => !v.shape.includes(0);

/** A shape of one to three axes without a length of 0. */
export const solid = (b: Builder): number[] => Array.from({ length: b.draw(1, 3) }, () => b.draw(1, 5));

/** Floats that most of the larger operators take. */
export const WORKING = ['f32', 'f64', 'f16'] as const;

/** Something with a batch, channels and space. */
export const image = (b: Builder, dtypes: readonly (typeof WORKING)[number][] = WORKING, low = 3): Val =>
  b.operand({
    dtypes,
    rank: [low, 4],
    limit: 100,
    test: (v) => !v.shape.includes(0),
    fresh: () => [b.draw(1, 2), b.draw(1, 4), ...Array.from({ length: b.draw(low - 2, 2) }, () => b.draw(1, 6))],
  });
