// What the artifact of a language model with states carries as generate.js.
import { languageModelLoader } from './open-language-model.ts';
import { StateSequences } from './state-sequences.ts';

export const loadLanguageModel = languageModelLoader((...of) => new StateSequences(...of));
