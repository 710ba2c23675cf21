import type { Builder, Val } from './builder.ts';

export const notEmpty = (v: Val): boolean => !v.shape.includes(0);

/** A shape of one to three axes without a length of 0. */
export const solid = (b: Builder): number[] => Array.from({ length: b.draw(1, 3) }, () => b.draw(1, 5));
