// What the artifact of a language model carries as generate.js.
export { loadEmbedder, loadLanguageModel } from './open.ts';
