import { encodeFloat } from '../../runtime/minifloat.ts';
import { f32, type GgufTensorData, type MetadataValue, text, u32, writeGguf } from './gguf-writer.ts';
import { writeSafetensors } from './safetensors-writer.ts';

/** Values of a tensor, row-major. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A weight in Hugging Face's layout, and what llama.cpp's converter makes of it. */
export interface TinyWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Standard deviation; default 1/sqrt(row length). */
  readonly scale?: number;
  readonly center?: number;
  readonly gguf?: string;
  readonly convert?: (v: Values) => Values;
}

/** A model of one architecture with random weights, small enough to be evaluated in milliseconds. */
export interface TinyModel {
  readonly name: string;
  /** config.json */
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: readonly TinyWeight[];
  readonly tokens: readonly number[];
  /** Who gives the reference logits: llama.cpp, unless it lacks the architecture or computes part of it in f16 (GELU). */
  readonly oracle?: 'torch';
  /** Set for encoders: how the tokens' vectors become one. */
  readonly embedding?: 'mean' | 'cls';
  /** Keeps a state of fixed size. */
  readonly recurrent?: true;
  /** Context to compile for, when it is not what the config says. */
  readonly context?: number;
  /** Results depend on how runs are cut: all tokens in one. */
  readonly oneRun?: true;
  /** The GGUF file holds weights in a form that gives another (equal) program. */
  readonly sameProgram?: false;
  /** Absent when llama.cpp has no such architecture. */
  readonly gguf?:
    | undefined
    | {
        readonly metadata: Readonly<Record<string, MetadataValue>>;
        /** Tensors that are made of several weights, or of none. */
        readonly more?: (values: (name: string) => Values) => Readonly<Record<string, Values>>;
      };
}

export const VOCABULARY = 64;

/** Normally distributed numbers from a name: the same on every machine. */
export function noise(name: string, count: number): Float32Array {
  let state = 2166136261;
  for (const c of name) state = Math.imul(state ^ c.charCodeAt(0), 16777619) >>> 0;
  const next = (): number => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  // The sum of twelve uniform numbers less six, to bf16 precision: exact in every storage type that files use, f16 too where it is not tiny.
  return Float32Array.from({ length: count }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += next();
    return sum;
  });
}

/** Values of a weight, rounded to what f16 holds so that files of any float type hold the same model. */
export function valuesOf(model: TinyModel, weight: TinyWeight): Values {
  const count = weight.shape.reduce((n, d) => n * d, 1);
  const scale = weight.scale ?? (weight.shape.at(-1) ?? 1) ** -0.5;
  const data = noise(`${model.name}/${weight.name}`, count).map((v) => roundToHalf(v * scale + (weight.center ?? 0)));
  return { shape: weight.shape, data };
}

const half = new Float32Array(1);
function roundToHalf(v: number): number {
  half[0] = v;
  const bits = encodeFloat('f16', v);
  const e = (bits >> 10) & 31;
  const m = bits & 1023;
  return (bits & 0x8000 ? -1 : 1) * (e === 0 ? m * 2 ** -24 : (m + 1024) * 2 ** (e - 25));
}

const bytesOf = (v: Float32Array): Uint8Array => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
const halves = (v: Float32Array): Uint8Array =>
  new Uint8Array(Uint16Array.from(v, (x) => encodeFloat('f16', x)).buffer);

/** The model as safetensors; matrices in f16 when asked. */
export const safetensorsOf = (model: TinyModel, dtype: 'F32' | 'F16' = 'F32'): Uint8Array =>
  writeSafetensors(
    model.weights.map((w) => {
      const { shape, data } = valuesOf(model, w);
      return { name: w.name, dtype, shape, data: dtype === 'F32' ? bytesOf(data) : halves(data) };
    }),
  );

/** A block format for matrices whose contents do not matter: any bytes, but for the f16 factors. */
export interface Blocks {
  /** Number in ggml.h. */
  readonly type: number;
  readonly block: number;
  readonly bytes: number;
  /** Where the factors stand in a block, and about how large they are for weights of standard deviation 1. */
  readonly factors: Readonly<Record<number, number>>;
}

function randomBlocks(name: string, weights: number, { block, bytes, factors }: Blocks): Uint8Array {
  const count = weights / block;
  const out = Uint8Array.from(noise(`${name}/bytes`, count * bytes), (v) => Math.floor(v * 1e4) & 255);
  const view = new DataView(out.buffer);
  const sizes = noise(`${name}/factors`, count * 2);
  for (let b = 0; b < count; b++)
    for (const [i, [at, size]] of Object.entries(factors).entries())
      view.setUint16(b * bytes + Number(at), encodeFloat('f16', size * (1 + (sizes[2 * b + i] ?? 0) / 8)), true);
  return out;
}

