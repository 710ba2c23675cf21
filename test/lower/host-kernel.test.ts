import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placements } from '../../compiler/cli/placement.ts';
import { createCompiler, writeArtifact } from '../../compiler/compile.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute as A, encodeModel, f32, i64, info, node } from '../import/build-onnx.ts';

/** Doubles between floats, and a power of whole numbers, which passes through doubles. */
const model = encodeModel({
  name: 'wide',
  node: [
    node('Cast', ['x'], ['d'], [A.int('to', 11)]),
    node('Mul', ['d', 'd'], ['q']),
    node('ReduceSum', ['q', 'axes'], ['s'], [A.int('keepdims', 0)]),
    node('Sqrt', ['s'], ['r']),
    node('Cast', ['r'], ['y'], [A.int('to', 1)]),
    node('Pow', ['k', 'e'], ['p']),
  ],
  input: [info('x', ['n', 'm']), info('k', ['n'], 7)],
  output: [info('y', ['n']), info('r', ['n'], 11), info('p', ['n'], 7)],
  initializer: [i64('axes', [1], [1]), f32('e', [], [3])],
});

describe('doubles on WGSL', () => {
  const compiler = createCompiler();

  it('are computed on the host, as plain JavaScript does', { timeout: 60_000 }, async () => {
    const p = await player(await compiler.compile(model, { targets: ['wgsl'] }), 'interpreted wgsl');
    const matrix = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }))
      .chain(([n, m]) =>
        fc.array(
          fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }).map(Math.fround), { minLength: m, maxLength: m }),
          { minLength: n, maxLength: n },
        ),
      );
    const property = fc.asyncProperty(matrix, async (rows) => {
      const k = rows.map((_, i) => 100_003 * (i - 1));
      const {
        y,
        r,
        p: cubes,
      } = (await p.run({
        x: { dtype: 'f32', shape: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) },
        k: { dtype: 'i64', shape: [k.length], data: BigInt64Array.from(k, BigInt) },
      })) as Record<string, HostTensor>;
      const roots = rows.map((row) => Math.sqrt(row.reduce((sum, v) => sum + v * v, 0)));
      roots.forEach((root, i) => {
        expect(Number(r?.data[i])).toBeCloseTo(root, 9);
        expect(y?.data[i]).toBe(Math.fround(Number(r?.data[i])));
      });
      // Beyond 24 bits: floats would be wrong.
      expect(Array.from(cubes?.data ?? [], Number)).toEqual(k.map((v) => v ** 3));
    });
    await fc.assert(property, { numRuns: 20 });
    await p.dispose();
  });

  it('are said to be there, and the artifact carries what runs them', { timeout: 60_000 }, async () => {
    const rows = await placements(await compiler.import(model), compiler);
    for (const op of ['Sqrt', 'Pow']) {
      const place = rows.find((r) => r.op === op)?.targets.wgsl;
      expect(place?.where).toBe('host');
      expect(place?.why).toMatch(/wgsl has no kernels for f64.*runs in WebAssembly/);
    }
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-wide-'));
    try {
      await writeArtifact(await compiler.compile(model, { targets: ['wgsl'] }), path.join(dir, 'out'));
      expect(await readdir(path.join(dir, 'out', 'host'))).toContain('wasm_kernel.js');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
