import { describe, expect, test } from 'vitest';
import { cudaBackend } from '../../backends/cuda/backend.ts';
import { printCuda } from '../../backends/cuda/print.ts';
import { buildCubin } from '../../backends/cuda/toolchain.ts';
import { compileWithNvcc, hasGxx, hasNvcc, runCudaOnCpu } from '../kit/cuda-cpu.ts';
import { bytesOf, disagreement, expected, gridOf } from '../kit/simt-case.ts';
import { simtCases } from '../kit/simt-cases.ts';

const cases = simtCases();
const target = {
  kind: 'cuda',
  features: new Set<string>(),
  kernels: 'simt',
  maxLanes: 1024,
  sharedBytes: 49152,
  vectorBytes: 16,
} as const;

describe('CUDA printer', () => {
  const [file] = printCuda(
    cases.map((c) => c.kernel),
    target,
  );
  const source = typeof file?.content === 'string' ? file.content : '';

  test.skipIf(!hasNvcc)(
    `every kernel compiles with nvcc${hasNvcc ? '' : ' (nvcc is absent)'}`,
    async () => {
      expect(await compileWithNvcc(source)).toBe('');
    },
    240_000,
  );

  test.skipIf(!hasGxx).each(['forward', 'shuffle'] as const)(
    `every kernel agrees with the interpreter under the CPU shim, threads in %s order${hasGxx ? '' : ' (g++ is absent)'}`,
    async (order) => {
      const launches = cases.map((c) => ({
        kernel: c.kernel,
        entry: file?.entries.get(c.kernel.name) ?? c.kernel.name,
        data: c.data.map(bytesOf),
        scalars: c.scalars,
        grid: gridOf(c),
      }));
      const results = await runCudaOnCpu(source, launches, order);
      const wrong = results.map((r, i) => {
        const c = cases[i];
        return c ? disagreement(c, expected(c), r) : '';
      });
      expect(wrong.filter(Boolean)).toEqual([]);
    },
    300_000,
  );

  test('the text goes into the artifact unless the target names an architecture', async () => {
    if (file) expect(await buildCubin(file, cudaBackend.target())).toBe(file);
  });

  test.skipIf(!hasNvcc)(
    `nvcc builds a cubin for a named architecture${hasNvcc ? '' : ' (nvcc is absent)'}`,
    async () => {
      const text = 'extern "C" __global__ void k(float* x) { x[threadIdx.x] = 1.0f; }';
      const one = { file: 'kernels.cu', content: text, entries: new Map([['k', 'k']]) };
      const built = await buildCubin(one, cudaBackend.target(['sm_90']));
      expect(built.file).toBe('kernels.cubin');
      expect([...(typeof built.content === 'string' ? [] : built.content.subarray(0, 4))]).toEqual([
        0x7f, 0x45, 0x4c, 0x46,
      ]);
      const bad = { ...one, content: 'extern "C" __global__ void k() { oops; }' };
      await expect(buildCubin(bad, cudaBackend.target(['sm_90']))).rejects.toThrow(/INFC4031.*oops/s);
    },
    60_000,
  );
});
