import type { ToolFormat } from '../tool-format.ts';

const NEXT = '<|end|><|start|>assistant';

/**
 * OpenAI Harmony (gpt-oss), after `<|start|>assistant`: thoughts in the analysis channel, then a call in the commentary channel, perhaps with words
 * about it before, or the answer in the final channel. A turn ends with its call; `<|call|>` and `<|return|>` are end tokens.
 */
export const harmony: ToolFormat = {
  signs: ['<|channel|>', '<|message|>'],
  open: '',
  begin: '<|channel|>commentary to=functions.',
  middle: ' <|constrain|>json<|message|>',
  end: '<|call|>',
  close: '',
  trigger: '<|channel|>commentary to=',
  at: 'anywhere',
  reasoning: { begin: '<|channel|>analysis<|message|>', end: NEXT },
  preamble: { begin: '<|channel|>commentary<|message|>', end: NEXT },
  answer: { begin: '<|channel|>final<|message|>', end: '<|return|>' },
};
