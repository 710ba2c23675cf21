import { InfcError } from '../errors.ts';
import { nodeModule } from '../files.ts';
import type { DeviceOptions } from '../load.ts';
import type { Device, DeviceMemory, KernelSource, Launch, LaunchRequest, LaunchSizes, MemoryRange } from './device.ts';
import { MAX_PAGES, PAGE } from './kernel-memory.ts';
import { probeRelaxedSimd } from './probe.ts';
import {
  CONTROL_WORDS,
  chunkTaker,
  control,
  instantiate,
  type KernelFunction,
  MAX_ARGUMENTS,
  type PoolSetup,
} from './wasm-pool.ts';

const ALIGN = 64;
/** Kernels may read this far past a buffer. */
const PADDING = 64;
/** Work (bytes plus operations) below which waking other threads costs more than it saves. */
const SPLIT_WORK = 400_000;
/** Each chunk begins a new stream of weights, which memory takes a while to follow: 8 made decode of a 135 M model a third slower. */
const CHUNKS_PER_THREAD = 2;
/** How long a page's worker may take to start before the launches do without it. */
const START_MS = 2000;
/** Polls for the other threads before the calling one sleeps: waking up takes longer than most launches. */
const MAIN_SPINS = 50_000;
/** It sleeps this long at a time then: nobody has to say that the work is done. */
const NAP_MS = 0.1;
/**
 * Engines begin with quickly made, slow code for a kernel and swap in the optimised one at a call: a kernel with much work is called in
 * pieces of about this much, at most so many, so that already its first launch gets there.
 */
const PIECE_WORK = 20_000_000;
const MOST_PIECES = 32;

interface WasmMemory extends DeviceMemory {
  readonly address: number;
  readonly size: number;
}

interface WasmLaunch extends Launch {
  /** Addresses, scalars, scratch where the kernel has any, begin and end. */
  readonly args: number[];
  /** How many of these are addresses. */
  readonly addresses: number;
  readonly sizes: LaunchSizes;
}

/** WebAssembly on the calling thread and, where memory can be shared, on workers. */
export class WasmDevice implements Device {
  readonly kind = 'wasm';
  readonly align = ALIGN;
  readonly followsSizes = true;
  readonly inPlace = true;
  private bytes: Uint8Array;
  private end = 1024;
  /** Where memory begins that was never used. */
  private unused = 1024;
  private readonly free_: { address: number; size: number }[] = []; // by address, never adjacent
  private functions: KernelFunction[] = [];
  private kernels: KernelSource['kernels'] = [];
  private scratch = 0;
  private words: Int32Array<SharedArrayBuffer> | undefined;
  private takeChunks: (() => void) | undefined;
  private workers: { terminate(): unknown }[] = [];
  private readonly mayWait: boolean;
  readonly capacity: number;

  private constructor(
    private readonly memory: WebAssembly.Memory,
    readonly threads: number,
    private readonly options: DeviceOptions,
    pages: number,
  ) {
    this.capacity = Math.min(
      pages * PAGE,
      nodeModule<typeof import('node:os')>('node:os')?.totalmem() ?? Number.POSITIVE_INFINITY,
    );
    this.bytes = new Uint8Array(memory.buffer);
    // Atomics.wait is refused on a browser's main thread.
    this.mayWait = typeof document === 'undefined';
  }

