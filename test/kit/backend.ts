import type { Backend } from '../../backends/backend.ts';
import { interpret } from '../../backends/reference/interpret.ts';
import { evaluate } from '../../compiler/ir/dim.ts';
import { byteLength, type TypedArray, viewOf } from '../../compiler/ir/dtype.ts';
import { numbersOf, storeNumber } from '../../compiler/tensor-values.ts';
import type { Device } from '../../runtime/devices/device.ts';
import type { PlanKernel } from '../../runtime/plan.ts';
import { type Check, fail, relativeError } from './check.ts';
import { type KernelCase, kernelCases } from './kernel-cases.ts';

export interface BackendConformance {
  readonly backend: Backend;
  /** A device that plays what the backend prints; made once a check and destroyed after it. Without it kernels are only printed. */
  readonly createDevice?: () => Device | Promise<Device>;
  /** Target features; default the backend's own. */
  readonly features?: readonly string[];
  /** Error allowed where the case itself allows less (fast approximations of a GPU); exact cases stay exact. */
  readonly tolerance?: number;
}

/**
 * Checks of a backend: every part of Kernel IR that its kind of target must know is printed, loaded by the device, run, and compared
 * with the interpreter; printing is deterministic.
 */
export function backendConformance({ backend, createDevice, features, tolerance = 0 }: BackendConformance): Check[] {
  const target = backend.target(features);
  const cases = kernelCases(target, (dtype) => backend.supports(dtype));
  const checks: Check[] = cases.map((c) => ({
    name: `${backend.name}: ${c.name}`,
    run: async () => {
      const files = backend.print([c.kernel], target);
      const holder = files.find((f) => f.entries.has(c.kernel.name));
      if (!holder) return fail(`print gave no file with an entry for '${c.kernel.name}'`);
      if (!createDevice) return;
      const expected = buffersOf(c);
      interpret(c.kernel, expected, c.scalars);
      const built = backend.build ? await backend.build(holder, target) : holder;
      const kernel: PlanKernel = {
        name: c.kernel.name,
        file: built.file,
        entry: built.entries.get(c.kernel.name) ?? c.kernel.name,
        scalars: c.kernel.scalars,
        lanes: c.kernel.lanes,
        ...scratchOf(c),
      };
      const actual = await play(await createDevice(), kernel, built.content, c);
      c.kernel.buffers.forEach((b, i) => {
        if (b.access === 'read') return;
        const pair = [actual[i], expected[i]].map((data) =>
          numbersOf({ dtype: b.storage, data: data ?? new Uint8Array(0) }),
        );
        const [got, want] = pair;
        if (!got || !want) return;
        const { error, at } = relativeError(got, want);
        const allowed = c.tolerance === 0 ? 0 : Math.max(c.tolerance, tolerance);
        if (error > allowed)
          fail(
            `buffer '${b.name}' differs from the interpreter at ${at}: got ${got[at]}, want ${want[at]} (error ${error}, allowed ${allowed})`,
          );
      });
    },
  }));
  checks.push({
    name: `${backend.name}: printing is deterministic`,
    run: async () => {
      const kernels = cases.map((c) => c.kernel);
      const [a, b] = [backend.print(kernels, target), backend.print(kernels, target)].map((files) =>
        JSON.stringify(
          files.map((f) => [f.file, typeof f.content === 'string' ? f.content : [...f.content], [...f.entries]]),
        ),
      );
      if (a !== b) fail('two prints of the same kernels differ');
    },
  });
  checks.push({
    name: `${backend.name}: memory rules make sense`,
    run: async () => {
      const { align, maxBinding } = backend.memory;
      if (align < 4 || (align & (align - 1)) !== 0) fail(`align ${align} is not a power of two of at least 4`);
      if (!(maxBinding >= 1 << 16)) fail(`maxBinding ${maxBinding} is too small for any model`);
    },
  });
  return checks;
}

function scratchOf({ kernel }: KernelCase): { scratch?: number } {
  if (kernel.kind === 'simt' || kernel.shared.length === 0) return {};
  const bytes = kernel.shared.reduce(
    (n, b) => n + Math.ceil(byteLength(b.storage, evaluate(b.elements, {})) / 16) * 16,
    0,
  );
  return { scratch: bytes };
}

/** Fresh contents of a case's buffers. */
function buffersOf(c: KernelCase): TypedArray[] {
  return c.kernel.buffers.map((b, j) => {
    const elements = evaluate(b.elements, c.scalars);
    const data = viewOf(b.storage, new ArrayBuffer(Math.ceil(byteLength(b.storage, elements) / 8) * 8), 0, elements);
    const fill = c.fill[j];
    if (fill) for (let i = 0; i < elements; i++) storeNumber(data, b.storage, i, fill(i));
    return data;
  });
}

/** Launches one kernel on a device and reads all its buffers back. */
async function play(
  device: Device,
  kernel: PlanKernel,
  content: string | Uint8Array,
  c: KernelCase,
): Promise<TypedArray[]> {
  try {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : Uint8Array.from(content);
    await device.load({ kernels: [kernel], variants: [], read: async () => bytes });
    const memories = buffersOf(c).map((data) => {
      const size = Math.ceil(data.byteLength / 16) * 16 + 16;
      const memory = device.allocate(size);
      device.write(memory, 0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return { memory, offset: 0, bytes: data.byteLength };
    });
    const axes = c.kernel.grid.map((d) => evaluate(d, c.scalars));
    const grid = [axes[0] ?? 1, axes[1] ?? 1, axes[2] ?? 1] as const;
    const scalars = c.kernel.scalars.map((name) => c.scalars[name] ?? 0);
    device.launch(device.prepare({ kernel: 0, bindings: memories, scalars, grid, work: 1e6 }));
    await device.finish();
    const out: TypedArray[] = [];
    for (const [j, b] of c.kernel.buffers.entries()) {
      const range = memories[j];
      if (!range) continue;
      const raw = (await device.read(range)).slice();
      out.push(viewOf(b.storage, raw.buffer, 0, evaluate(b.elements, c.scalars)));
    }
    return out;
  } finally {
    await device.destroy();
  }
}
