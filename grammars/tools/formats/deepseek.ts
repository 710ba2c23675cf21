import type { ToolFormat } from '../tool-format.ts';

/** DeepSeek V3 and R1: special tokens around a fenced JSON block. */
export const deepseek: ToolFormat = {
  signs: ['tool▁calls▁begin', '```json'],
  open: '<｜tool▁calls▁begin｜>',
  begin: '<｜tool▁call▁begin｜>function<｜tool▁sep｜>',
  middle: '\n```json\n',
  end: '\n```<｜tool▁call▁end｜>',
  separator: '\n',
  close: '<｜tool▁calls▁end｜>',
  trigger: '<｜tool▁calls▁begin｜>',
  at: 'anywhere',
};

/** DeepSeek V3.1: the same tokens around a name and bare JSON. */
export const deepseek31: ToolFormat = {
  signs: ['tool▁calls▁begin'],
  open: '<｜tool▁calls▁begin｜>',
  begin: '<｜tool▁call▁begin｜>',
  middle: '<｜tool▁sep｜>',
  end: '<｜tool▁call▁end｜>',
  separator: '',
  close: '<｜tool▁calls▁end｜>',
  trigger: '<｜tool▁calls▁begin｜>',
  at: 'anywhere',
};
