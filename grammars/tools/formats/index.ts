import type { ToolFormat } from '../tool-format.ts';
import { deepseek, deepseek31 } from './deepseek.ts';
import { functionTag } from './function-tag.ts';
import { glm45, glm47 } from './glm.ts';
import { harmony } from './harmony.ts';
import { hermes } from './hermes.ts';
import { llama3 } from './llama3.ts';
import { mistral, mistralArgs, mistralNemo } from './mistral.ts';
import { phi4 } from './phi4.ts';
import { qwen3Coder } from './qwen3-coder.ts';

export { parameters } from '../parameters.ts';
export type { ArgumentReader, ArgumentSyntax, Tags, ToolFormat } from '../tool-format.ts';
export {
  deepseek,
  deepseek31,
  functionTag,
  glm45,
  glm47,
  harmony,
  hermes,
  llama3,
  mistral,
  mistralArgs,
  mistralNemo,
  phi4,
  qwen3Coder,
};

/** The known syntaxes by name. Those whose signs are a part of another's come after it. */
export const TOOL_FORMATS = {
  harmony,
  deepseek,
  deepseek31,
  mistralArgs,
  mistralNemo,
  mistral,
  phi4,
  glm45,
  glm47,
  qwen3Coder,
  hermes,
  functionTag,
  llama3,
} as const satisfies Record<string, ToolFormat>;

/** The syntax of tool calls that a chat template spells out, or undefined when it shows none of the known ones. */
export function toolFormatOfTemplate(template: string | undefined): ToolFormat | undefined {
  if (typeof template !== 'string') return undefined;
  return Object.values<ToolFormat>(TOOL_FORMATS).find(({ signs }) => signs.every((sign) => template.includes(sign)));
}
