import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addProduct } from '../../backends/wasm/add-product.ts';
import { q4g32 } from '../../compiler/formats/q4g32.ts';
import { finish } from '../../compiler/steps.ts';
import { plainProduct } from '../../passes/precision/add-product.ts';
import { bytesOf, type LayerChoices } from '../../passes/precision/allocator.ts';
import { feedbackOf } from '../../passes/precision/feedback.ts';
import { allocators, equalizers, pruners, quantizers } from '../../passes/precision/index.ts';
import type { InputStatistics, MatrixRequest, QuantizedMatrix, Quantizer } from '../../passes/precision/quantizer.ts';
import { checkDivides, parseSparsity } from '../../passes/precision/sparsity-pattern.ts';

/** Three bits, symmetric, groups of 8: coarse, so that rounding hurts. */
const coarse = {
  ...q4g32,
  name: 'coarse',
  group: 8,
  planes: {},
  grid: (w: Float32Array) => {
    const step = w.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / 3 || 1;
    return { nearest: (v: number) => Math.fround(step * Math.max(-3, Math.min(3, Math.round(v / step)))) };
  },
};

function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a / 2 ** 31 - 1;
  };
}

/** Inputs that depend on each other, some channels much larger: [count, k]. */
function inputs(count: number, k: number, seed: number): Float32Array {
  const r = random(seed);
  const x = new Float32Array(count * k);
  for (let i = 0; i < count; i++) {
    let carry = 0;
    for (let j = 0; j < k; j++) {
      carry = 0.8 * carry + r();
      x[i * k + j] = carry * (j % 7 === 3 ? 12 : 1);
    }
  }
  return x;
}

function statisticsOf(x: Float32Array, k: number): InputStatistics {
  const count = x.length / k;
  const gram = new Float64Array(k * k);
  const [meanAbs, meanSquare, maxAbs] = [new Float32Array(k), new Float32Array(k), new Float32Array(k)];
  for (let i = 0; i < count; i++)
    for (let a = 0; a < k; a++) {
      const v = x[i * k + a] ?? 0;
      meanAbs[a] = (meanAbs[a] ?? 0) + Math.abs(v) / count;
      meanSquare[a] = (meanSquare[a] ?? 0) + (v * v) / count;
      maxAbs[a] = Math.max(maxAbs[a] ?? 0, Math.abs(v));
      for (let b = 0; b < k; b++) gram[a * k + b] = (gram[a * k + b] ?? 0) + (v * (x[i * k + b] ?? 0)) / count;
    }
  return { count, gram, meanAbs, meanSquare, maxAbs };
}

/** Mean squared error of the outputs when `b` stands for the weights `a`. */
function outputError(x: Float32Array, a: Float32Array, b: Float32Array, n: number, k: number): number {
  let sum = 0;
  for (let i = 0; i < x.length / k; i++)
    for (let r = 0; r < n; r++) {
      let d = 0;
      for (let j = 0; j < k; j++) d += (x[i * k + j] ?? 0) * ((a[r * k + j] ?? 0) - (b[r * k + j] ?? 0));
      sum += d * d;
    }
  return sum;
}

const [n, k] = [24, 64];
const weights = Float32Array.from({ length: n * k }, random(5));
const x = inputs(200, k, 9);
const statistics = statisticsOf(x, k);
const request = (more: Partial<MatrixRequest> = {}): MatrixRequest => ({
  name: 'w',
  weights: weights.slice(),
  n,
  k,
  format: coarse,
  statistics,
  ...more,
});
const quantizer = (name: string): Quantizer => {
  const q = quantizers.find((c) => c.name === name);
  if (!q) throw new TypeError(name);
  return q;
};

const rounded = (name: string, more?: Partial<MatrixRequest>): QuantizedMatrix =>
  finish(quantizer(name).quantize(request(more)));

test('shares and pivots factor the Gram matrix', () => {
  const h = statistics.gram ?? new Float64Array(0);
  const { shares, pivots } = feedbackOf(h, k, plainProduct, 1e-9);
  const u = (i: number, j: number): number => (i === j ? 1 : (shares[i * k + j] ?? 0));
  for (let i = 0; i < k; i++)
    for (let j = 0; j <= i; j++) {
      let s = 0;
      for (let t = 0; t < k; t++) s += u(i, t) * (pivots[t] ?? 0) * u(j, t);
      expect(s).toBeCloseTo(h[i * k + j] ?? 0, 3);
      if (j < i) expect(shares[i * k + j]).toBe(0);
    }
});

