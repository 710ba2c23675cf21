import { InfcError } from '../errors.ts';
import type { Device, DeviceMemory, KernelSource, Launch, LaunchRequest, MemoryRange } from './device.ts';

export interface WebGpuOptions {
  /** The WebGPU to use; default `navigator.gpu`. In Node: Dawn's, `create([])` of the npm package `webgpu` (keep it reachable). */
  readonly gpu?: GPU;
  readonly powerPreference?: GPUPowerPreference;
}

const ALIGN = 256;
/** WebGPU's default limit of workgroups in one dimension, which printed kernels rely on. */
const MAX_GROUPS = 65535;
const MAX_UNIFORMS = 4096;

interface GpuMemory extends DeviceMemory {
  readonly buffer: GPUBuffer;
  /** The last word, when the last write ended inside it. */
  tail?: { readonly at: number; readonly bytes: Uint8Array<ArrayBuffer>; count: number } | undefined;
}

/** A kernel as loaded: its text and, by the mask of bindings that are widened to read-write, its pipelines. */
interface GpuKernel {
  readonly name: string;
  readonly file: string;
  readonly code: string;
  readonly entry: string;
  /** Declared access of each storage binding. */
  readonly access: readonly ('read' | 'read_write')[];
  readonly hasScalars: boolean;
  readonly pipelines: Map<string, GPUComputePipeline>;
}

interface GpuLaunch extends Launch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number, number];
  /** Ranges that cannot be bound where they are: copied before, and back after when written. */
  readonly staged: readonly { readonly range: GpuRange; readonly temporary: GPUBuffer; readonly written: boolean }[];
}

interface GpuRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

const up = (n: number, to: number): number => Math.ceil(n / to) * to;

/** WebGPU in browsers and, given Dawn, in Node. Launches are recorded and submitted together when something waits. */
export class WebGpuDevice implements Device {
  readonly kind = 'webgpu';
  readonly align = ALIGN;
  private kernels: GpuKernel[] = [];
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private readonly uniforms = new Map<string, GPUBuffer>();
  private failure: InfcError | undefined;
  private destroyed = false;

  private constructor(private readonly device: GPUDevice) {
    device.lost.then((info) => {
      if (!this.destroyed)
        this.failure = new InfcError('INFC6031', `the GPU device was lost: ${info.message || info.reason}`, {
          fix: 'Load the model again',
        });
    });
    device.onuncapturederror = (event) => {
      this.failure ??= new InfcError('INFC6032', `the GPU reported an error: ${event.error.message}`, {
        fix: 'Run infc verify to find the kernel, or use the Wasm target',
      });
    };
  }

