import { expect, test } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import type { FormatRecipe } from '../../compiler/formats/recipe.ts';
import { attribute, encodeModel, f32, info, node } from '../import/build-onnx.ts';
import { random } from '../kernels/product-case.ts';

const [STEPS, INPUT, HIDDEN] = [4, 64, 64];
const small = (count: number, seed: number): number[] => Array.from(random(count, seed), (v) => v / 4);

const model = encodeModel({
  name: 'recurrence',
  input: [info('x', [STEPS, 1, INPUT])],
  output: [info('y', [STEPS, 1, 1, HIDDEN])],
  node: [node('LSTM', ['x', 'w', 'r'], ['y'], [attribute.int('hidden_size', HIDDEN)])],
  initializer: [
    f32('w', [1, 4 * HIDDEN, INPUT], small(4 * HIDDEN * INPUT, 1)),
    f32('r', [1, 4 * HIDDEN, HIDDEN], small(4 * HIDDEN * HIDDEN, 2)),
  ],
});

async function run(quant: string | FormatRecipe) {
  const compilation = await createCompiler().compile(model, { quant, targets: ['wasm', 'wgsl', 'cuda'] });
  await using loaded = await loadCompiled(compilation.targets[0]);
  const { y } = await loaded.run({ x: { shape: [STEPS, 1, INPUT], data: random(STEPS * INPUT, 3) } });
  const bytes = compilation.targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
  return {
    bytes,
    y: y?.data instanceof Float32Array ? y.data.slice() : new Float32Array(0),
    what: compilation.report.changes.map((c) => c.what),
  };
}

test('weights of a recurrence are 8-bit whole numbers of one step in the file, and compute as they were rounded', async () => {
  const [full, small4, simulated] = [
    await run('f32'),
    await run('q4g32'),
    await run({ name: 'simulated', rules: [{ format: 'q4g32' }], simulate: true }),
  ];
  expect(full.y).toHaveLength(STEPS * HIDDEN);
  // 4.5 bits and 8 bits a weight, from 32 each; scales and biases come on top.
  const weights = 4 * HIDDEN * INPUT;
  expect(full.bytes).toBeGreaterThan(8 * weights);
  expect(small4.bytes).toBeLessThan((12.5 / 8) * weights + 4096);
  expect(small4.what.some((w) => w.includes('rounded to 8 bits with one scale: lstm'))).toBe(true);
  const error = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((v, i) => Math.abs(v - (b[i] ?? 0))));
  expect(error(small4.y, full.y)).toBeLessThan(0.1);
  expect(error(small4.y, full.y)).toBeGreaterThan(1e-4);
  expect(error(small4.y, simulated.y)).toBeLessThan(0.02);
});
