import { InfcError } from '../errors.ts';
import { type FileSource, readAll } from '../files.ts';
import type { LoadOptions } from '../load.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import { Embedder } from './embedder.ts';
import { LanguageModel } from './language-model.ts';
import type { TextCodec } from './text.ts';

/** Where an artifact keeps its tokenizer, and the part that reads it. */
export interface TextParts {
  readonly tokenizer: FileSource;
  readonly config: FileSource;
  open(): Promise<{
    openText(tokenizer: unknown, config: Readonly<Record<string, unknown>>, eos: readonly number[]): TextCodec;
  }>;
}

type LoadModel = (options: LoadOptions) => Promise<Model>;

/** Loads a language model with its tokenizer. Throws what loading the model throws, INFC6428 when it has no description of how it writes. */
export const loadLanguageModel = (
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options?: LoadOptions,
): Promise<LanguageModel> => openWith(loadModel, parts, options, (...all) => new LanguageModel(...all));

/** Loads a model that embeds texts, with its tokenizer. Throws as {@link loadLanguageModel}, and INFC6430 for one that writes texts. */
export const loadEmbedder = (
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options?: LoadOptions,
): Promise<Embedder> => openWith(loadModel, parts, options, (...all) => new Embedder(...all));

async function openWith<T>(
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
