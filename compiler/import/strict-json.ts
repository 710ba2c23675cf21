/** Where and why text is not the JSON a strict reader takes. */
export class JsonError extends Error {
  constructor(
    reason: string,
    /** Position in the text, UTF-16 units. */
    readonly at: number,
  ) {
    super(reason);
  }
}

const MAX_DEPTH = 128;

/**
 * A JSON reader for formats that must not be read loosely: members are visited in order, duplicates included, numbers stay text (2.0 is
 * not 2, 2^53 + 1 is exact), lone surrogates are refused, depth is bounded. Throws {@link JsonError}.
 */
export class StrictJson {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  fail(reason: string): never {
    throw new JsonError(reason, this.at);
  }

  private space(): void {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private take(mark: string): boolean {
    this.space();
    if (this.text[this.at] !== mark) return false;
    this.at++;
    return true;
  }

  private expect(mark: string): void {
    if (!this.take(mark)) this.fail(`expected '${mark}', found '${this.text[this.at] ?? 'the end'}'`);
  }

  /** The whole text is one value. */
  end(): void {
    this.space();
    if (this.at < this.text.length) this.fail('text after the end of the document');
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) this.fail(`nested more than ${MAX_DEPTH} deep`);
    const value = read();
    this.depth--;
    return value;
  }

  /** Reads an object; `member` reads the value of each key. */
  object(member: (key: string) => void): void {
    this.nested(() => {
      this.expect('{');
      if (this.take('}')) return;
      do {
        const key = this.string();
        this.expect(':');
        member(key);
      } while (this.take(','));
      this.expect('}');
    });
  }

  array(item: () => void): void {
    this.nested(() => {
      this.expect('[');
      if (this.take(']')) return;
      do item();
      while (this.take(','));
      this.expect(']');
    });
  }

  string(): string {
    this.space();
    const start = this.at;
    if (this.text[this.at] !== '"') this.fail('expected a string');
    this.at++;
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (Number.isNaN(c)) this.fail('a string without end');
      if (c < 32) this.fail('a control character in a string');
      this.at += c === 92 ? 2 : 1;
      if (c === 34) break;
    }
    let value: string;
    try {
      value = String(JSON.parse(this.text.slice(start, this.at)));
    } catch {
      this.at = start;
      return this.fail('a malformed string');
    }
    // Lone surrogates are no Unicode text.
    if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value))
      this.fail('a lone surrogate in a string');
    return value;
  }

  /** A non-negative integer, exactly; anything else is an error. */
  natural(): bigint {
    this.space();
    const text = /^(?:0|[1-9]\d*)(?![\d.eE])/.exec(this.text.slice(this.at, this.at + 40))?.[0];
    if (text === undefined) return this.fail('expected a non-negative integer');
    this.at += text.length;
    return BigInt(text);
  }

  isNull(): boolean {
    this.space();
    if (!this.text.startsWith('null', this.at)) return false;
    this.at += 4;
    return true;
  }

  /** Reads and drops any value. */
  skip(): void {
    this.space();
    const c = this.text[this.at] ?? '';
    if (c === '{') this.object(() => this.skip());
    else if (c === '[') this.array(() => this.skip());
    else if (c === '"') this.string();
    else {
      const word = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(
        this.text.slice(this.at, this.at + 400),
      );
      if (!word) this.fail('expected a value');
      else this.at += word[0].length;
    }
  }
}
