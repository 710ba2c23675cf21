import type { Device, DeviceMemory, KernelSource, Launch, LaunchRequest, MemoryRange, PlanKernel } from 'infc/runtime';

interface Block extends DeviceMemory {
  readonly buffer: ArrayBuffer;
}

interface ReadyLaunch extends Launch {
  run(): void;
}

type KernelFunction = (...args: readonly (Uint8Array | number)[]) => void;

/** Plays what the acme backend prints: memory is ArrayBuffers, kernels are functions of the printed module. */
export class AcmeDevice implements Device {
  readonly kind = 'acme-js';
  readonly align = 16;
  private kernels: readonly PlanKernel[] = [];
  private functions: readonly KernelFunction[] = [];

  async load({ kernels, read }: KernelSource): Promise<void> {
    const modules = new Map<string, Record<string, unknown>>();
    for (const { file } of kernels) {
      if (modules.has(file)) continue;
      const text = Buffer.from(await read(file)).toString('base64');
      modules.set(file, await import(/* @vite-ignore */ `data:text/javascript;base64,${text}`));
    }
    this.kernels = kernels;
    this.functions = kernels.map((k) => {
      const f = modules.get(k.file)?.[k.entry];
      if (typeof f !== 'function') throw new Error(`no kernel ${k.entry} in ${k.file}`);
      return (...args) => void f(...args);
    });
  }

  allocate(bytes: number): DeviceMemory {
    const block: Block = { bytes, buffer: new ArrayBuffer(Math.ceil(bytes / 16) * 16 + 16) };
    return block;
  }

  free(): void {}

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    new Uint8Array(bufferOf(memory), offset).set(data);
  }

  fill({ memory, offset, bytes }: MemoryRange, value: number): void {
    new Uint8Array(bufferOf(memory), offset, bytes).fill(value);
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    new Uint8Array(bufferOf(to), toOffset).set(new Uint8Array(bufferOf(from), fromOffset, bytes));
  }

  read({ memory, offset, bytes }: MemoryRange): Uint8Array {
    return new Uint8Array(bufferOf(memory), offset, bytes);
  }

  prepare({ kernel, bindings, scalars, grid }: LaunchRequest): ReadyLaunch {
    const run = this.functions[kernel];
    if (!run) throw new Error(`no kernel ${this.kernels[kernel]?.name ?? kernel}`);
    const ranges = bindings.map(({ memory, offset, bytes }) => {
      // 16 bytes past a buffer may be read, never written.
      const buffer = bufferOf(memory);
      return new Uint8Array(buffer, offset, Math.min(bytes + 16, buffer.byteLength - offset));
    });
    return { kernel, run: () => run(...ranges, ...scalars, 0, grid[0]) };
  }

  launch(launch: Launch): void {
    if ('run' in launch && typeof launch.run === 'function') launch.run();
  }

  finish(): void {}
  destroy(): void {}
}

/** Artifacts call this. */
export const createDevice = (): Device => new AcmeDevice();

function bufferOf(memory: DeviceMemory): ArrayBuffer {
  if ('buffer' in memory && memory.buffer instanceof ArrayBuffer) return memory.buffer;
  throw new Error('this memory belongs to another device');
}
