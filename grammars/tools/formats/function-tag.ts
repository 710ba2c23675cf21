import type { ToolFormat } from '../tool-format.ts';

/** Llama 3.2 and others: `<function=NAME>{...}</function>`. */
export const functionTag: ToolFormat = {
  signs: ['<function='],
  open: '',
  begin: '<function=',
  middle: '>',
  end: '</function>',
  separator: '\n',
  close: '',
  trigger: '<function=',
  at: 'anywhere',
};
