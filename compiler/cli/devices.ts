import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { InfcError } from '../../runtime/errors.ts';
import type { DeviceFactory, LoadOptions } from '../../runtime/index.ts';
import type { Plan } from '../../runtime/plan.ts';
import type { Args } from './args.ts';
import { wholeNumber } from './args.ts';
import type { Io } from './io.ts';

/** Software Vulkan as Debian's chromium package ships it. */
const SOFTWARE_VULKAN = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** How the command line loads an artifact. */
export async function loadOptions(artifact: Place, args: Args, io: Io): Promise<LoadOptions> {
  return {
    threads: wholeNumber(args, 'threads', 1),
    signal: io.signal,
    ...(await deviceOptions(artifact, io.cwd)),
  };
}

/** An artifact's folder and its plan. */
export interface Place {
  readonly dir: string;
  readonly plan: Plan;
}

/** What plays an artifact: the device that it carries for a backend of others, the npm package `webgpu` for WGSL. */
export async function deviceOptions({ dir, plan }: Place, cwd: string): Promise<Pick<LoadOptions, 'device' | 'gpu'>> {
  if (plan.target.kind === 'wgsl') return { gpu: await openWebGpu(cwd) };
  const file = path.join(dir, 'device.js');
  if (!existsSync(file)) return {};
  const { createDevice }: { createDevice?: unknown } = await import(pathToFileURL(file).href);
  if (!isFactory(createDevice))
    throw new InfcError('INFC8902', 'the device module of this artifact exports no createDevice', {
      file,
      fix: 'Export function createDevice() from the module that the backend names as its device',
    });
  return { device: createDevice };
}

const isFactory = (f: unknown): f is DeviceFactory => typeof f === 'function';

/** Dawn for Node. Without a GPU of its own the machine's software Vulkan is used, where there is one. */
async function openWebGpu(cwd: string): Promise<GPU> {
  const file = find('webgpu', [path.join(cwd, 'index.js'), import.meta.url]);
  if (file === undefined)
    throw new InfcError(
      'INFC8004',
      'WGSL artifacts run in Node through the package webgpu, which is not installed here',
      {
        fix: 'Run npm install webgpu, or open the artifact in a browser',
      },
    );
  const hasGpu = process.platform !== 'linux' || existsSync('/dev/dri') || existsSync('/dev/nvidia0');
  const software = !hasGpu && process.env.VK_ICD_FILENAMES === undefined && existsSync(SOFTWARE_VULKAN);
  if (software) {
    process.env.VK_ICD_FILENAMES = SOFTWARE_VULKAN;
    process.env.XDG_RUNTIME_DIR ??= '/tmp';
  }
  const { create, globals } = await import(file);
  Object.assign(globalThis, globals);
  const gpu: GPU = create(process.env.VK_ICD_FILENAMES ? ['backend=vulkan'] : []);
  // Dawn's object is collected, and Dawn then aborts, unless something global holds it.
  Object.assign(globalThis, { infcGpu: gpu });
  return gpu;
}

function find(name: string, from: readonly string[]): string | undefined {
  for (const f of from) {
    try {
      return createRequire(f).resolve(name);
    } catch {}
  }
  return undefined;
}
