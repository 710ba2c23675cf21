import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { drawLine } from '../../compiler/cli/demo/stroke-font.ts';
import { toInput } from '../../compiler/cli/demo/text-reader.ts';
import { alphabetOf } from '../../compiler/compress/ctc.ts';
import type { Outputs } from '../../compiler/compress/damage.ts';
import type { Samples } from '../../compiler/compress/samples.ts';
import { type Label, TaskMetric } from '../../compiler/compress/task-metrics.ts';
import { randomSource } from '../../compiler/random.ts';
import { numbersOf, typedData } from '../../compiler/tensor-values.ts';
import { openDecoder } from '../../runtime/generate/open-decoder.ts';
import { encodeFloat } from '../../runtime/minifloat.ts';
import type { Model } from '../../runtime/session.ts';

/** A model of the folder, data for it, and what its compression may cost. */
export interface Subject {
  readonly name: string;
  /** Relative to the folder. */
  readonly model: string;
  readonly budget: { readonly maxKl?: number; readonly maxDrop?: number };
  /** Samples that the choice sees, and others that it does not. `reference` is the model in full precision. */
  samples(folder: string, reference: Model, photos: readonly Uint8Array[]): Promise<{ choice: Samples; fresh: Fresh }>;
}

export interface Fresh {
  readonly samples: Samples;
  /** Labels of the samples, where there are some, and the characters of labels that are texts. */
  readonly labels?: readonly Label[];
  readonly alphabet?: readonly string[];
}

/** Texts that a language model writes itself, sampled at temperature 1. */
async function written(model: Model, count: number, length: number, seed: number): Promise<number[][]> {
  const { generation } = model.plan;
  if (!generation) throw new TypeError('not a language model');
  const random = randomSource(seed);
  const decoder = openDecoder(model, generation);
  const texts: number[][] = [];
  for (let t = 0; t < count; t++) {
    await decoder.truncate(0);
    // Some configs name a token that the vocabulary lacks.
    const { bos = -1, vocabulary } = generation;
    const start = bos >= 0 && bos < vocabulary ? bos : Math.floor(random() * vocabulary);
    const ids = [start];
    while (ids.length < Math.min(length, generation.context)) {
      const logits = await decoder.forward([ids.at(-1) ?? 0], 'last');
      const top = logits.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY);
      const weights = logits.map((l) => Math.exp(l - top));
      let left = random() * weights.reduce((a, b) => a + b, 0);
      const next = weights.findIndex((w) => (left -= w) <= 0);
      if (generation.eos.includes(next)) break;
      ids.push(Math.max(0, next));
    }
    if (ids.length >= 8) texts.push(ids);
  }
  return texts;
}

/** `count` texts to choose on, and as many fresh ones. */
const ownTexts = (count: number) => async (_: string, model: Model) => {
  const choice = { kind: 'tokens', texts: await written(model, count, 192, 1) } as const;
  return { choice, fresh: { samples: { kind: 'tokens', texts: await written(model, count, 192, 2) } } as const };
};

const WORDS =
  'river stone light paper winter green Sunday quick brown fox jumps over lazy dogs while 1984 people read 37 small letters Berlin Oslo exact figures count every line again'.split(
    ' ',
  );

/** Lines of drawn words, with their texts. */
function drawn(count: number, seed: number): { samples: Samples; labels: string[] } {
  const random = randomSource(seed);
  const labels = Array.from({ length: count }, () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' '),
  );
  const inputs = labels.map((text) => {
    const picture = drawLine(text);
    return { x: { dtype: 'f32', shape: [1, 3, picture.height, picture.width], data: toInput(picture) } as const };
  });
  return { samples: { kind: 'inputs', inputs }, labels };
}

/** Samples of a 16-bit mono WAV file as floats. */
function speech(file: string): Float32Array {
  const bytes = readFileSync(file);
  let at = 12;
  while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  const count = bytes.readUInt32LE(at + 4) / 2;
  return Float32Array.from({ length: count }, (_, i) => bytes.readInt16LE(at + 8 + 2 * i) / 32768);
}