/** The model as GGUF: f32, or matrices in f16 or blocks, as converters write them. */
export function ggufOf(model: TinyModel, matrices: 'F32' | 'F16' | Blocks = 'F32'): Uint8Array {
  if (!model.gguf) throw new TypeError(`${model.name} has no GGUF form`);
  const byName = new Map(model.weights.map((w) => [w.name, w]));
  const lookup = (name: string): Values => {
    const w = byName.get(name);
    if (!w) throw new TypeError(`no weight '${name}'`);
    return valuesOf(model, w);
  };
  const tensor = (name: string, { shape, data }: Values): GgufTensorData => {
    if (shape.length === 1 || matrices === 'F32') return { name, shape, type: 0, data: bytesOf(data) };
    if (matrices === 'F16') return { name, shape, type: 1, data: halves(data) };
    return { name, shape, type: matrices.type, data: randomBlocks(name, data.length, matrices) };
  };
  const tensors = model.weights.flatMap((w) => {
    if (w.gguf === undefined) return [];
    const values = valuesOf(model, w);
    return [tensor(w.gguf, w.convert?.(values) ?? values)];
  });
  for (const [name, values] of Object.entries(model.gguf.more?.(lookup) ?? {})) tensors.push(tensor(name, values));
  return writeGguf({ ...model.gguf.metadata, ...byteTokenizer(model.config) }, tensors);
}

/** A byte-level vocabulary without merges, which is all that llama.cpp needs to load a model. */
function byteTokenizer(config: Readonly<Record<string, unknown>>): Record<string, MetadataValue> {
  const tokens = Array.from({ length: VOCABULARY }, (_, i) =>
    i < 3 ? (['<s>', '</s>', 'Ċ'][i] ?? '') : i < 60 ? String.fromCharCode(62 + i) : `<x${i}>`,
  );
  return {
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text('gpt-2'),
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'i32s', value: tokens.map((_, i) => (i < 2 || i >= 60 ? 3 : 1)) },
    'tokenizer.ggml.merges': { type: 'strings', value: ['A B'] },
    'tokenizer.ggml.bos_token_id': u32(Number(config.bos_token_id ?? 0)),
    'tokenizer.ggml.eos_token_id': u32(Number(config.eos_token_id ?? 1)),
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  };
}

/** Metadata that most architectures have. */
export function commonMetadata(
  architecture: string,
  sizes: {
    readonly context: number;
    readonly hidden: number;
    readonly layers: number;
    readonly inner: number;
    readonly heads: number;
    readonly kvHeads: number;
  },
  more: Readonly<Record<string, MetadataValue>> = {},
): Record<string, MetadataValue> {
  const a = architecture;
  return {
    'general.architecture': text(a),
    // llama.cpp treats vocabularies of some models by this name.
    'general.name': text('tiny'),
    'general.file_type': u32(0),
    [`${a}.context_length`]: u32(sizes.context),
    [`${a}.embedding_length`]: u32(sizes.hidden),
    [`${a}.block_count`]: u32(sizes.layers),
    [`${a}.feed_forward_length`]: u32(sizes.inner),
    [`${a}.attention.head_count`]: u32(sizes.heads),
    [`${a}.attention.head_count_kv`]: u32(sizes.kvHeads),
    [`${a}.vocab_size`]: u32(VOCABULARY),
    ...Object.fromEntries(Object.entries(more).map(([k, v]) => [k.startsWith('.') ? a + k : k, v])),
  };
}

export { f32, text, u32 };

/** Random ids that do not end a text. */
export const randomTokens = (name: string, count: number): number[] =>
  Array.from(noise(`${name}/tokens`, count), (v) => 3 + (Math.abs(Math.floor(v * 1000)) % 57));

/** Rows of each head from halves (i, i + d/2) to neighbours (2i, 2i+1), as the converter of llama reorders them. */
export const rotaryNeighbours =
  (headDim: number) =>
  ({ shape, data }: Values): Values => {
    const rows = shape[0] ?? 0;
    const row = data.length / rows;
    const out = new Float32Array(data.length);
    for (let r = 0; r < rows; r++) {
      const k = r % headDim;
      const to = r - k + (k < headDim / 2 ? 2 * k : 2 * (k - headDim / 2) + 1);
      out.set(data.subarray(r * row, (r + 1) * row), to * row);
    }
    return { shape, data: out };
  };
