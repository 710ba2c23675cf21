import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { KernelFile, Target } from '../backend.ts';

/** Architecture among a target's features (`sm_80`, `sm_90a`...), if one is asked for. */
export const architectureOf = (target: Target): string | undefined =>
  [...target.features].find((f) => /^sm_\d+[af]?$/.test(f));

/**
 * Compiles a printed .cu to a cubin with nvcc when the target names an architecture. Without one the text goes into the artifact and the
 * runtime compiles it for the GPU it finds: a cubin starts faster but fits one architecture only. Throws INFC4030 when nvcc is missing
 * and INFC4031 with its complaints when it fails.
 */
export async function buildCubin(file: KernelFile, target: Target): Promise<KernelFile> {
  const architecture = architectureOf(target);
  if (architecture === undefined || typeof file.content !== 'string') return file;
  const folder = await mkdtemp(path.join(tmpdir(), 'infc-cuda-'));
  try {
    const source = path.join(folder, 'kernels.cu');
    const cubin = path.join(folder, 'kernels.cubin');
    await writeFile(source, file.content);
    await nvcc(['-cubin', `-arch=${architecture}`, '-o', cubin, source], file.file);
    return { ...file, file: file.file.replace(/\.cu$/, '.cubin'), content: new Uint8Array(await readFile(cubin)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function nvcc(args: readonly string[], file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nvcc', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    const collect = (d: Buffer): void => {
      if (log.length < 8000) log += d.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (cause) =>
      reject(
        new InfcError('INFC4030', 'nvcc is needed to build kernels for one architecture', {
          cause,
          fix: 'Put nvcc on the PATH, or leave the architecture out: the runtime then compiles the kernels',
        }),
      ),
    );
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new InfcError('INFC4031', `nvcc ended with ${signal ?? code} on ${file}: ${log.trim()}`, { file }));
    });
  });
}