/** Windows of 512 samples after 64 of context, each with the state that full precision reaches there. */
async function windows(
  model: Model,
  sound: Float32Array,
): Promise<{ kind: 'inputs'; inputs: Record<string, unknown>[] }> {
  const inputs = [];
  let state: Float32Array = new Float32Array(256);
  for (let at = 64; at + 512 <= sound.length; at += 512) {
    const one = {
      input: { dtype: 'f32', shape: [1, 576], data: sound.slice(at - 64, at + 512) },
      state: { dtype: 'f32', shape: [2, 1, 128], data: state },
      sr: { dtype: 'i64', shape: [], data: BigInt64Array.of(16000n) },
    } as const;
    inputs.push(one);
    const { stateN } = await model.run(one);
    if (stateN?.data instanceof Float32Array) state = stateN.data.slice();
  }
  return { kind: 'inputs', inputs };
}

/** A photo of 224 x 224 RGB bytes as blue, green and red planes less their means, in f16. */
function planes(rgb: Uint8Array): Record<string, unknown> {
  const [size, means] = [224 * 224, [104, 117, 123]];
  const data = new Uint16Array(3 * size);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < size; i++) data[c * size + i] = encodeFloat('f16', (rgb[3 * i + 2 - c] ?? 0) - (means[c] ?? 0));
  return { data_0: { dtype: 'f16', shape: [1, 3, 224, 224], data } };
}

const asInputs = (inputs: readonly Record<string, unknown>[]): Samples => ({ kind: 'inputs', inputs: inputs as never });

export const subjects: readonly Subject[] = [
  { name: 'llama-story-655k', model: 'llama-story-655k', budget: { maxKl: 0.05 }, samples: ownTexts(36) },
  { name: 'capp-gpt', model: 'capp-gpt', budget: { maxKl: 0.02 }, samples: ownTexts(400) },
  {
    name: 'ppocr-v4-rec',
    model: 'ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx',
    budget: { maxDrop: 0.02 },
    samples: async (folder) => {
      const keys = readFileSync(path.join(folder, 'ppocr-v4-rec/ppocr_keys_v1.txt'), 'utf8');
      return { choice: drawn(48, 1).samples, fresh: { ...drawn(200, 2), alphabet: alphabetOf(keys) } };
    },
  },
  {
    name: 'silero-vad-v6',
    model: 'silero-vad-v6/silero_vad_16k_op15.onnx',
    budget: { maxDrop: 0.02 },
    samples: async (folder, model) => {
      const all = await Promise.all(
        ['mix.wav', 'gtcrn_enh_stream.wav']
          .map((f) => speech(path.join(folder, 'media', f)))
          .map((s) => windows(model, s)),
      );
      const inputs = all.flatMap((s) => s.inputs);
      // Every third second is new.
      const isFresh = (_: unknown, i: number): boolean => Math.floor(i / 31) % 3 === 2;
      return {
        choice: asInputs(inputs.filter((x, i) => !isFresh(x, i))),
        fresh: { samples: asInputs(inputs.filter(isFresh)) },
      };
    },
  },
  {
    name: 'squeezenet-fp16',
    model: 'squeezenet-fp16/SqueezeNet_fp16.onnx',
    budget: { maxDrop: 0.1 },
    samples: async (_, __, photos) => {
      const inputs = photos.map(planes);
      const isFresh = (_x: unknown, i: number): boolean => i % 2 === 1;
      return {
        choice: asInputs(inputs.filter((x, i) => !isFresh(x, i))),
        fresh: { samples: asInputs(inputs.filter(isFresh)) },
      };
    },
  },
];

/** Scores a model's outputs against labels as they come. */
export function scorer({ labels, alphabet }: Fresh) {
  const [own, reference] = [new TaskMetric(alphabet), new TaskMetric(alphabet)];
  const add = (metric: TaskMetric, outputs: Outputs, i: number): void => {
    const [first] = Object.values(outputs);
    const label = labels?.[i];
    if (first && typedData(first) && label !== undefined) metric.add(numbersOf(first), first.shape, label);
  };
  return {
    onOutputs: (i: number, a: Outputs, b: Outputs): void => {
      add(reference, a, i);
      add(own, b, i);
    },
    own,
    reference,
  };
}

export const isThere = (folder: string, s: Subject): boolean => existsSync(path.join(folder, s.model));
