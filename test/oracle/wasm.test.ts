import { describe, expect, it } from 'vitest';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { Registry } from '../../compiler/plugin.ts';
import { player } from '../conformance/onnx-targets.ts';
import { playedResults } from './played.ts';
import { recorded } from './recorded.ts';
import { distance, fromGguf, fromSafetensors } from './run-tiny.ts';
import { tinyModels } from './tiny/index.ts';

const registry = new Registry([builtin]);
/** One model for every kernel path; INFC_SLOW=1 compiles all. */
const COMPILED = /^(llama-yarn|mistral-window|mixtral|gemma2|gemma3|gpt2|neox|bert-mean|rwkv.*)$/;

describe.each(
  tinyModels.filter((m) => process.env.INFC_SLOW === '1' || COMPILED.test(m.name)).map((m) => [m.name, m] as const),
)('%s compiled to Wasm', (_, model) => {
  it('gives what the independent implementation gave', { timeout: 60_000 }, async () => {
    const program = model.gguf ? fromGguf(model, registry) : fromSafetensors(model, registry);
    const playing = await player(await compile(program));
    expect(distance(await playedResults(playing, model), recorded(model))).toBeLessThan(1e-3);
    await playing.dispose();
  });
});
