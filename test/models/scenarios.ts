import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { numbersOf } from '../../compiler/tensor-values.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { modelsFolder } from '../kit/models.ts';
import { readWave, rootHann, samplesOf, spectrum } from './signal.ts';

type Tensors = Readonly<Record<string, HostTensor>>;

/** Runs a model of the folder; two engines play the same scenario, each with its own carried state. */
export type Run = (file: string, inputs: Tensors) => Promise<Tensors>;

/** What happens to a model that hears, reads or writes step by step: the outputs of each step. */
export interface Scenario {
  readonly name: string;
  readonly steps: number;
  /** Probabilities near 0 are only as exact as onnxruntime's Sigmoid, whose errors are absolute (it gives multiples of 2^-25). */
  readonly absolute?: number;
  play(run: Run): AsyncGenerator<Tensors>;
}

const f32 = (shape: readonly number[], data: ArrayLike<number> = []): HostTensor => {
  const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
  values.set(data);
  return { dtype: 'f32', shape, data: values };
};
const i32 = (values: readonly number[], shape: readonly number[] = [values.length]): HostTensor => ({
  dtype: 'i32',
  shape,
  data: Int32Array.from(values),
});
const i64 = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  dtype: 'i64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});

function of(tensors: Tensors, name: string): HostTensor {
  const t = tensors[name];
  if (!t) throw new Error(`no '${name}' among ${Object.keys(tensors).join(', ')}`);
  return t;
}

let heard: Float32Array | undefined;
/** Noisy speech; it starts a second in, where somebody talks. */
function speech(at: number, length: number): Float32Array {
  heard ??= readWave(join(modelsFolder, 'media/mix.wav'));
  return heard.subarray(16000 + at, 16000 + at + length);
}

/** 24 chunks of 32 ms, each with the last 4 ms before it. */
const silero = (name: string, file: string, rate: boolean): Scenario => ({
  name,
  steps: 24,
  async *play(run) {
    let state = f32([2, 1, 128]);
    for (let step = 0; step < this.steps; step++) {
      const input = f32([1, 576], speech(step * 512, 576));
      const out = await run(file, { input, state, ...(rate ? { sr: i64([], [16000]) } : {}) });
      state = of(out, 'stateN');
      yield out;
    }
  },
});

const gtcrn: Scenario = {
  name: 'gtcrn: 24 frames of a short-time spectrum, three caches',
  steps: 24,
  async *play(run) {
    const caches = {
      conv_cache: f32([2, 1, 16, 16, 33]),
      tra_cache: f32([2, 3, 1, 1, 16]),
      inter_cache: f32([2, 1, 33, 16]),
    };
    const window = rootHann(512);
    for (let step = 0; step < this.steps; step++) {
      const { re, im } = spectrum(speech(step * 256, 512).map((x, i) => x * (window[i] ?? 0)));
      const mix = f32(
        [1, 257, 1, 2],
        Array.from(re).flatMap((x, k) => [x, im[k] ?? 0]),
      );
      const out = await run('gtcrn/gtcrn_simple.onnx', { mix, ...caches });
      for (const name of ['conv_cache', 'tra_cache', 'inter_cache'] as const) caches[name] = of(out, `${name}_out`);
      yield out;
    }
  },
};

const dtln: Scenario = {
  name: 'dtln: both networks in a row, 24 frames, the states of both',
  steps: 24,
  async *play(run) {
    let [first, second] = [f32([1, 2, 128, 2]), f32([1, 2, 128, 2])];
    for (let step = 0; step < this.steps; step++) {
      const { re, im } = spectrum(speech(step * 128, 512));
      const magnitude = f32(
        [1, 1, 257],
        re.map((x, k) => Math.hypot(x, im[k] ?? 0)),
      );
      const a = await run('dtln/dtln_1.onnx', { input_2: magnitude, input_3: first });
      const mask = numbersOf(of(a, 'activation_2'));
      const masked = samplesOf(
        re.map((x, k) => x * (mask[k] ?? 0)),
        im.map((x, k) => x * (mask[k] ?? 0)),
      );
      const b = await run('dtln/dtln_2.onnx', { input_4: f32([1, 1, 512], masked), input_5: second });
      [first, second] = [of(a, 'tf_op_layer_stack_2'), of(b, 'tf_op_layer_stack_5')];
      yield { ...a, ...b };
    }
  },
};

