import { ReferenceDevice } from '../../backends/reference/device.ts';
import type { Compilation } from '../../compiler/compile.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { WebGpuDevice } from '../../runtime/devices/webgpu.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import type { HostValue } from '../../runtime/host.ts';
import type { LoadOptions } from '../../runtime/index.ts';
import { load } from '../../runtime/index.ts';

/** A compiled model that can be played. */
export interface Player {
  run(
    inputs: Readonly<Record<string, HostValue>>,
    entry?: string,
    symbols?: Readonly<Record<string, number>>,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, HostValue>>>;
  reset(): void;
  dispose(): Promise<void>;
}

/** Loads a compilation from memory on the device of its target; `interpreted` plays its kernels by their meaning, with bounds checked. */
export async function player(
  compilation: Compilation,
  target = 'wasm',
  options: Pick<LoadOptions, 'relaxedSimd'> = {},
): Promise<Player> {
  const [compiled] = compilation.targets;
  if (!compiled) throw new Error('nothing was compiled');
  const { plan, files } = compiled.assembled;
  const contents = Object.fromEntries(files.map((f) => [f.name, contentsOf(f)]));
  const known = plan.host.flatMap((name) => {
    const f = hostFunctions(name);
    return f ? [[name, f] as const] : [];
  });
  const model = await load(
    { plan, files: contents, hostOps: Object.fromEntries(known) },
    {
      threads: 1,
      ...options,
      ...(await deviceFor(
        target,
        compiled.kernels.map((k) => k.kernel),
      )),
    },
  );
  return {
    run: async (inputs, entry, symbols, signal) =>
      (await model.run(inputs as Parameters<typeof model.run>[0], {
        ...(entry === undefined ? {} : { entry }),
        ...(symbols ? { symbols } : {}),
        ...(signal ? { signal } : {}),
      })) as Record<string, HostValue & never>,
    reset: () => model.reset(),
    dispose: () => model.dispose(),
  };
}

/** SwiftShader over Dawn for WGSL, the CPU shim for CUDA; other targets use their own device. */
async function deviceFor(target: string, kernels: readonly Kernel[]): Promise<Pick<LoadOptions, 'device'>> {
  if (target.startsWith('interpreted')) return { device: new ReferenceDevice(kernels) };
  if (target === 'cuda-cpu') {
    const { CudaCpuDevice } = await import('../kit/cuda-cpu-device.ts');
    return { device: () => new CudaCpuDevice({ optimize: 0 }) };
  }
  if (target !== 'wgsl') return {};
  const { create, globals } = await import('webgpu');
  // Kept reachable: Dawn hangs or aborts when it is collected.
  const held = globalThis as { infcConformanceGpu?: GPU };
  if (!held.infcConformanceGpu) {
    Object.assign(globalThis, globals);
    held.infcConformanceGpu = create(['backend=vulkan']);
  }
  const gpu = held.infcConformanceGpu;
  return { device: () => WebGpuDevice.create({ gpu }) };
}
