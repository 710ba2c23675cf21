// What an artifact with a tokenizer carries as text.js.
export { openText } from './codec.ts';
