import { describe, expect, it } from 'vitest';
import type { Device, DeviceMemory, MemoryRange } from '../../runtime/devices/device.ts';
import type { Decoder } from '../../runtime/generate/decoder.ts';
import { Random } from '../../runtime/generate/random.ts';
import { StateSequences } from '../../runtime/generate/state-sequences.ts';
import type { Plan, PlanGeneration } from '../../runtime/plan.ts';
import type { AnyEntry, Model, RunOptions } from '../../runtime/session.ts';

const CONTEXT = 20;
const VOCABULARY = 7;
const CHUNK = 4;

type Kind = 'any tail' | 'a chunk' | 'recurrent';

/** What a model says after a text: numbers that no other text gives. */
const says = (text: readonly number[]): number =>
  text.reduce((h, t) => (Math.imul(h, 31) + t + 1) >>> 0, 7) % 1_000_003;

/**
 * A model whose states are the tokens it was given (or a hash of them, when recurrent), in the layout of compiled ones: it answers with
 * what is in its memory, so that whoever keeps the memory wrongly gets wrong answers.
 */
class Remembering {
  runs: string[] = [];
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly words: Uint32Array<ArrayBuffer>;

  constructor(
    private readonly kind: Kind,
    private readonly slots: number,
    /** Runs that fail, counted from the first. */
    private readonly failing: ReadonlySet<number>,
  ) {
    // Two "heads" that lie apart.
    this.words = new Uint32Array(2 * slots * (kind === 'recurrent' ? 1 : CONTEXT));
    this.bytes = new Uint8Array(this.words.buffer);
  }

  get generation(): PlanGeneration {
    return {
      kind: this.kind === 'recurrent' ? 'recurrent' : 'decoder',
      entries: { prefill: 'prefill', decode: 'decode', verify: 'verify', batch: 'batch' },
      chunk: CHUNK,
      context: CONTEXT,
      vocabulary: VOCABULARY,
      policy: 'test',
      ...(this.kind === 'a chunk' ? { rewind: CHUNK } : {}),
      ...(this.slots > 1 ? { slots: this.slots } : {}),
      eos: [],
      stateBytes: this.bytes.length,
    };
  }

  get model(): Model {
    const memory: DeviceMemory = { bytes: this.bytes.length };
    const range = { memory, offset: 0, bytes: this.bytes.length };
    const { bytes } = this;
    const device: Partial<Device> = {
      copy: (_, from, __, to, count) => void bytes.copyWithin(to, from, from + count),
      fill: ({ offset, bytes: count }: MemoryRange, value) => void bytes.fill(value, offset, offset + count),
      read: ({ offset, bytes: count }: MemoryRange) => bytes.subarray(offset, offset + count),
      write: (_, offset, data) => bytes.set(data, offset),
    };
    const shape = this.kind === 'recurrent' ? [this.slots, 2] : [2, this.slots * CONTEXT, 1];
    const plan: Partial<Plan> = { buffers: [{ role: 'state', dtype: 'i32', shape, bytes: bytes.length }] };
    const model: Partial<Model> = {
      plan: plan as Plan, // all that sequences look at
      device: device as Device,
      states: [range],
      run: (inputs, options) => this.run(inputs, options),
      reset: () => bytes.fill(0),
    };
    return model as Model;
  }

  private async run(inputs: AnyEntry['inputs'], { entry = '', symbols = {}, signal }: RunOptions = {}) {
    const numbers = (name: string): number[] => {
      const x = inputs[name];
      return x && 'data' in x ? Array.from(x.data as ArrayLike<bigint>, Number) : [];
    };
    this.runs.push(entry);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    const ids = numbers('input_ids');
    const rows = entry === 'batch';
    const at = ids.map((_, i) =>
      rows
        ? ([numbers('slots')[i] ?? 0, numbers('positions')[i] ?? 0] as const)
        : ([symbols.slot ?? 0, (symbols.past ?? 0) + i] as const),
    );
    if (rows && new Set(at.map(([slot]) => slot)).size < ids.length) throw new Error('two tokens of one sequence');
    const said = ids.map((token, i) => this.put(at[i]?.[0] ?? 0, at[i]?.[1] ?? 0, token));
    if (this.failing.has(this.runs.length)) throw new Error('out of luck');
    const answers = rows || entry === 'verify' ? said : said.slice(-1);
    const data = new Float32Array(answers.length * VOCABULARY);
    answers.forEach((a, i) => data.fill(a, i * VOCABULARY, (i + 1) * VOCABULARY));
    return { logits: { dtype: 'f32' as const, shape: [1, answers.length, VOCABULARY], data } };
  }

