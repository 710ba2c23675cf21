import type { ParserMethod } from 'chevrotain';
import { SKIPPED, tokenize } from './lexing.ts';
import type * as Parsing from './parsing.ts';
import { one, PARSER_OPTIONS, refuseErrors } from './text.ts';

/** An expression of a Lark grammar as written. */
export type LarkNode =
  | { readonly type: 'text'; readonly text: string; readonly fold: boolean }
  | { readonly type: 'range'; readonly from: string; readonly to: string }
  | { readonly type: 'regex'; readonly source: string; readonly flags: string }
  | { readonly type: 'name'; readonly name: string; readonly arguments: readonly LarkNode[] }
  | { readonly type: 'sequence' | 'choice'; readonly items: readonly LarkNode[] }
  | { readonly type: 'repeat'; readonly item: LarkNode; readonly min: number; readonly max: number };

/** One statement of a Lark grammar. */
export type LarkStatement =
  | {
      readonly type: 'define';
      readonly name: string;
      readonly parameters: readonly string[];
      readonly body: LarkNode;
      readonly mode: 'new' | 'override' | 'extend';
    }
  | { readonly type: 'ignore'; readonly body: LarkNode }
  | {
      readonly type: 'import';
      readonly path: readonly string[];
      readonly relative: boolean;
      readonly names: readonly (readonly [string, string])[];
    }
  | { readonly type: 'declare'; readonly names: readonly string[] };

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Parses the text of a Lark grammar; INFC5301 with line and column for bad syntax. */
export async function parseLarkSyntax(text: string): Promise<readonly LarkStatement[]> {
  const chevrotain = await import('./parsing.ts');
  return read(chevrotain, text);
}

