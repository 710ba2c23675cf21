import { InfcError } from '../runtime/errors.ts';
import type { DeepPartial } from './infer.ts';
import { checkArgument } from './options.ts';

type Container = unknown[] | Record<string, unknown>;

interface Level {
  readonly container: Container;
  readonly pointer: string;
  key: string | number;
}

/** Where in the text the reader is. */
type Mode = 'value' | 'string' | 'key' | 'scalar' | 'between' | 'end';

/**
 * Reads a JSON document piece by piece and keeps the value as far as it is known: strings grow, numbers and words appear
 * when they are complete, containers as soon as they open. Takes the output of a constraint, which is always a prefix of a
 * valid document; each piece costs its own length.
 */
export class PartialJson<T = unknown> {
  private root: unknown;
  private readonly stack: Level[] = [];
  private mode: Mode = 'value';
  private text = '';
  private raw = '';
  private readonly finished = new Set<string>();
  private readonly decoder = new TextDecoder();

  /** The value so far; undefined before its first character. The same objects grow from call to call. */
  get value(): DeepPartial<T> | undefined {
    return this.root as DeepPartial<T> | undefined;
  }

  /** True when the whole document has arrived (a number at the top is complete only after {@link end}). */
  get done(): boolean {
    return this.mode === 'end';
  }

  /** Whether the value at a JSON pointer is complete. */
  completed(pointer: string): boolean {
    return this.finished.has(pointer);
  }

  /** JSON pointers completed so far, in order of completion. */
  completedPointers(): readonly string[] {
    return [...this.finished];
  }

  /** Takes bytes, as tokens spell them: characters may be cut anywhere. */
  pushBytes(bytes: Uint8Array): void {
    this.push(this.decoder.decode(bytes, { stream: true }));
  }

  /** Takes a piece of text; gives how many of its characters belong to the document. */
  push(piece: string): number {
    checkArgument(typeof piece === 'string', 'the piece', 'a text');
    let taken = 0;
    while (taken < piece.length && this.mode !== 'end' && this.step(piece.charCodeAt(taken))) taken++;
    if (this.mode === 'string') this.place(decodePartial(this.raw));
    return taken;
  }

  /** Ends the document: completes a number at the top. */
  end(): void {
    if (this.mode === 'scalar') this.scalar();
  }

  /** Takes a UTF-16 unit; false when the document has ended before it. */
  private step(unit: number): boolean {
    switch (this.mode) {
      case 'string':
      case 'key':
        this.inString(unit);
        break;
      case 'scalar': {
        const char = String.fromCharCode(unit);
        if (/[-+.\w]/.test(char)) {
          this.text += char;
          if (this.text === 'true' || this.text === 'false' || this.text === 'null') this.scalar();
          break;
        }
        this.scalar();
        if (this.done) return false;
        this.between(unit);
        break;
      }
      case 'value':
        this.begin(unit);
        break;
      default:
        this.between(unit);
    }
    return true;
  }

  private begin(unit: number): void {
    if (unit <= 0x20) return;
    if (unit === 0x22) {
      this.raw = '';
      this.mode = 'string';
      this.place('');
    } else if (unit === 0x7b || unit === 0x5b) {
      const container: Container = unit === 0x5b ? [] : {};
      const pointer = this.pointer();
      this.place(container);
      this.stack.push({ container, pointer, key: unit === 0x5b ? 0 : '' });
      this.mode = unit === 0x5b ? 'value' : 'between';
    } else if (unit === 0x5d) this.between(unit);
    else {
      this.text = String.fromCharCode(unit);
      this.mode = 'scalar';
    }
  }

  private inString(unit: number): void {
    if (unit === 0x22 && !escaping(this.raw)) {
      const text = String(readPiece(`"${this.raw}"`));
      if (this.mode === 'key') {
        const top = this.stack[this.stack.length - 1];
        if (top) top.key = text;
        this.mode = 'between';
      } else {
        this.place(text);
        this.complete();
      }
      return;
    }
    this.raw += String.fromCharCode(unit);
  }

  private between(unit: number): void {
    const top = this.stack[this.stack.length - 1];
    if (unit <= 0x20) return;
    if (unit === 0x22) {
      this.raw = '';
      this.mode = 'key';
    } else if (unit === 0x3a) this.mode = 'value';
    else if (unit === 0x2c && top) {
      if (Array.isArray(top.container)) {
        top.key = top.container.length;
        this.mode = 'value';
      }
    } else if ((unit === 0x5d || unit === 0x7d) && top) {
      this.stack.pop();
      this.complete();
    }
  }

  private scalar(): void {
    this.place(readPiece(this.text));
    this.complete();
  }

  /** Marks the value at the current place complete. */
  private complete(): void {
    this.finished.add(this.pointer());
    this.mode = this.stack.length === 0 ? 'end' : 'between';
  }

  private place(value: unknown): void {
    const top = this.stack[this.stack.length - 1];
    if (!top) this.root = value;
    else if (Array.isArray(top.container)) top.container[Number(top.key)] = value;
    else Object.defineProperty(top.container, top.key, { value, writable: true, enumerable: true, configurable: true });
  }

  private pointer(): string {
    const top = this.stack[this.stack.length - 1];
    return top ? `${top.pointer}/${String(top.key).replace(/~/g, '~0').replace(/\//g, '~1')}` : '';
  }
}

function readPiece(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InfcError('INFC5026', `the text is not JSON: ${text.slice(0, 40)}`, {
      cause,
      fix: 'Read only what a constraint has let through',
    });
  }
}

/** Whether the raw text ends inside an escape that the next unit belongs to. */
function escaping(raw: string): boolean {
  let slashes = 0;
  while (slashes < raw.length && raw.charCodeAt(raw.length - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

/** The text of an unfinished string: an escape or surrogate pair cut in two is left out. */
function decodePartial(raw: string): string {
  let text = raw;
  const cut = /(?:^|[^\\])(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$/.exec(raw);
  if (cut?.[1]) text = raw.slice(0, -cut[1].length);
  text = text.replace(/\\u[dD][89abAB][0-9a-fA-F]{2}$/, '');
  return String(readPiece(`"${text}"`));
}