test.each([1, 64, 65, 150])('factors of %d columns', (k) => {
  const x = Float32Array.from({ length: 2 * k * k }, (_, i) => Math.sin(i * i + 1));
  const h = new Float32Array(k * k);
  for (let r = 0; r < 2 * k; r++)
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) h[i * k + j] = (h[i * k + j] ?? 0) + (x[r * k + i] ?? 0) * (x[r * k + j] ?? 0);
  const { shares, pivots } = feedbackOf(h, k, addProduct, 1e-6);
  const u = (i: number, j: number): number => (i === j ? 1 : (shares[i * k + j] ?? 0));
  for (let i = 0; i < k; i++)
    for (let j = 0; j <= i; j++) {
      let s = 0;
      for (let t = 0; t < k; t++) s += u(i, t) * (pivots[t] ?? 0) * u(j, t);
      expect(Math.abs(s - (h[i * k + j] ?? 0))).toBeLessThan(1e-3 * k);
    }
});

test.each([
  [1, 1, 1],
  [5, 7, 3],
  [97, 33, 32],
  [13, 8, 65],
])('the product kernel adds %d x %d sums of %d', (rows, columns, depth) => {
  const values = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * i + n));
  const [c, a, b] = [values(rows * (columns + 2)), values(rows * (depth + 1)), values(depth * (columns + 3))];
  const expected = c.slice();
  for (const [sums, multiply] of [
    [c, addProduct],
    [expected, plainProduct],
  ] as const)
    multiply(
      { data: sums, at: 1, stride: columns + 2 },
      { data: a, at: 1, stride: depth + 1 },
      { data: b, at: 2, stride: columns + 3 },
      rows,
      columns,
      depth,
    );
  c.forEach((v, i) => expect(Math.abs(v - (expected[i] ?? 0))).toBeLessThan(1e-4));
});

test('a singular Gram matrix is damped, NaN is refused', () => {
  expect(feedbackOf(new Float64Array(9), 3, plainProduct).pivots.every((p) => p > 0)).toBe(true);
  expect(() => feedbackOf(new Float64Array(9).fill(Number.NaN), 3, plainProduct)).toThrow(/INFC2071|not finite/);
});

describe('quantizers', () => {
  // Codebooks have no grids: codebooks.test.ts.
  test.each(quantizers.filter((q) => q.name !== 'aqlm'))('$name gives weights on its grids', (q) => {
    const made = finish(q.quantize(request()));
    const groups = k / coarse.group;
    made.weights.forEach((w, i) => {
      const grid = made.grids?.[Math.floor(i / k) * groups + Math.floor((i % k) / coarse.group)];
      expect(grid?.nearest(w, i % coarse.group)).toBe(w);
    });
  });

  test('gptq changes the outputs less than rounding', () => {
    const error = (name: string): number => outputError(x, weights, rounded(name).weights, n, k);
    expect(error('gptq')).toBeLessThan(0.6 * error('rtn'));
  });

  test('gptq rounds to nearest when inputs are independent', () => {
    const gram = new Float64Array(k * k);
    for (let i = 0; i < k; i++) gram[i * k + i] = 1;
    const made = rounded('gptq', { statistics: { ...statistics, gram } });
    expect(made.weights).toEqual(rounded('rtn').weights);
  });

  test('gptq without calibration data is refused', () => {
    const { statistics: _, ...bare } = request();
    expect(() => finish(quantizer('gptq').quantize(bare))).toThrow(/needs calibration data/);
  });
});

describe('equalizers', () => {
  test.each(equalizers)('$name gives usable scales', (e) => {
    const s = e.scales({ matrices: [request()], k, statistics });
    expect(s).toHaveLength(k);
    expect(s.every((v) => v > 0 && Number.isFinite(v))).toBe(true);
  });

  test('awq changes the outputs less than rounding alone', () => {
    const awq = equalizers.find((e) => e.name === 'awq');
    const s = awq?.scales({ matrices: [request()], k, statistics }) ?? new Float32Array(k);
    const scaled = weights.map((w, i) => w * (s[i % k] ?? 1));
    const made = rounded('rtn', { weights: scaled }).weights.map((w, i) => w / (s[i % k] ?? 1));
    const plain = rounded('rtn').weights;
    expect(outputError(x, weights, made, n, k)).toBeLessThan(0.9 * outputError(x, weights, plain, n, k));
  });
});

