import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CudaAddon, CudaDevice } from '../../runtime/devices/cuda.ts';
import { runInChild } from '../kit/child.ts';
import { buildFakeCuda, canBuildAddon } from '../kit/cuda-fake.ts';

describe('CUDA device', () => {
  test('without the addon or a GPU the error says what to do', () => {
    expect(() => CudaDevice.create()).toThrow(/INFC6040.*npm run build:cuda/);
    const addon = { probe: () => ({ devices: 0, problem: 'no driver', compiler: false }) } as unknown as CudaAddon;
    expect(() => CudaDevice.create({ cuda: addon })).toThrow(/INFC6040: there is no CUDA GPU 0: no driver/);
  });

  test.skipIf(!canBuildAddon)(
    `the addon and the device pass the conformance kit over a fake driver${canBuildAddon ? '' : ' (g++ or node-addon-api is absent)'}`,
    async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'infc-fake-cuda-'));
      try {
        const { env } = buildFakeCuda(folder);
        const r = await runInChild<unknown, { count: number; failures: string[]; errors: string[] }>(
          'cuda-host.ts',
          { every: 20 },
          { env, timeoutMs: 240_000 },
        );
        expect(r.failures).toEqual([]);
        expect(r.count).toBeGreaterThan(10);
        expect(r.errors).toEqual([
          expect.stringMatching(/INFC6041.*oops/s),
          expect.stringMatching(/INFC6041.*kernel k is missing/),
          expect.stringMatching(/INFC6041.*upload/),
          expect.stringMatching(/INFC6041.*deadlock/),
          expect.stringMatching(/INFC6040.*GPU 5/),
          expect.stringMatching(/INFC6040.*nowhere/),
        ]);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    300_000,
  );
});
