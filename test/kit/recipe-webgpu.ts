import { createCompiler } from '../../compiler/compile.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';

/** Child process: compiles an ONNX model with a recipe to WGSL, plays it over SwiftShader and gives its first output. */
export async function run({
  model,
  quant,
  inputs,
}: {
  readonly model: Uint8Array;
  readonly quant: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}): Promise<HostTensor['data'] | undefined> {
  const played = await player(await createCompiler().compile(model, { targets: ['wgsl'], quant }), 'wgsl');
  const [first] = Object.values(await played.run(inputs)) as HostTensor[];
  await played.dispose();
  return first?.data;
}
