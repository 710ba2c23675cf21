import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isTensor } from '../../backends/reference/evaluate.ts';
import { compile } from '../../compiler/compile.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { player } from '../conformance/onnx-targets.ts';

/** Real models beside the project; each is compiled as a user would, and compared with what others published. */
const models = resolve(process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../../shared'), 'models');

const ids = (list: readonly number[]): HostTensor => ({
  dtype: 'i64',
  shape: [1, list.length],
  data: BigInt64Array.from(list, BigInt),
});

/** Runs entries one after the other; gives the logits. */
async function session(source: string) {
  const playing = await player(await compile(source));
  let past = 0;
  return {
    run: async (entry: string, tokens: readonly number[], recurrent = false): Promise<number[]> => {
      const { logits } = await playing.run({ input_ids: ids(tokens) }, entry, recurrent ? {} : { past });
      past += tokens.length;
      if (!logits || !isTensor(logits)) throw new Error('no logits');
      return Array.from(logits.data, Number);
    },
    reset: () => {
      past = 0;
      return playing.reset();
    },
    dispose: () => playing.dispose(),
  };
}

const rwkv = resolve(models, 'rwkv-tiny');
describe.skipIf(!existsSync(rwkv))(`rwkv (${rwkv})`, () => {
  // The prompt of rwkv.cpp's tests, whose expected logits these are.
  const prompt = [...'"in'].map((c) => c.charCodeAt(0));

  it.each([
    ['tiny-rwkv-4v0-660K', 'expected-logits-4v0-660K'],
    ['tiny-rwkv-5v2-730K', 'expected-logits-5v2-730K'],
  ])(
    '%s gives the published logits without a config, at once or token by token',
    async (file, logits) => {
      const bytes = new Uint8Array(readFileSync(resolve(rwkv, `${logits}.bin`)));
      const expected = new Float32Array(bytes.buffer);
      const s = await session(resolve(rwkv, `${file}.safetensors`));
      const near = (got: readonly number[]): number =>
        Math.max(...got.map((v, i) => Math.abs(v - (expected[i] ?? Number.NaN))));
      expect(near(await s.run('prefill', prompt, true))).toBeLessThan(1e-4);
      await s.reset();
      await s.run('decode', prompt.slice(0, 1), true);
      await s.run('decode', prompt.slice(1, 2), true);
      expect(near(await s.run('decode', prompt.slice(2), true))).toBeLessThan(1e-4);
      await s.reset();
      await s.run('verify', prompt.slice(0, 2), true);
      expect(near(await s.run('decode', prompt.slice(2), true))).toBeLessThan(1e-4);
      await s.dispose();
    },
    60_000,
  );
});

const capp = resolve(models, 'capp-gpt');
describe.skipIf(!existsSync(capp))(`capp-gpt (${capp})`, () => {
  it('gives the published tokens from safetensors', async () => {
    const golden: { prompt_ids: number[]; greedy_ids: number[] } = JSON.parse(
      readFileSync(resolve(capp, 'golden.json'), 'utf8'),
    );
    const s = await session(resolve(capp, 'model.safetensors'));
    let logits = await s.run('prefill', golden.prompt_ids);
    const tokens: number[] = [];
    for (const _ of golden.greedy_ids) {
      tokens.push(logits.indexOf(Math.max(...logits)));
      logits = await s.run('decode', tokens.slice(-1));
    }
    expect(tokens).toEqual(golden.greedy_ids);
    await s.dispose();
  }, 60_000);
});
