import { create, globals } from 'webgpu';
import { createCompiler } from '../../compiler/compile.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { WebGpuDevice } from '../../runtime/devices/webgpu.ts';
import { load } from '../../runtime/index.ts';
import { attempts, differenceToOnnxruntime, feedsFor, modelPath } from './model-feeds.ts';
import { findCase } from './models.ts';

export interface ModelRun {
  readonly name: string;
  readonly error?: string;
  /** Largest relative difference to onnxruntime over all outputs. */
  readonly difference?: number;
  readonly kernels?: number;
  readonly host?: readonly string[];
  readonly compileMs?: number;
  readonly loadMs?: number;
  readonly runMs?: number;
}

/** Child process: compiles models to WGSL, plays them on the WebGPU device over Dawn and compares with onnxruntime. */
export async function run({
  flags,
  names,
}: {
  flags: readonly string[];
  names: readonly string[];
}): Promise<ModelRun[]> {
  Object.assign(globalThis, globals);
  const gpu = create([...flags]);
  // Dawn hangs or aborts when this object is collected.
  Object.assign(globalThis, { gpu });
  return attempts(names, (name) => runModel(gpu, name));
}

async function runModel(gpu: GPU, name: string): Promise<ModelRun> {
  const c = findCase(name);
  const compiler = createCompiler();
  const t0 = performance.now();
  const { program, targets } = await compiler.compile(modelPath(c), { targets: ['wgsl'] });
  const [target] = targets;
  if (!target) throw new Error('no target');
  const t1 = performance.now();
  const feeds = feedsFor(program, c);
  const files = Object.fromEntries(target.assembled.files.map((f) => [f.name, contentsOf(f)]));
  await using model = await load({ plan: target.plan, files }, { device: () => WebGpuDevice.create({ gpu }) });
  const t2 = performance.now();
  const results = await model.run(feeds as never);
  const t3 = performance.now();
  const difference = await differenceToOnnxruntime(c, feeds, results);
  return {
    name,
    difference,
    kernels: target.plan.kernels.length,
    host: target.plan.host,
    compileMs: t1 - t0,
    loadMs: t2 - t1,
    runMs: t3 - t2,
  };
}
