import type { LoadOptions } from '../load.ts';
import type { PlanGeneration } from '../plan.ts';
import type { Model } from '../session.ts';
import type { Sequences } from './decoder.ts';
import { LanguageModel } from './language-model.ts';
import { type LoadModel, loadWith, type TextParts } from './open.ts';

/** What loads a language model whose sequences are kept as `open` says. Throws as {@link loadWith}. */
export const languageModelLoader =
  (open: (model: Model, generation: PlanGeneration) => Sequences) =>
  (loadModel: LoadModel, parts: TextParts | undefined, options?: LoadOptions): Promise<LanguageModel> =>
    loadWith(
      loadModel,
      parts,
      options,
      (model, generation, text) => new LanguageModel(model, generation, text, open(model, generation)),
    );
