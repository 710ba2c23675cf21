import { kernelMemory } from '../devices/kernel-memory.ts';
import type { DType } from '../dtype.ts';
import type { HostOp } from '../host.ts';
import { emptyTensor, isTensor, numericData } from './values.ts';

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** The module of a kernel, compiled once. */
function compiled(text: string): Promise<WebAssembly.Module> {
  let module = modules.get(text);
  if (!module) {
    module = WebAssembly.compile(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
    modules.set(text, module);
  }
  return module;
}

/**
 * A tensor expression that the device has no kernels for, as a WebAssembly kernel over memory of its own. Attributes: `module` in base64,
 * whose function `run` takes the addresses of the inputs with the output at place `output` among them, then `scalars` and a range of
 * `items`; `dtype` and `shape` of the output.
 */
export const wasmKernel: HostOp = async (inputs, attrs, { fail }) => {
  const numbers = (list: unknown): number[] => (Array.isArray(list) ? list.map(Number) : []);
  const out = emptyTensor(String(attrs.dtype) as DType, numbers(attrs.shape));
  const views = inputs.map((v) => (isTensor(v) ? numericData(v) : fail('an input is not a tensor')));
  views.splice(Number(attrs.output), 0, out.data);
  let end = 16;
  const addresses = views.map((v) => {
    const at = end;
    // Vectors may read past an end.
    end += Math.ceil(v.byteLength / 16) * 16 + 16;
    return at;
  });
  const memory = kernelMemory(end);
  const bytes = new Uint8Array(memory.buffer);
  views.forEach((v, i) => {
    bytes.set(new Uint8Array(v.buffer, v.byteOffset, v.byteLength), addresses[i]);
  });
  const { exports } = await WebAssembly.instantiate(await compiled(String(attrs.module)), { env: { memory } });
  const run = exports.run as (...args: number[]) => void;
  run(...addresses, ...numbers(attrs.scalars), 0, Number(attrs.items));
  const from = addresses[Number(attrs.output)] ?? 0;
  new Uint8Array(out.data.buffer).set(bytes.subarray(from, from + out.data.byteLength));
  return [out];
};
