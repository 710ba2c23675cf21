import { afterAll, describe, expect, it } from 'vitest';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { builtin } from '../../compiler/builtin.ts';
import { compile } from '../../compiler/compile.ts';
import { importHf } from '../../compiler/import/hf-config.ts';
import type { Program } from '../../compiler/ir/graph.ts';
import type { HostTensor } from '../../compiler/ir/op.ts';
import { verifyProgram } from '../../compiler/ir/verify.ts';
import { Registry } from '../../compiler/plugin.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import { type Player, player } from '../conformance/onnx-targets.ts';
import { hasGxx } from '../kit/cuda-cpu.ts';
import { randomOf, type TinyLlama, tinyLlama } from '../kit/tiny-llama.ts';

const registry = new Registry([builtin]);
const small: TinyLlama = { layers: 2, hidden: 32, heads: 4, kvHeads: 2, inner: 24, vocabulary: 40, positions: 256 };
const CONTEXT = 24;
const SLOTS = 3;

const build = (kv: string, batch: number): Program => {
  const p = importHf(tinyLlama(small), registry, {}, { kv, context: CONTEXT, batch });
  verifyProgram(p, registry);
  return p;
};

const ints = (shape: number[], list: readonly number[]): HostTensor => ({
  dtype: 'i64',
  shape,
  data: BigInt64Array.from(list, BigInt),
});

type Run = (
  entry: string,
  inputs: Record<string, HostTensor>,
  symbols: Record<string, number>,
) => Promise<readonly number[]>;

const players: Player[] = [];
afterAll(async () => {
  for (const p of players) await p.dispose();
});

async function runner(program: Program, target: string): Promise<Run> {
  if (target === 'reference') {
    const states = new Map<string, HostTensor>();
    return async (entry, inputs, symbols) => {
      const { logits } = evaluate(program, entry, inputs, { ops: registry, host: hostFunctions, states, symbols });
      return logits && isTensor(logits) ? Array.from(logits.data, Number) : [];
    };
  }
  const backend = target === 'cuda-cpu' ? 'cuda' : target.replace('interpreted ', '');
  const model = await player(await compile(program, { targets: [backend] }), target);
  players.push(model);
  return async (entry, inputs, symbols) => {
    const { logits } = await model.run(inputs, entry, symbols);
    return logits && isTensor(logits) ? Array.from(logits.data, Number) : [];
  };
}

const gap = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN)))) : Number.POSITIVE_INFINITY;

const all = ['reference', 'wasm', 'interpreted wasm', 'interpreted wgsl', ...(hasGxx ? ['cuda-cpu'] : [])];
const cases = ['contiguous', 'sliding', 'q8'].flatMap((kv) =>
  // Every CUDA kernel costs a compiler run, and the interpreter is slow.
  (kv === 'sliding' ? all : all.slice(0, 2)).map((target) => [kv, target] as const),
);

describe.each(cases)('a batch over the %s cache on %s', (kv, target) => {
  it('gives each sequence the logits that it has alone', async () => {
    const together = await runner(build(kv, SLOTS), target);
    const alone = await Promise.all(
      Array.from({ length: SLOTS }, () => runner(build(kv, 1), target === 'reference' ? target : 'wasm')),
    );
    const random = randomOf(11);
    const token = (): number => Math.floor(random() * small.vocabulary);
    const past = [0, 0, 0];
    const most = kv === 'sliding' ? 40 : CONTEXT;
    // The interpreter is slow.
    const steps = target.startsWith('interpreted') ? 8 : 40;
    let worst = 0;
    const feed = async (slot: number, count: number): Promise<void> => {
      const ids = ints([1, count], Array.from({ length: count }, token));
      const entry = count === 1 ? 'decode' : 'prefill';
      const symbols = { past: past[slot] ?? 0 };
      const want = (await alone[slot]?.(entry, { input_ids: ids }, symbols)) ?? [];
      worst = Math.max(worst, gap(await together(entry, { input_ids: ids }, { ...symbols, slot }), want));
      past[slot] = symbols.past + count;
    };
    await feed(1, 5);
    await feed(0, 1);
    await feed(2, 11);
    for (let step = 0; step < steps; step++) {
      const slots = [2, 0, 1].filter((s) => (past[s] ?? 0) < most && (step % 4 !== 3 || s !== step % 3));
      if (slots.length === 0) break;
      const ids = slots.map(token);
      const inputs = {
        input_ids: ints([1, slots.length], ids),
        slots: ints([slots.length], slots),
        positions: ints(
          [slots.length],
          slots.map((s) => past[s] ?? 0),
        ),
      };
      const got = await together('batch', inputs, {});
      for (const [i, s] of slots.entries()) {
        const one = { input_ids: ints([1, 1], ids.slice(i, i + 1)) };
        const want = (await alone[s]?.('decode', one, { past: past[s] ?? 0 })) ?? [];
        worst = Math.max(worst, gap(got.slice(i * small.vocabulary, (i + 1) * small.vocabulary), want));
        past[s] = (past[s] ?? 0) + 1;
      }
      // Texts of different lengths, runs of one sequence in between.
      if (step === 6) await feed(1, 4);
    }
    if (steps === 40) expect(Math.max(...past)).toBe(most);
    // Codes of 8 bits may be one off where sums are rounded otherwise.
    expect(worst).toBeLessThan(kv === 'q8' ? 2e-2 : 1e-4);
  }, 120_000);
});

describe('a model for several sequences', () => {
  it('refuses sequences and positions that are not there', async () => {
    const run = await runner(build('contiguous', SLOTS), 'wasm');
    const step = (slot: number, position: number): Promise<readonly number[]> =>
      run('batch', { input_ids: ints([1, 1], [1]), slots: ints([1], [slot]), positions: ints([1], [position]) }, {});
    await expect(step(SLOTS, 0)).rejects.toThrow(/INFC60/);
    await expect(step(-1, 0)).rejects.toThrow(/INFC60/);
    await expect(step(0, CONTEXT)).rejects.toThrow(/INFC60/);
    await expect(run('decode', { input_ids: ints([1, 1], [1]) }, { past: 0, slot: SLOTS })).rejects.toThrow(/INFC60/);
    await expect(run('prefill', { input_ids: ints([1, 2], [1, 2]) }, { past: CONTEXT - 1, slot: 0 })).rejects.toThrow(
      /INFC60/,
    );
    await step(SLOTS - 1, CONTEXT - 1);
  });

  it('is not one for none, or for more than a run may have', () => {
    for (const batch of [0, -1, 1.5, 25, Number.NaN]) expect(() => build('contiguous', batch)).toThrow(/INFC1099/);
  });
});
