import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../compiler/compile.ts';
import { calibrate, loadCompiled } from '../../compiler/compress/calibrate.ts';
import { compress } from '../../compiler/compress/compress.ts';
import type { FormatRecipe, FormatRule } from '../../compiler/formats/recipe.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { patches } from '../../compiler/patches.ts';
import { calibrators } from '../../passes/precision/index.ts';

const { registry } = createCompiler();

const noise = (seed: number) => {
  let a = seed;
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a / 2 ** 31 - 1;
  };
};

const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };

/** Two convolutions, a grouped one between them. */
function network(): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'm', op: 'Conv' });
  const r = noise(3);
  const weights = (name: string, shape: number[]) =>
    b.constant('f32', shape, Array.from({ length: shape.reduce((n, d) => n * d, 1) }, r), name);
  const x = graph.input('x', tensor('f32', [1, 8, 12, 12]));
  const a = b.node('relu', [b.node('conv', [x, weights('first', [32, 8, 3, 3])], attrs)]);
  const grouped = b.node('relu', [b.node('conv', [a, weights('grouped', [32, 16, 3, 3])], { ...attrs, group: 2 })]);
  graph.outputs.push(b.node('conv', [grouped, weights('last', [16, 32, 3, 3])], { ...attrs, strides: [2, 2] }, 'out'));
  return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

function picture(seed: number) {
  const r = noise(seed);
  let carry = 0;
  return {
    inputs: {
      x: { shape: [1, 8, 12, 12], data: Float32Array.from({ length: 1152 }, () => (carry = 0.8 * carry + r())) },
    },
  };
}
const runs = () => Array.from({ length: 16 }, (_, i) => picture(i + 1));
const recipe = (rule: FormatRule, simulate = false) => ({
  name: 'r',
  rules: [rule],
  ...(simulate ? { simulate } : {}),
});

async function outputOf(compilation: Awaited<ReturnType<typeof compile>>): Promise<Float32Array> {
  await using model = await loadCompiled(compilation.targets[0]);
  const { out } = await model.run(picture(99).inputs);
  return out?.data instanceof Float32Array ? out.data : new Float32Array(0);
}
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((s, v, i) => s + (v - (b[i] ?? 0)) ** 2, 0));

