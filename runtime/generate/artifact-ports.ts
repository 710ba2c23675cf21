// What the artifact of a language model whose caches are inputs and outputs carries as generate.js.
import { languageModelLoader } from './open-language-model.ts';
import { PortSequences } from './port-decoder.ts';

export const loadLanguageModel = languageModelLoader((...of) => new PortSequences(...of));
