import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { compress } from '../../compiler/compress/compress.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { random } from '../ops/against-onnxruntime.ts';

const { registry } = createCompiler();
const values = (shape: readonly number[], seed: number): Float32Array => random([...shape], seed).data as Float32Array;

/** The feed-forward block of a ReLU transformer: relu(x A + bias) B; the bias decides how many zeros there are. */
function block(rows: number, bias: number, [d, h, n]: readonly [number, number, number], transposeB = false): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'm', op: 'MatMul' });
  const x = graph.input('x', tensor('f32', [1, rows, d]));
  const up = b.node('matmul', [x, b.constant('f32', [d, h], values([d, h], 1), 'up')]);
  const hidden = b.node('relu', [b.node('add', [up, b.constant('f32', [h], new Float32Array(h).fill(bias), 'bias')])]);
  const down = b.constant('f32', transposeB ? [n, h] : [h, n], values([h, n], 2), 'down');
  const y = b.node('matmul', [hidden, down], transposeB ? { transposeB } : {});
  graph.outputs.push(b.node('add', [y, b.constant('f32', [n], values([n], 3), 'b')], {}, 'z'));
  return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

const recipe = { name: 'skip', rules: [], skipZeros: true };
const runs = (rows: number, d: number) => () =>
  [4, 5, 6].map((s) => ({ inputs: { x: { shape: [1, rows, d], data: values([1, rows, d], s) } } }));

async function outputOf(
  made: Awaited<ReturnType<typeof compress>>,
  x: HostTensor,
  target = 'wasm',
): Promise<Float32Array> {
  const played = await player(made, target);
  const { z } = (await played.run({ x })) as Record<string, HostTensor>;
  await played.dispose();
  return z?.data as Float32Array;
}

const targets = ['wasm', 'interpreted wasm', 'interpreted wgsl', ...(hasGxx ? ['cuda-cpu'] : [])];

describe('activations that are mostly zeros', () => {
  it.each(
    targets.flatMap((t) =>
      (
        [
          [24, 96, 40],
          [16, 136, 3],
          [16, 64, 21],
        ] as const
      ).map((shape) => [t, shape] as const),
    ),
  )('on %s, %j: skipping them changes nothing but the order of sums', async (target, shape) => {
    const backend = target === 'cuda-cpu' ? 'cuda' : target.replace('interpreted ', '');
    for (const [bias, transposeB] of [
      [-1.5, false],
      [-1, true],
      [-100, false],
    ] as const) {
      const x: HostTensor = { dtype: 'f32', shape: [1, 1, shape[0]], data: values([1, 1, shape[0]], 9) };
      const made = await compress(block(1, bias, shape, transposeB), {
        quant: recipe,
        runs: runs(1, shape[0]),
        targets: [backend],
      });
      const plain = await compress(block(1, bias, shape, transposeB), { quant: 'f32' });
      const [got, want] = [await outputOf(made, x, target), await outputOf(plain, x)];
      want.forEach((v, i) => expect(Math.abs(v - (got[i] ?? Number.NaN))).toBeLessThan(1e-4));
      if (backend !== 'wasm') continue;
      expect((made.targets[0]?.plan.kernels ?? []).some((k) => k.name.endsWith('_list'))).toBe(true);
      // NaN is no zero.
      const bad: HostTensor = { dtype: 'f32', shape: x.shape, data: new Float32Array(shape[0]).fill(Number.NaN) };
      expect(await outputOf(made, bad, target)).toEqual(await outputOf(plain, bad));
    }
  });

  it('is chosen by what was measured, for one row only, and says why not', async () => {
    const said = async (rows: number, bias: number): Promise<string[]> => {
      const made = await compress(block(rows, bias, [24, 96, 40]), { quant: recipe, runs: runs(rows, 24) });
      return made.report.changes.filter((c) => c.pass === 'skip-zeros').map((c) => c.what);
    };
    expect(await said(1, -2)).toEqual([expect.stringMatching(/skips zeros: \d\d % .* takes 0\.\d+ times/)]);
    expect(await said(1, 1.5)).toEqual([expect.stringMatching(/stays dense: [1-3]\d % of the inputs are zero/)]);
    expect(await said(1, 100)).toEqual([]);
    expect(await said(6, -2)).toEqual([]);
    await expect(createCompiler().compile(block(1, -2, [24, 96, 40]), { quant: recipe })).rejects.toMatchObject({
      code: 'INFC2089',
    });
  });
});
