import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { exitCodes } from '../diagnostics.ts';
import type { Args } from './args.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

type State = 'ok' | 'missing' | 'broken';

interface Check {
  readonly name: string;
  readonly state: State;
  readonly found: string;
  /** What a missing thing would add, or how to mend a broken one. */
  readonly note?: string;
}

const run = promisify(execFile);

/** `infc doctor`: exit code 0 when what every artifact needs (Node and Wasm SIMD) works; the rest is reported. */
export async function runDoctor(_args: Args, io: Io): Promise<number> {
  const checks = [
    checkNode(),
    checkWasm(),
    checkRelaxed(),
    checkThreads(),
    await checkOwnPackages(io),
    await checkWebGpu(io),
    await checkTool('nvcc', ['--version'], 'builds CUDA kernels to cubins (without it the text is kept)'),
    await checkTool('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], 'a CUDA device'),
    await checkTool('chromium', ['--version'], 'executes WGSL in tests'),
    checkOptional(io, 'onnxruntime-node', 'infc verify --against onnxruntime, infc bench --vs onnxruntime-node'),
    checkOptional(io, 'onnxruntime-web', 'infc bench --vs onnxruntime-web'),
  ];
  const ok = checks.every((c) => c.state !== 'broken');
  if (io.json) io.out(JSON.stringify({ ok, version, checks }, null, 2));
  else {
    io.out(
      `${io.style.bold('infc')} ${version} on ${os.type()} ${os.arch()}, ${os.cpus().length} cores, ${(os.totalmem() / 1e9).toFixed(0)} GB`,
    );
    const width = Math.max(...checks.map((c) => c.name.length));
    for (const c of checks) {
      const mark =
        c.state === 'ok'
          ? io.style.green('ok     ')
          : c.state === 'missing'
            ? io.style.yellow('missing')
            : io.style.red('broken ');
      io.out(`  ${mark}  ${c.name.padEnd(width)}  ${c.found}${c.note ? io.style.dim(`  (${c.note})`) : ''}`);
    }
    io.out(ok ? 'Ready: infc compile model.onnx -o out' : 'Something that every artifact needs does not work here.');
  }
  return ok ? exitCodes.ok : exitCodes.unsupported;
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 17);
  return {
    name: 'Node',
    state: ok ? 'ok' : 'broken',
    found: process.versions.node,
    ...(ok ? {} : { note: 'infc needs 20.17 or newer' }),
  };
}

// (module (func (export "f") (param i32) (result i32) local.get 0 i32x4.splat local.get 0 i32x4.splat i32x4.mul i32x4.extract_lane 3))
const SIMD_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 18, 1, 16, 0, 32, 0,
  253, 17, 32, 0, 253, 17, 253, 181, 1, 253, 27, 3, 11,
];
// (module (func (export "f") (param f32) (result f32) a, a, a splat; f32x4.relaxed_madd; f32x4.extract_lane 0))
const RELAXED_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 125, 1, 125, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20, 0, 32, 0,
  253, 19, 32, 0, 253, 19, 32, 0, 253, 19, 253, 133, 2, 253, 31, 0, 11,
];

/** Runs the probe rather than asking whether it validates: engines have said yes and computed something else. */
function probe(bytes: readonly number[], argument: number, expected: number): State {
  const code = Uint8Array.from(bytes);
  if (!WebAssembly.validate(code)) return 'missing';
  const f: unknown = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.f;
  return typeof f === 'function' && f(argument) === expected ? 'ok' : 'broken';
}

function checkWasm(): Check {
  const state = probe(SIMD_MODULE, 7, 49);
  return {
    name: 'Wasm SIMD',
    state: state === 'ok' ? 'ok' : 'broken',
    found: state === 'ok' ? 'executed and right' : state === 'missing' ? 'not available' : 'executed and wrong',
  };
}

function checkRelaxed(): Check {
  const state = probe(RELAXED_MODULE, 3, 12);
  return {
    name: 'Wasm relaxed SIMD',
    state: state === 'broken' ? 'missing' : state,
    found: state === 'ok' ? 'executed and right' : state === 'missing' ? 'off' : 'executed and wrong: not used',
    ...(state === 'ok' ? {} : { note: 'faster matmul; Node 20: --experimental-wasm-relaxed-simd' }),
  };
}

function checkThreads(): Check {
  const shared = typeof SharedArrayBuffer === 'function';
  return {
    name: 'Wasm threads',
    state: shared ? 'ok' : 'missing',
    found: shared ? `${os.cpus().length} cores` : 'no SharedArrayBuffer',
  };
}

/** The packages infc itself depends on, found but not loaded. */
async function checkOwnPackages(io: Io): Promise<Check> {
  const missing = ['onnx-proto', 'ts-morph'].filter((name) => !locate(name, import.meta.url));
  return missing.length === 0
    ? { name: 'packages', state: 'ok', found: 'onnx-proto, ts-morph' }
    : {
        name: 'packages',
        state: 'broken',
        found: `missing: ${missing.join(', ')}`,
        note: `npm install infc again (in ${io.cwd})`,
      };
}

async function checkWebGpu(io: Io): Promise<Check> {
  const name = 'WebGPU';
  if (!locate('webgpu', import.meta.url) && !locate('webgpu', path.join(io.cwd, 'x.js')))
    return {
      name,
      state: 'missing',
      found: 'npm package webgpu not installed',
      note: 'runs WGSL artifacts in Node; browsers have their own',
    };
  const icd = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';
  return {
    name,
    state: 'ok',
    found: existsSync(icd)
      ? 'npm package webgpu, with a software Vulkan device'
      : 'npm package webgpu (a Vulkan, Metal or D3D12 device decides)',
  };
}

async function checkTool(name: string, args: readonly string[], use: string): Promise<Check> {
  try {
    const { stdout } = await run(name, [...args], { timeout: 5000 });
    const lines = stdout.trim().split('\n');
    return {
      name,
      state: 'ok',
      found: (lines.find((l) => /release|\d+\.\d+/.test(l)) ?? lines[0] ?? '').trim().slice(0, 60),
    };
  } catch {
    return { name, state: 'missing', found: 'not found', note: use };
  }
}

function checkOptional(io: Io, name: string, use: string): Check {
  const at = locate(name, path.join(io.cwd, 'x.js')) ?? locate(name, import.meta.url);
  return at === undefined
    ? { name, state: 'missing', found: 'not installed', note: use }
    : { name, state: 'ok', found: 'installed' };
}

/** Folder of an installed package as seen from a file, without loading it. */
export function locate(name: string, from: string): string | undefined {
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    if (existsSync(path.join(folder, name, 'package.json'))) return path.join(folder, name);
  }
  return undefined;
}

export { runDoctor as run };
