import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
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
import { root } from './root.ts';

const here = join(root, 'test/kit/cuda-cpu');

interface Block extends DeviceMemory {
  readonly id: number;
}

interface Recorded extends Launch {
  readonly words: Uint32Array;
}

/** Plays CUDA plans on the CPU: kernels.cu is compiled with g++ over the shim and runs in a process that obeys commands from a pipe. */
export class CudaCpuDevice implements Device {
  readonly kind = 'cuda-cpu';
  readonly align = 256;
  private child: ChildProcessWithoutNullStreams | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), 'infc-cuda-device-'));
  private nextBlock = 1;
  private received: Buffer[] = [];
  private wake: (() => void) | undefined;
  private died = '';
  /** Commands given before the kernels are there. */
  private early: Uint8Array[] = [];

  async load(source: KernelSource): Promise<void> {
    const files = new Map<string, string>();
    for (const k of source.kernels)
      if (!files.has(k.file)) files.set(k.file, new TextDecoder().decode(await source.read(k.file)));
    const cases = source.kernels.map(
      (k, i) => `      case ${i}: return serve::call(${k.entry}, grid, ${k.lanes}, pointers, scalars);`,
    );
    const main = `#include <algorithm>
${[...files.values()].join('\n')}
#include "serve.h"
int main() {
  return serve::main([](uint32_t kernel, dim3 grid, const std::vector<unsigned char*>& pointers, const std::vector<int>& scalars) -> std::string {
    switch (kernel) {
${cases.join('\n')}
    }
    return "no such kernel";
  });
}
`;
    writeFileSync(join(this.folder, 'main.cpp'), main);
    const args = ['-std=c++17', '-O1', '-w', '-ffp-contract=off', '-I', here, '-include', join(here, 'cuda-cpu.h')];
    const built = spawnSync('g++', [...args, '-o', join(this.folder, 'main'), join(this.folder, 'main.cpp')], {
      encoding: 'utf8',
      timeout: 240_000,
      maxBuffer: 1 << 24,
    });
    if (built.status !== 0)
      throw new Error(`g++ ended with ${built.signal ?? built.status}\n${built.stderr.slice(0, 4000)}`);
    const child = spawn(join(this.folder, 'main'), [], { stdio: 'pipe' });
    child.stdout.on('data', (d: Buffer) => {
      this.received.push(d);
      this.wake?.();
    });
    child.on('close', (code, signal) => {
      this.died = `the kernel process ended with ${signal ?? code}`;
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
    const words = [6, r.kernel, ...r.grid, r.bindings.length, ...ranges, r.scalars.length, ...r.scalars];
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
