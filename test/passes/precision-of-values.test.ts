import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../compiler/compile.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import { compress } from '../../compiler/compress/compress.ts';
import type { Precision } from '../../compiler/formats/recipe.ts';
import { Graph, type Program, tensor, type Value } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { provenBound } from '../../passes/precision/value-range.ts';
import { player } from '../conformance/onnx-targets.ts';

const hasGxx = spawnSync('g++', ['--version']).status === 0;
const { registry } = createCompiler();
const [ROWS, WIDTH] = [8, 64];

const noise = (seed: number) => {
  let a = seed;
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a / 2 ** 31 - 1;
  };
};

function build(body: (b: GraphBuilder, x: Value, weights: (rows: number, columns: number) => Value) => Value): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'm', op: 'Gemm' });
  const r = noise(3);
  const x = graph.input('x', tensor('f32', [ROWS, WIDTH]));
  let made = 0;
  const weights = (rows: number, columns: number): Value =>
    b.constant(
      'f32',
      [rows, columns],
      Array.from({ length: rows * columns }, () => 0.2 * r()),
      `w${made++}`,
    );
  const y = body(b, x, weights);
  y.name = 'out';
  graph.outputs.push(y);
  return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

/** A transformer's feed-forward part twice over a residual stream, transposed once, with a softmax and logits at the end. */
const network = (): Program =>
  build((b, x, w) => {
    let stream = b.node('matmul', [x, w(WIDTH, WIDTH)]);
    for (let i = 0; i < 2; i++) {
      const y = b.node('rms_norm', [stream], { axis: 1, eps: 1e-6 });
      const h = b.node('silu', [b.node('matmul', [y, w(WIDTH, 96)])]);
      stream = b.node('add', [stream, b.node('matmul', [h, w(96, WIDTH)])]);
    }
    const turned = b.node('transpose', [b.node('matmul', [stream, w(WIDTH, WIDTH)])], { permutation: [1, 0] });
    const scores = b.node('matmul', [turned, w(ROWS, WIDTH)]);
    return b.node('matmul', [b.node('softmax', [scores], { axis: 1 }), w(WIDTH, 32)]);
  });

function batch(seed: number, size = 1) {
  const r = noise(seed);
  return {
    inputs: { x: { shape: [ROWS, WIDTH], data: Float32Array.from({ length: ROWS * WIDTH }, () => size * r()) } },
  };
}
const runs =
  (size = 1) =>
  () =>
    [1, 2, 3].map((s) => batch(s, size));
const recipe = (precision: Precision) => ({ name: precision, rules: [], precision });

async function outputOf(compilation: Awaited<ReturnType<typeof compile>>): Promise<Float32Array> {
  await using model = await loadCompiled(compilation.targets[0]);
  const { out } = await model.run(batch(99).inputs);
  return out?.data instanceof Float32Array ? out.data : new Float32Array(0);
}

const relative = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((s, v, i) => s + (v - (b[i] ?? 0)) ** 2, 0) / b.reduce((s, v) => s + v * v, 0));

const said = (c: Awaited<ReturnType<typeof compile>>): string[] =>
  c.report.changes.filter((x) => x.pass === 'assign-precision').map((x) => x.what);

describe('mixed precision', () => {
  test('values between kernels become 16 bits wide, softmax and logits stay', async () => {
    const exact = await outputOf(await compile(network()));
    const made = await compress(network(), { quant: recipe('f16'), runs: runs() });
    const error = relative(await outputOf(made), exact);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(2e-3);
    const what = said(made);
    expect(what.filter((w) => w.startsWith('kept as f16')).length).toBeGreaterThanOrEqual(7);
    expect(what).toContain('stays f32: softmax reads it');
    const { program } = await compress(network(), { quant: recipe('f16'), runs: runs(), stopAfter: 'precision' });
    const graph = program.entries.get('main');
    expect(graph?.outputs[0]?.type.dtype).toBe('f32');
    for (const node of graph?.nodes ?? []) {
      if (node.op === 'softmax') expect(node.inputs[0]?.type.dtype).toBe('f32');
      // Products read narrow values as they are, and sum in f32.
      if (node.op === 'matmul') expect(node.outputs[0]?.type.dtype).toBe('f32');
    }
    const turned = graph?.nodes.find((n) => n.op === 'transpose' || n.attrs.transposeA === true);
    expect(turned?.inputs[0]?.type.dtype).toBe('f16');
    // Where kernels load 16-bit floats as they are, memory shrinks, and no kernel only widens or narrows.
    const gpu = { quant: recipe('f16'), runs: runs(), targets: ['wgsl'] };
    const [plain] = (await compile(network(), { targets: ['wgsl'] })).targets;
    const [narrow] = (await compress(network(), gpu)).targets;
    expect(narrow?.memory.bytesWithoutReuse).toBeLessThan(0.8 * (plain?.memory.bytesWithoutReuse ?? 0));
    const steps = (t: typeof plain): number => t?.plan.entries.main?.steps.length ?? 0;
    expect(steps(narrow)).toBe(steps(plain));
  });

  test('without calibration only proven ranges are narrow', async () => {
    const what = said(await compile(network(), { quant: recipe('f16') }));
    expect(what.some((w) => /kept as f16: .* proven/.test(w))).toBe(true);
    expect(what.some((w) => /not known without calibration/.test(w))).toBe(true);
  });

  test('a range that f16 lacks keeps a value wide, or bf16 where products read it', async () => {
    const large = runs(1e5);
    const f16 = said(await compress(network(), { quant: recipe('f16'), runs: large }));
    expect(f16.some((w) => /stays f32: at most .* on the calibration data/.test(w))).toBe(true);
    const mixed = await compress(network(), { quant: recipe('mixed'), runs: large });
    expect(said(mixed).some((w) => w.startsWith('kept as bf16'))).toBe(true);
    const exact = await outputOf(await compile(network()));
    expect(relative(await outputOf(mixed), exact)).toBeLessThan(1e-2);
  });

  test.each([
    ['f16', 'interpreted wgsl'],
    ['bf16', 'interpreted wgsl'],
    ['mixed', 'interpreted wgsl'],
    ...(hasGxx ? ([['mixed', 'cuda-cpu']] as const) : []),
  ] as const)('%s on %s rounds the same values as on Wasm', async (precision, target) => {
    const options = { quant: recipe(precision), runs: runs() };
    const wasm = await outputOf(await compress(network(), options));
    const targets = [target === 'cuda-cpu' ? 'cuda' : 'wgsl'];
    const played = await player(await compress(network(), { ...options, targets }), target);
    const { x } = batch(99).inputs;
    const { out } = await played.run({ x: { dtype: 'f32', ...x } });
    await played.dispose();
    const data = out && 'data' in out && out.data instanceof Float32Array ? out.data : new Float32Array(0);
    // Sums in another order flip last bits of a few 16-bit values: far less than rounding costs.
    expect(relative(wasm, data)).toBeLessThan(precision === 'f16' ? 3e-4 : 2e-3);
  });

  test('bounds are proven and never exceeded', async () => {
    const program = network();
    const graph = program.entries.get('main');
    const bounds = (graph?.nodes ?? []).map((n) => ({
      n,
      bound: n.outputs[0] ? provenBound(n.outputs[0]) : undefined,
    }));
    const norm = bounds.find((x) => x.n.op === 'rms_norm');
    expect(norm?.bound).toBeCloseTo(Math.sqrt(WIDTH));
    expect(bounds.find((x) => x.n.op === 'silu')?.bound).toBeGreaterThan(1);
    expect(bounds[0]?.bound).toBeUndefined();
  });
});
