import { create, globals } from 'webgpu';
import { createCompiler } from '../../compiler/compile.ts';
import { contentsOf } from '../../compiler/plan/weights-file.ts';
import { WebGpuDevice } from '../../runtime/devices/webgpu.ts';
import { load } from '../../runtime/index.ts';
import { feedsFor, modelPath } from './model-feeds.ts';
import { findCase } from './models.ts';
export async function run({ name }: { name: string }): Promise<any> {
  Object.assign(globalThis, globals); const gpu = create(['backend=vulkan']); Object.assign(globalThis, { gpu });
  const c = findCase(name); const { program, targets } = await createCompiler().compile(modelPath(c), { targets: ['wgsl'] });
  const t = targets[0]!; const feeds = feedsFor(program, c);
  const files = Object.fromEntries(t.assembled.files.map((f) => [f.name, contentsOf(f)]));
  const model = await load({ plan: t.plan, files }, { device: () => WebGpuDevice.create({ gpu }) });
  const a: any[] = []; const b: any[] = [];
  await model.run(feeds as never, { onStep: (s) => a.push([s.name, s.ms | 0]) });
  await model.run(feeds as never, { onStep: (s) => b.push([s.name, s.ms | 0]) });
  return { first: a, second: b };
}
