// What the artifact of a language model with states carries as generate.js.
import type { LoadOptions } from '../load.ts';
import { LanguageModel } from './language-model.ts';
import { type LoadModel, loadWith, type TextParts } from './open.ts';
import { StateSequences } from './state-sequences.ts';

export const loadLanguageModel = (
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options?: LoadOptions,
): Promise<LanguageModel> =>
  loadWith(
    loadModel,
    parts,
    options,
    (model, generation, text) => new LanguageModel(model, generation, text, new StateSequences(model, generation)),
  );
