import { forFeatures, type Kernel } from '../../compiler/ir/kernel.ts';
import type { KernelFile, Target } from '../backend.ts';
import { emit } from './emit.ts';
import { encodeModule, type WasmFunction } from './encode.ts';
import { lowerKernel } from './kernel.ts';
import { moduleText } from './wat.ts';

/** Kernels that are alike stand together, short ones first: what compresses the module sees 32 kB at a time. */
const functions = (kernels: readonly Kernel[], target: Target): WasmFunction[] =>
  kernels
    .map((k) => ({
      template: k.note.template,
      code: emit(lowerKernel(forFeatures(k, target.features), target.features.has('relaxed-simd')), k.name),
    }))
    .sort((a, b) =>
      a.template === b.template ? a.code.body.length - b.code.body.length : a.template < b.template ? -1 : 1,
    )
    .map(({ code }) => code);

/**
 * All kernels as one module. Each is a function under its name with i32 parameters: the buffers' byte addresses, the scalars, the scratch
 * address if the kernel has shared buffers, then the range [begin, end) of work items.
 */
export function printWasm(kernels: readonly Kernel[], target: Target): KernelFile {
  return {
    file: 'kernels.wasm',
    content: encodeModule(functions(kernels, target), { shared: target.features.has('threads') }),
    entries: new Map(kernels.map((k) => [k.name, k.name])),
  };
}

/** The same module in the text format. */
export const printWat = (kernels: readonly Kernel[], target: Target): string =>
  moduleText(functions(kernels, target), target.features.has('threads'));
