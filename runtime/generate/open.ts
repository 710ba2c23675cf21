import { InfcError } from '../errors.ts';
import { type FileSource, readAll } from '../files.ts';
import type { LoadOptions } from '../load.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type { TextCodec } from './text.ts';

/** Where an artifact keeps its tokenizer, and the part that reads it. */
export interface TextParts {
  readonly tokenizer: FileSource;
  readonly config: FileSource;
  open(): Promise<{
    openText(tokenizer: unknown, config: Readonly<Record<string, unknown>>, eos: readonly number[]): TextCodec;
  }>;
}

export type LoadModel = (options: LoadOptions) => Promise<Model>;

/**
 * Loads a model and its tokenizer, and makes of them what writes or embeds text. Throws what loading and making throw, INFC6428 when the
 * plan has no description of how it writes.
 */
export async function loadWith<T>(
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options: LoadOptions = {},
  make: (model: Model, generation: PlanGeneration, text: TextCodec | undefined) => T,
): Promise<T> {
  const { signal } = options;
  const model = await loadModel(options);
  try {
    const { generation } = model.plan;
    if (!generation)
      throw new InfcError('INFC6428', 'this model neither writes nor embeds text', { fix: 'Use its run method' });
    if (!parts || !generation.tokenizer) return make(model, generation, undefined);
    const [part, tokenizer, config] = await Promise.all([
      parts.open(),
      json(parts.tokenizer, signal),
      json(parts.config, signal),
    ]);
    return make(model, generation, part.openText(tokenizer, config, generation.eos));
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

async function json(source: FileSource, signal: AbortSignal | undefined): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await readAll(source, signal));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC6429', 'a file of the tokenizer is not JSON', {
      ...(source instanceof URL ? { file: source.pathname } : {}),
      fix: 'Compile the model again',
      cause,
    });
  }
}
