import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { TokenizerFiles } from '../ir/graph.ts';
import { isRecord } from './architecture.ts';

/**
 * The tokenizer of a model's folder: tokenizer.json as it is, and what of tokenizer_config.json a program needs, with the chat template
 * from wherever the folder keeps it. Undefined when there is none. Throws INFC1076 when a file is not JSON.
 */
export function readTokenizer(folder: string): TokenizerFiles | undefined {
  const file = path.join(folder, 'tokenizer.json');
  if (!existsSync(file)) return undefined;
  const tokenizer = readFileSync(file, 'utf8');
  parse(tokenizer, file);
  const special = record(path.join(folder, 'special_tokens_map.json'));
  const own = record(path.join(folder, 'tokenizer_config.json'));
  // Already part of tokenizer.json.
  const { added_tokens_decoder: _, chat_template: template, ...config } = { ...special, ...own };
  const chat = chatTemplate(folder, template);
  return { tokenizer, config: JSON.stringify({ ...config, ...(chat === undefined ? {} : { chat_template: chat }) }) };
}

/** One template: the file chat_template.jinja, the only one of the config, or the one called default. */
function chatTemplate(folder: string, inConfig: unknown): string | undefined {
  const file = path.join(folder, 'chat_template.jinja');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const other = record(path.join(folder, 'chat_template.json')).chat_template;
  const given = inConfig ?? other;
  if (typeof given === 'string') return given;
  const list = Array.isArray(given) ? given.filter(isRecord) : [];
  const chosen = list.find((t) => t.name === 'default') ?? list[0];
  return typeof chosen?.template === 'string' ? chosen.template : undefined;
}

function record(file: string): Readonly<Record<string, unknown>> {
  if (!existsSync(file)) return {};
  const value = parse(readFileSync(file, 'utf8'), file);
  return isRecord(value) ? value : {};
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC1076', 'a file of the tokenizer is not JSON', {
      file,
      cause,
      fix: 'Download it again, or take it out of the folder to compile without a tokenizer',
    });
  }
}
