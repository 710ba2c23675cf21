import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../compiler/compile.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import { type CompressOptions, compress } from '../../compiler/compress/compress.ts';
import type { FormatRule } from '../../compiler/formats/recipe.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { definePlugin } from '../../compiler/plugin.ts';
import { defineQuantizer } from '../../passes/precision/quantizer.ts';

const { registry } = createCompiler();
const [ROWS, WIDTH] = [16, 64];

const noise = (seed: number) => {
  let a = seed;
  return () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a / 2 ** 31 - 1;
  };
};

/** norm, two products that read it (one transposed), their gated product, a third product. */
function network(): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'm', op: 'Gemm' });
  const r = noise(3);
  const values = (n: number): number[] => Array.from({ length: n }, r);
  const x = graph.input('x', tensor('f32', [ROWS, WIDTH]));
  const gains = Array.from({ length: WIDTH }, (_, i) => (i % 9 === 2 ? 8 : 1));
  const y = b.node('rms_norm', [x, b.constant('f32', [WIDTH], gains, 'gains')], { axis: 1, eps: 1e-6 });
  const gate = b.node('matmul', [y, b.constant('f32', [96, WIDTH], values(96 * WIDTH), 'gate')], { transposeB: true });
  const up = b.node('matmul', [y, b.constant('f32', [WIDTH, 96], values(96 * WIDTH), 'up')]);
  const h = b.node('mul', [b.node('relu', [gate]), up]);
  graph.outputs.push(
    b.node('matmul', [h, b.constant('f32', [WIDTH, 96], values(96 * WIDTH), 'down')], { transposeB: true }, 'out'),
  );
  return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

function batch(seed: number) {
  const r = noise(seed);
  let carry = 0;
  const data = Float32Array.from({ length: ROWS * WIDTH }, () => (carry = 0.7 * carry + r()));
  return { inputs: { x: { shape: [ROWS, WIDTH], data } } };
}
const runs = () => [1, 2, 3, 4, 5, 6].map(batch);

async function outputOf(compilation: Awaited<ReturnType<typeof compile>>): Promise<Float32Array> {
  await using model = await loadCompiled(compilation.targets[0], { threads: 1, relaxedSimd: false }); // bytes of activations would blur it
  const { out } = await model.run(batch(99).inputs);
  return out?.data instanceof Float32Array ? out.data : new Float32Array(0);
}

const recipe = (rule: Partial<FormatRule>): CompressOptions['quant'] => ({
  name: 'test',
  rules: [{ format: 'q3g32', ...rule }],
});

async function errorOf(rule: Partial<FormatRule>, exact: Float32Array): Promise<number> {
  const got = await outputOf(await compress(network(), { quant: recipe(rule), runs }));
  return Math.sqrt(got.reduce((s, v, i) => s + (v - (exact[i] ?? 0)) ** 2, 0));
}

