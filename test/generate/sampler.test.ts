import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expNegative } from '../../runtime/generate/exponential.ts';
import type { MaskSource } from '../../runtime/generate/masks.ts';
import { Random } from '../../runtime/generate/random.ts';
import { argmax, Distribution, Sampler, type Sampling } from '../../runtime/generate/sampler.ts';
import { keepLargest, keepMass } from '../../runtime/generate/select.ts';
import { chiSquare } from './toy.ts';

/** Candidates by the definition of each option, one after the other, with sorting instead of selection. */
function byDefinition(
  logits: readonly number[],
  { temperature = 1, topK = 0, topP = 1, minP = 0 }: Sampling,
): Map<number, number> {
  const most = Math.max(...logits);
  let all = logits
    .map((l, id) => ({ id, w: Math.exp((l - most) / temperature) }))
    .sort((a, b) => b.w - a.w || a.id - b.id);
  if (topK > 0) all = all.slice(0, topK);
  if (topP < 1) {
    const total = all.reduce((n, c) => n + c.w, 0);
    let mass = 0;
    all = all.filter(({ w }) => {
      const before = mass;
      mass += w;
      // Where rounding decides, both are right.
      fc.pre(Math.abs(before - topP * total) > 1e-12 * total);
      return before < topP * total;
    });
  }
  const least = minP * (all[0]?.w ?? 0);
  all = all.filter(({ w }) => {
    fc.pre(Math.abs(w - least) > 1e-12 * w);
    return w >= least;
  });
  const total = all.reduce((n, c) => n + c.w, 0);
  return new Map(all.map(({ id, w }) => [id, w / total]));
}

describe('exponential and random numbers', () => {
  it('e^x agrees with Math.exp to two units in the last place and is zero below -44', () => {
    for (let i = 0; i <= 44000; i++) {
      const x = -i / 1000;
      expect(Math.abs(expNegative(x) / Math.exp(x) - 1)).toBeLessThan(x > -44 ? 1e-15 : 2);
    }
    expect([expNegative(0), expNegative(-44), expNegative(Number.NEGATIVE_INFINITY)]).toEqual([1, 0, 0]);
  });

  it('a seed gives the same numbers, another one others; they are uniform', () => {
    const draw = (seed: number, n: number) => {
      const random = new Random(seed);
      return Array.from({ length: n }, () => random.next());
    };
    expect(draw(42, 5)).toEqual(draw(42, 5));
    expect(draw(42, 5)).not.toEqual(draw(43, 5));
    expect(draw(2 ** 40, 5)).not.toEqual(draw(0, 5));
    const counts = new Array<number>(100).fill(0);
    for (const u of draw(7, 100_000)) {
      expect(u >= 0 && u < 1).toBe(true);
      counts[Math.floor(u * 100)] = (counts[Math.floor(u * 100)] ?? 0) + 1;
    }
    const { statistic, limit } = chiSquare(counts, new Array<number>(100).fill(1000));
    expect(statistic).toBeLessThan(limit);
  });
});

describe('selection', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 40 });
  const sorted = (w: readonly number[]) => [...w.keys()].sort((a, b) => (w[b] ?? 0) - (w[a] ?? 0) || a - b);

  it('keepLargest moves the heaviest to the front, lower ids first among equals', () => {
    fc.assert(
      fc.property(weights, fc.nat(40), (w, seed) => {
        const k = 1 + (seed % w.length);
        const ids = Int32Array.from(w.keys());
        keepLargest(ids, Float64Array.from(w), w.length, k);
        expect([...ids.subarray(0, k)].sort((a, b) => a - b)).toEqual(
          sorted(w)
            .slice(0, k)
            .sort((a, b) => a - b),
        );
      }),
    );
  });

  it('keepMass keeps the shortest beginning with enough weight', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 100 }), (w, percent) => {
        // Whole numbers: sums are exact in any order.
        const total = w.reduce((a, b) => a + b, 0);
        const share = percent / 100;
        let mass = 0;
        const want = sorted(w).filter((i) => {
          const before = mass;
          mass += w[i] ?? 0;
          return before < share * total;
        });
        const ids = Int32Array.from(w.keys());
        const n = keepMass(ids, Float64Array.from(w), w.length, share);
        expect([...ids.subarray(0, n)].sort((a, b) => a - b)).toEqual(want.sort((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });
});

