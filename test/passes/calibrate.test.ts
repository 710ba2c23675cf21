import { describe, expect, test } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { calibrate } from '../../compiler/compress/calibrate.ts';
import { Graph, type Program, tensor } from '../../compiler/ir/graph.ts';
import { GraphBuilder } from '../../compiler/ir/graph-builder.ts';
import { calibrators } from '../../passes/precision/index.ts';

const { registry } = createCompiler();

/** relu(x A^T) B: two products, the second weight the other way round. */
function mlp(): Program {
  const graph = new Graph('main');
  const b = new GraphBuilder(graph, registry, { name: 'm', op: 'Gemm' });
  const x = graph.input('x', tensor('f32', [4, 6]));
  const values = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(3 * i + 1));
  const h = b.node('matmul', [x, b.constant('f32', [8, 6], values(48), 'A')], { transposeB: true });
  const y = b.node('matmul', [b.node('relu', [h]), b.constant('f32', [8, 3], values(24), 'B')], {}, 'y');
  graph.outputs.push(y);
  return { name: 'm', entries: new Map([['main', graph]]), states: [], symbols: new Map(), metadata: {} };
}

const batch = (seed: number): Float32Array => Float32Array.from({ length: 24 }, (_, i) => Math.cos(seed + i * i));
const runs = (batches: readonly Float32Array[]) => batches.map((data) => ({ inputs: { x: { shape: [4, 6], data } } }));

describe('calibrate', () => {
  test('collects moments, products and entropy of what the products read', async () => {
    const batches = [batch(1), batch(2)];
    const found = await calibrate(mlp(), runs(batches), { calibrators, needs: () => 'gram' });
    expect([...found.keys()].sort()).toEqual(['A', 'B']);
    const a = found.get('A');
    const rows = batches.flatMap((v) => [0, 1, 2, 3].map((i) => v.subarray(i * 6, i * 6 + 6)));
    const mean = (f: (row: Float32Array) => number): number => rows.reduce((s, r) => s + f(r), 0) / rows.length;
    expect(a?.count).toBe(8);
    for (let i = 0; i < 6; i++) {
      expect(a?.meanAbs[i]).toBeCloseTo(mean((r) => Math.abs(r[i] ?? 0)));
      expect(a?.meanSquare[i]).toBeCloseTo(mean((r) => (r[i] ?? 0) ** 2));
      for (let j = 0; j < 6; j++) expect(a?.gram?.[i * 6 + j]).toBeCloseTo(mean((r) => (r[i] ?? 0) * (r[j] ?? 0)));
    }
    expect(a?.entropy).toBeGreaterThan(1);
    expect(found.get('B')?.meanAbs).toHaveLength(8);
    // What relu gives is never negative: mean and mean magnitude agree.
    expect(found.get('B')?.maxAbs.every((v) => v >= 0)).toBe(true);
  });

  test('collects only what is needed', async () => {
    const needs = (w: string): 'moments' | 'nothing' => (w === 'A' ? 'moments' : 'nothing');
    const found = await calibrate(mlp(), runs([batch(1)]), { calibrators, needs });
    expect([...found.keys()]).toEqual(['A']);
    expect(found.get('A')?.gram).toBeUndefined();
  });

  test('no data and NaN are refused', async () => {
    const options = { calibrators, needs: () => 'moments' as const };
    await expect(calibrate(mlp(), [], options)).rejects.toMatchObject({ code: 'INFC2077' });
    const bad = batch(1);
    bad[5] = Number.NaN;
    await expect(calibrate(mlp(), runs([bad]), options)).rejects.toMatchObject({ code: 'INFC2078' });
  });
});
