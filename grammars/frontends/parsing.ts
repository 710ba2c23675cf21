// What the parsers use of chevrotain. The front ends load this module when they are used; naming the parts here lets bundlers leave out the
// rest of the package.
export { createToken, createTokenInstance, EmbeddedActionsParser } from 'chevrotain';
