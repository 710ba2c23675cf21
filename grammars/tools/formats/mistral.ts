import type { ToolFormat } from '../tool-format.ts';

/** Mistral until 2024 (7B v0.3, Mixtral 8x22B): a JSON array after `[TOOL_CALLS]` and a space, which SentencePiece puts there. */
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

/** The same without the space: tokenizers of the Tekken kind (Nemo, Pixtral, Ministral 8B). */
export const mistralNemo: ToolFormat = { ...mistral, signs: ['[TOOL_CALLS]['], open: '[TOOL_CALLS][' };

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
