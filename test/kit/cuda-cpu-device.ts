import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Device,
  DeviceMemory,
  KernelSource,
  Launch,
  LaunchRequest,
  MemoryRange,
} from '../../runtime/devices/device.ts';
import { buildKernels, kernelServer } from './cuda-cpu-build.ts';

interface Block extends DeviceMemory {
  readonly id: number;
}

interface Recorded extends Launch {
  readonly words: Uint32Array;
}

export interface CudaCpuOptions {
  /** In which order the threads of a block run. */
  readonly order?: 'forward' | 'reverse' | 'shuffle';
  /** g++'s level of optimisation: 0 where compiling takes longer than running. */
  readonly optimize?: 0 | 1;
}

/** Plays CUDA plans on the CPU: g++ makes a library of kernels.cu, which a process that obeys commands from a pipe loads. */
export class CudaCpuDevice implements Device {
  readonly kind = 'cuda-cpu';
  readonly align = 256;
  private child: ChildProcessWithoutNullStreams | undefined;
  private lanes: readonly number[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), 'infc-cuda-device-'));
  private nextBlock = 1;
  private received: Buffer[] = [];
  private complaint = '';
  private wake: (() => void) | undefined;
  private died = '';
  /** Commands given before the kernels are there. */
  private early: Uint8Array[] = [];

  constructor(private readonly options: CudaCpuOptions = {}) {}

  async load({ kernels, read }: Pick<KernelSource, 'kernels' | 'read'>): Promise<void> {
    const files = new Map<string, string>();
    for (const k of kernels) if (!files.has(k.file)) files.set(k.file, new TextDecoder().decode(await read(k.file)));
    const entries = kernels.map((k) => k.entry);
    this.lanes = kernels.map((k) => k.lanes);
    const source = join(this.folder, 'kernels.cu');
    writeFileSync(source, [...files.values(), ...new Set(entries.map((e) => `LAUNCH(${e})`)), ''].join('\n'));
    const library = buildKernels(source, this.options.optimize ?? 1);
    const order = { forward: 0, reverse: 1, shuffle: 2 }[this.options.order ?? 'forward'];
    const child = spawn(kernelServer(), [library, String(order), ...entries], { stdio: 'pipe' });
    child.stdout.on('data', (d: Buffer) => {
      this.received.push(d);
      this.wake?.();
    });
    child.stderr.on('data', (d: Buffer) => {
      this.complaint += d.toString();
    });
    child.on('close', (code, signal) => {
      this.died = `the kernel process ended with ${signal ?? code} ${this.complaint}`;
      this.wake?.();
    });
    child.stdin.on('error', () => undefined);
    this.child = child;
    for (const e of this.early) child.stdin.write(e);
    this.early = [];
  }

  private send(words: readonly number[] | Uint32Array, data?: Uint8Array): void {
    const w = Uint32Array.from(words);
    const head = new Uint8Array(w.buffer);
    for (const part of data ? [head, data.slice()] : [head]) {
      if (this.child) this.child.stdin.write(part);
      else this.early.push(part);
    }
  }

  allocate(bytes: number): DeviceMemory {
    const id = this.nextBlock++;
    this.send([1, id, bytes + 256]);
    const block: Block = { id, bytes };
    return block;
  }

  free(memory: DeviceMemory): void {
    this.send([2, idOf(memory)]);
  }

  write(memory: DeviceMemory, offset: number, data: Uint8Array): void {
    if (data.byteLength > 0) this.send([3, idOf(memory), offset, data.byteLength], data);
  }

  fill(range: MemoryRange, value: number): void {
    this.send([4, idOf(range.memory), range.offset, range.bytes, value]);
  }

  copy(from: DeviceMemory, fromOffset: number, to: DeviceMemory, toOffset: number, bytes: number): void {
    this.send([5, idOf(from), fromOffset, idOf(to), toOffset, bytes]);
  }

  async read(range: MemoryRange): Promise<Uint8Array> {
    this.send([7, idOf(range.memory), range.offset, range.bytes]);
    const [n = 0] = new Uint32Array((await this.take(4)).buffer);
    const error = new TextDecoder().decode(await this.take(n));
    const bytes = await this.take(range.bytes);
    if (error) throw new Error(error);
    return bytes;
  }

  private async take(n: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.received.reduce((sum, b) => sum + b.byteLength, 0) < n) {
      if (this.died) throw new Error(this.died);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const all = Buffer.concat(this.received);
    this.received = [all.subarray(n)];
    return new Uint8Array(all.subarray(0, n));
  }

  prepare(r: LaunchRequest): Launch {
    const ranges = r.bindings.flatMap((b) => [idOf(b.memory), b.offset]);
    const words = [
      6,
      r.kernel,
      this.lanes[r.kernel] ?? 0,
      ...r.grid,
      r.bindings.length,
      ...ranges,
      r.scalars.length,
      ...r.scalars,
    ];
    const launch: Recorded = { kernel: r.kernel, words: Uint32Array.from(words, (w) => w >>> 0) };
    return launch;
  }

  launch(launch: Launch): void {
    this.send((launch as Recorded).words);
  }

  finish(): void {}

  destroy(): void {
    this.child?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const idOf = (memory: DeviceMemory): number => (memory as Block).id;
