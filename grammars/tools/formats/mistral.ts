import type { ToolFormat } from '../tool-format.ts';

/** Mistral until 2024: a JSON array after `[TOOL_CALLS]`. */
export const mistral: ToolFormat = {
  signs: ['[TOOL_CALLS]'],
  open: '[TOOL_CALLS] [',
  begin: '{"name": "',
  middle: '", "arguments": ',
  end: '}',
  separator: ', ',
  close: ']',
  trigger: '[TOOL_CALLS]',
  at: 'anywhere',
};

/** Mistral since 2025 (Small 3.2, Magistral, Devstral): `[TOOL_CALLS]NAME[ARGS]{...}`, one after another. */
export const mistralArgs: ToolFormat = {
  signs: ['[ARGS]'],
  open: '',
  begin: '[TOOL_CALLS]',
  middle: '[ARGS]',
  end: '',
  separator: '',
  close: '',
  trigger: '[TOOL_CALLS]',
  at: 'anywhere',
};
