import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from '../../compiler/ir/kernel.ts';
import { root } from './root.ts';

const here = join(root, 'test/kit/cuda-cpu');
const has = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
export const hasGxx = has('g++');
export const hasNvcc = has('nvcc');

/** One launch of a kernel: buffers in binding order as bytes, scalars in order. */
export interface CudaLaunch {
  readonly kernel: Kernel;
  readonly entry: string;
  readonly data: readonly Uint8Array[];
  readonly scalars: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
}

/**
 * Compiles a printed .cu with g++ over the CPU shim and runs launches, giving each one's buffers afterwards. Threads run in forward,
 * reverse or shuffled `order`. Throws with the compiler's or the shim's message.
 */
export async function runCudaOnCpu(
  source: string,
  launches: readonly CudaLaunch[],
  order: 'forward' | 'reverse' | 'shuffle' = 'forward',
): Promise<Uint8Array[][]> {
  const dir = await mkdtemp(join(tmpdir(), 'infc-cuda-'));
  try {
    const blobs: Uint8Array[] = [];
    let at = 0;
    const place = (b: Uint8Array): number => {
      const offset = at;
      blobs.push(b, new Uint8Array((256 - (b.byteLength % 256)) % 256));
      at += b.byteLength + ((256 - (b.byteLength % 256)) % 256);
      return offset;
    };
    const calls = launches.map((l, i) => {
      const pointers = l.data.map((d, k) => `(${pointerType(l.kernel, k)})(memory + ${place(d)})`);
      const scalars = l.kernel.scalars.map((s) => String(l.scalars[s] ?? 0));
      return `  check(${i}, cuda_cpu::launch({${l.grid.join(', ')}}, {${l.kernel.lanes}}, [&] { ${l.entry}(${[...pointers, ...scalars].join(', ')}); }));`;
    });
    const main = `
#include <algorithm>
#include "kernels.cu"
static void check(int i, const std::string& error) {
  if (error.empty()) return;
  fprintf(stderr, "launch %d: %s\\n", i, error.c_str());
  exit(3);
}
int main(int, char** argv) {
  cuda_cpu::orderMode = ${{ forward: 0, reverse: 1, shuffle: 2 }[order]};
  size_t bytes = ${at};
  unsigned char* memory = static_cast<unsigned char*>(aligned_alloc(256, bytes + 256));
  FILE* f = fopen(argv[1], "rb");
  if (!f || fread(memory, 1, bytes, f) != bytes) return 2;
  fclose(f);
${calls.join('\n')}
  f = fopen(argv[2], "wb");
  fwrite(memory, 1, bytes, f);
  fclose(f);
}
`;
    await writeFile(join(dir, 'kernels.cu'), source);
    await writeFile(join(dir, 'main.cpp'), main);
    await writeFile(join(dir, 'input'), Buffer.concat(blobs));
    run('g++', [
      '-std=c++17',
      '-O1',
      '-w',
      '-ffp-contract=off',
      '-I',
      here,
      '-I',
      dir,
      '-include',
      join(here, 'cuda-cpu.h'),
      '-o',
      join(dir, 'main'),
      join(dir, 'main.cpp'),
    ]);
    run(join(dir, 'main'), [join(dir, 'input'), join(dir, 'output')]);
    const out = await readFile(join(dir, 'output'));
    let read = 0;
    return launches.map((l) =>
      l.data.map((d) => {
        const bytes = Uint8Array.prototype.slice.call(out, read, read + d.byteLength);
        read += Math.ceil(d.byteLength / 256) * 256;
        return bytes;
      }),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function pointerType(kernel: Kernel, i: number): string {
  const types: Record<string, string> = {
    f64: 'double',
    f32: 'float',
    f16: 'unsigned short',
    bf16: 'unsigned short',
    i64: 'long long',
    u64: 'unsigned long long',
    i32: 'int',
    u32: 'unsigned',
    i16: 'short',
    u16: 'unsigned short',
    i8: 'signed char',
    u8: 'unsigned char',
    bool: 'unsigned char',
    ...{ i4: 'unsigned char', u4: 'unsigned char', i2: 'unsigned char', u2: 'unsigned char', f4e2m1: 'unsigned char' },
    ...{ f8e4m3fn: 'unsigned char', f8e4m3fnuz: 'unsigned char', f8e5m2: 'unsigned char' },
    ...{ f8e5m2fnuz: 'unsigned char', f8e8m0: 'unsigned char' },
  };
  return `${types[kernel.buffers[i]?.storage ?? ''] ?? 'void'}*`;
}

function run(command: string, args: readonly string[]): void {
  const r = spawnSync(command, args, { encoding: 'utf8', timeout: 240_000, maxBuffer: 1 << 24 });
  if (r.status !== 0) throw new Error(`${command} ended with ${r.signal ?? r.status}\n${r.stderr.slice(0, 6000)}`);
}

/** Compiles a printed .cu with nvcc for an architecture; the compiler's complaints, empty when it succeeds. */
export async function compileWithNvcc(source: string, arch = 'sm_80'): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'infc-nvcc-'));
  try {
    await writeFile(join(dir, 'kernels.cu'), source);
    const r = spawnSync(
      'nvcc',
      ['-cubin', `-arch=${arch}`, '-o', join(dir, 'kernels.cubin'), join(dir, 'kernels.cu')],
      {
        encoding: 'utf8',
        timeout: 240_000,
      },
    );
    return r.status === 0 ? '' : `${r.stdout}${r.stderr}`.slice(0, 6000) || `nvcc ended with ${r.signal ?? r.status}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
