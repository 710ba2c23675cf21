import { existsSync } from 'node:fs';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { hasPackage, runInChild } from './child.ts';
import type { WgslJob, WgslResult } from './dawn-run.ts';

/** SwiftShader as Debian's chromium package ships it. */
const ICD = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';
export const hasDawn = hasPackage('webgpu');
export const hasSwiftShader = hasDawn && existsSync(ICD);
export const swiftShaderEnv = { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp', VK_ICD_FILENAMES: ICD };

/** Compiles WGSL with Dawn's null device (the whole Tint compiler, no GPU): the complaints by kernel name, empty when all is well. */
export const validateWgsl = (
  kernels: readonly { readonly name: string; readonly code: string; readonly entry: string }[],
): Promise<string[]> => runInChild('dawn-validate.ts', kernels);

/** Runs jobs on SwiftShader through Dawn; each gives the contents of its buffers afterwards, or an error. */
export const runWgsl = (jobs: readonly WgslJob[], timeoutMs = 240_000): Promise<WgslResult[]> =>
  runInChild('dawn-run.ts', { flags: ['backend=vulkan'], jobs }, { env: swiftShaderEnv, timeoutMs });

/** The bindings a kernel's launch needs, from typed arrays in binding order. */
export function wgslJob(
  kernel: Kernel,
  printed: { readonly text: string; readonly entry: string },
  data: readonly Uint8Array[],
  scalars: Readonly<Record<string, number>>,
  grid: readonly [number, number, number],
): WgslJob {
  return {
    name: kernel.name,
    code: printed.text,
    entry: printed.entry,
    buffers: kernel.buffers.map((b, i) => ({ writable: b.access !== 'read', data: data[i] ?? new Uint8Array() })),
    scalars: kernel.scalars.map((s) => scalars[s] ?? 0),
    grid,
  };
}
