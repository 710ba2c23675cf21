import { describe, expect, test } from 'vitest';
import { printKernel } from '../../backends/wgsl/print.ts';
import { hasDawn, hasSwiftShader, runWgsl, validateWgsl, wgslJob } from '../kit/dawn.ts';
import { bytesOf, disagreement, expected, gridOf, simtCases } from '../kit/simt-cases.ts';

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
});
