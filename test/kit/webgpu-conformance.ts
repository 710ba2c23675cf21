import { create, globals } from 'webgpu';
import { wgslBackend } from '../../backends/wgsl/backend.ts';
import { WebGpuDevice } from '../../runtime/devices/webgpu.ts';
import { backendConformance } from './backend.ts';

/** Child process: the backend conformance kit on the WebGPU device over Dawn; the failures by name. */
export async function run({
  flags,
  features,
}: {
  flags: readonly string[];
  features: readonly string[];
}): Promise<{ count: number; failures: string[] }> {
  Object.assign(globalThis, globals);
  const gpu = create([...flags]);
  // Dawn hangs or aborts when this object is collected.
  Object.assign(globalThis, { gpu });
  const checks = backendConformance({
    backend: wgslBackend,
    createDevice: () => WebGpuDevice.create({ gpu }),
    features,
    tolerance: 2e-5,
  });
  const failures: string[] = [];
  for (const check of checks) {
    try {
      await check.run();
    } catch (e) {
      failures.push(`${check.name}: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  return { count: checks.length, failures };
}
