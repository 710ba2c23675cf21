import { InfcError } from '../../runtime/errors.ts';

/**
 * How a model writes tool calls. Every field is text; where a part of it is a special token of the vocabulary, that token is required
 * and its letters are not. A call reads `begin NAME middle ARGUMENTS end`.
 */
export interface ToolFormat {
  /** Once before the first call. */
  readonly open: string;
  readonly begin: string;
  readonly middle: string;
  readonly end: string;
  /** Between two calls. */
  readonly separator: string;
  /** Once after the last call. */
  readonly close: string;
  /** What free text must not contain: seeing it means that a call begins. */
  readonly trigger: string;
  /** Where the trigger counts: anywhere in the text, or only as its first characters. */
  readonly at: 'anywhere' | 'beginning';
}

/** Formats of common chat templates, by the names that {@link toolFormat} takes. */
export const TOOL_FORMATS = {
  /** Qwen 2.5 and 3, Hermes: JSON in `<tool_call>` tags. */
  hermes: {
    open: '',
    begin: '<tool_call>\n{"name": "',
    middle: '", "arguments": ',
    end: '}\n</tool_call>',
    separator: '\n',
    close: '',
    trigger: '<tool_call>',
    at: 'anywhere',
  },
  /** Llama 3.1 to 3.3: the whole message is one JSON call with `parameters`. */
  llama3: {
    open: '',
    begin: '{"name": "',
    middle: '", "parameters": ',
    end: '}',
    separator: '; ',
    close: '',
    trigger: '{',
    at: 'beginning',
  },
  /** Llama 3.2 and others: `<function=NAME>{...}</function>`. */
  function: {
    open: '',
    begin: '<function=',
    middle: '>',
    end: '</function>',
    separator: '\n',
    close: '',
    trigger: '<function=',
    at: 'anywhere',
  },
  /** Mistral: a JSON array after `[TOOL_CALLS]`. */
  mistral: {
    open: '[TOOL_CALLS] [',
    begin: '{"name": "',
    middle: '", "arguments": ',
    end: '}',
    separator: ', ',
    close: ']',
    trigger: '[TOOL_CALLS]',
    at: 'anywhere',
  },
  /** DeepSeek V3 and R1: special tokens around a fenced JSON block. */
  deepseek: {
    open: '<｜tool▁calls▁begin｜>',
    begin: '<｜tool▁call▁begin｜>function<｜tool▁sep｜>',
    middle: '\n```json\n',
    end: '\n```<｜tool▁call▁end｜>',
    separator: '\n',
    close: '<｜tool▁calls▁end｜>',
    trigger: '<｜tool▁calls▁begin｜>',
    at: 'anywhere',
  },
  /** DeepSeek V3.1: the same tokens around a name and bare JSON. */
  'deepseek-v3.1': {
    open: '<｜tool▁calls▁begin｜>',
    begin: '<｜tool▁call▁begin｜>',
    middle: '<｜tool▁sep｜>',
    end: '<｜tool▁call▁end｜>',
    separator: '',
    close: '<｜tool▁calls▁end｜>',
    trigger: '<｜tool▁calls▁begin｜>',
    at: 'anywhere',
  },
  /** Mistral since 2025 (Small 3.2, Magistral, Devstral): `[TOOL_CALLS]NAME[ARGS]{...}`, one after another. */
  'mistral-args': {
    open: '',
    begin: '[TOOL_CALLS]',
    middle: '[ARGS]',
    end: '',
    separator: '',
    close: '',
    trigger: '[TOOL_CALLS]',
    at: 'anywhere',
  },
  /** Phi-4-mini: a JSON array between `<|tool_call|>` tags. */
  phi4: {
    open: '<|tool_call|>[',
    begin: '{"name": "',
    middle: '", "arguments": ',
    end: '}',
    separator: ', ',
    close: ']<|/tool_call|>',
    trigger: '<|tool_call|>',
    at: 'anywhere',
  },
} as const satisfies Record<string, ToolFormat>;

/** Name of a built-in tool format. */
export type ToolFormatName = keyof typeof TOOL_FORMATS;

/** A built-in format by name, or the given one. */
export function toolFormat(format: ToolFormatName | ToolFormat): ToolFormat {
  if (typeof format !== 'string') {
    if (!(format.open + format.begin).startsWith(format.trigger) || format.trigger === '' || format.middle === '') {
      throw new InfcError('INFC5401', 'a tool format needs a middle, and a trigger that its calls begin with', {
        fix: 'Set trigger to the first characters of open + begin',
      });
    }
    return format;
  }
  if (!Object.hasOwn(TOOL_FORMATS, format)) {
    throw new InfcError('INFC5401', `unknown tool format '${String(format)}'`, {
      fix: `Use one of ${Object.keys(TOOL_FORMATS).join(', ')}, or describe your own`,
    });
  }
  return TOOL_FORMATS[format];
}

/** The tool format that a chat template spells out, or undefined when it shows none of the known ones. */
export function toolFormatOfTemplate(template: string): ToolFormatName | undefined {
  if (template.includes('tool▁calls▁begin')) return template.includes('```json') ? 'deepseek' : 'deepseek-v3.1';
  if (template.includes('[ARGS]')) return 'mistral-args';
  if (template.includes('[TOOL_CALLS]')) return 'mistral';
  if (template.includes('<|/tool_call|>')) return 'phi4';
  if (template.includes('<tool_call>')) return 'hermes';
  if (template.includes('<function=')) return 'function';
  return template.includes('"parameters"') && template.includes('python_tag') ? 'llama3' : undefined;
}
