import { describe, expect, test } from 'vitest';
import { runInChild } from '../kit/child.ts';
import { hasGxx, hasNvcc } from '../kit/cuda-cpu.ts';
import type { CudaModelRun } from '../kit/model-cuda.ts';
import { findCase, hasModels, modelCases } from '../kit/models.ts';

const reason = !hasGxx ? ' (g++ is absent)' : !hasModels ? ' (../shared/models is absent)' : '';

describe(`models as CUDA under the CPU shim${hasNvcc ? ', compiled by nvcc too' : ' (nvcc is absent)'}`, () => {
  const names = process.env.INFC_MODELS?.split(',') ?? modelCases.map((m) => m.name);
  test.skipIf(reason !== '').each(names)(
    `%s agrees with onnxruntime${reason}`,
    async (name) => {
      const [r] = await runInChild<unknown, CudaModelRun[]>(
        'model-cuda.ts',
        { names: [name], nvcc: hasNvcc },
        { timeoutMs: 170_000 },
      );
      if (process.env.INFC_VERBOSE) console.log(JSON.stringify(r));
      expect(r?.error).toBeUndefined();
      expect(r?.nvcc).toBe('');
      expect(r?.difference).toBeLessThanOrEqual(findCase(name).tolerance);
    },
    180_000,
  );
});
