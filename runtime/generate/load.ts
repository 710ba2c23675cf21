import { toUrl } from '../files.ts';
import { load as loadModel } from '../index.ts';
import { type LoadOptions, planUrl } from '../load.ts';
import { Embedder } from './embedder.ts';
import type { LanguageModel } from './language-model.ts';
import { loadWith, type TextParts } from './open.ts';
import { openSequences } from './open-decoder.ts';
import { languageModelLoader } from './open-language-model.ts';

const loadLanguageModel = languageModelLoader(openSequences);

const textBeside = (plan: URL): TextParts => ({
  tokenizer: new URL('tokenizer.json', plan),
  config: new URL('tokenizer_config.json', plan),
  open: () => import('../text/codec.ts'),
});

/**
 * Loads the language model of an artifact's folder (an address or a path), with its tokenizer when it has one. An artifact's own model.js
 * does the same with less code.
 */
export const load = (from: string | URL, options: LoadOptions = {}): Promise<LanguageModel> => {
  const plan = planUrl(toUrl(from));
  return loadLanguageModel((o) => loadModel(plan, o), textBeside(plan), options);
};

/** Loads the model of an artifact that embeds texts. */
export const loadEmbedder = (from: string | URL, options: LoadOptions = {}): Promise<Embedder> => {
  const plan = planUrl(toUrl(from));
  return loadWith(
    (o) => loadModel(plan, o),
    textBeside(plan),
    options,
    (...all) => new Embedder(...all),
  );
};