  private put(slot: number, position: number, token: number): number {
    const { words } = this;
    if (this.kind === 'recurrent') {
      // [hash, tokens]; nothing was there at first.
      const before = words[2 * slot + 1] === 0 ? 7 : (words[2 * slot] ?? 0);
      words[2 * slot] = (Math.imul(before, 31) + token + 1) >>> 0;
      words[2 * slot + 1] = (words[2 * slot + 1] ?? 0) + 1;
      return (words[2 * slot] ?? 0) % 1_000_003;
    }
    for (const head of [0, 1]) words[(head * this.slots + slot) * CONTEXT + position] = token;
    const text = (head: number): number[] => {
      const from = (head * this.slots + slot) * CONTEXT;
      return [...words.subarray(from, from + position + 1)];
    };
    return says(text(0)) === says(text(1)) ? says(text(0)) : Number.NaN;
  }
}

const kinds: readonly Kind[] = ['any tail', 'a chunk', 'recurrent'];

describe.each(kinds)('sequences over states that can forget %s', (kind) => {
  it.each([1, 2, 3])('are independent of each other, in %i slots', async (slots) => {
    let together = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed * 100 + slots);
      const below = (n: number): number => Math.floor(random.next() * n);
      const failing = new Set(seed % 3 === 0 ? [4, 9, 17, 18] : []);
      const held = new Remembering(kind, slots, failing);
      const all = new StateSequences(held.model, held.generation);
      const decoders: { decoder: Decoder; text: number[] }[] = [];
      for (let step = 0; step < 25; step++) {
        const acts = Array.from({ length: 1 + below(4) }, async () => {
          const known = decoders[below(decoders.length + 1)];
          if (!known || decoders.length < 2) {
            const prompt = [1, 2, 3].slice(0, 1 + below(3));
            const decoder = all.open(prompt);
            const text = [...decoder.tokens];
            expect(text).toEqual(prompt.slice(0, text.length));
            decoders.push({ decoder, text });
            return;
          }
          const one = known;
          const { decoder } = one;
          const index = decoders.indexOf(one);
          decoders.splice(index, 1); // Nobody else uses it meanwhile.
          const act = below(8);
          if (act === 0) {
            one.text.length = below(one.text.length + 1);
            await decoder.truncate(one.text.length);
          } else if (act === 1) {
            decoders.push({ decoder: await decoder.fork(), text: [...one.text] });
          } else if (one.text.length < CONTEXT - 6) {
            const tokens = Array.from({ length: act < 6 ? 1 : 1 + below(6) }, () => below(VOCABULARY));
            const wanted = act === 7 ? 'all' : act === 2 ? 'none' : 'last';
            const controller = new AbortController();
            if (below(8) === 0) controller.abort(new Error('enough'));
            const got = await decoder.forward(tokens, wanted, controller.signal).catch((error: unknown) => {
              if (!controller.signal.aborted && !String(error).includes('luck')) throw error;
              return undefined;
            });
            if (got) {
              one.text.push(...tokens);
              const places = wanted === 'all' ? tokens.length : wanted === 'last' ? 1 : 0;
              const texts = Array.from({ length: places }, (_, i) =>
                one.text.slice(0, one.text.length - places + 1 + i),
              );
              expect([...got]).toEqual(texts.flatMap((t) => new Array<number>(VOCABULARY).fill(Math.fround(says(t)))));
            }
          }
          expect(decoder.tokens).toEqual(one.text);
          decoders.push(one);
        });
        await Promise.all(acts);
      }
      together += held.runs.filter((entry) => entry === 'batch').length;
    }
    expect(together > 10).toBe(slots > 1);
  });
});

it('takes a beginning over from a sequence that has it, and the rest of that stays', async () => {
  const held = new Remembering('any tail', 3, new Set());
  const all = new StateSequences(held.model, held.generation);
  const [a, b] = [all.open(), all.open()];
  await a.forward([1, 2, 3, 4, 5, 6], 'last');
  await b.forward([1, 2, 3, 4, 6], 'last');
  expect(held.runs).toEqual(['prefill', 'prefill', 'decode']);
  expect(b.found).toBe(4);
  await Promise.all([a.forward([1], 'last'), b.forward([1], 'last')]);
  expect(held.runs.slice(3)).toEqual(['batch']);
});

it('gives sequences that take the same tokens at once the same answer', async () => {
  for (const kind of kinds) {
    const held = new Remembering(kind, 4, new Set());
    const all = new StateSequences(held.model, held.generation);
    const [before, ...others] = Array.from({ length: 4 }, () => all.open());
    await before?.forward([5, 6], 'last');
    const texts = [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3, 4],
    ];
    const got = await Promise.all(others.map((decoder, i) => decoder.forward(texts[i] ?? [], 'last')));
    expect(got.map(([x]) => x)).toEqual(texts.map((text) => Math.fround(says(text))));
    // All but the last token are there by now.
    const again = await Promise.all([all.open(), all.open()].map((decoder) => decoder.forward([1, 2, 3], 'last')));
    expect(again.map(([x]) => x)).toEqual([1, 2].map(() => Math.fround(says([1, 2, 3]))));
    expect(others.map((decoder) => decoder.tokens)).toEqual(texts);
  }
});
