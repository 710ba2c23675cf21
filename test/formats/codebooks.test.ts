import { describe, expect, it } from 'vitest';
import { decodeRows } from '../../backends/reference/decode-format.ts';
import type { StorageFormat } from '../../compiler/formats/format.ts';
import { formats } from '../../compiler/formats/index.ts';
import { encodeRows, matrixPlanes, selectRows } from '../../compiler/formats/rows.ts';
import { finish, stepsOf } from '../../compiler/steps.ts';
import { aqlm } from '../../passes/precision/aqlm.ts';
import { random } from '../kernels/product-case.ts';

const SIZE = { rows: 24, length: 128 };
const COUNT = SIZE.rows * SIZE.length;

const kept = (format: StorageFormat, w: Float32Array): Float32Array =>
  decodeRows(format, encodeRows(format, w, SIZE), SIZE);
const energy = (w: Float32Array, importance?: Float32Array): number =>
  w.reduce((s, x, i) => s + (importance?.[i % SIZE.length] ?? 1) * x * x, 0);
const errorOf = (format: StorageFormat, w: Float32Array): number => {
  const got = kept(format, w);
  return energy(w.map((x, i) => x - (got[i] ?? Number.NaN))) / energy(w);
};
/** Sums of four uniform numbers are nearly normal. */
const normal = (seed: number): Float32Array => {
  const draws = [0, 1, 2, 3].map((i) => random(COUNT, seed + 101 * i));
  return new Float32Array(COUNT).map((_, i) => draws.reduce((s, d) => s + (d[i] ?? 0), 0));
};

describe.each(formats.filter((f) => f.shared).map((f) => [f.name, f] as const))('format %s', (_, format) => {
  const w = normal(1);

  it('keeps more of normal weights than planes of signs of the same size', () => {
    const signs = formats.find((f) => f.name === `b${format.bits}`);
    if (!signs) throw new TypeError('no format to compare with');
    expect(errorOf(format, w)).toBeLessThan(errorOf(signs, w));
  });

  it('keeps zeros, and loses less of what it decoded', () => {
    expect(kept(format, new Float32Array(COUNT)).every((v) => v === 0)).toBe(true);
    const once = kept(format, w);
    expect(errorOf(format, once)).toBeLessThan(errorOf(format, w));
  });

  it('gives the same twice, and the codebook stays whole when rows are selected', () => {
    const [a, b] = [encodeRows(format, w, SIZE), encodeRows(format, w, SIZE)];
    expect(a).toEqual(b);
    const order = [5, 0, 23];
    const some = decodeRows(format, selectRows(format, a, SIZE, order), { rows: 3, length: SIZE.length });
    const all = decodeRows(format, a, SIZE);
    order.forEach((r, i) =>
      expect(some.subarray(i * 128, (i + 1) * 128)).toEqual(all.subarray(r * 128, (r + 1) * 128)),
    );
  });

  it('importance lowers the error where it counts', () => {
    const importance = Float32Array.from({ length: SIZE.length }, (_, i) => (i < 32 ? 100 : 1));
    const many = { count: 1, meanAbs: importance, meanSquare: importance, maxAbs: importance };
    const request = { name: 'w', weights: w.slice(), n: SIZE.rows, k: SIZE.length, format };
    const error = (statistics?: typeof many): number => {
      const { planes } = finish(aqlm.quantize({ ...request, ...(statistics ? { statistics } : {}) }));
      const got = decodeRows(format, matrixPlanes(format, planes ?? {}, w, SIZE), SIZE);
      return energy(
        w.map((x, i) => x - (got[i] ?? Number.NaN)),
        importance,
      );
    };
    expect(error(many)).toBeLessThan(0.9 * error());
  });

  it('says how far it is', () => {
    const size = { rows: 128, length: 512 };
    const shares: number[] = [];
    const steps = stepsOf(format.encodeMatrix?.(random(size.rows * size.length, 3), size) ?? {});
    for (let step = steps.next(); !step.done; step = steps.next()) shares.push(step.value);
    expect(shares.length).toBeGreaterThan(10);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBeLessThanOrEqual(1);
    expect(shares.at(-1)).toBeGreaterThan(0.9);
  });
});
