import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { CudaCpuDevice } from './cuda-cpu-device.ts';

const has = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
export const hasGxx = has('g++');
export const hasNvcc = has('nvcc');

/** One launch of a kernel: buffers in binding order as bytes, scalars in order. */
export interface CudaLaunch {
  readonly kernel: Kernel;
  readonly entry: string;
  readonly data: readonly Uint8Array[];
  readonly scalars: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
}

/**
 * Compiles a printed .cu with g++ over the CPU shim and runs launches, giving each one's buffers afterwards. Threads run in forward,
 * reverse or shuffled `order`. Throws with the compiler's or the shim's message.
 */
export async function runCudaOnCpu(
  source: string,
  launches: readonly CudaLaunch[],
  order: 'forward' | 'reverse' | 'shuffle' = 'forward',
): Promise<Uint8Array[][]> {
  const device = new CudaCpuDevice({ order });
  try {
    const kernels = launches.map(({ kernel, entry }) => ({
      ...{ name: kernel.name, file: 'kernels.cu', entry, scalars: kernel.scalars, lanes: kernel.lanes },
    }));
    await device.load({ kernels, read: async () => new TextEncoder().encode(source) });
    const results: Uint8Array[][] = [];
    for (const [i, { kernel, data, scalars, grid }] of launches.entries()) {
      const bindings = data.map((d) => ({ memory: device.allocate(d.byteLength), offset: 0, bytes: d.byteLength }));
      bindings.forEach(({ memory }, k) => {
        device.write(memory, 0, data[k] ?? new Uint8Array(0));
      });
      const values = kernel.scalars.map((s) => scalars[s] ?? 0);
      device.launch(device.prepare({ kernel: i, bindings, scalars: values, grid, work: 1 }));
      const out: Uint8Array[] = [];
      for (const range of bindings) out.push(await device.read(range));
      for (const { memory } of bindings) device.free(memory);
      results.push(out);
    }
    return results;
  } finally {
    device.destroy();
  }
}

/** Compiles a printed .cu with nvcc for an architecture; the compiler's complaints, empty when it succeeds. */
export async function compileWithNvcc(source: string, arch = 'sm_80'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'infc-nvcc-'));
  try {
    await writeFile(join(dir, 'kernels.cu'), source);
    const r = spawnSync(
      'nvcc',
      ['-cubin', `-arch=${arch}`, '-o', join(dir, 'kernels.cubin'), join(dir, 'kernels.cu')],
      {
        encoding: 'utf8',
        timeout: 240_000,
      },
    );
    return r.status === 0 ? '' : `${r.stdout}${r.stderr}`.slice(0, 6000) || `nvcc ended with ${r.signal ?? r.status}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
