import { parameters } from '../parameters.ts';
import type { ToolFormat } from '../tool-format.ts';

/** GLM 4.5 and 4.6: a name, then `<arg_key>` and `<arg_value>` for each argument, on lines of their own, texts as they are. */
export const glm45: ToolFormat = {
  signs: ['<arg_key>', '</arg_key>\n<arg_value>'],
  open: '',
  begin: '<tool_call>',
  middle: '\n',
  end: '</tool_call>',
  separator: '\n',
  close: '',
  trigger: '<tool_call>',
  at: 'anywhere',
  arguments: parameters({
    begin: '<arg_key>',
    middle: '</arg_key>\n<arg_value>',
    end: '</arg_value>',
    after: '\n',
  }),
};

/** GLM 4.7 and 5: the same without line breaks. */
export const glm47: ToolFormat = {
  ...glm45,
  signs: ['<arg_key>'],
  middle: '',
  separator: '',
  arguments: parameters({ begin: '<arg_key>', middle: '</arg_key><arg_value>', end: '</arg_value>', after: '' }),
};