/** A mask that is always the same. */
const fixed = (mask: Uint32Array): MaskSource => ({
  mask: () => mask,
  tryCommit: () => true,
  rollback: () => undefined,
  fork: () => fixed(mask),
  done: false,
});

describe('sampler', () => {
  it('has the candidates and probabilities that the options define', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -6, max: 6, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(0.3, 1, 2.5),
        fc.constantFrom(0, 1, 3, 100),
        fc.constantFrom(0.2, 0.77, 1),
        fc.constantFrom(0, 0.05, 0.6),
        (values, temperature, topK, topP, minP) => {
          // Equal, or so far apart that their exponentials differ.
          const logits = Float32Array.from(values, (v) => Math.round(v * 1024) / 1024);
          const options = { temperature, topK, topP, minP };
          const d = new Sampler(logits.length, options).distribution(logits);
          const found = new Map(Array.from(d.ids.subarray(0, d.count), (id, i) => [id, (d.weights[i] ?? 0) / d.total]));
          const want = byDefinition([...logits], options);
          expect([...found.keys()].sort((a, b) => a - b)).toEqual([...want.keys()].sort((a, b) => a - b));
          for (const [id, p] of want) expect(found.get(id)).toBeCloseTo(p, 12);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('draws in proportion, never a masked token', () => {
    const logits = Float32Array.from([0, 1, 2, 3, -1, 0.5]);
    const mask = Uint32Array.of(0b101101);
    const sampler = new Sampler(6, { temperature: 1, seed: 3 });
    const counts = new Array<number>(6).fill(0);
    const n = 30_000;
    for (let i = 0; i < n; i++) {
      const t = sampler.choose(logits, fixed(mask));
      counts[t] = (counts[t] ?? 0) + 1;
    }
    const weights = [...logits].map((l, i) => (((mask[0] ?? 0) >> i) & 1 ? Math.exp(l) : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    const { statistic, limit } = chiSquare(
      counts,
      weights.map((w) => (n * w) / total),
    );
    expect(statistic).toBeLessThan(limit);
  });

  it('takes the lowest id among equals, and says when nothing can be chosen', () => {
    expect(argmax(Float32Array.from([1, 3, 3, 2]))).toBe(1);
    expect(argmax(Float32Array.from([1, 3, 3, 2]), Uint32Array.of(0b1100))).toBe(2);
    expect(() => argmax(Float32Array.from([1, 2]), Uint32Array.of(0))).toThrow('INFC6414');
    expect(() => argmax(Float32Array.from([Number.NaN, Number.NaN]))).toThrow('INFC6405');
  });

  it('penalises what came before, and takes it back', () => {
    const sampler = new Sampler(3, { repetitionPenalty: 2 }, [0]);
    expect(sampler.choose(Float32Array.from([3, 2, -1]))).toBe(1);
    expect(sampler.choose(Float32Array.from([3, 2, -1]))).toBe(0);
    sampler.forget(1);
    expect(sampler.choose(Float32Array.from([3, 2, -1]))).toBe(1);
    expect(sampler.choose(Float32Array.from([-1, -1.5, -3]))).toBe(0); // -2, -3, -3
  });

  it('names the option that is out of range', () => {
    for (const bad of [
      { temperature: -1 },
      { topK: 1.5 },
      { topP: 0 },
      { minP: 2 },
      { repetitionPenalty: 0 },
      { seed: -1 },
    ])
      expect(() => new Sampler(2, bad)).toThrow(new RegExp(`INFC6404: ${Object.keys(bad)[0]}`));
  });

  it('spreads a distribution by token', () => {
    const d = new Distribution(4);
    new Sampler(4, { temperature: 1, topK: 2 }).distribution(Float32Array.from([0, 1, 2, 3]), undefined, d);
    const dense = d.spread(new Float64Array(4));
    expect([dense[0], dense[1]]).toEqual([0, 0]);
    expect((dense[2] ?? 0) + (dense[3] ?? 0)).toBeCloseTo(1, 12);
  });
});
