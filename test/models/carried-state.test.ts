import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isTensor } from '../../backends/reference/evaluate.ts';
import { openOrt } from '../../compiler/cli/onnxruntime.ts';
import { compile } from '../../compiler/compile.ts';
import { compareValues } from '../../compiler/verify.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { type Player, player } from '../conformance/onnx-targets.ts';
import { hasModels, modelsFolder } from '../kit/models.ts';
import { PlainRwkv, readWeights } from './plain-rwkv.ts';
import { type Run, scenarios } from './scenarios.ts';

/** Runs of models by file, each opened once. */
function opened(open: (file: string) => Promise<(inputs: Parameters<Run>[1]) => ReturnType<Run>>): Run {
  const models = new Map<string, ReturnType<typeof open>>();
  return async (file, inputs) => {
    const model = models.get(file) ?? open(path.join(modelsFolder, file));
    models.set(file, model);
    return (await model)(inputs);
  };
}

/** Recurrent and audio models, step by step on Wasm and in onnxruntime-node, each with the state it carried itself. */
describe.skipIf(!hasModels)('carried state agrees with onnxruntime (needs ../shared/models)', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 120_000 }, async () => {
      const players: Player[] = [];
      const mine = opened(async (file) => {
        const model = await player(await compile(file, { targets: ['wasm'] }));
        players.push(model);
        return async (inputs) => (await model.run(inputs)) as Record<string, HostTensor>;
      });
      const theirs = opened(async (file) => (await openOrt('onnxruntime-node', file, 1, process.cwd())).run);
      try {
        const expected = scenario.play(theirs);
        let [steps, worst] = [0, 0];
        for await (const outputs of scenario.play(mine)) {
          const wanted: Readonly<Record<string, HostTensor>> = (await expected.next()).value ?? {};
          expect(Object.keys(outputs).sort()).toEqual(Object.keys(wanted).sort());
          for (const [name, value] of Object.entries(outputs)) {
            const compared = compareValues(name, value, wanted[name]);
            const [got, want] = [Number(compared.actual ?? 0), Number(compared.expected ?? 0)];
            if (Math.abs(got - want) <= (scenario.absolute ?? 0)) continue;
            expect(compared, `step ${steps}`).toMatchObject({ agrees: true });
            worst = Math.max(worst, compared.error);
          }
          steps++;
        }
        expect((await expected.next()).done).toBe(true);
        expect(steps).toBeGreaterThanOrEqual(scenario.steps);
        console.log(`${scenario.name}: ${steps} steps, largest error ${worst.toExponential(1)}`);
      } finally {
        for (const p of players) await p.dispose();
      }
    });
  }
});

/** onnxruntime has no RWKV; its recurrence written down plainly is the judge, and the published logits are that one's. */
describe.skipIf(!hasModels)('carried state of rwkv-tiny (needs ../shared/models)', () => {
  const text = [...'"in a hole in the ground there lived'].map((c) => c.charCodeAt(0));
  it.each([
    ['tiny-rwkv-4v0-660K', 'expected-logits-4v0-660K'],
    ['tiny-rwkv-5v2-730K', 'expected-logits-5v2-730K'],
  ])('%s agrees with the recurrence for each of 36 bytes', { timeout: 60_000 }, async (name, published) => {
    const folder = path.join(modelsFolder, 'rwkv-tiny');
    const file = path.join(folder, `${name}.safetensors`);
    const bytes = readFileSync(path.join(folder, `${published}.bin`));
    const plain = new PlainRwkv(readWeights(file));
    const model = await player(await compile(file));
    try {
      let worst = 0;
      for (const [step, token] of text.entries()) {
        const input_ids: HostTensor = { dtype: 'i64', shape: [1, 1], data: BigInt64Array.of(BigInt(token)) };
        const { logits } = await model.run({ input_ids }, 'decode');
        if (!logits || !isTensor(logits)) throw new Error('no logits');
        const expected = plain.step(token);
        const gap = (wanted: (i: number) => number): number =>
          expected.reduce((m, _, i) => Math.max(m, Math.abs(Number(logits.data[i]) - wanted(i))), 0);
        if (step === 2) expect(gap((i) => bytes.readFloatLE(4 * i))).toBeLessThan(1e-4);
        worst = Math.max(
          worst,
          gap((i) => expected[i] ?? Number.NaN),
        );
        expect(worst, `step ${step}`).toBeLessThan(1e-4);
      }
      console.log(`${name}: ${text.length} steps, largest error of a logit ${worst.toExponential(1)}`);
    } finally {
      await model.dispose();
    }
  });
});