/** Samples to mel frames to embeddings to three wake words; frames and embeddings are kept in buffers, as the package does. */
const wakeWords: Scenario = {
  name: 'openwakeword: mel, embedding and three heads, 24 chunks of 80 ms over carried buffers',
  steps: 24,
  absolute: 2e-7,
  async *play(run) {
    let frames: readonly number[] = new Array(76 * 32).fill(1);
    let embeddings: readonly number[] = new Array(16 * 96).fill(0);
    const appended = (kept: readonly number[], now: Iterable<number>): readonly number[] =>
      [...kept, ...now].slice(-kept.length);
    for (let step = 0; step < this.steps; step++) {
      const chunk = speech(step * 1280, 1760).map((x) => x * 32768);
      const mel = await run('openwakeword/melspectrogram.onnx', { input: f32([1, chunk.length], chunk) });
      frames = appended(
        frames,
        numbersOf(of(mel, 'output')).map((x) => x / 10 + 2),
      );
      const embedded = await run('openwakeword/embedding_model.onnx', { input_1: f32([1, 76, 32, 1], frames) });
      embeddings = appended(embeddings, numbersOf(of(embedded, 'conv2d_19')));
      const heads: Record<string, HostTensor> = {};
      for (const word of ['alexa', 'hey_mycroft', 'hey_rhasspy']) {
        const features = f32([1, 16, 96], embeddings);
        const out = await run(`openwakeword/${word}_v0.1.onnx`, { 'onnx::Flatten_0': features });
        for (const t of Object.values(out)) heads[word] = t;
      }
      yield { ...mel, ...embedded, ...heads };
    }
  },
};

const crepe: Scenario = {
  name: 'crepe-tiny: 24 frames of 64 ms',
  steps: 24,
  async *play(run) {
    for (let step = 0; step < this.steps; step++) {
      const frame = Float64Array.from(speech(step * 160, 1024));
      const mean = frame.reduce((a, b) => a + b, 0) / frame.length;
      const deviation = Math.sqrt(frame.reduce((a, b) => a + (b - mean) ** 2, 0) / frame.length);
      yield await run('crepe-tiny/crepe_tiny.onnx', {
        input: f32(
          [1, 1024],
          frame.map((x) => (x - mean) / deviation),
        ),
      });
    }
  },
};

/** Without a state, and seconds a window: two in CI, 20 with INFC_SLOW=1. */
const dnsmos: Scenario = {
  name: 'dnsmos: windows of nine seconds',
  steps: process.env.INFC_SLOW === '1' ? 20 : 2,
  async *play(run) {
    for (let step = 0; step < this.steps; step++)
      yield await run('dnsmos/sig_bak_ovr.onnx', { input_1: f32([1, 144160], speech(step * 600 - 16000, 144160)) });
  },
};

const utau: Scenario = {
  name: 'utau-mel: 20 stretches of pitch and envelopes',
  steps: 20,
  async *play(run) {
    const length = 10;
    for (let step = 0; step < this.steps; step++) {
      const pitch = Array.from({ length }, (_, i) => ((step + i) % 7 === 0 ? 0 : 180 + 60 * Math.sin(step + i / 5)));
      const envelope: number[] = [];
      const noise: number[] = [];
      for (let i = 0; i < length; i++) {
        const { re, im } = spectrum(speech((step * length + i) * 80, 2048));
        for (let k = 0; k <= 1024; k++) {
          envelope.push((re[k] ?? 0) ** 2 + (im[k] ?? 0) ** 2 + 1e-7);
          noise.push(0.001 + (0.9 * k) / 1024);
        }
      }
      yield await run('utau-mel/mel.onnx', {
        f0: f32([1, length], pitch),
        sp_env: f32([1, length, 1025], envelope),
        ap: f32([1, length, 1025], noise),
      });
    }
  },
};

