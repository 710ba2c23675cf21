import { describe, expect, test, vi } from 'vitest';
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

  /** A WebGPU that does nothing but what the test decides. */
  function fakeGpu() {
    let lose: (info: { reason: string; message: string }) => void = () => undefined;
    const lost = new Promise((resolve) => {
      lose = resolve;
    });
    const device = {
      lost,
      limits: { maxBufferSize: 1 << 20 },
      queue: { submit: () => undefined, onSubmittedWorkDone: async () => undefined, writeBuffer: () => undefined },
      createBuffer: ({ size }: { size: number }) => ({ size, destroy: () => undefined }),
      destroy: () => undefined,
      onuncapturederror: undefined as ((e: { error: { message: string } }) => void) | undefined,
    };
    const adapter = { features: new Set<string>(), limits: {}, requestDevice: async () => device };
    return { gpu: { requestAdapter: async () => adapter } as unknown as GPU, device, lose };
  }

  test('a lost device and a GPU error come out of the next wait; a lost device stays lost', async () => {
    vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4 });
    const { gpu, device, lose } = fakeGpu();
    const d = await WebGpuDevice.create({ gpu });
    await d.finish();
    device.onuncapturederror?.({ error: { message: 'bad binding' } });
    await expect(d.finish()).rejects.toThrow(/INFC6032.*bad binding/);
    await d.finish();
    lose({ reason: 'unknown', message: 'driver restarted' });
    await new Promise((resolve) => setTimeout(resolve));
    await expect(d.finish()).rejects.toThrow(/INFC6031.*driver restarted/);
    await expect(d.finish()).rejects.toThrow(/INFC6031/);
    expect(() => d.allocate(1 << 21)).toThrow(/INFC6034.*2097152 bytes/);
    vi.unstubAllGlobals();
  });

  test('destroying the device is no loss', async () => {
    const { gpu, lose } = fakeGpu();
    const d = await WebGpuDevice.create({ gpu });
    d.destroy();
    lose({ reason: 'destroyed', message: '' });
    await new Promise((resolve) => setTimeout(resolve));
    await d.finish();
    expect(d.kind).toBe('webgpu');
  });

  test('bytes may arrive in pieces that end inside a word', async () => {
    vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4 });
    const { gpu, device } = fakeGpu();
    const d = await WebGpuDevice.create({ gpu });
    const memory = d.allocate(64);
    const image = new Uint8Array(64);
    device.queue.writeBuffer = ((_: unknown, at: number, data: Uint8Array, from = 0, size = data.byteLength) => {
      expect(at % 4).toBe(0);
      expect(size % 4).toBe(0);
      image.set(data.subarray(from, from + size), at);
    }) as never;
    const all = Uint8Array.from({ length: 50 }, (_, i) => i + 1);
    let at = 0;
    for (const n of [1, 1, 1, 5, 2, 13, 3, 8, 16]) {
      d.write(memory, at, all.subarray(at, at + n));
      at += n;
    }
    expect([...image.subarray(0, 50)]).toEqual([...all]);
    expect(() => d.write(memory, 21, new Uint8Array(4))).toThrow(/INFC6035/);
    vi.unstubAllGlobals();
  });
});
