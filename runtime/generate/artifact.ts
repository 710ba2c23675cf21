// What the artifact of a language model carries as generate.js.
export { loadLanguageModel } from './open.ts';
