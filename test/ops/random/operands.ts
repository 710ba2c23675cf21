import { axisOf, type Builder, like, PLAIN, type Step, step, type Val } from './builder.ts';

/** Any value, of text now and then. */
export const any = (b: Builder, low = 0, test: (v: Val) => boolean = () => true): Val =>
  b.operand({ dtypes: b.chance(6) ? ['string'] : PLAIN, rank: [low, 4], test });

/** Same elements, other places. */
export const moved = (x: Val, shape: readonly number[]) => like(x, { shape, exact: x.exact });

/** One axis of some length, to work along. */
export const along = (
  name: string,
  apply: (b: Builder, x: Val, axis: number, written: number) => void,
  more: Partial<Step> = {},
): Step =>
  step(
    name,
    (b) => {
      const x = any(b, 1);
      if (x.shape.length === 0) return;
      const { axis, written } = axisOf(b, x);
      apply(b, x, axis, written);
    },
    more,
  );

export const withAxis = (shape: readonly number[], axis: number, length: number): number[] =>
  shape.map((d, i) => (i === axis ? length : d));

/** A permutation. */
export function shuffled(b: Builder, n: number): number[] {
  const list = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = b.draw(0, i);
    [list[i], list[j]] = [list[j] ?? 0, list[i] ?? 0];
  }
  return list;
}
