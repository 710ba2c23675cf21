import type { ToolFormat } from '../tool-format.ts';

/** Llama 3.1 to 3.3: the whole message is one JSON call with `parameters`. */
export const llama3: ToolFormat = {
  signs: ['"parameters"', 'python_tag'],
  open: '',
  begin: '{"name": "',
  middle: '", "parameters": ',
  end: '}',
  separator: '; ',
  close: '',
  trigger: '{',
  at: 'beginning',
};