describe('compress', () => {
  test('algorithms of a recipe do less damage than rounding', async () => {
    const exact = await outputOf(await compile(network()));
    const plain = await errorOf({}, exact);
    expect(plain).toBeGreaterThan(0.1);
    expect(await errorOf({ algorithm: 'gptq' }, exact)).toBeLessThan(0.8 * plain);
    expect(await errorOf({ equalize: 'awq' }, exact)).toBeLessThan(0.95 * plain);
    expect(await errorOf({ equalize: 'awq', algorithm: 'gptq' }, exact)).toBeLessThan(0.8 * plain);
    const pruned = await errorOf({ format: 'dense', sparsity: '2:4' }, exact);
    expect(await errorOf({ format: 'dense', sparsity: '2:4', prune: 'wanda' }, exact)).toBeLessThan(pruned);
    expect(await errorOf({ format: 'dense', sparsity: '2:4', prune: 'sparsegpt' }, exact)).toBeLessThan(0.9 * pruned);
  });

  test('equalized in full precision, the network computes what it did', async () => {
    const exact = await outputOf(await compile(network()));
    const program = network();
    const same = await outputOf(
      await compress(program, { quant: recipe({ format: 'dense', equalize: 'smoothquant' }), runs }),
    );
    same.forEach((v, i) => expect(v).toBeCloseTo(exact[i] ?? 0, 2));
    // The norm took the division in; the gated product needs one multiplication.
    expect([...program.entries.values()].flatMap((g) => g.nodes).filter((n) => n.op === 'mul')).toHaveLength(2);
  });

  test('what is pruned stays zero through quantization', async () => {
    const rule = { sparsity: '1:4', prune: 'wanda', algorithm: 'gptq' } as const;
    const { program } = await compress(network(), { quant: recipe(rule), runs });
    for (const node of program.entries.get('main')?.nodes.filter((n) => n.op === 'matmul') ?? []) {
      const bytes = node.inputs[1]?.constant?.read().slice() ?? new Uint8Array(0);
      const w = new Float32Array(bytes.buffer);
      for (let i = 0; i < w.length; i += 4)
        expect(w.subarray(i, i + 4).filter((v) => v !== 0).length).toBeLessThanOrEqual(1);
    }
  });

  test('low-rank correction gives back what rounding took', async () => {
    const exact = await outputOf(await compile(network()));
    const plain = await errorOf({ format: 'a2g32' }, exact);
    const some = await errorOf({ format: 'a2g32', correct: 16 }, exact);
    expect(some).toBeLessThan(0.8 * plain);
    expect(await errorOf({ format: 'a2g32', correct: 16, algorithm: 'gptq' }, exact)).toBeLessThan(0.95 * some);
    // Of full rank nothing is left but the rounding to f16.
    expect(await errorOf({ format: 'a2g32', correct: 1000 }, exact)).toBeLessThan(0.01 * plain);
    const made = await compress(network(), { quant: 'q4g32+lrec4' });
    const weights = made.targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
    const alone =
      (await compress(network(), { quant: 'q4g32' })).targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
    expect(weights - alone).toBeLessThan(2 * 4 * 3 * (96 + WIDTH) + 2000);
  });

  test('a simulated recipe computes what the real one does, on dense weights', async () => {
    const rules = [{ format: 'q3g32', algorithm: 'gptq' }];
    const real = await outputOf(await compress(network(), { quant: { name: 'r', rules }, runs }));
    const simulated = await compress(network(), { quant: { name: 's', rules, simulate: true }, runs });
    for (const node of simulated.program.entries.get('main')?.nodes ?? [])
      for (const v of node.inputs) expect(v?.type.format ?? 'dense').toBe('dense');
    expect(simulated.targets[0]?.plan.load).toBeUndefined();
    const largest = Math.max(...real.map(Math.abs));
    (await outputOf(simulated)).forEach((v, i) => expect(Math.abs(v - (real[i] ?? 0))).toBeLessThan(1e-3 * largest));
  });

  test('the same bytes every time', async () => {
    const once = await compress(network(), { quant: recipe({ equalize: 'awq', algorithm: 'gptq' }), runs });
    const again = await compress(network(), { quant: recipe({ equalize: 'awq', algorithm: 'gptq' }), runs });
    expect(await outputOf(again)).toEqual(await outputOf(once));
  });

  test.each([
    [{ algorithm: 'nope' }, 'INFC2079'],
    [{ sparsity: '2:4', prune: 'nope' }, 'INFC2080'],
    [{ equalize: 'nope' }, 'INFC2081'],
    [{ sparsity: '3:5', algorithm: 'rtn' }, 'INFC2074'],
    [{ sparsity: '9' }, 'INFC8031'],
    [{ format: 'nope' }, 'INFC8061'],
    [{ match: 'gat' }, 'INFC2091'],
  ] as const)('recipe %j is refused', async (rule, code) => {
    await expect(
      compress(network(), { quant: recipe(rule), runs }).then((c) => c.targets[0]?.files()),
    ).rejects.toMatchObject({ code });
  });

  test('pruning that takes much is remarked on; what does not divide names the layer', async () => {
    const warnings: string[] = [];
    const onWarning = (w: Error): void => void warnings.push(w.message);
    await compress(network(), { quant: recipe({ sparsity: '2:4' }), runs, onWarning });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/INFC2094: pruning changes \d of \d weights.* by \d\d % in 2:4/);
    const node = expect.stringMatching(/./);
    for (const [rule, code] of [
      [{ sparsity: '3:5' }, 'INFC2074'],
      [{ format: 'c1x8', algorithm: 'gptq' }, 'INFC2073'],
    ] as const)
      await expect(
        compress(network(), { quant: recipe(rule), runs }).then((c) => c.targets[0]?.files()),
      ).rejects.toMatchObject({ code, place: { node }, fix: node });
  });

  test('algorithms without their data are refused', async () => {
    await expect(compress(network(), { quant: recipe({ algorithm: 'gptq' }) })).rejects.toMatchObject({
      code: 'INFC2077',
    });
    await expect(
      createCompiler().compile(network(), { quant: { name: 'x', rules: [{ format: 'q4g32', algorithm: 'gptq' }] } }),
    ).rejects.toMatchObject({ code: 'INFC2072' });
  });

  test('reports progress and can be cancelled', async () => {
    const seen: string[] = [];
    const abort = new AbortController();
    const cancelled = compress(network(), {
      quant: recipe({ algorithm: 'gptq' }),
      runs,
      signal: abort.signal,
      onWeight: ({ name, done, total }) => {
        seen.push(name);
        expect(done).toBeLessThanOrEqual(total);
        if (name === 'up') abort.abort(new Error('enough'));
      },
    });
    await expect(cancelled).rejects.toThrow('enough');
    expect(seen).toContain('gate');
    expect(seen).not.toContain('down');
  });

  test('an algorithm that stops within a weight is cancelled there', async () => {
    const endless = defineQuantizer({
      name: 'endless',
      does: 'never ends',
      needs: 'nothing',
      *quantize() {
        for (;;) yield 0.5;
      },
    });
    const abort = new AbortController();
    const plugins = [definePlugin({ name: 'endless', api: 1, quantizers: [endless] })];
    const quant = recipe({ algorithm: 'endless' });
    const endlessly = compress(network(), { quant, plugins, signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 20);
    await expect(endlessly).rejects.toThrow('enough');
  });
});
