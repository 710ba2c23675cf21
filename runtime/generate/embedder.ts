import { InfcError } from '../errors.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type { Embedder as Api, EmbedOptions, Pooling } from './api.ts';
import type { TextCodec } from './text.ts';

export type { EmbedOptions, Pooling } from './api.ts';

/** A loaded model that turns texts into vectors. */
export class Embedder implements Api {
  constructor(
    readonly model: Model,
    readonly generation: PlanGeneration,
    /** The tokenizer, when the artifact has one. */
    readonly text: TextCodec | undefined,
  ) {
    if (generation.kind !== 'encoder')
      throw new InfcError('INFC6430', 'this model writes text, it does not embed any', { fix: 'Use infc generate' });
  }

  /**
   * The vector of a text, or of token ids with their special tokens. Throws INFC6401 for one longer than the context, INFC6420 without a
   * tokenizer.
   */
  async embed(text: string | readonly number[], options: EmbedOptions = {}): Promise<Float32Array> {
    const ids = typeof text === 'string' ? this.encode(text) : text;
    const { context, vocabulary, entries } = this.generation;
    if (ids.length === 0) throw new InfcError('INFC6403', 'there are no tokens', { fix: 'Give a text' });
    if (ids.length > context)
      throw new InfcError('INFC6401', `${ids.length} tokens are more than the context of ${context} holds`, {
        fix: 'Cut the text into pieces',
      });
    const wrong = ids.findIndex((t) => !Number.isInteger(t) || t < 0 || t >= vocabulary);
    if (wrong >= 0)
      throw new InfcError('INFC6402', `token ${ids[wrong]} is not in the vocabulary of ${vocabulary}`, {
        fix: 'Use the tokenizer that belongs to this model',
      });
    const input = { shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) };
    const { signal, pooling, normalize = true } = options;
    const { embeddings } = await this.model.run(
      { input_ids: input },
      { entry: entries.prefill, ...(signal ? { signal } : {}) },
    );
    if (!(embeddings?.data instanceof Float32Array))
      throw new InfcError('INFC6002', "the plan gives no output 'embeddings' of f32", {
        fix: 'Compile the model again',
      });
    const perToken = embeddings.shape.length === 3;
    if (pooling !== undefined && !perToken)
      throw new InfcError('INFC6431', 'this model pools its tokens itself', { fix: 'Leave the pooling out' });
    const vector = perToken ? pool(embeddings.data, ids.length, pooling ?? 'mean') : embeddings.data;
    return normalize ? toLengthOne(vector) : vector;
  }

  private encode(text: string): readonly number[] {
    if (this.text) return this.text.encode(text, true);
    throw new InfcError('INFC6420', 'this model was compiled without a tokenizer', {
      fix: 'Give token ids, or compile a folder that has tokenizer.json',
    });
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** Vectors [tokens, width] as one: their mean, the first or the last. */
export function pool(vectors: Float32Array, tokens: number, pooling: Pooling): Float32Array {
  const width = vectors.length / tokens;
  if (pooling !== 'mean') return vectors.slice(pooling === 'cls' ? 0 : -width).subarray(0, width);
  const sum = new Float64Array(width);
  vectors.forEach((v, i) => {
    sum[i % width] = (sum[i % width] ?? 0) + v;
  });
  return Float32Array.from(sum, (v) => v / tokens);
}

function toLengthOne(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const v of vector) sum += v * v;
  return sum === 0 ? vector : vector.map((v) => v / Math.sqrt(sum));
}
