import { InfcError } from '../../runtime/errors.ts';
import type { Infer } from '../infer.ts';
import type { ToolFormat } from './tool-formats.ts';

/** One tool call of a turn; `S` has the schemas of the tools by their names. */
export type ToolCall<S = Readonly<Record<string, unknown>>> = {
  [K in keyof S & string]: { readonly name: K; readonly input: Infer<S[K]> };
}[keyof S & string];

/** What a finished turn says. */
export interface Turn<S = Readonly<Record<string, unknown>>, O = unknown> {
  readonly reasoning: string | undefined;
  /** Text outside of calls; the text of the final object when there is one. */
  readonly text: string;
  readonly calls: readonly ToolCall<S>[];
  /** The final object, parsed where it is JSON. */
  readonly output: O | undefined;
}

/** What is needed to read a turn. */
export interface TurnReader {
  readonly format: ToolFormat;
  readonly reasoning: { readonly begin: string; readonly end: string; readonly mode: string } | undefined;
  /** By the tools' names: from the text of the arguments to their value. */
  readonly inputs: ReadonlyMap<string, (text: string) => unknown>;
  /** From the text of the final object to its value. */
  readonly output: ((text: string) => unknown) | undefined;
}

/** Reads a turn that a tool constraint has accepted; INFC5404 for text that is none. */
export function readTurn(source: string, { format, reasoning: thinks, inputs, output: read }: TurnReader): Turn {
  let rest = source;
  let reasoning: string | undefined;
  if (thinks && (thinks.mode === 'open' || rest.startsWith(thinks.begin))) {
    const close = rest.indexOf(thinks.end);
    if (close < 0) throw new InfcError('INFC5404', 'the reasoning does not end', { offset: rest.length });
    reasoning = rest.slice(rest.startsWith(thinks.begin) ? thinks.begin.length : 0, close);
    rest = rest.slice(close + thinks.end.length).replace(/^\n{1,2}/, '');
  }
  const at = format.at === 'beginning' ? (rest.startsWith(format.trigger) ? 0 : -1) : rest.indexOf(format.trigger);
  const calls = inputs.size > 0 && at >= 0 ? readCalls(rest.slice(at), format, inputs) : undefined;
  const before = calls ? rest.slice(0, at) : rest;
  const after = calls ? calls.rest.replace(/^\n{1,2}/, '') : '';
  const output = read && (after !== '' || !calls) ? read(calls ? after : rest) : undefined;
  return { reasoning, text: calls ? before + after : rest, calls: calls?.list ?? [], output };
}

function readCalls(
  source: string,
  format: ToolFormat,
  inputs: TurnReader['inputs'],
): { list: ToolCall[]; rest: string } | undefined {
  const list: ToolCall[] = [];
  if (!source.startsWith(format.open + format.begin)) return undefined;
  let at = format.open.length;
  for (;;) {
    at += format.begin.length;
    const [name, read] = [...inputs].find(([candidate]) => source.startsWith(candidate + format.middle, at)) ?? [];
    if (name === undefined || !read)
      throw new InfcError('INFC5404', 'the turn calls a tool that is not there', { offset: at });
    at += name.length + format.middle.length;
    const end = endOfJson(source, at);
    list.push({ name, input: read(source.slice(at, end)) });
    at = end;
    if (!source.startsWith(format.end, at))
      throw new InfcError('INFC5404', `the call of '${name}' does not end`, { offset: at });
    at += format.end.length;
    if (!source.startsWith(format.separator + format.begin, at)) break;
    at += format.separator.length;
  }
  if (!source.startsWith(format.close, at)) throw new InfcError('INFC5404', 'the calls do not end', { offset: at });
  return { list, rest: source.slice(at + format.close.length) };
}

/** Offset after the JSON value at an offset. */
function endOfJson(source: string, start: number): number {
  let depth = 0;
  for (let i = start; i < source.length; i++) {
    const char = source[i];
    if (char === '"') {
      for (i++; i < source.length && source[i] !== '"'; i++) if (source[i] === '\\') i++;
      if (depth === 0) return i + 1;
    } else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && i > start && (char === undefined || /[\s,;<]/.test(char))) return i;
  }
  return source.length;
}