describe('weights of convolutions', () => {
  test('patches are what the outputs read', () => {
    const g = { kernel: [2, 2], strides: [1, 2], dilations: [1, 1], begin: [1, 0], end: [0, 1] };
    const data = Float32Array.from({ length: 2 * 2 * 3 }, (_, i) => i + 1);
    const { rows, count } = patches(data, [1, 2, 2, 3], g, 100);
    expect(count).toBe(4);
    // Outputs at rows -1 and 0, columns 0 and 2; channels of 6 values each.
    expect([...rows.subarray(0, 8)]).toEqual([0, 0, 1, 2, 0, 0, 7, 8]);
    expect([...rows.subarray(24, 32)]).toEqual([3, 0, 6, 0, 9, 0, 12, 0]);
    expect(patches(data, [1, 2, 2, 3], g, 2).count).toBe(2);
  });

  test('calibration sees patches of ungrouped convolutions', async () => {
    const found = await calibrate(network(), runs(), { calibrators, needs: () => 'gram' });
    expect([...found.keys()].sort()).toEqual(['first', 'last']);
    const gram = found.get('first')?.gram ?? new Float32Array(0);
    expect(gram).toHaveLength(72 * 72);
    expect(found.get('first')?.count).toBe(16 * 144);
    for (let i = 0; i < 72; i++) expect(gram[i * 72 + i]).toBeCloseTo(found.get('first')?.meanSquare[i] ?? 0, 3);
  });

  test('gptq does less damage than rounding, and grouped convolutions say why they are rounded', async () => {
    const exact = await outputOf(await compile(network()));
    const by = (algorithm: string) => ({
      name: 'r',
      rules: [
        { match: 'grouped', format: 'q8g32', algorithm },
        { format: 'q3g32', algorithm },
      ],
    });
    const plain = await compress(network(), { quant: by('rtn') });
    const chosen = await compress(network(), { quant: by('gptq'), runs });
    const error = distance(await outputOf(plain), exact);
    expect(error).toBeGreaterThan(0);
    expect(distance(await outputOf(chosen), exact)).toBeLessThan(0.85 * error);
    const said = chosen.report.changes.filter((c) => c.pass === 'round-weights').map((c) => c.what);
    expect(said.filter((w) => w.endsWith('by gptq'))).toHaveLength(2);
    expect(said.some((w) => w.includes('no statistics of grouped filters'))).toBe(true);
    const bytes = (c: typeof plain): number => c.targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
    expect(bytes(chosen)).toBe(bytes(plain));
    expect(bytes(chosen)).toBeLessThan(0.2 * bytes(await compile(network())));
  });

  test.each(['q4g32', 'dense-f16'])('rounding to %s without storing computes the same', async (format) => {
    const real = await outputOf(await compress(network(), { quant: recipe({ format }) }));
    const simulated = await compress(network(), { quant: recipe({ format }, true) });
    expect(simulated.targets[0]?.plan.load).toBeUndefined();
    const got = await outputOf(simulated);
    const size = distance(real, new Float32Array(real.length));
    expect(distance(got, real)).toBeLessThan(1e-5 * size);
    expect(distance(got, await outputOf(await compile(network())))).toBeGreaterThan(1e-5 * size);
  });

  test('gptq without data is refused', async () => {
    await expect(
      createCompiler()
        .compile(network(), { quant: recipe({ format: 'q4g32', algorithm: 'gptq' }) })
        .then((c) => c.targets[0]?.files()),
    ).rejects.toMatchObject({ code: 'INFC2072' });
  });

  test.each([
    [Number.NaN, 'q4g32'],
    [Number.POSITIVE_INFINITY, 'q4g32'],
    [1e6, 'dense-f16'],
  ])('a weight of %d is refused by %s', async (value, format) => {
    const program = network();
    for (const n of program.entries.get('main')?.nodes ?? []) {
      const c = n.inputs[1]?.constant;
      if (c?.name === 'last') new Float32Array(c.read().buffer)[7] = value;
    }
    const files = compress(program, { quant: recipe({ format }) }).then((c) => c.targets[0]?.files());
    await expect(files).rejects.toMatchObject({ code: 'INFC2092' });
  });
});

test('plain rounding that changes weights much is remarked on, once, with the worst; algorithms and fine formats are not', async () => {
  const said = async (rule: FormatRule): Promise<string[]> => {
    const warnings: string[] = [];
    await compress(network(), { quant: recipe(rule), runs, onWarning: (w) => warnings.push(w.message) });
    return warnings;
  };
  const [coarse, ...more] = await said({ format: 'a2g32' });
  expect(more).toEqual([]);
  expect(coarse).toMatch(/INFC2094.*changes 3 of 3 weights.*'(first|grouped|last)' by \d\d % in int2/);
  expect(await said({ format: 'q6g32' })).toEqual([]);
  // Formats of one bit a weight: filters have signs and zeros, never an empty range.
  for (const format of ['b1', 'c1x8']) expect((await said({ format }))[0]).toMatch(/by \d\d % in int2/);
  expect((await said({ format: 'nf4' }))[0]).toMatch(/INFC2099.*changes no weight/);
  expect(await said({ match: 'first', format: 'a2g32', algorithm: 'gptq' })).toEqual([]);
});

test.each<[string, FormatRecipe, RegExp]>([
  ['patterns of zeros', recipe({ format: 'q8g32', sparsity: '2:4' }), /sparsity 2:4 sets no weight .* to zero/],
  ['equalizers', recipe({ format: 'q8g32', equalize: 'awq' }), /awq scales no channel/],
  ['zeros of activations', { ...recipe({ format: 'q8g32' }), skipZeros: true }, /sparsity activations skips nothing/],
])('%s in a recipe that find no place in the model are remarked on', async (_, quant, said) => {
  const warnings: string[] = [];
  await compress(network(), { quant, runs, onWarning: (w) => warnings.push(w.message) });
  expect(warnings).toEqual([expect.stringMatching(said)]);
  expect(warnings[0]).toMatch(/INFC2099/);
});
