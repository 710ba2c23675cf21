import { bitsOf, viewOf } from '../../compiler/ir/dtype.ts';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import type {
  Device,
  DeviceMemory,
  KernelSource,
  Launch,
  LaunchRequest,
  MemoryRange,
} from '../../runtime/devices/device.ts';
import { InfcError } from '../../runtime/errors.ts';
import { type InterpretOptions, interpret } from './interpret.ts';

interface HostMemory extends DeviceMemory {
  readonly data: Uint8Array<ArrayBuffer>;
}

interface ReferenceLaunch extends Launch {
  readonly request: LaunchRequest;
}

/**
 * Plays a plan with the interpreter instead of printed kernels: what the plan means, with bounds, races and barriers checked. It is given
 * the kernels themselves, because a plan holds only their printed form. Slow; for verification.
 */
export class ReferenceDevice implements Device {
  readonly kind = 'reference';
  readonly align = 64;
  private readonly byName: ReadonlyMap<string, Kernel>;
  private kernels: readonly Kernel[] = [];

  constructor(
    kernels: readonly Kernel[],
    private readonly options: InterpretOptions = {},
  ) {
    this.byName = new Map(kernels.map((k) => [k.name, k]));
  }

  async load({ kernels }: KernelSource): Promise<void> {
    this.kernels = kernels.map(({ name }) => {
      const kernel = this.byName.get(name);
      if (!kernel)
        throw new InfcError('INFC6022', `the reference device was not given kernel '${name}'`, {
          fix: 'Use the kernels of the same compilation',
        });
      return kernel;
    });
  }

  allocate(bytes: number): HostMemory {
    try {
      return { bytes, data: new Uint8Array(Math.ceil(bytes / 8) * 8) };
    } catch (cause) {
      throw new InfcError('INFC6011', `a block of ${bytes} bytes is needed, more than there is`, {
        fix: 'Use smaller shapes',
        cause,
      });
    }
  }

  free(): void {}

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    bytesOf(memory).set(data, offset);
  }

  fill({ memory, offset, bytes }: MemoryRange, value: number): void {
    bytesOf(memory).fill(value, offset, offset + bytes);
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    bytesOf(to).set(bytesOf(from).subarray(fromOffset, fromOffset + bytes), toOffset);
  }

  read({ memory, offset, bytes }: MemoryRange): Uint8Array {
    return bytesOf(memory).subarray(offset, offset + bytes);
  }

  prepare(request: LaunchRequest): ReferenceLaunch {
    return { kernel: request.kernel, request };
  }

  launch(launch: Launch): void {
    const { kernel: number, bindings, scalars } = (launch as ReferenceLaunch).request; // made by prepare
    const kernel = this.kernels[number];
    if (!kernel) return;
    const data = kernel.buffers.map((b, i) => {
      const range = bindings[i];
      const bytes = range ? bytesOf(range.memory) : new Uint8Array(0);
      const elements = Math.floor(((range?.bytes ?? 0) * 8) / bitsOf[b.storage]);
      return viewOf(b.storage, bytes.buffer, range?.offset ?? 0, elements);
    });
    interpret(
      kernel,
      data,
      Object.fromEntries(kernel.scalars.map((s, i) => [s, scalars[i] ?? Number.NaN])),
      this.options,
    );
  }

  finish(): void {}

  destroy(): void {}
}

const bytesOf = (memory: DeviceMemory): Uint8Array<ArrayBuffer> => (memory as HostMemory).data; // made by allocate
