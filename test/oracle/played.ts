import { isTensor } from '../../backends/reference/evaluate.ts';
import type { player } from '../conformance/onnx-targets.ts';
import { logSoftmax } from './run-tiny.ts';
import { type TinyModel, VOCABULARY } from './tiny-model.ts';

/** What a compiled model gives for its tokens, the text cut into runs of several entries. */
export async function playedResults(
  playing: Awaited<ReturnType<typeof player>>,
  model: TinyModel,
): Promise<ArrayLike<number>[]> {
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
