import { describe, expect, it } from 'vitest';
import { isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { Registry } from '../../compiler/plugin.ts';
import { player } from '../conformance/onnx-targets.ts';
import { recorded } from './recorded.ts';
import { distance, fromGguf, fromSafetensors, logSoftmax } from './run-tiny.ts';
import { tinyModels } from './tiny/index.ts';
import { type TinyModel, VOCABULARY } from './tiny-model.ts';

const registry = new Registry([builtin]);
/** One model for every kernel path; INFC_SLOW=1 compiles all. */
const COMPILED = /^(llama-yarn|mistral-window|mixtral|gemma2|gemma3|gpt2|neox|bert-mean|rwkv.*)$/;

describe.each(
  tinyModels.filter((m) => process.env.INFC_SLOW === '1' || COMPILED.test(m.name)).map((m) => [m.name, m] as const),
)('%s compiled to Wasm', (_, model) => {
  it('gives what the independent implementation gave', { timeout: 60_000 }, async () => {
    const program = model.gguf ? fromGguf(model, registry) : fromSafetensors(model, registry);
    const playing = await player(await compile(program));
    expect(distance(await resultsOf(playing, model), recorded(model))).toBeLessThan(1e-3);
    await playing.dispose();
  });
});

async function resultsOf(playing: Awaited<ReturnType<typeof player>>, model: TinyModel): Promise<ArrayLike<number>[]> {
  const run = async (entry: string, from: number, to: number): Promise<number[]> => {
    const tokens = model.tokens.slice(from, to);
    const ids = { dtype: 'i64', shape: [1, tokens.length], data: BigInt64Array.from(tokens, BigInt) } as const;
    const symbols = model.embedding || model.recurrent ? {} : { past: from };
    const [out] = Object.values(await playing.run({ input_ids: ids }, entry, symbols));
    if (!isTensor(out)) throw new TypeError('no output');
    return Array.from(out.data, Number);
  };
  if (model.embedding) return [await run('encode', 0, model.tokens.length)];
  const rows: Float64Array[] = [];
  const cuts = model.oneRun ? [0, model.tokens.length] : [0, 5, 6, model.tokens.length];
  for (const [i, to] of cuts.slice(1).entries()) {
    const from = cuts[i] ?? 0;
    const values = await run(to - from === 1 ? 'decode' : 'verify', from, to);
    for (let k = 0; k < to - from; k++) rows.push(logSoftmax(values.slice(k * VOCABULARY, (k + 1) * VOCABULARY)));
  }
  return rows;
}
