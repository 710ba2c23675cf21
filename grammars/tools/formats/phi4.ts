import type { ToolFormat } from '../tool-format.ts';

/** Phi-4-mini: a JSON array between `<|tool_call|>` tags. */
export const phi4: ToolFormat = {
  signs: ['<|/tool_call|>'],
  open: '<|tool_call|>[',
  begin: '{"name": "',
  middle: '", "arguments": ',
  end: '}',
  separator: ', ',
  close: ']<|/tool_call|>',
  trigger: '<|tool_call|>',
  at: 'anywhere',
};
