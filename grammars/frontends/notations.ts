// The parsers of all notations, which are loaded together: each is a few kilobytes, most of what they are made of they share.
export { parseEbnf } from './ebnf.ts';
export { parseGbnf } from './gbnf.ts';
export { parseLark } from './lark.ts';
