import { describe, expect, test } from 'vitest';
import { cudaBackend } from '../../backends/cuda/backend.ts';
import { backendConformance } from '../kit/backend.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { CudaCpuDevice } from '../kit/cuda-cpu-device.ts';

describe('CUDA backend', () => {
  // One process and one compilation a case: a sample here, every operation in test/backends/cuda.test.ts.
  const checks = backendConformance({ backend: cudaBackend, createDevice: () => new CudaCpuDevice(), tolerance: 1e-5 });
  const sample = checks.filter((_, i) => i % 30 === 0 || i > checks.length - 10);
  test.skipIf(!hasGxx).each(sample.map((c) => [c.name, c] as const))(
    `%s${hasGxx ? '' : ' (g++ is absent)'}`,
    async (_, c) => {
      await c.run();
      expect(c.name).toContain('cuda');
    },
    60_000,
  );
});
