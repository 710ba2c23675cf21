import { wasmBackend } from '../../backends/wasm/backend.ts';
import { printWasm } from '../../backends/wasm/print.ts';
import { evaluate } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { type Kernel, sharedLayout } from '../../compiler/ir/kernel.ts';
import { kernelMemory } from '../../runtime/devices/kernel-memory.ts';

const align = (n: number): number => Math.ceil(n / 16) * 16 + 16;

/** A kernel instantiated over its own memory, with its buffers in binding order. */
export interface RunningKernel {
  readonly views: readonly TypedArray[];
  run(begin?: number, end?: number): void;
}

/** Prints one kernel, puts `data` into a fresh memory and returns the views over it. */
export function instantiate(
  kernel: Kernel,
  data: readonly TypedArray[],
  scalars: Readonly<Record<string, number>> = {},
  features: readonly string[] = [],
): RunningKernel {
  const scratch = sharedLayout(kernel).bytes;
  let bytes = 1024;
  const at = data.map((d) => {
    const here = bytes;
    bytes += align(d.byteLength);
    return here;
  });
  const scratchAt = bytes;
  bytes += align(scratch) + 1024;
  const memory = kernelMemory(bytes);
  const views = data.map((d, i) => {
    const b = kernel.buffers[i];
    const v = viewOf(b?.storage ?? 'f32', memory.buffer, at[i] ?? 0, elementsOf(kernel, i, d));
    new Uint8Array(memory.buffer, at[i], d.byteLength).set(new Uint8Array(d.buffer, d.byteOffset, d.byteLength));
    return v;
  });
  const { content } = printWasm([kernel], wasmBackend.target(features));
  if (typeof content === 'string') throw new TypeError('expected a binary module');
  const module = new WebAssembly.Module(content.slice());
  const f = new WebAssembly.Instance(module, { env: { memory } }).exports[kernel.name];
  if (typeof f !== 'function') throw new TypeError(`no export ${kernel.name}`);
  const symbols = new Map(Object.entries(scalars));
  const groups = evaluate(kernel.grid[0], symbols);
  const args = [...at, ...kernel.scalars.map((s) => scalars[s] ?? 0), ...(kernel.shared.length > 0 ? [scratchAt] : [])];
  return { views, run: (begin = 0, end = groups) => f(...args, begin, end) };
}

function elementsOf(kernel: Kernel, i: number, d: TypedArray): number {
  const storage = kernel.buffers[i]?.storage ?? 'f32';
  return Math.floor(d.byteLength / (byteLength(storage, 8) / 8));
}
