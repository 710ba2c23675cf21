import { InfcError } from '../errors.ts';
import { decodeFloat } from '../minifloat.ts';
import type { PlanEntry, PlanGeneration, PlanPort } from '../plan.ts';
import type { AnyEntry, Model } from '../session.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { checkTokens, commonPrefix, type Decoder, type Sequence, type Sequences, type Wanted } from './decoder.ts';

const PAST = /^past(?:_key_values)?\.(.+)$/;

/** Sequences of a model whose caches are inputs and outputs: each has its own. */
export class PortSequences implements Sequences {
  readonly width = 1;
  /** The one that ran last: prompts often continue it. */
  last: PortDecoder | undefined;

  constructor(
    readonly model: Model,
    readonly generation: PlanGeneration,
  ) {}

  open(prompt: readonly number[] = []): Sequence {
    const decoder = this.last?.copy() ?? new PortDecoder(this);
    decoder.cut(commonPrefix(decoder.tokens, prompt));
    decoder.found = decoder.tokens.length;
    return decoder;
  }
}

/**
 * A decoder whose caches are inputs and outputs of the model: `past.N` (or `past_key_values.N`) in, `present.N` out, each
 * [1, heads, tokens, width]. This is what optimum exports to ONNX; `attention_mask` and `position_ids` are filled in where asked for.
 */
export class PortDecoder implements Sequence {
  found = 0;
  readonly vocabulary: number;
  readonly context: number;
  tokens: readonly number[] = [];
  /** By the name after `past.`, made by earlier runs and never changed. */
  private caches: ReadonlyMap<string, Tensor> = new Map();
  private readonly prefill: PlanEntry;
  private readonly decode: PlanEntry;

  constructor(private readonly all: PortSequences) {
    const { model, generation } = all;
    const { entries } = model.plan;
    const entry = (name: string): PlanEntry => {
      const found = entries[name];
      if (!found)
        throw new InfcError('INFC6002', `the plan has no entry '${name}'`, { fix: 'Compile the model again' });
      return found;
    };
    this.prefill = entry(generation.entries.prefill);
    this.decode = entry(generation.entries.decode);
    this.vocabulary = generation.vocabulary;
    this.context = generation.context;
  }

  async forward(tokens: readonly number[], wanted: Wanted, signal?: AbortSignal): Promise<Float32Array> {
    checkTokens(this, tokens);
    const fresh = this.tokens.length === 0;
    const { model, generation } = this.all;
    const { prefill, decode } = generation.entries;
    const entry = fresh ? this.prefill : this.decode;
    // An entry for one token at a time takes several one after another.
    const most = largestSequence(entry);
    if (tokens.length > most) return this.inParts(tokens, fresh ? most : Math.max(1, most), wanted, signal);
    const inputs: Record<string, Tensor> = {};
    for (const port of entry.inputs) inputs[port.name] = this.input(port, tokens);
    const outputs = await model.run(inputs, { entry: fresh ? prefill : decode, ...(signal ? { signal } : {}) });
    const caches = new Map<string, Tensor>();
    for (const [name, value] of Object.entries(outputs))
      if (name.startsWith('present.')) caches.set(name.slice('present.'.length), value);
    this.caches = caches;
    this.tokens = [...this.tokens, ...tokens];
    this.all.last = this;
    return wanted === 'none' ? new Float32Array(0) : logitsOf(outputs, this.vocabulary, wanted);
  }

  private async inParts(
    tokens: readonly number[],
    size: number,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const before = this.copy();
    const rows: Float32Array[] = [];
    try {
      for (let at = 0; at < tokens.length; ) {
        const part = tokens.slice(at, at + (at === 0 ? size : Math.max(1, largestSequence(this.decode))));
        at += part.length;
        rows.push(await this.forward(part, wanted === 'last' && at < tokens.length ? 'none' : wanted, signal));
      }
    } catch (error) {
      this.become(before);
      throw error;
    }
    if (wanted !== 'all') return rows.at(-1) ?? new Float32Array(0);
    const all = new Float32Array(tokens.length * this.vocabulary);
    let at = 0;
    for (const row of rows) {
      all.set(row, at);
      at += row.length;
    }
    return all;
  }

