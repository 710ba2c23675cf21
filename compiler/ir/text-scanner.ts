import { InfcError } from '../../runtime/errors.ts';

/** A word, a quoted string, a number or a punctuation mark of IR text. */
interface Token {
  readonly kind: 'word' | 'string' | 'mark' | 'end';
  readonly text: string;
  readonly line: number;
}

const TOKEN = /[ \t\r\n]+|#[^\n]*|("(?:[^"\\]|\\.)*")|([A-Za-z0-9_.$+-]+)|(.)/gsy;

/** Quotes a string for IR text; plain words stay bare. */
export const word = (s: string): string => (/^[A-Za-z_][A-Za-z0-9_.]*$/.test(s) ? s : JSON.stringify(s));

/** Reads IR text token by token. Errors are INFC2030 with the line. */
export class Scanner {
  private readonly tokens: Token[] = [];
  private at = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    let line = 1;
    for (let m = TOKEN.exec(text); m; m = TOKEN.exec(text)) {
      const [all, quoted, plain, mark] = m;
      if (quoted !== undefined) {
        this.tokens.push({ kind: 'string', text: this.unquote(quoted, line), line });
      } else if (plain !== undefined) this.tokens.push({ kind: 'word', text: plain, line });
      else if (mark !== undefined) this.tokens.push({ kind: 'mark', text: mark, line });
      line += all.split('\n').length - 1;
    }
    this.tokens.push({ kind: 'end', text: 'the end', line });
  }

  private unquote(quoted: string, line: number): string {
    try {
      return String(JSON.parse(quoted));
    } catch {
      throw failure(`bad string ${quoted}`, line);
    }
  }

  private get token(): Token {
    return this.tokens[Math.min(this.at, this.tokens.length - 1)] ?? { kind: 'end', text: 'the end', line: 0 };
  }

  fail(reason: string): never {
    throw failure(reason, this.token.line);
  }

  get done(): boolean {
    return this.token.kind === 'end';
  }

  /** Whether the next token is this bare word or mark; it stays. */
  sees(text: string): boolean {
    return this.token.kind !== 'string' && this.token.text === text;
  }

  /** Takes the next token if it is this bare word or mark. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.at++;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail(`expected '${text}', found '${this.token.text}'`);
  }

  /** A bare word or a quoted string. */
  name(): string {
    const { kind, text } = this.token;
    if (kind !== 'word' && kind !== 'string') this.fail(`expected a name, found '${text}'`);
    this.at++;
    return text;
  }

  /** A quoted string, if one is next. */
  string(): string | undefined {
    const { kind, text } = this.token;
    if (kind !== 'string') return undefined;
    this.at++;
    return text;
  }

  /** A number (also inf, -inf, nan), if one is next. */
  number(): number | undefined {
    const { kind, text } = this.token;
    if (kind !== 'word') return undefined;
    const n = text === 'inf' ? Infinity : text === '-inf' ? -Infinity : text === 'nan' ? Number.NaN : Number(text);
    if (Number.isNaN(n) && text !== 'nan') return undefined;
    this.at++;
    return n;
  }

  integer(): number {
    const n = this.number();
    return n !== undefined && Number.isInteger(n) ? n : this.fail(`expected an integer, found '${this.token.text}'`);
  }

  /** Items between an open and a close mark, separated by commas. */
  list<T>(open: string, close: string, item: () => T): T[] {
    this.expect(open);
    const items: T[] = [];
    if (this.take(close)) return items;
    do items.push(item());
    while (this.take(','));
    this.expect(close);
    return items;
  }
}

const failure = (reason: string, line: number): InfcError =>
  new InfcError('INFC2030', `IR text, line ${line}: ${reason}`, { fix: 'Write it as print does' });

/** A number in IR text, exact. */
export function numberText(n: number | bigint): string {
  if (typeof n === 'bigint') return String(n);
  if (Number.isNaN(n)) return 'nan';
  if (!Number.isFinite(n)) return n > 0 ? 'inf' : '-inf';
  return Object.is(n, -0) ? '-0' : String(n);
}
