// What the artifact of a language model whose caches are inputs and outputs carries as generate.js.
import type { LoadOptions } from '../load.ts';
import { LanguageModel } from './language-model.ts';
import { type LoadModel, loadWith, type TextParts } from './open.ts';
import { PortSequences } from './port-decoder.ts';

export const loadLanguageModel = (
  loadModel: LoadModel,
  parts: TextParts | undefined,
  options?: LoadOptions,
): Promise<LanguageModel> =>
  loadWith(
    loadModel,
    parts,
    options,
    (model, generation, text) => new LanguageModel(model, generation, text, new PortSequences(model, generation)),
  );
