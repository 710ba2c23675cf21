import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './root.ts';

/** Folder of the headers with which g++ compiles CUDA kernels. */
export const shim = join(root, 'test/kit/cuda-cpu');

function gxx(args: readonly string[]): void {
  const r = spawnSync('g++', ['-std=c++17', '-w', ...args], { encoding: 'utf8', timeout: 240_000, maxBuffer: 1 << 24 });
  if (r.status !== 0) throw new Error(`g++ ended with ${r.signal ?? r.status}\n${r.stderr.slice(0, 6000)}`);
}

/** Makes a shared library of CUDA kernels with their launchers (`LAUNCH(name)`) beside the source; its path. Throws with g++'s complaints. */
export function buildKernels(source: string, optimize: 0 | 1): string {
  const library = `${source}.so`;
  const how = [`-O${optimize}`, '-fPIC', '-shared', '-ffp-contract=off'];
  gxx([...how, '-I', shim, '-include', join(shim, 'cuda-cpu.h'), '-x', 'c++', '-o', library, source]);
  return library;
}

/** The program that loads such a library and plays it, built once for its sources: in `node_modules/.cache`. */
export function kernelServer(): string {
  const sources = ['server.cc', 'runtime.h'].map((f) => readFileSync(join(shim, f)));
  const hash = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const program = join(root, 'node_modules/.cache/infc', `cuda-cpu-${hash}`);
  if (existsSync(program)) return program;
  mkdirSync(dirname(program), { recursive: true });
  // Several processes may build it at a time.
  const own = `${program}.${process.pid}`;
  gxx(['-O1', '-rdynamic', '-o', own, join(shim, 'server.cc'), '-ldl']);
  renameSync(own, program);
  return program;
}
