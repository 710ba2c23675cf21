import type { ToolFormat } from '../tool-format.ts';

/** Qwen 2.5 and 3, Hermes: JSON in `<tool_call>` tags. */
export const hermes: ToolFormat = {
  signs: ['<tool_call>'],
  open: '',
  begin: '<tool_call>\n{"name": "',
  middle: '", "arguments": ',
  end: '}\n</tool_call>',
  separator: '\n',
  close: '',
  trigger: '<tool_call>',
  at: 'anywhere',
};
