import { InfcError } from '../errors.ts';
import { nodeModule } from '../files.ts';
import type { Device, DeviceMemory, KernelSource, Launch, LaunchRequest, MemoryRange } from './device.ts';

/** The native addon (backends/cuda/native): CUDA's driver API and NVRTC. Addresses, modules and functions are BigInts. */
export interface CudaAddon {
  probe(): {
    readonly devices: number;
    /** Why the driver cannot be used. */
    readonly problem?: string;
    readonly name?: string;
    /** Compute capability times ten. */
    readonly capability?: number;
    readonly driver?: number;
    /** Whether NVRTC is there. */
    readonly compiler: boolean;
  };
  open(device: number): number;
  close(device: number): void;
  allocate(bytes: number): bigint;
  release(address: bigint): void;
  write(address: bigint, data: Uint8Array): void;
  read(address: bigint, into: Uint8Array): void;
  copy(to: bigint, from: bigint, bytes: number): void;
  fill(address: bigint, value: number, bytes: number): void;
  compile(source: string, options: readonly string[]): Uint8Array;
  load(image: Uint8Array): bigint;
  unload(module: bigint): void;
  find(module: bigint, name: string): bigint;
  launch(
    fn: bigint,
    x: number,
    y: number,
    z: number,
    lanes: number,
    pointers: BigUint64Array,
    scalars: Int32Array,
  ): void;
  synchronize(): void;
}

export interface CudaOptions {
  /** The addon, or where it lies; default the environment variable INFC_CUDA_ADDON. */
  readonly cuda?: CudaAddon | string;
  /** Number of the GPU; default 0. */
  readonly gpuIndex?: number;
}

const ALIGN = 256;
const MAX_GROUPS_YZ = 65535;

interface CudaMemory extends DeviceMemory {
  readonly address: bigint;
}

interface CudaLaunch extends Launch {
  readonly fn: bigint;
  readonly grid: readonly [number, number, number];
  readonly lanes: number;
  readonly pointers: BigUint64Array;
  readonly scalars: Int32Array;
}

/** An NVIDIA GPU through the native addon. Kernels come as text (compiled here by NVRTC), PTX or cubin. */
export class CudaDevice implements Device {
  readonly kind = 'cuda';
  readonly align = ALIGN;
  private readonly modules: bigint[] = [];
  private kernels: { readonly fn: bigint; readonly lanes: number }[] = [];

  private constructor(
    private readonly addon: CudaAddon,
    private readonly gpu: number,
    private readonly capability: number,
  ) {}

  /** Throws INFC6040 when the addon or a GPU is missing, saying which. */
  static create(options: CudaOptions = {}): CudaDevice {
    const addon = typeof options.cuda === 'object' ? options.cuda : openAddon(options.cuda);
    const found = addon.probe();
    const gpu = options.gpuIndex ?? 0;
    if (found.devices <= gpu)
      throw new InfcError('INFC6040', `there is no CUDA GPU ${gpu}: ${found.problem ?? `${found.devices} found`}`, {
        fix: 'Install the NVIDIA driver, or compile for wasm or wgsl',
      });
    return new CudaDevice(
      addon,
      attempt('the GPU cannot be opened', () => addon.open(gpu)),
      found.capability ?? 80,
    );
  }

  async load(source: KernelSource): Promise<void> {
    const modules = new Map<string, bigint>();
    for (const k of source.kernels) {
      let module = modules.get(k.file);
      if (module === undefined) {
        const bytes = await source.read(k.file);
        module = attempt(`kernels of ${k.file} cannot be loaded`, () => this.addon.load(this.image(k.file, bytes)));
        modules.set(k.file, module);
        this.modules.push(module);
      }
    }
    this.kernels = source.kernels.map((k) => {
      const module = modules.get(k.file) ?? 0n;
      return { fn: attempt(`kernel ${k.name} is missing`, () => this.addon.find(module, k.entry)), lanes: k.lanes };
    });
  }

