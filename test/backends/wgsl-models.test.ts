import { describe, expect, test } from 'vitest';
import { runInChild } from '../kit/child.ts';
import { hasSwiftShader, swiftShaderEnv } from '../kit/dawn.ts';
import type { ModelRun } from '../kit/model-webgpu.ts';
import { findCase, hasModels, modelCases } from '../kit/models.ts';

const reason = !hasSwiftShader
  ? ' (chromium with SwiftShader is absent)'
  : !hasModels
    ? ' (../shared/models is absent)'
    : '';

describe('models on the WebGPU device over SwiftShader', () => {
  const names = process.env.INFC_MODELS?.split(',') ?? modelCases.map((m) => m.name);
  const isSlow = (name: string): boolean =>
    process.env.INFC_MODELS === undefined && process.env.INFC_SLOW !== '1' && findCase(name).slow === true;
  test.skip.each(names.filter(isSlow))('%s (slow on a software GPU: set INFC_SLOW=1)', () => undefined);
  test.skipIf(reason !== '').each(names.filter((n) => !isSlow(n)))(
    `%s agrees with onnxruntime${reason}`,
    async (name) => {
      const [r] = await runInChild<unknown, ModelRun[]>(
        'model-webgpu.ts',
        { flags: ['backend=vulkan'], names: [name] },
        { env: swiftShaderEnv, timeoutMs: 400_000 },
      );
      if (process.env.INFC_VERBOSE) console.log(JSON.stringify(r));
      expect(r?.error).toBeUndefined();
      expect(r?.difference).toBeLessThanOrEqual(findCase(name).tolerance);
    },
    420_000,
  );
});