/** A word becomes sounds: each prediction either moves on by a letter or is appended to what is read at the next step. */
const sounds = (folder: string, words: readonly string[]): Scenario => ({
  name: `${folder}: words written sound by sound, at least 24 steps`,
  steps: 24,
  async *play(run) {
    for (const word of words) {
      const letters = [...word].map((c) => c.charCodeAt(0) - 97 + 6);
      const written = [2];
      for (let t = 0; t < letters.length && written.length < 40; ) {
        const src = i32(letters, [1, letters.length]);
        const out = await run(`${folder}/g2p.onnx`, { src, tgt: i32(written, [1, written.length]), t: i32([t]) });
        const [sound = 2] = numbersOf(of(out, 'pred'));
        if (sound === 2) t++;
        else written.push(sound);
        yield out;
      }
    }
  },
});

const splitter: Scenario = {
  name: 'nnsplit-en: 24 windows of text, both directions over 120 bytes each',
  steps: 24,
  async *play(run) {
    const text =
      'this is a test this is another test he said he would come then she left but nobody knew why it was late ';
    for (let step = 0; step < this.steps; step++) {
      const window = Array.from({ length: 120 }, (_, i) => text.charCodeAt((step * 37 + i) % text.length));
      yield await run('nnsplit-en/nnsplit_en.onnx', {
        input: { dtype: 'u8', shape: [1, 120], data: Uint8Array.from(window) },
      });
    }
  },
};

const capp: Scenario = {
  name: 'capp-gpt: a prompt and 24 greedy tokens over a growing cache',
  steps: 25,
  async *play(run) {
    const golden: { prompt_ids: number[] } = JSON.parse(
      readFileSync(join(modelsFolder, 'capp-gpt/golden.json'), 'utf8'),
    );
    const parts = [0, 1, 2, 3].flatMap((i) => [`${i}.key`, `${i}.value`]);
    let cache = Object.fromEntries(parts.map((p) => [`past_key_values.${p}`, f32([1, 4, 0, 16])]));
    let tokens = golden.prompt_ids;
    for (let [step, past] = [0, 0]; step < this.steps; step++) {
      const n = tokens.length;
      const out = await run('capp-gpt/model.onnx', {
        input_ids: i64([1, n], tokens),
        attention_mask: i64([1, past + n], new Array(past + n).fill(1)),
        position_ids: i64(
          [1, n],
          Array.from(tokens, (_, i) => past + i),
        ),
        ...cache,
      });
      const last = Array.from(numbersOf(of(out, 'logits'))).slice(-53);
      tokens = [last.indexOf(Math.max(...last))];
      cache = Object.fromEntries(parts.map((p) => [`past_key_values.${p}`, of(out, `present.${p}`)]));
      past += n;
      yield out;
    }
  },
};

/** Every recurrent and audio model of the folder that is an ONNX file. */
export const scenarios: readonly Scenario[] = [
  silero('silero-vad-v5', 'silero-vad-v5/silero_vad_v5.onnx', true),
  silero('silero-vad-v6', 'silero-vad-v6/silero_vad_v6.onnx', true),
  silero('silero-vad-v6 of 16 kHz', 'silero-vad-v6/silero_vad_16k_op15.onnx', true),
  silero('silero-vad-v6 half', 'silero-vad-v6/silero_vad_half.onnx', false),
  gtcrn,
  dtln,
  wakeWords,
  crepe,
  dnsmos,
  utau,
  sounds('openutau-g2p-arpabet', ['compiler', 'recurrent', 'carried']),
  sounds('openutau-g2p-de', ['rechner', 'zustand', 'schritt']),
  splitter,
  capp,
];
