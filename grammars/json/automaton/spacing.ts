import { INDENT, type Whitespace } from './leaf-structure.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;

const isSpace = (byte: number): boolean => byte === SPACE || byte === TAB || byte === NEWLINE || byte === 0x0d;

/** A text between values as a JSON automaton sees it. */
export interface PlainText {
  readonly bytes: Uint8Array;
  /** Bytes of indentation that it begins with, of a line begun before it. */
  readonly indent: number;
}

/**
 * A token's bytes from `from` on, outside any string, with each run of whitespace replaced by one byte that leads to an equivalent
 * state: a space, a newline for a newline and its indentation, or a tab for indentation of a line begun before. Undefined when the
 * whitespace is not allowed anywhere.
 */
export function plainText(bytes: Uint8Array, from: number, whitespace: Whitespace): PlainText | undefined {
  const out: number[] = [];
  let indent = 0;
  let string = false;
  for (let i = from; i < bytes.length; ) {
    const byte = bytes[i] ?? 0;
    if (string || !isSpace(byte)) {
      out.push(byte);
      i++;
      if (byte === QUOTE) string = !string;
      else if (byte === BACKSLASH && string && i < bytes.length) out.push(bytes[i++] ?? 0);
      continue;
    }
    const start = i;
    while (i < bytes.length && isSpace(bytes[i] ?? 0)) i++;
    const one = collapse(bytes, start, i, whitespace);
    if (one === 0 || (one === TAB && start > 0)) return undefined;
    if (one === TAB) indent = i - start;
    out.push(one);
  }
  return { bytes: Uint8Array.from(out), indent };
}

/** The byte that stands for a run of whitespace, or 0 when no gap admits it. */
function collapse(bytes: Uint8Array, from: number, to: number, whitespace: Whitespace): number {
  if (whitespace === 'json') return SPACE;
  if (whitespace === 'compact') return 0;
  if (to - from === 1 && bytes[from] === SPACE) return SPACE;
  const line = bytes[from] === NEWLINE;
  const first = line ? from + 1 : from;
  if (to - first > INDENT) return 0;
  for (let i = first; i < to; i++) if (bytes[i] !== SPACE && bytes[i] !== TAB) return 0;
  return line ? NEWLINE : TAB;
}

/** Whether a token could come outside strings: only punctuation, numbers and words there. */
export function plausible(bytes: Uint8Array): boolean {
  let string = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (string) {
      if (byte === QUOTE) string = false;
      else if (byte === BACKSLASH) i++;
    } else if (byte === QUOTE) string = true;
    else if (!isSpace(byte) && !OUTSIDE.has(byte)) return false;
  }
  return true;
}

const OUTSIDE: ReadonlySet<number> = new Set(Array.from('{}[],:0123456789+-.eEtrufalsn', (c) => c.charCodeAt(0)));