  static create(options: DeviceOptions = {}): WasmDevice {
    const shareable = typeof SharedArrayBuffer !== 'undefined' && (globalThis.crossOriginIsolated ?? true);
    const cores =
      nodeModule<typeof import('node:os')>('node:os')?.availableParallelism() ?? navigator.hardwareConcurrency;
    const wanted = options.threads ?? Math.min(cores ?? 1, 8);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 256)
      throw new InfcError('INFC6021', `${wanted} threads`, { fix: 'Use 1 to 256 threads' });
    const threads = shareable ? wanted : 1;
    // Shared memory reserves its maximum: where that much address space is refused, ask for less.
    for (let maximum = MAX_PAGES; maximum >= 4096; maximum /= 2) {
      try {
        return new WasmDevice(
          new WebAssembly.Memory({ initial: 1, maximum, shared: threads > 1 }),
          threads,
          options,
          maximum,
        );
      } catch {}
    }
    throw new InfcError('INFC6011', 'no WebAssembly memory can be made', { fix: 'Close other programs or pages' });
  }

  async load({ kernels, variants, read }: KernelSource): Promise<void> {
    // Engines that have it know no such flag, and say so on the terminal.
    const { relaxedSimd } = this.options;
    if (relaxedSimd === true && !probeRelaxedSimd().size)
      nodeModule<typeof import('node:v8')>('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
    const features: ReadonlySet<string> = relaxedSimd === false ? new Set() : probeRelaxedSimd();
    const fileOf = kernels.map(
      (k, i) =>
        variants.find(
          (v) => v.file === k.file && (v.kernels?.includes(i) ?? true) && v.features.every((f) => features.has(f)),
        )?.use ?? k.file,
    );
    const files = [...new Set(fileOf)];
    const modules: WebAssembly.Module[] = [];
    const setup = {
      memory: this.memory,
      modules,
      kernels: kernels.map(({ entry }, i) => ({ module: files.indexOf(fileOf[i] ?? ''), entry })),
    };
    let file: string | undefined;
    try {
      for (file of files) modules.push(await WebAssembly.compile(shareMemory(await read(file), this.threads > 1)));
      this.functions = instantiate(setup);
    } catch (cause) {
      if (cause instanceof InfcError) throw cause;
      throw new InfcError('INFC6022', `kernels do not load: ${cause}`, {
        ...(file ? { file } : {}),
        fix: 'Use a newer browser or Node, or compile again',
        cause,
      });
    }
    this.kernels = kernels;
    const scratch = Math.max(0, ...kernels.map((k) => k.scratch ?? 0));
    const step = Math.ceil(scratch / ALIGN + 1) * ALIGN;
    this.scratch = scratch > 0 ? this.allocate(step * this.threads).address : 0;
    if (this.threads > 1 && kernels.length > 0) {
      this.words = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
      this.takeChunks = chunkTaker(this.words, this.functions, this.scratch);
      const { words } = this;
      // A page starts no worker before its main thread returns to the event loop, which runs one after the other need not do.
      await Promise.all(
        Array.from({ length: this.threads - 1 }, (_, i) =>
          this.startWorker({ ...setup, control: words, scratch: this.scratch + (i + 1) * step }),
        ),
      );
    }
  }

  /** Resolves when the worker is ready, or will not be: the calling thread does the work alone then. */
  private startWorker(setup: PoolSetup): Promise<unknown> {
    const threads = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
    const { worker } = this.options;
    return new Promise((resolve) => {
      if (threads) {
        const w = new threads.Worker(worker ? new URL(worker) : new URL('./worker.js', import.meta.url));
        const settle = () => {
          w.unref();
          resolve(0);
        };
        w.once('message', settle).on('error', settle);
        w.postMessage(setup);
        this.workers.push(w);
        return;
      }
      // Bundlers look for this form.
      const w = worker
        ? new Worker(worker, { type: 'module' })
        : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
      w.onmessage = w.onerror = resolve;
      setTimeout(resolve, START_MS);
      w.postMessage(setup);
      this.workers.push(w);
    }).catch(() => {}); // a page may forbid workers
  }

  reserve(bytes: number): void {
    this.reach(this.end + bytes);
  }

  /** Grows the memory up to an address. What is no number of bytes that there can be, `grow` refuses. */
  private reach(end: number): void {
    const need = end - this.bytes.length;
    if (need <= 0) return;
    try {
      this.memory.grow(Math.ceil(need / PAGE));
    } catch (cause) {
      throw new InfcError('INFC6011', `the model needs ${end} bytes of memory, more than WebAssembly gives here`, {
        fix: 'Use smaller shapes or weights',
        cause,
      });
    }
    this.bytes = new Uint8Array(this.memory.buffer);
  }

  allocate(bytes: number): WasmMemory {
    const size = Math.ceil(bytes / ALIGN) * ALIGN + PADDING;
    const hole = this.free_.find((f) => f.size >= size);
    if (hole) {
      const taken = { bytes, address: hole.address, size };
      hole.address += size;
      hole.size -= size; // one of no size is merged when what follows it is freed
      return taken;
    }
    const address = Math.ceil(this.end / ALIGN) * ALIGN;
    this.reach(address + size);
    const fresh = address >= this.unused;
    this.end = address + size;
    this.unused = Math.max(this.unused, this.end);
    return { bytes, address, size, fresh };
  }

  free(memory: DeviceMemory): void {
    const { address, size } = memory as WasmMemory; // made by allocate
    const at = this.free_.findIndex((f) => f.address > address);
    this.free_.splice(at < 0 ? this.free_.length : at, 0, { address, size });
    for (let i = this.free_.length - 1; i > 0; i--) {
      const [a, b] = [this.free_[i - 1], this.free_[i]];
      if (a && b && a.address + a.size === b.address) {
        a.size += b.size;
        this.free_.splice(i, 1);
      }
    }
    const last = this.free_.at(-1);
    if (last && last.address + last.size === this.end) {
      this.end = last.address;
      this.free_.pop();
    }
  }

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    this.bytes.set(data, (memory as WasmMemory).address + offset);
  }

  fill(range: MemoryRange, value: number): void {
    const at = addressOf(range);
    this.bytes.fill(value, at, at + range.bytes);
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    const at = (from as WasmMemory).address + fromOffset;
    this.bytes.copyWithin((to as WasmMemory).address + toOffset, at, at + bytes);
  }

  read(range: MemoryRange): Uint8Array {
    const at = addressOf(range);
    return this.bytes.subarray(at, at + range.bytes);
  }

  prepare(request: LaunchRequest): WasmLaunch {
    const { kernel, bindings, scalars, sizes = request } = request;
    const scratch = this.kernels[kernel]?.scratch ? [this.scratch | 0] : [];
    const args = bindings.map(pointerTo).concat(scalars, scratch, 0, 0);
    return { kernel, args, addresses: bindings.length, sizes };
  }

  launch(launch: Launch): void {
    const { kernel, args, addresses, sizes } = launch as WasmLaunch; // made by prepare
    const { scalars, work } = sizes;
    const [grid] = sizes.grid;
    const words = this.words;
    if (grid <= 0) return;
    for (let i = 0; i < scalars.length; i++) args[addresses + i] = scalars[i] ?? 0;
    if (!words || work < SPLIT_WORK || grid <= 1 || args.length > MAX_ARGUMENTS) {
      // All but a few launches are one call.
      const pieces = Math.min(MOST_PIECES, grid, Math.ceil(work / PIECE_WORK) || 1);
      const last = args.length - 1;
      try {
        for (let i = 1, from = 0; i <= pieces; i++) {
          args[last - 1] = from;
          args[last] = from = Math.floor((grid * i) / pieces) | 0;
          this.functions[kernel]?.(...args);
        }
      } catch (cause) {
        throw this.failed(kernel, cause);
      }
      return;
    }
    const chunks = Math.min(grid, this.threads * CHUNKS_PER_THREAD);
    words[control.KERNEL] = kernel;
    words[control.GRID] = grid;
    words[control.CHUNKS] = chunks;
    words[control.COUNT] = addresses + scalars.length;
    words[control.SCRATCH] = this.kernels[kernel]?.scratch ? 1 : 0;
    words.set(args, control.ARGS);
    Atomics.add(words, control.LAUNCH, 1);
    Atomics.store(words, control.DONE, 0);
    Atomics.store(words, control.LEFT, chunks);
    Atomics.add(words, control.WAKE, 1);
    if (Atomics.load(words, control.SLEEPERS)) Atomics.notify(words, control.WAKE);
    this.takeChunks?.();
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, control.DONE);
      if (done === chunks) break;
      if (spins > MAIN_SPINS && this.mayWait) Atomics.wait(words, control.DONE, done, NAP_MS);
    }
    if (Atomics.exchange(words, control.FAILED, 0)) throw this.failed(kernel, undefined);
  }

  private failed(kernel: number, cause: unknown): InfcError {
    return new InfcError(
      'INFC6019',
      `kernel '${this.kernels[kernel]?.name}' failed${cause ? `: ${String(cause)}` : ''}`,
      {
        fix: 'Report this with the model',
        ...(cause ? { cause } : {}),
      },
    );
  }

  finish(): void {}

  async destroy(): Promise<void> {
    const workers = this.workers;
    this.workers = [];
    await Promise.all(workers.map((w) => w.terminate()));
  }
}

const addressOf = ({ memory, offset }: MemoryRange): number => (memory as WasmMemory).address + offset;
/** As a 32-bit integer: engines box every number of a list in which one may be none. */
const pointerTo = (range: MemoryRange): number => addressOf(range) | 0;

/** What kernel files say before the flags of their memory: env.memory, which is 1 (it has a maximum) or 3 (it is shared, too). */
const MEMORY_IMPORT = '\x03env\x06memory\x02';

/** The same kernel file with its memory import declared shared or not: one file serves both. */
export function shareMemory(bytes: Uint8Array<ArrayBuffer>, shared: boolean): Uint8Array<ArrayBuffer> {
  const at = new TextDecoder('latin1').decode(bytes).indexOf(MEMORY_IMPORT);
  const out = bytes.slice();
  if (at >= 0) out[at + MEMORY_IMPORT.length] = shared ? 3 : 1;
  return out;
}