  private input(port: PlanPort, tokens: readonly number[]): Tensor {
    const past = this.tokens.length;
    const cache = PAST.exec(port.name)?.[1];
    if (cache !== undefined) {
      const held = this.caches.get(cache);
      if (held) return held;
      const shape = port.shape.map((d, axis) => (axis === 0 ? 1 : axis === 2 ? 0 : typeof d === 'number' ? d : 0));
      return tensor(port.dtype, shape);
    }
    const integers = (values: readonly number[]): Tensor => {
      const shape = [1, values.length];
      return port.dtype === 'i32'
        ? { dtype: 'i32', shape, data: Int32Array.from(values) }
        : { dtype: 'i64', shape, data: BigInt64Array.from(values, BigInt) };
    };
    switch (port.name) {
      case 'input_ids':
        return integers(tokens);
      case 'attention_mask':
        return integers(new Array<number>(past + tokens.length).fill(1));
      case 'position_ids':
        return integers(tokens.map((_, i) => past + i));
      case 'use_cache_branch':
        return { dtype: 'bool', shape: [1], data: Uint8Array.of(past > 0 ? 1 : 0) };
      default:
        throw new InfcError('INFC6407', `nothing is known about the input '${port.name}' of this decoder`, {
          fix: 'Run the model with model.run, or export it without that input',
        });
    }
  }

  async truncate(length: number): Promise<void> {
    this.cut(length);
  }

  cut(length: number): void {
    if (length >= this.tokens.length) return;
    const caches = new Map<string, Tensor>();
    if (length > 0) for (const [name, cache] of this.caches) caches.set(name, shorten(cache, length));
    this.caches = caches;
    this.tokens = this.tokens.slice(0, length);
  }

  copy(): PortDecoder {
    const other = new PortDecoder(this.all);
    other.become(this);
    return other;
  }

  private become({ tokens, caches }: PortDecoder): void {
    this.tokens = tokens;
    this.caches = caches;
  }

  async fork(): Promise<Decoder> {
    return this.copy();
  }
}

/** Most tokens that an entry takes in one run. */
function largestSequence(entry: PlanEntry): number {
  const length = entry.inputs.find((p) => p.name === 'input_ids')?.shape[1];
  return typeof length === 'number' ? length : Number.POSITIVE_INFINITY;
}

/** The first `length` tokens of a cache. */
function shorten(cache: Tensor, length: number): Tensor {
  const [batch = 1, heads = 1, tokens = 0, width = 0] = cache.shape;
  const out = tensor(cache.dtype, [batch, heads, length, width]);
  const [from, to] = [bytesOf(cache), bytesOf(out)];
  const row = from.length / (batch * heads * tokens);
  for (let h = 0; h < batch * heads; h++)
    to.set(from.subarray(h * tokens * row, (h * tokens + length) * row), h * length * row);
  return out;
}

function bytesOf({ data }: Tensor): Uint8Array {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(0);
}

/** Logits as f32: the last row or all. */
export function logitsOf(outputs: AnyEntry['outputs'], vocabulary: number, wanted: Wanted): Float32Array {
  const logits = outputs.logits;
  if (!logits) throw new InfcError('INFC6002', "the plan gives no output 'logits'", { fix: 'Compile the model again' });
  const { dtype, data } = logits;
  if (data instanceof Float32Array) return wanted === 'last' ? data.subarray(data.length - vocabulary) : data;
  if (!(data instanceof Uint16Array) || (dtype !== 'f16' && dtype !== 'bf16'))
    throw new InfcError('INFC6408', `logits of ${dtype} cannot be sampled`, { fix: 'Give the model f32 logits' });
  const bits = wanted === 'last' ? data.subarray(data.length - vocabulary) : data;
  return Float32Array.from(bits, (b) => decodeFloat(dtype, b));
}
