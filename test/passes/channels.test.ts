import { describe, expect, test } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import { compress } from '../../compiler/compress/compress.ts';
import type { FormatRecipe } from '../../compiler/formats/recipe.ts';
import { cloneProgram } from '../../compiler/ir/clone.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';

const compiler = createCompiler();

const values = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 1.7 * i + i * i * 0.13));

const program = (graph: Graph): Program => ({
  name: 'm',
  entries: new Map([['main', graph]]),
  states: [],
  symbols: new Map(),
  metadata: {},
});

/** Zeros along an axis of a weight for channels that `dead` names. */
function kill(
  w: Float32Array,
  shape: readonly number[],
  axis: number,
  dead: (channel: number) => boolean,
): Float32Array {
  const inner = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  return w.map((v, i) => (dead(Math.floor(i / inner) % (shape[axis] ?? 1)) ? 0 : v));
}

/** silu(x G) * (x U + c), then D: 64 hidden units, every fourth written by zeros. `head` follows the units as well. */
function gated(head?: 'softmax'): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, compiler.registry, { name: 'ffn', op: 'Gemm' });
  const x = graph.input('x', tensor('f32', [4, 32]));
  const dead = (j: number): boolean => j % 4 === 1;
  const up = kill(values(64 * 32, 1), [64, 32], 0, dead);
  const gate = b.node('matmul', [x, b.constant('f32', [32, 64], values(32 * 64, 2), 'G')]);
  const line = b.node('matmul', [x, b.constant('f32', [64, 32], up, 'U')], { transposeB: true });
  const bias = b.constant('f32', [64], kill(values(64, 3), [64], 0, dead), 'c');
  let h = b.node('mul', [b.node('silu', [gate]), b.node('add', [line, bias])]);
  if (head) h = b.node(head, [h], { axis: 1 });
  graph.outputs.push(b.node('matmul', [h, b.constant('f32', [64, 16], values(64 * 16, 4), 'D')], {}, 'y'));
  return program(graph);
}

/** Two convolutions that are added up, one of them behind a depthwise one, a pool, and a reader: 16 channels, half dead. */
function convolutions(): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, compiler.registry, { name: 'cnn', op: 'Conv' });
  const x = graph.input('x', tensor('f32', [1, 3, 8, 8]));
  const dead = (j: number): boolean => j % 2 === 0;
  const weights = (shape: readonly number[], seed: number, name: string, writes = true) => {
    const w = values(
      shape.reduce((n, d) => n * d, 1),
      seed,
    );
    return b.constant('f32', shape, writes ? kill(w, shape, 0, dead) : w, name);
  };
  const same = { pads: [1, 1, 1, 1] };
  const a = b.node('conv', [x, weights([16, 3, 3, 3], 1, 'A')], same);
  const deep = b.node('conv', [b.node('relu', [a]), weights([16, 1, 3, 3], 2, 'depth', false)], { ...same, group: 16 });
  const c = b.node('conv', [x, weights([16, 3, 1, 1], 3, 'C')]);
  const bias = b.constant('f32', [16, 1, 1], kill(values(16, 5), [16], 0, dead), 'bias');
  const sum = b.node('relu', [b.node('add', [b.node('add', [deep, c]), bias])]);
  const pooled = b.node('max_pool', [sum], { kernel: [2, 2], strides: [2, 2] });
  graph.outputs.push(b.node('conv', [pooled, weights([4, 16, 3, 3], 6, 'R', false)], {}, 'y'));
  return program(graph);
}

const recipe = (sparsity: string, more: object = {}): FormatRecipe => ({
  name: sparsity,
  rules: [{ format: 'dense', sparsity, ...more }],
});

async function outputs(source: Program, input: Float32Array, quant?: FormatRecipe, calibrated = false) {
  const shape = source.entries.get('main')?.inputs[0]?.type.shape.map(Number) ?? [];
  const inputs = { x: { shape, data: input } };
  const options = { targets: ['wasm'], ...(quant ? { quant } : {}) };
  const compilation = calibrated
    ? await compress(cloneProgram(source), { targets: ['wasm'], quant: quant ?? recipe(''), runs: () => [{ inputs }] })
    : await compiler.compile(cloneProgram(source), options);
  const bytes = compilation.targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
  await using model = await loadCompiled(compilation.targets[0]);
  const y = (await model.run(inputs)).y;
  return { y: Float32Array.from(y?.data as Float32Array), bytes };
}

const near = (a: Float32Array, b: Float32Array): void =>
  a.forEach((v, i) => void expect(Math.abs(v - (b[i] ?? 0))).toBeLessThan(1e-4));

describe('--sparsity channels', () => {
  test('hidden units that write nothing go first, with all that belongs to them', async () => {
    const x = values(128, 9);
    const whole = await outputs(gated(), x);
    // 64 units in groups of 32: half are left, all the live ones cannot be.
    const quarter = await outputs(gated(), x, recipe('channels:0.25'));
    near(quarter.y, whole.y); // 48 units round up to 64
    const half = await outputs(gated(), x, recipe('channels:0.5'));
    expect(half.bytes).toBeLessThan(whole.bytes * 0.55);
    expect(half.y.some((v, i) => Math.abs(v - (whole.y[i] ?? 0)) > 1e-3)).toBe(true);
  });

  test('convolutions that are added up lose the same channels', async () => {
    const x = values(192, 9);
    const whole = await outputs(convolutions(), x);
    const half = await outputs(convolutions(), x, recipe('channels:0.5'));
    near(half.y, whole.y);
    expect(half.bytes).toBeLessThan(whole.bytes * 0.75);
    // With data: what reads them is a 3x3 filter, whose statistics have nine places a channel.
    const measured = await outputs(convolutions(), x, recipe('channels:0.5', { prune: 'wanda' }), true);
    near(measured.y, whole.y);
    expect(measured.bytes).toBe(half.bytes);
  });

  test('with data, units whose values are small go first', async () => {
    const x = values(128, 9);
    const whole = await outputs(gated(), x);
    const error = async (how: FormatRecipe, calibrated: boolean): Promise<number> => {
      const { y } = await outputs(gated(), x, how, calibrated);
      return y.reduce((s, v, i) => s + (v - (whole.y[i] ?? 0)) ** 2, 0);
    };
    const measured = await error(recipe('channels:0.5', { prune: 'wanda' }), true);
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThan(await error(recipe('channels:0.5'), false));
    await expect(outputs(gated(), x, recipe('channels:0.5', { prune: 'wanda' }))).rejects.toMatchObject({
      code: 'INFC2072',
    });
  });

  test('channels that an op mixes, or that a rule leaves out, stay', async () => {
    const x = values(128, 9);
    const whole = await outputs(gated('softmax'), x);
    const pruned = await outputs(gated('softmax'), x, recipe('channels:0.5'));
    expect(pruned).toEqual(whole);
    const left = { name: 'left', rules: [{ format: 'dense' }, { format: 'dense', sparsity: 'channels:0.5' }] };
    const other = await outputs(gated(), x, left);
    expect(other.bytes).toBe((await outputs(gated(), x)).bytes);
  });

  test.each(['channels:0', 'channels:1', 'channels:x', 'channels:'])('%s is refused', async (sparsity) => {
    await expect(outputs(gated(), values(128, 9), recipe(sparsity))).rejects.toMatchObject({ code: 'INFC8031' });
  });
});
