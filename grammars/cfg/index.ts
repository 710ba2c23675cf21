export { compileGrammar } from './context-free.ts';
export { type Expression, type Grammar, literal, NOTHING } from './grammar.ts';
export { grammarAcceptor } from './grammar-acceptor.ts';
