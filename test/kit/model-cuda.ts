import { createCompiler } from '../../compiler/compile.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { load } from '../../runtime/index.ts';
import { compileWithNvcc } from './cuda-cpu.ts';
import { CudaCpuDevice } from './cuda-cpu-device.ts';
import { attempts, differenceToOnnxruntime, feedsFor, modelPath } from './model-feeds.ts';
import { findCase } from './models.ts';

export interface CudaModelRun {
  readonly name: string;
  readonly error?: string;
  readonly difference?: number;
  readonly kernels?: number;
  /** nvcc's complaints about the same file. */
  readonly nvcc?: string;
  readonly runMs?: number;
}

/** Child process: compiles models to CUDA, plays them under the CPU shim and compares with onnxruntime; compiles them with nvcc as well. */
export async function run({ names, nvcc }: { names: readonly string[]; nvcc: boolean }): Promise<CudaModelRun[]> {
  return attempts(names, (name) => runModel(name, nvcc));
}

async function runModel(name: string, nvcc: boolean): Promise<CudaModelRun> {
  const c = findCase(name);
  const { program, targets } = await createCompiler().compile(modelPath(c), { targets: ['cuda'] });
  const [target] = targets;
  if (!target) throw new Error('no target');
  const feeds = feedsFor(program, c);
  const files = Object.fromEntries(target.assembled.files.map((f) => [f.name, contentsOf(f)]));
  const source = new TextDecoder().decode(files['kernels.cu']);
  await using model = await load({ plan: target.plan, files }, { device: () => new CudaCpuDevice() });
  const start = performance.now();
  const results = await model.run(feeds as never);
  const runMs = performance.now() - start;
  const difference = await differenceToOnnxruntime(c, feeds, results);
  return {
    name,
    difference,
    kernels: target.plan.kernels.length,
    nvcc: nvcc ? await compileWithNvcc(source) : '',
    runMs,
  };
}
