import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hasGxx } from './cuda-cpu.ts';
import { shim } from './cuda-cpu-build.ts';
import { root } from './root.ts';

const require = createRequire(join(root, 'package.json'));

const folderOf = (name: string): string | undefined => {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
};
const addonApi = folderOf('node-addon-api');
const headers = folderOf('node-api-headers');
export const canBuildAddon = hasGxx && addonApi !== undefined && headers !== undefined;

/**
 * Builds the CUDA addon and a fake driver and runtime compiler over the CPU shim into `folder`. Gives the addon's path and the
 * environment with which a process finds the fakes.
 */
export function buildFakeCuda(folder: string): { addon: string; env: Record<string, string> } {
  const gxx = (...args: readonly string[]): void => {
    const r = spawnSync('g++', ['-std=c++17', '-O1', '-fPIC', '-shared', ...args], {
      encoding: 'utf8',
      timeout: 240_000,
    });
    if (r.status !== 0) throw new Error(`g++ ended with ${r.signal ?? r.status}\n${r.stderr.slice(0, 4000)}`);
  };
  const addon = join(folder, 'infc_cuda.node');
  if (!existsSync(addon))
    gxx(
      ...['-DNAPI_VERSION=8', '-DNAPI_CPP_EXCEPTIONS', '-I', join(headers ?? '', 'include'), '-I', addonApi ?? ''],
      ...['-o', addon, join(root, 'backends/cuda/native/addon.cc'), '-ldl'],
    );
  gxx('-Wl,-soname,libcuda.so.1', '-o', join(folder, 'libcuda.so.1'), join(shim, 'fake-cuda.cc'), '-ldl');
  gxx('-o', join(folder, 'libnvrtc.so.13'), join(shim, 'fake-nvrtc.cc'));
  return {
    addon,
    env: { LD_LIBRARY_PATH: folder, INFC_CUDA_CPU: shim, INFC_FAKE_FOLDER: folder, INFC_CUDA_ADDON: addon },
  };
}
