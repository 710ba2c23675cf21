import type { IToken, TokenType } from 'chevrotain';

/** Paths of tokens by method of chevrotain: alternatives between bars, their paths between spaces, a letter for each token. */
type Paths = Readonly<Record<string, string>>;

/** By grammar and rule, what each choice may begin with; `a` is the first type of the vocabulary. .build/parsers.mjs puts it here. */
declare const LOOKAHEAD: Readonly<Record<string, Readonly<Record<string, Paths>>>>;

type Token = Pick<IToken, 'image' | 'startOffset' | 'tokenType'>;

/** The same, cut into pieces: alternatives, and the paths of each. */
type Choices = Readonly<Record<string, readonly (readonly string[])[]>>;

interface Choice {
  readonly GATE?: () => boolean;
}

interface Alternative extends Choice {
  readonly ALT: () => unknown;
}

interface Repetition extends Choice {
  readonly SEP?: TokenType;
  readonly DEF: () => unknown;
}

const FIRST_LETTER = 97;
const END: Token = { image: '', startOffset: -1, tokenType: { name: 'EOF' } };

/** That a text does not go on as its grammar says. */
class Unexpected extends Error {
  constructor(
    message: string,
    readonly token: Token,
  ) {
    super(message);
  }
}

/**
 * What takes chevrotain's place in the package: the methods that the front ends call, which mean the same and say the same of
 * wrong texts to the letter (test/grammars/parsers.test.ts). Chevrotain works out at each start which tokens a choice may begin with; here it
 * has done so when the package was built. A parser reads one text.
 */
export class EmbeddedActionsParser {
  readonly errors: Unexpected[] = [];
  /** Those of the rule that is read. */
  private paths: Choices | undefined;
  private tokens: readonly Token[] = [];
  private letters = '';
  private at = 0;

  constructor(
    private readonly vocabulary: readonly TokenType[],
    private readonly config: { readonly grammar: string },
  ) {
    const choosing: Record<string, (method: string, what: never) => unknown> = { OR: this.choose };
    for (const name of ['OPTION', 'MANY', 'MANY_SEP', 'AT_LEAST_ONE', 'AT_LEAST_ONE_SEP']) choosing[name] = this.repeat;
    for (const nth of ['', 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const methods: Record<string, unknown> = {
        [`CONSUME${nth}`]: this.consume,
        [`SUBRULE${nth}`]: (rule: () => unknown) => rule(),
      };
      for (const name in choosing) methods[name + nth] = choosing[name]?.bind(this, name + nth);
      Object.assign(this, methods);
    }
  }

  performSelfAnalysis(): void {}

  set input(tokens: readonly Token[]) {
    this.tokens = tokens;
    const letters = new Map(this.vocabulary.map((type, i) => [type, String.fromCharCode(FIRST_LETTER + i)]));
    this.letters = tokens.map(({ tokenType }) => letters.get(tokenType)).join('');
  }

  RULE<Value>(name: string, body: () => Value): () => Value | undefined {
    const written = LOOKAHEAD[this.config.grammar]?.[name];
    const paths: Record<string, string[][]> = {};
    for (const [method, all] of Object.entries(written ?? {}))
      paths[method] = all.split('|').map((list) => list.split(' '));
    return () => {
      const caller = this.paths;
      this.paths = paths;
      try {
        const value = body();
        const next = this.LA(1);
        if (!caller && next !== END)
          throw new Unexpected(`Redundant input, expecting EOF but found: ${next.image}`, next);
        this.paths = caller;
        return value;
      } catch (error) {
        if (caller || !(error instanceof Unexpected)) throw error;
        this.errors.push(error);
        return undefined;
      }
    };
  }

  LA(ahead: number): Token {
    return this.tokens[this.at + ahead - 1] ?? END;
  }

  ACTION<Value>(run: () => Value): Value {
    return run();
  }

  private consume(type: TokenType): Token {
    const token = this.LA(1);
    if (token.tokenType !== type)
      throw new Unexpected(`Expecting token of type --> ${type.name} <-- but found --> '${token.image}' <--`, token);
    this.at++;
    return token;
  }

  private choose(method: string, alternatives: readonly Alternative[]): unknown {
    const all = this.paths?.[method] ?? [];
    let i = 0;
    for (const { GATE, ALT } of alternatives) if (this.sees(all[i++]) && GATE?.() !== false) return ALT();
    const list = this.names(all.flat(), ', ').map((path, i) => `\n  ${i + 1}. ${path}`);
    throw this.unexpected(`one of these possible Token sequences:${list.join('')}`);
  }

  /** An option is a repetition that ends at once. */
  private repeat(method: string, what: (() => unknown) | Repetition): unknown {
    const { GATE, SEP, DEF }: Repetition = typeof what === 'function' ? { DEF: what } : what;
    const paths = this.paths?.[method]?.[0];
    const goesOn = (): boolean => GATE?.() !== false && this.sees(paths);
    if (!goesOn()) {
      if (method[0] === 'A')
        throw this.unexpected(
          `expecting at least one iteration which starts with one of these possible Token sequences::\n  <${this.names(paths, ',').join(' ,')}>`,
        );
      return undefined;
    }
    if (method[0] === 'O') return DEF();
    let before: number;
    do {
      before = this.at;
      DEF();
    } while (SEP ? this.LA(1).tokenType === SEP && ++this.at : this.at > before && goesOn());
    return undefined;
  }

  private sees(paths: readonly string[] = []): boolean {
    for (const path of paths) if (this.letters.startsWith(path, this.at)) return true;
    return false;
  }

  private names(paths: readonly string[] = [], between: string): string[] {
    const name = (letter: string): string | undefined => this.vocabulary[letter.charCodeAt(0) - FIRST_LETTER]?.name;
    return paths.map((path) => `[${[...path].map(name).join(between)}]`);
  }

  private unexpected(what: string): Unexpected {
    const token = this.LA(1);
    return new Unexpected(`Expecting: ${what}\nbut found: '${token.image}'`, token);
  }
}