describe('pruners', () => {
  test.each(pruners.flatMap((p) => ['2:4', '4:8', '1:4', 'block:8x4', 'unstructured:0.6'].map((s) => ({ p, s }))))(
    '$p.name keeps to $s',
    ({ p, s }) => {
      const pattern = parseSparsity(s);
      const { format: _, ...r } = request();
      const mask = p.prune({ ...r, pattern });
      r.weights.forEach((w, i) => {
        if (mask[i] === 0) expect(w).toBe(0);
      });
      const zeros = mask.reduce((c, m) => c + (m === 0 ? 1 : 0), 0) / mask.length;
      expect(Math.abs(zeros - pattern.sparsity)).toBeLessThan(0.02);
      if (s.includes('x')) {
        for (let i = 0; i < mask.length; i++) {
          const [row, column] = [Math.floor(i / k), i % k];
          expect(mask[i]).toBe(mask[(row - (row % 8)) * k + column - (column % 4)]);
        }
      } else if (!s.startsWith('u')) {
        const [keep = 0, of = 1] = s.split(':').map(Number);
        for (let i = 0; i < mask.length; i += of)
          expect(mask.subarray(i, i + of).reduce((a, b) => a + b, 0)).toBe(keep);
      }
    },
  );

  test('calibrated pruning changes the outputs less than magnitude', () => {
    const error = (name: string): number => {
      const { format: _, ...r } = request();
      pruners.find((p) => p.name === name)?.prune({ ...r, pattern: parseSparsity('2:4') });
      return outputError(x, weights, r.weights, n, k);
    };
    expect(error('wanda')).toBeLessThan(error('magnitude'));
    expect(error('sparsegpt')).toBeLessThan(error('wanda'));
  });

  test.each(['', '4:2', '0:4', 'block:3', 'block:4x4:2', 'unstructured', 'unstructured:1', '2:4:8', 'x'])(
    'pattern %j is refused',
    (text) => {
      expect(() => parseSparsity(text)).toThrow(/sparsity/);
    },
  );

  test('a pattern that does not divide the matrix is refused', () => {
    expect(() => checkDivides(parseSparsity('2:5'), 'w', 1, 12)).toThrow(/INFC2074.*'w' is 1 x 12/);
    expect(() => checkDivides(parseSparsity('block:8x2'), 'w', 12, 12)).toThrow(/INFC2074.*8 x 2/);
    checkDivides(parseSparsity('block:4x2'), 'w', 12, 12);
  });
});

/** Layers whose damage falls fourfold a bit, from very different heights. */
const layersFrom = (heights: readonly number[]): LayerChoices[] =>
  heights.map((h, i) => ({
    name: `l${i}`,
    elements: 1000,
    entropy: h,
    options: [2, 3, 4, 6, 8].map((bits) => ({ format: `q${bits}`, bits, bytes: bits * 125, damage: h * 4 ** -bits })),
  }));
const damageOf = (layers: readonly LayerChoices[], choice: readonly number[]): number =>
  layers.reduce((s, l, i) => s + (l.options[choice[i] ?? 0]?.damage ?? 0), 0);

describe('allocators', () => {
  test.each(allocators)('$name keeps the budget, repeats itself, refuses the impossible', async (a) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 2, max: 8, noNaN: true }),
        async (heights, bits) => {
          const layers = layersFrom(heights);
          const bytes = Math.floor(bits * 125 * layers.length);
          const measure = async (c: readonly number[]): Promise<number> => damageOf(layers, c);
          const choice = await a.allocate({ layers, bytes, measure, seed: 1 });
          expect(bytesOf(layers, choice)).toBeLessThanOrEqual(bytes);
          expect(await a.allocate({ layers, bytes, measure, seed: 1 })).toEqual(choice);
        },
      ),
      { numRuns: 20 },
    );
    await expect(
      a.allocate({ layers: layersFrom([1, 1]), bytes: 499, measure: async () => 0, seed: 1 }),
    ).rejects.toThrow(/smallest choice takes 500/);
  });

  test.each([
    ['baq', 1.6],
    ['evopress', 1.3],
  ] as const)('%s comes within %d of the best of all choices', async (name, factor) => {
    const layers = layersFrom([100, 1, 0.01, 30]);
    const bytes = 4 * 125 * 4;
    let best = Number.POSITIVE_INFINITY;
    for (let c = 0; c < 5 ** 4; c++) {
      const choice = [0, 1, 2, 3].map((i) => Math.floor(c / 5 ** i) % 5);
      if (bytesOf(layers, choice) <= bytes) best = Math.min(best, damageOf(layers, choice));
    }
    const measure = async (c: readonly number[]): Promise<number> => damageOf(layers, c);
    const choice = await allocators.find((a) => a.name === name)?.allocate({ layers, bytes, measure, seed: 3 });
    expect(damageOf(layers, choice ?? [])).toBeLessThanOrEqual(best * factor);
    expect(damageOf(layers, choice ?? [])).toBeLessThan(damageOf(layers, [2, 2, 2, 2]));
  });

  test('evopress follows measurements where damages do not add up', async () => {
    const layers = layersFrom([1, 1, 1, 1]);
    // Layer 2 alone decides, whatever the layers' own damages say.
    const measure = async (c: readonly number[]): Promise<number> => 8 - (c[2] ?? 0);
    const choice = await allocators
      .find((a) => a.name === 'evopress')
      ?.allocate({ layers, bytes: 2000, measure, seed: 3 });
    expect(choice?.[2]).toBe(4);
  });
});