function read(chevrotain: typeof Parsing, text: string): readonly LarkStatement[] {
  const { createToken, EmbeddedActionsParser, tokenMatcher } = chevrotain;
  const Space = createToken({ name: 'Space', pattern: /[ \t\f]+|\\\n/, group: SKIPPED });
  const Comment = createToken({ name: 'Comment', pattern: /\/\/[^\n]*|#[^\n]*/, group: SKIPPED });
  const Newline = createToken({ name: 'Newline', pattern: /\r?\n/ });
  const Text = createToken({ name: 'Text', pattern: /"(?:\\.|[^"\\\n])*"i?/ });
  const Regex = createToken({ name: 'Regex', pattern: /\/(?!\/)(?:\\.|[^/\\\n])*\/[imslux]*/ });
  const Arrow = createToken({ name: 'Arrow', pattern: '->' });
  const Directive = createToken({ name: 'Directive', pattern: /%(?:ignore|import|override|extend|declare)/ });
  const Name = createToken({ name: 'Name', pattern: /[!?]{1,2}_*[a-z][a-z0-9_]*|_*[A-Za-z][A-Za-z0-9_]*/ });
  const Integer = createToken({ name: 'Integer', pattern: /[+-]?\d+/ });
  const Dots = createToken({ name: 'Dots', pattern: '..' });
  const Dot = createToken({ name: 'Dot', pattern: '.' });
  const Operator = createToken({ name: 'Operator', pattern: /[*+]|\?(?![a-z_])/ });
  const Tilde = createToken({ name: 'Tilde', pattern: '~' });
  const Colon = createToken({ name: 'Colon', pattern: ':' });
  const Bar = createToken({ name: 'Bar', pattern: '|' });
  const Comma = createToken({ name: 'Comma', pattern: ',' });
  const Open = createToken({ name: 'Open', pattern: '(' });
  const Close = createToken({ name: 'Close', pattern: ')' });
  const OpenSquare = createToken({ name: 'OpenSquare', pattern: '[' });
  const CloseSquare = createToken({ name: 'CloseSquare', pattern: ']' });
  const OpenBrace = createToken({ name: 'OpenBrace', pattern: '{' });
  const CloseBrace = createToken({ name: 'CloseBrace', pattern: '}' });
  const tokens = [
    Space,
    Text,
    Comment,
    Regex,
    Newline,
    Arrow,
    Directive,
    Name,
    Integer,
    Dots,
    Dot,
    Operator,
    Tilde,
    Colon,
    Bar,
    Comma,
    Open,
    Close,
    OpenSquare,
    CloseSquare,
    OpenBrace,
    CloseBrace,
  ];

  class Parser extends EmbeddedActionsParser {
    constructor() {
      super(tokens, { ...PARSER_OPTIONS, maxLookahead: 2 });
      this.performSelfAnalysis();
    }

    readonly file = this.RULE('file', (): LarkStatement[] => {
      const statements: LarkStatement[] = [];
      this.MANY(() =>
        this.OR([
          { ALT: () => this.CONSUME(Newline) },
          { ALT: () => statements.push(this.SUBRULE(this.directive)) },
          { ALT: () => statements.push(this.SUBRULE(this.definition)) },
        ]),
      );
      return statements;
    });

    readonly definition = this.RULE('definition', (): LarkStatement & { type: 'define' } => {
      const name = this.CONSUME(Name).image.replace(/^[!?]+/, '');
      const parameters: string[] = [];
      this.OPTION(() => {
        this.CONSUME(OpenBrace);
        this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => parameters.push(this.CONSUME2(Name).image) });
        this.CONSUME(CloseBrace);
      });
      this.OPTION2(() => {
        this.CONSUME(Dot);
        this.CONSUME(Integer);
      });
      this.CONSUME(Colon);
      return { type: 'define', name, parameters, body: this.SUBRULE(this.choice), mode: 'new' };
    });

    readonly directive = this.RULE('directive', (): LarkStatement => {
      const { image } = this.CONSUME(Directive);
      // The keyword decides what may follow; gates keep the alternatives apart.
      return this.OR([
        {
          GATE: () => image === '%ignore',
          ALT: (): LarkStatement => ({ type: 'ignore', body: this.SUBRULE(this.choice) }),
        },
        { GATE: () => image === '%import', ALT: (): LarkStatement => this.SUBRULE(this.imports) },
        {
          GATE: () => image === '%override' || image === '%extend',
          ALT: (): LarkStatement => {
            const definition = this.SUBRULE(this.definition);
            return { ...definition, mode: image === '%extend' ? 'extend' : 'override' };
          },
        },
        {
          GATE: () => image === '%declare',
          ALT: (): LarkStatement => {
            const names: string[] = [];
            this.AT_LEAST_ONE(() => names.push(this.CONSUME(Name).image));
            return { type: 'declare', names };
          },
        },
      ]);
    });

    readonly imports = this.RULE('imports', (): LarkStatement => {
      let relative = false;
      const path: string[] = [];
      const names: [string, string][] = [];
      this.OPTION(() => {
        this.CONSUME(Dot);
        relative = true;
      });
      path.push(this.CONSUME(Name).image);
      this.MANY(() => {
        this.CONSUME2(Dot);
        path.push(this.CONSUME2(Name).image);
      });
      this.OPTION2(() =>
        this.OR([
          {
            ALT: () => {
              this.CONSUME(Arrow);
              const alias = this.CONSUME3(Name).image;
              this.ACTION(() => names.push([path.pop() ?? '', alias]));
            },
          },
          {
            ALT: () => {
              this.CONSUME(Open);
              this.AT_LEAST_ONE_SEP({
                SEP: Comma,
                DEF: () => {
                  const name = this.CONSUME4(Name).image;
                  names.push([name, name]);
                },
              });
              this.CONSUME(Close);
            },
          },
        ]),
      );
      this.ACTION(() => {
        if (names.length > 0) return;
        const name = path.pop() ?? '';
        names.push([name, name]);
      });
      return { type: 'import', path, relative, names };
    });

    readonly choice: ParserMethod<[], LarkNode> = this.RULE('choice', (): LarkNode => {
      const items: LarkNode[] = [];
      this.OPTION(() => this.CONSUME(Bar));
      this.AT_LEAST_ONE_SEP({
        SEP: Bar,
        DEF: () => {
          items.push(this.SUBRULE(this.sequence));
          this.OPTION2(() => {
            this.CONSUME(Arrow);
            this.CONSUME(Name);
          });
        },
      });
      return one('choice', items);
    });

    readonly sequence = this.RULE('sequence', (): LarkNode => {
      const items: LarkNode[] = [];
      this.MANY(() => items.push(this.SUBRULE(this.item)));
      return one('sequence', items);
    });

    readonly item = this.RULE('item', (): LarkNode => {
      const atom = this.SUBRULE(this.atom);
      let value = atom;
      this.OPTION(() =>
        this.OR([
          {
            ALT: () => {
              const { image } = this.CONSUME(Operator);
              value = { type: 'repeat', item: atom, min: image === '+' ? 1 : 0, max: image === '?' ? 1 : UNLIMITED };
            },
          },
          {
            ALT: () => {
              this.CONSUME(Tilde);
              const min = Number(this.CONSUME(Integer).image);
              let max = min;
              this.OPTION2(() => {
                this.CONSUME(Dots);
                max = Number(this.CONSUME2(Integer).image);
              });
              value = { type: 'repeat', item: atom, min, max };
            },
          },
        ]),
      );
      return value;
    });

    readonly atom = this.RULE(
      'atom',
      (): LarkNode =>
        this.OR([
          {
            ALT: (): LarkNode => {
              this.CONSUME(Open);
              const inner = this.SUBRULE(this.choice);
              this.CONSUME(Close);
              return inner;
            },
          },
          {
            ALT: (): LarkNode => {
              this.CONSUME(OpenSquare);
              const item = this.SUBRULE2(this.choice);
              this.CONSUME(CloseSquare);
              return { type: 'repeat', item, min: 0, max: 1 };
            },
          },
          { ALT: (): LarkNode => this.SUBRULE(this.value) },
        ]),
    );

    readonly value = this.RULE(
      'value',
      (): LarkNode =>
        this.OR([
          {
            ALT: (): LarkNode => {
              const name = this.CONSUME(Name).image.replace(/^[!?]+/, '');
              const args: LarkNode[] = [];
              this.OPTION(() => {
                this.CONSUME(OpenBrace);
                this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => args.push(this.SUBRULE(this.choice)) });
                this.CONSUME(CloseBrace);
              });
              return { type: 'name', name, arguments: args };
            },
          },
          {
            ALT: (): LarkNode => {
              const { image } = this.CONSUME(Text);
              let to: string | undefined;
              this.OPTION2(() => {
                this.CONSUME(Dots);
                to = this.CONSUME2(Text).image;
              });
              if (to !== undefined) return { type: 'range', from: unquote(image), to: unquote(to) };
              return { type: 'text', text: unquote(image), fold: image.endsWith('i') };
            },
          },
          {
            ALT: (): LarkNode => {
              const { image } = this.CONSUME(Regex);
              const end = image.lastIndexOf('/');
              return { type: 'regex', source: image.slice(1, end).replaceAll('\\/', '/'), flags: image.slice(end + 1) };
            },
          },
        ]),
    );
  }

  const lexed = tokenize('Lark', chevrotain, tokens, text);
  // Newlines end statements except inside brackets and before an alternative.
  let depth = 0;
  let next = 0;
  const kept = lexed.filter((token, i, all) => {
    if (tokenMatcher(token, Open) || tokenMatcher(token, OpenSquare) || tokenMatcher(token, OpenBrace)) depth++;
    else if (tokenMatcher(token, Close) || tokenMatcher(token, CloseSquare) || tokenMatcher(token, CloseBrace)) depth--;
    if (!tokenMatcher(token, Newline)) return true;
    while (next < all.length && (next <= i || tokenMatcher(all[next] ?? token, Newline))) next++;
    const after = all[next];
    return depth === 0 && !(after && tokenMatcher(after, Bar));
  });
  const parser = new Parser();
  parser.input = kept;
  const statements = parser.file();
  refuseErrors('Lark', parser.errors);
  return statements;
}

function unquote(image: string): string {
  return image.slice(1, image.lastIndexOf('"'));
}