  /** Throws INFC6030 when there is no WebGPU adapter. */
  static async create(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
    const gpu = options.gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu);
    const missing = (reason: string) =>
      new InfcError('INFC6030', reason, {
        fix: 'Use a browser with WebGPU, pass gpu from the npm package webgpu in Node, or compile for wasm',
      });
    if (!gpu) throw missing('WebGPU is not available here');
    const { powerPreference } = options;
    const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
    if (!adapter) throw missing('WebGPU found no adapter');
    const wanted = [
      'maxBufferSize',
      'maxStorageBufferBindingSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeWorkgroupStorageSize',
      'maxComputeInvocationsPerWorkgroup',
      'maxComputeWorkgroupSizeX',
    ] as const;
    const device = await adapter.requestDevice({
      requiredFeatures: (['subgroups', 'shader-f16'] as const).filter((f) => adapter.features.has(f)),
      requiredLimits: Object.fromEntries(wanted.map((l) => [l, adapter.limits[l]])),
    });
    return new WebGpuDevice(device);
  }

  async load(source: KernelSource): Promise<void> {
    const decoder = new TextDecoder();
    const texts = new Map<string, string>();
    const loaded: GpuKernel[] = [];
    for (const k of source.kernels) {
      let code = texts.get(k.file);
      if (code === undefined) {
        code = decoder.decode(await source.read(k.file));
        texts.set(k.file, code);
      }
      const access: ('read' | 'read_write')[] = [];
      for (const m of code.matchAll(/@binding\((\d+)\)\s*var<storage,\s*(read_write|read)>/g))
        access[Number(m[1])] = m[2] === 'read' ? 'read' : 'read_write';
      const hasScalars = k.scalars.length > 0;
      loaded.push({ name: k.name, file: k.file, code, entry: k.entry, access, hasScalars, pipelines: new Map() });
    }
    await Promise.all([...texts].map(([file, code]) => this.check(file, code)));
    this.kernels = loaded;
  }

  /** Throws INFC6033 with the compiler's complaints. */
  private async check(file: string, code: string): Promise<void> {
    this.device.pushErrorScope('validation');
    const info = await this.device.createShaderModule({ code }).getCompilationInfo();
    await this.device.popErrorScope();
    const error = info.messages.find((m) => m.type === 'error');
    if (error)
      throw new InfcError('INFC6033', `the GPU's compiler refuses ${file}:${error.lineNum}: ${error.message}`, {
        file,
        fix: 'Compile the model again with this version of infc',
      });
  }

  allocate(bytes: number): DeviceMemory {
    const size = up(Math.max(bytes, 1), ALIGN) + ALIGN;
    if (size > this.device.limits.maxBufferSize)
      throw new InfcError('INFC6034', `a block of ${bytes} bytes is larger than this GPU allows`, {
        fix: `At most ${this.device.limits.maxBufferSize} bytes: use smaller dimensions or the Wasm target`,
      });
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const memory: GpuMemory = {
      bytes,
      buffer: this.device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST }),
    };
    return memory;
  }

  free(memory: DeviceMemory): void {
    this.submit();
    bufferOf(memory).destroy();
  }

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    if (data.byteLength === 0) return;
    this.submit();
    const m = memory as GpuMemory; // made by allocate
    const { queue } = this.device;
    let at = offset;
    let rest = data;
    const lead = offset % 4;
    if (lead !== 0) {
      // Weights arrive in chunks of any size: one that ends inside a word is continued by the next.
      const word = m.tail;
      if (word?.at !== offset - lead || word.count !== lead)
        throw new InfcError('INFC6035', `a write at byte ${offset} is not aligned to 4 bytes`, {
          fix: 'Compile the model for wasm',
        });
      const taken = Math.min(4 - lead, rest.byteLength);
      word.bytes.set(rest.subarray(0, taken), lead);
      word.count = lead + taken;
      queue.writeBuffer(m.buffer, word.at, word.bytes);
      if (word.count < 4) return;
      at += taken;
      rest = rest.subarray(taken);
    }
    const whole = rest.byteLength - (rest.byteLength % 4);
    if (whole > 0) queue.writeBuffer(m.buffer, at, rest, 0, whole);
    m.tail = undefined;
    if (whole < rest.byteLength) {
      const bytes = new Uint8Array(4);
      bytes.set(rest.subarray(whole));
      m.tail = { at: at + whole, bytes, count: rest.byteLength - whole };
      queue.writeBuffer(m.buffer, at + whole, bytes);
    }
  }

  fill(range: MemoryRange, value: number): void {
    if (range.bytes === 0) return;
    if (value === 0) this.commands().clearBuffer(bufferOf(range.memory), range.offset, up(range.bytes, 4));
    else this.write(range.memory, range.offset, new Uint8Array(range.bytes).fill(value));
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    if (bytes === 0) return;
    if (fromOffset % 4 !== 0 || toOffset % 4 !== 0 || (bytes % 4 !== 0 && toOffset % ALIGN !== 0))
      throw new InfcError('INFC6035', `a copy of ${bytes} bytes at offset ${toOffset} is not aligned to 4 bytes`, {
        fix: 'Compile the model for wasm',
      });
    const [a, b] = [bufferOf(from), bufferOf(to)];
    const size = up(bytes, 4);
    if (a !== b) this.commands().copyBufferToBuffer(a, fromOffset, b, toOffset, size);
    else {
      // WebGPU copies between two buffers only.
      const temporary = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
      const commands = this.commands();
      commands.copyBufferToBuffer(a, fromOffset, temporary, 0, size);
      commands.copyBufferToBuffer(temporary, 0, b, toOffset, size);
    }
  }

  async read(range: MemoryRange): Promise<Uint8Array> {
    if (range.bytes === 0) return new Uint8Array(0);
    const start = range.offset - (range.offset % 4);
    const size = up(range.offset + range.bytes - start, 4);
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const staging = this.device.createBuffer({ size, usage: MAP_READ | COPY_DST });
    this.commands().copyBufferToBuffer(bufferOf(range.memory), start, staging, 0, size);
    this.submit();
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      this.raise();
      throw new InfcError('INFC6032', 'results could not be read back from the GPU', { cause });
    }
    const at = range.offset - start;
    const bytes = new Uint8Array(staging.getMappedRange()).slice(at, at + range.bytes);
    staging.destroy();
    this.raise();
    return bytes;
  }

  prepare(request: LaunchRequest): Launch {
    const kernel = this.kernels[request.kernel];
    if (!kernel) throw new InfcError('INFC6018', `the plan has no kernel ${request.kernel}`);
    const staged: GpuLaunch['staged'][number][] = [];
    const ranges: GpuRange[] = request.bindings.map((b) => ({
      buffer: bufferOf(b.memory),
      offset: b.offset,
      size: Math.max(16, up(b.bytes, 4)),
    }));
    const writes = (i: number): boolean => kernel.access[i] === 'read_write';
    const written = new Set(ranges.filter((_, i) => writes(i)).map((r) => r.buffer));
    // A block that the launch writes is bound read-write everywhere, and no two read-write bindings may overlap.
    const widened = ranges.map((r, i) => !writes(i) && written.has(r.buffer));
    const entries: GPUBindGroupEntry[] = ranges.map((range, binding) => {
      const twice = ranges
        .slice(0, binding)
        .some(
          (o) => o.buffer === range.buffer && o.offset < range.offset + range.size && range.offset < o.offset + o.size,
        );
      const clash = twice && (widened[binding] || writes(binding));
      if (!clash && range.offset % ALIGN === 0) return { binding, resource: range };
      if (range.offset % 4 !== 0)
        throw new InfcError('INFC6035', `kernel ${kernel.name} reads at byte ${range.offset}, not a multiple of 4`, {
          fix: 'Compile the model for wasm',
        });
      const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
      const temporary = this.device.createBuffer({ size: range.size, usage: STORAGE | COPY_SRC | COPY_DST });
      staged.push({ range, temporary, written: writes(binding) });
      widened[binding] = false;
      return { binding, resource: { buffer: temporary } };
    });
    if (kernel.hasScalars)
      entries.push({ binding: ranges.length, resource: { buffer: this.uniform(request.scalars) } });
    const pipeline = this.pipeline(kernel, widened);
    const group = this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const [x, y, z] = request.grid;
    const launch: GpuLaunch = { kernel: request.kernel, pipeline, group, grid: foldGrid(x, y, z), staged };
    return launch;
  }

  /** The kernel with the marked bindings declared read-write instead of read. */
  private pipeline(kernel: GpuKernel, widened: readonly boolean[]): GPUComputePipeline {
    const key = widened.map((w) => (w ? 'w' : 'r')).join('');
    const known = kernel.pipelines.get(key);
    if (known) return known;
    const code = kernel.code.replace(
      /(@binding\((\d+)\)\s*var<storage,\s*)read>/g,
      (whole: string, head: string, binding: string) => (widened[Number(binding)] ? `${head}read_write>` : whole),
    );
    // Spelled out, because 'auto' would leave out bindings that the code does not use.
    const entries: GPUBindGroupLayoutEntry[] = kernel.access.map((access, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: access === 'read' && !widened[binding] ? 'read-only-storage' : 'storage' },
    }));
    if (kernel.hasScalars)
      entries.push({ binding: kernel.access.length, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } });
    const pipeline = this.device.createComputePipeline({
      label: kernel.name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [this.device.createBindGroupLayout({ entries })] }),
      compute: { module: this.device.createShaderModule({ code }), entryPoint: kernel.entry },
    });
    kernel.pipelines.set(key, pipeline);
    return pipeline;
  }

  /** A uniform buffer with these scalars; equal tuples share one. */
  private uniform(scalars: readonly number[]): GPUBuffer {
    const key = scalars.join();
    const known = this.uniforms.get(key);
    if (known) return known;
    const buffer = this.device.createBuffer({
      size: up(scalars.length * 4, 16),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.device.queue.writeBuffer(buffer, 0, Int32Array.from(scalars));
    // Launches keep theirs alive; a dropped one is only not shared any more.
    if (this.uniforms.size >= MAX_UNIFORMS) this.uniforms.clear();
    this.uniforms.set(key, buffer);
    return buffer;
  }

  launch(launch: Launch): void {
    const { pipeline, group, grid, staged } = launch as GpuLaunch; // made by prepare
    if (grid[0] * grid[1] * grid[2] === 0) return;
    for (const { range, temporary } of staged)
      this.commands().copyBufferToBuffer(range.buffer, range.offset, temporary, 0, range.size);
    this.encoder ??= this.device.createCommandEncoder();
    this.pass ??= this.encoder.beginComputePass();
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, group);
    this.pass.dispatchWorkgroups(...grid);
    for (const { range, temporary, written } of staged)
      if (written) this.commands().copyBufferToBuffer(temporary, 0, range.buffer, range.offset, range.size);
  }

  async finish(): Promise<void> {
    this.submit();
    this.raise();
    await this.device.queue.onSubmittedWorkDone();
    this.raise();
  }

  destroy(): void {
    this.destroyed = true;
    this.device.destroy();
  }

  /** The encoder outside of a compute pass. */
  private commands(): GPUCommandEncoder {
    this.pass?.end();
    this.pass = undefined;
    this.encoder ??= this.device.createCommandEncoder();
    return this.encoder;
  }

  private submit(): void {
    if (!this.encoder) return;
    this.device.queue.submit([this.commands().finish()]);
    this.encoder = undefined;
  }

  private raise(): void {
    const { failure } = this;
    if (!failure) return;
    // A lost device stays lost; other errors belong to what was queued.
    if (failure.code !== 'INFC6031') this.failure = undefined;
    throw failure;
  }
}

/** Memory of this device. */
const bufferOf = (memory: DeviceMemory): GPUBuffer => (memory as GpuMemory).buffer;

/** Three sizes within the limits whose product covers the grid; kernels whose grid may exceed them decode the linear number. */
export function foldGrid(x: number, y: number, z: number): [number, number, number] {
  if (x <= MAX_GROUPS && y <= MAX_GROUPS && z <= MAX_GROUPS) return [x, y, z];
  const total = x * y * z;
  const depth = Math.ceil(total / MAX_GROUPS / MAX_GROUPS);
  const rows = Math.ceil(total / depth / MAX_GROUPS);
  return [Math.ceil(total / depth / rows), rows, depth];
}
