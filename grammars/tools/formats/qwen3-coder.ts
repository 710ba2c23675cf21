import { parameters } from '../parameters.ts';
import type { ToolFormat } from '../tool-format.ts';

/** Qwen3-Coder, Qwen 3.5: `<function=NAME>` with a `<parameter=KEY>` on lines of its own for each argument, texts as they are. */
export const qwen3Coder: ToolFormat = {
  signs: ['<tool_call>', '<parameter='],
  open: '',
  begin: '<tool_call>\n<function=',
  middle: '>\n',
  end: '</function>\n</tool_call>',
  separator: '\n',
  close: '',
  trigger: '<tool_call>',
  at: 'anywhere',
  arguments: parameters({ begin: '<parameter=', middle: '>\n', end: '\n</parameter>', after: '\n' }),
};
