import { InfcError } from '../runtime/errors.ts';
import type { ToolFormat } from './tool-formats.ts';

/** One tool call of a turn. */
export interface ToolCall {
  readonly name: string;
  readonly input: unknown;
}

/** What a finished turn says. */
export interface Turn {
  readonly reasoning: string | undefined;
  /** Text outside of calls; the text of the final object when there is one. */
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** The final object, parsed where it is JSON. */
  readonly output: unknown;
}

/** Reads a turn that a tool constraint has accepted; INFC5404 for text that is none. */
export function readTurn(
  source: string,
  format: ToolFormat,
  options: {
    readonly reasoning?: { readonly begin: string; readonly end: string };
    readonly names: readonly string[];
    readonly output: boolean;
  },
): Turn {
  let rest = source;
  let reasoning: string | undefined;
  if (options.reasoning) {
    const { begin, end } = options.reasoning;
    const close = rest.indexOf(end);
    if (close >= 0) {
      reasoning = rest.slice(rest.startsWith(begin) ? begin.length : 0, close);
      rest = rest.slice(close + end.length).replace(/^\n{1,2}/, '');
    }
  }
  const at = format.at === 'beginning' ? (rest.startsWith(format.trigger) ? 0 : -1) : rest.indexOf(format.trigger);
  const calls = options.names.length > 0 && at >= 0 ? readCalls(rest.slice(at), format, options.names) : undefined;
  const before = calls ? rest.slice(0, at) : rest;
  const after = calls ? calls.rest.replace(/^\n{1,2}/, '') : '';
  const output = options.output && (after !== '' || !calls) ? parseOutput(calls ? after : rest) : undefined;
  return { reasoning, text: calls ? before + after : rest, calls: calls?.list ?? [], output };
}

function parseOutput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readCalls(
  source: string,
  format: ToolFormat,
  names: readonly string[],
): { list: ToolCall[]; rest: string } | undefined {
  const list: ToolCall[] = [];
  if (!source.startsWith(format.open + format.begin)) return undefined;
  let at = format.open.length;
  for (;;) {
    at += format.begin.length;
    const name = names.find((candidate) => source.startsWith(candidate + format.middle, at));
    if (name === undefined) throw new InfcError('INFC5404', 'the turn calls a tool that is not there', { offset: at });
    at += name.length + format.middle.length;
    const end = endOfJson(source, at);
    list.push({ name, input: JSON.parse(source.slice(at, end)) });
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
