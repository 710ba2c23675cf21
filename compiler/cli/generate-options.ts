import type { Options } from './args.ts';

/** Options of every command that writes text. */
export const generateOptions: Options = {
  schema: { kind: 'value', value: 'FILE', help: 'Write JSON that this JSON Schema admits' },
  grammar: { kind: 'value', value: 'FILE', help: 'Write what this .gbnf, .ebnf, .lark or .regex file admits' },
  regex: { kind: 'value', value: 'RE', help: 'Write what this regular expression matches as a whole' },
  'max-tokens': { kind: 'value', value: 'N', help: 'Tokens to write at most, default 256' },
  temperature: {
    kind: 'value',
    value: 'T',
    help: '0 takes the likeliest token (default unless other limits are given)',
  },
  'top-k': { kind: 'value', value: 'K', help: 'Choose among the K likeliest tokens' },
  'top-p': { kind: 'value', value: 'P', help: 'Choose among the likeliest tokens of probability P together' },
  'min-p': { kind: 'value', value: 'P', help: 'Leave out tokens less than P times as likely as the likeliest' },
  'repetition-penalty': { kind: 'value', value: 'R', help: 'Make tokens that came before less likely; 1 is none' },
  seed: { kind: 'value', value: 'N', help: 'The same seed gives the same text' },
  stop: { kind: 'list', value: 'TEXT', help: 'End before this text' },
  strategy: {
    kind: 'value',
    value: 'NAME',
    help: 'greedy, sample, beam, diverse-beam, prompt-lookup or speculative; default by temperature',
  },
  draft: { kind: 'value', value: 'DIR', help: 'speculative: the small model that guesses' },
  beams: { kind: 'value', value: 'N', help: 'beam, diverse-beam: texts to follow at once, default 4' },
  overflow: {
    kind: 'value',
    value: 'error|slide',
    help: 'A full context: stop (default), or forget the oldest tokens',
  },
  threads: { kind: 'value', value: 'N', help: 'Wasm threads, default 1' },
};
