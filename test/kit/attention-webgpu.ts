import { createCompiler } from '../../compiler/compile.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attentionCases, attentionError, attentionProgram } from './attention-cases.ts';
import { randomOf } from './tiny-llama.ts';

/** Child process: plays cases of cached attention on the WebGPU device over Dawn; their largest errors by name. */
export async function run({ names }: { names: readonly string[] }): Promise<Record<string, number | string>> {
  const found: Record<string, number | string> = {};
  const compiler = createCompiler();
  for (const c of attentionCases.filter((x) => names.includes(x.name))) {
    try {
      const program = attentionProgram(c, compiler.registry);
      const model = await player(await compiler.compile(program, { targets: ['wgsl'] }), 'wgsl');
      found[c.name] = await attentionError(c, randomOf(5), async (entry, inputs, past) => {
        const { y } = await model.run(inputs, entry, { past });
        return y && 'data' in y ? y.data : [];
      });
      await model.dispose();
    } catch (e) {
      found[c.name] = String(e);
    }
  }
  return found;
}
