import { describe, expect, test } from 'vitest';
import { foldGrid, WebGpuDevice } from '../../runtime/devices/webgpu.ts';
import { runInChild } from '../kit/child.ts';
import { hasSwiftShader, swiftShaderEnv } from '../kit/dawn.ts';

describe('WebGPU device', () => {
  test('grids beyond 65535 fold into covering ones', () => {
    expect(foldGrid(5, 6, 7)).toEqual([5, 6, 7]);
    for (const [x, y, z] of [
      [65536, 1, 1],
      [1000000, 3, 1],
      [2 ** 31 - 1, 1, 1],
      [70000, 70000, 1],
    ] as const) {
      const [a, b, c] = foldGrid(x, y, z);
      expect(a * b * c).toBeGreaterThanOrEqual(x * y * z);
      expect(Math.max(a, b, c)).toBeLessThanOrEqual(65535);
      expect(a * b * c - x * y * z).toBeLessThan(x * y * z * 0.01 + 65536);
    }
  });

  test('without WebGPU the error says what to do', async () => {
    await expect(WebGpuDevice.create()).rejects.toThrow(/INFC6030/);
  });

  test.skipIf(!hasSwiftShader)(
    `the backend conformance kit passes on SwiftShader${hasSwiftShader ? '' : ' (chromium with SwiftShader is absent)'}`,
    async () => {
      const result = await runInChild<unknown, { count: number; failures: string[] }>(
        'webgpu-conformance.ts',
        { flags: ['backend=vulkan'], features: ['subgroups'] },
        { env: swiftShaderEnv, timeoutMs: 240_000 },
      );
      expect(result.failures).toEqual([]);
      expect(result.count).toBeGreaterThan(50);
    },
    300_000,
  );
});