  private image(file: string, bytes: Uint8Array): Uint8Array {
    if (file.endsWith('.cubin')) return bytes;
    if (file.endsWith('.ptx')) return Uint8Array.of(...bytes, 0);
    // Contraction is left on, as nvcc does.
    return this.addon.compile(new TextDecoder().decode(bytes), [`--gpu-architecture=sm_${this.capability}`]);
  }

  allocate(bytes: number): DeviceMemory {
    const address = attempt(`${bytes} bytes of GPU memory`, () => this.addon.allocate(Math.max(bytes, 1) + ALIGN));
    const memory: CudaMemory = { bytes, address };
    return memory;
  }

  free(memory: DeviceMemory): void {
    attempt('memory cannot be freed', () => this.addon.release(addressOf(memory)));
  }

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    if (data.byteLength > 0) attempt('upload', () => this.addon.write(addressOf(memory) + BigInt(offset), data));
  }

  fill(range: MemoryRange, value: number): void {
    if (range.bytes > 0)
      attempt('fill', () => this.addon.fill(addressOf(range.memory) + BigInt(range.offset), value, range.bytes));
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    if (bytes === 0) return;
    const [a, b] = [addressOf(from) + BigInt(fromOffset), addressOf(to) + BigInt(toOffset)];
    attempt('copy', () => this.addon.copy(b, a, bytes));
  }

  read(range: MemoryRange): Uint8Array {
    const bytes = new Uint8Array(range.bytes);
    if (range.bytes > 0)
      attempt('results', () => this.addon.read(addressOf(range.memory) + BigInt(range.offset), bytes));
    return bytes;
  }

  prepare(request: LaunchRequest): Launch {
    const kernel = this.kernels[request.kernel];
    if (!kernel) throw new InfcError('INFC6018', `the plan has no kernel ${request.kernel}`);
    const [x, y, z] = request.grid;
    const launch: CudaLaunch = {
      kernel: request.kernel,
      ...kernel,
      // Kernels whose grid may exceed the limit of y and z decode the linear number.
      grid: y > MAX_GROUPS_YZ || z > MAX_GROUPS_YZ ? [x * y * z, 1, 1] : [x, y, z],
      pointers: BigUint64Array.from(request.bindings, (b) => addressOf(b.memory) + BigInt(b.offset)),
      scalars: Int32Array.from(request.scalars),
    };
    return launch;
  }

  launch(launch: Launch): void {
    const { fn, grid, lanes, pointers, scalars } = launch as CudaLaunch; // made by prepare
    const [x, y, z] = grid;
    if (x * y * z > 0) attempt('launch', () => this.addon.launch(fn, x, y, z, lanes, pointers, scalars));
  }

  finish(): void {
    attempt('a kernel failed', () => this.addon.synchronize());
  }

  destroy(): void {
    for (const m of this.modules.splice(0)) this.addon.unload(m);
    this.addon.close(this.gpu);
  }
}

const addressOf = (memory: DeviceMemory): bigint => (memory as CudaMemory).address;

function attempt<T>(what: string, f: () => T): T {
  try {
    return f();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InfcError('INFC6041', `CUDA: ${what}: ${reason}`, {
      cause,
      fix: 'Check the driver with nvidia-smi, or use the Wasm target',
    });
  }
}

function openAddon(place: string | undefined): CudaAddon {
  const module = nodeModule<typeof import('node:module')>('node:module');
  const path = place ?? (typeof process === 'undefined' ? undefined : process.env.INFC_CUDA_ADDON);
  const fix = 'Build it with npm run build:cuda and pass its path in the cuda option or INFC_CUDA_ADDON';
  if (!module || path === undefined) throw new InfcError('INFC6040', 'the CUDA addon is not given', { fix });
  try {
    return module.createRequire(import.meta.url)(path) as CudaAddon;
  } catch (cause) {
    throw new InfcError('INFC6040', `the CUDA addon cannot be loaded from ${path}`, { cause, fix });
  }
}
