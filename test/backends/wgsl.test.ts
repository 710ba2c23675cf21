import { describe, expect, test } from 'vitest';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { printKernel, printWgsl } from '../../backends/wgsl/print.ts';
import { sym } from '../../compiler/ir/dim.ts';
import { constant, dimValue } from '../../compiler/ir/expr.ts';
import { KernelBuilder } from '../../compiler/ir/kernel-builder.ts';
import { foldGrid } from '../../runtime/devices/webgpu.ts';
import { hasDawn, hasSwiftShader, runWgsl, validateWgsl, wgslJob } from '../kit/dawn.ts';
import { bytesOf, disagreement, expected, gridOf, note } from '../kit/simt-case.ts';
import { simtCases } from '../kit/simt-cases.ts';

const cases = simtCases();

describe('WGSL printer', () => {
  test.skipIf(!hasDawn)(
    `every kernel compiles on Dawn's null device${hasDawn ? '' : ' (npm webgpu is absent)'}`,
    async () => {
      const printed = cases.map((c) => {
        const { text, entry } = printKernel(c.kernel);
        return { name: c.kernel.name, code: text, entry };
      });
      expect(await validateWgsl(printed)).toEqual([]);
    },
    120_000,
  );

  test.skipIf(!hasSwiftShader)(
    `every kernel agrees with the interpreter on SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const jobs = cases.map((c) =>
        wgslJob(c.kernel, printKernel(c.kernel), c.data.map(bytesOf), c.scalars, gridOf(c)),
      );
      const results = await runWgsl(jobs);
      const wrong: string[] = [];
      results.forEach((r, i) => {
        const c = cases[i];
        if (!c) return;
        const d = 'error' in r ? r.error : disagreement(c, expected(c, 4), r.buffers);
        if (d) wrong.push(d);
      });
      expect(wrong).toEqual([]);
    },
    300_000,
  );

  test.skipIf(!hasSwiftShader)(
    `a grid beyond 65535 workgroups covers everything once folded${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const c = cases.find((x) => x.kernel.name === 'wide_grid');
      if (!c) throw new Error('no case');
      const rows = 70001;
      const job = wgslJob(
        c.kernel,
        printKernel(c.kernel),
        [new Uint8Array(rows * 3 * 4)],
        { rows },
        foldGrid(rows, 3, 1),
      );
      const [r] = await runWgsl([job]);
      if (!r || 'error' in r) throw new Error(r?.error);
      const bytes = (r.buffers[0] ?? new Uint8Array()).slice();
      const got = new Int32Array(bytes.buffer, 0, rows * 3);
      let wrong = 0;
      for (let i = 0; i < got.length; i++) {
        const at = (i % rows) - 5;
        const div = Math.floor(at / 3);
        if (got[i] !== div * 100 + (at - div * 3)) wrong++;
      }
      expect(wrong).toBe(0);
    },
    120_000,
  );

  test('kernels that WGSL cannot express are refused by name', () => {
    const kernel = (write: (k: KernelBuilder) => void, kind: 'simt' | 'simd' = 'simt') => {
      const k = new KernelBuilder('odd', kind, kind === 'simt' ? 4 : 1, [1, 1, 1]);
      write(k);
      return k.done(note);
    };
    const wide = kernel((k) => k.store(k.buffer('y', 'f64', 'write', 4), k.lane, constant('f64', 1)));
    expect(() => printKernel(wide)).toThrow(/INFC4021.*f64/);
    const vector = kernel((k) => k.store(k.buffer('y', 'i64', 'write', 8), 0, constant('i64', 1).splat(4)));
    expect(() => printKernel(vector)).toThrow(/INFC402/);
    expect(() => printKernel(kernel(() => undefined, 'simd'))).toThrow(/INFC4020.*simd/);
    const unknown = kernel((k) => k.intrinsicStatement('wgmma'));
    expect(() => printKernel(unknown)).toThrow(/INFC4020: kernel 'odd'.*wgmma/);
    const many = kernel((k) => k.store(k.buffer('y', 'f32', 'write', 4), k.lane, constant('f32', 0)));
    expect(() => printWgsl([{ ...many, lanes: 512 }], wgslBackend.target())).toThrow(/INFC4022.*512 lanes/);
  });

  test('names that the language reserves or that clash are changed', () => {
    const k = new KernelBuilder('main', 'simt', 4, [1, 1, 1]);
    const y = k.buffer('loop', 'f32', 'write', 4);
    const z = k.buffer('sub-group', 'f32', 'read', sym('var', { max: 9 }));
    k.store(y, k.lane, k.load(z, k.lane).add(dimValue(sym('batch size', { max: 9 })).f32));
    const { text } = printKernel(k.done(note));
    expect(text).toMatch(/loop_: array<f32>/);
    expect(text).toMatch(/sub_group: array<f32>/);
    expect(text).toMatch(/var_: i32/);
    expect(text).toMatch(/batch_size: i32/);
  });
});
