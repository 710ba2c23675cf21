import { constant, type Expr } from '../ir/expr.ts';
import { chunksOf } from './code-planes.ts';
import type { Plane } from './format.ts';

/** Weights whose bits lie in a byte. */
const PER = 8;

/** A bit of each weight: bytes of eight weights, the first one lowest, at place `at` of every `width` entries of `plane`. */
export interface BitPlane {
  readonly plane: string;
  readonly width: number;
  readonly at: number;
}

/** Where each of `bits` bits lies. The planes of a power of two of them share a buffer, of which GPUs bind few. */
export const bitPlanes = (bits: number): readonly BitPlane[] =>
  chunksOf(bits).flatMap(({ plane, width }) => Array.from({ length: width }, (_, at) => ({ plane, width, at })));

/** Buffers of bit planes. */
export const planesOfBits = (bits: number): Record<string, Plane> =>
  Object.fromEntries(bitPlanes(bits).map(({ plane, width }) => [plane, { dtype: 'u8', per: PER / width } as const]));

/** Packs unsigned codes below 2^bits bit by bit. */
export function packBits(codes: ArrayLike<number>, bits: number): Record<string, Uint8Array> {
  const out: Record<string, Uint8Array> = {};
  bitPlanes(bits).forEach(({ plane, width, at }, bit) => {
    const bytes = (out[plane] ??= new Uint8Array((codes.length / PER) * width));
    for (let i = 0; i < codes.length; i++) {
      if ((((codes[i] ?? 0) >> bit) & 1) === 0) continue;
      const byte = (i >> 3) * width + at;
      bytes[byte] = (bytes[byte] ?? 0) | (1 << (i & 7));
    }
  });
  return out;
}

/** A bit of weight `i` of a group, as u32 of 0 or 1. */
export function bitOf(
  planes: Readonly<Record<string, readonly Expr[]>>,
  { plane, width, at }: BitPlane,
  i: number,
): Expr {
  const entry = planes[plane]?.[(i >> 3) * width + at];
  if (!entry) throw new RangeError(`plane '${plane}' is too short`);
  const down = (i & 7) === 0 ? entry : entry.shr(constant('u32', i & 7));
  return (i & 7) === PER - 1 ? down : down.and(constant('u32', 1));
}
