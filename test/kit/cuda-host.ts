import { cudaBackend } from '../../backends/cuda/backend.ts';
import { CudaDevice } from '../../runtime/devices/cuda.ts';
import { backendConformance } from './backend.ts';

/** Child process with the fake driver: what the device says of itself, a sample of the conformance kit, and its errors. */
export async function run({
  every,
}: {
  every: number;
}): Promise<{ count: number; failures: string[]; errors: string[] }> {
  const checks = backendConformance({
    backend: cudaBackend,
    createDevice: () => CudaDevice.create(),
    tolerance: 1e-5,
  }).filter((_, i, all) => i % every === 0 || i > all.length - 8);
  const failures: string[] = [];
  for (const check of checks) {
    try {
      await check.run();
    } catch (e) {
      failures.push(`${check.name}: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  const errors: string[] = [];
  const note = async (f: () => unknown): Promise<void> => {
    try {
      await f();
      errors.push('no error');
    } catch (e) {
      errors.push(e instanceof Error ? e.message : String(e));
    }
  };
  const device = CudaDevice.create();
  const kernel = { name: 'k', file: 'kernels.cu', entry: 'k', scalars: [], lanes: 64 };
  const from = (text: string) =>
    device.load({ kernels: [kernel], variants: [], read: async () => new TextEncoder().encode(text) });
  await note(() => from('extern "C" __global__ void k(float* a) { a[0] = oops; }'));
  await note(() => from('extern "C" __global__ void other(float* a) { a[0] = 1.0f; }'));
  await note(() => device.write(device.allocate(16), 100000, new Uint8Array(4)));
  await from(
    'extern "C" __global__ void k(float* a) { if (threadIdx.x < 32) __syncthreads(); a[0] = 1.0f; __syncthreads(); }',
  );
  const memory = device.allocate(16);
  device.launch(
    device.prepare({ kernel: 0, bindings: [{ memory, offset: 0, bytes: 16 }], scalars: [], grid: [1, 1, 1], work: 1 }),
  );
  await note(() => device.finish());
  await note(() => CudaDevice.create({ gpuIndex: 5 }));
  await note(() => CudaDevice.create({ cuda: '/nowhere/infc_cuda.node' }));
  return { count: checks.length, failures, errors };
}
