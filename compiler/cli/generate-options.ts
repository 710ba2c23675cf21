import { list, type Options, value } from './args.ts';
import { threadsOption } from './input-options.ts';

/** Options of every command that writes text. */
export const generateOptions: Options = {
  schema: value('FILE', 'Write JSON that this JSON Schema admits; or a file of infc constrain compile (.infg)'),
  grammar: value('FILE', 'Write what this .gbnf, .ebnf, .lark or .regex file admits'),
  regex: value('RE', 'Write what this regular expression matches as a whole'),
  'max-tokens': value('N', 'Tokens to write at most, default 256'),
  temperature: value('T', '0 takes the likeliest token (default unless other limits are given)'),
  'top-k': value('K', 'Choose among the K likeliest tokens'),
  'top-p': value('P', 'Choose among the likeliest tokens of probability P together'),
  'min-p': value('P', 'Leave out tokens less than P times as likely as the likeliest'),
  'repetition-penalty': value('R', 'Make tokens that came before less likely; 1 is none'),
  seed: value('N', 'The same seed gives the same text'),
  stop: list('TEXT', 'End before this text'),
  strategy: value('NAME', 'greedy, sample, beam, diverse-beam, prompt-lookup or speculative; default by temperature'),
  draft: value('DIR', 'speculative: the small model that guesses'),
  beams: value('N', 'beam, diverse-beam: texts to follow at once, default 4'),
  overflow: value('error|slide', 'A full context: stop (default), or forget the oldest tokens'),
  threads: threadsOption,
};
