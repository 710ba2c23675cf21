import { EmbeddedActionsParser, type ParserMethod } from 'chevrotain';
import { InfcError } from '../../runtime/errors.ts';
import type { Json } from '../json/schema/document.ts';
import { BRACKETS, tokenize, tokenTypes } from './lexing.ts';
import { one, parserOptions, refuseErrors, repeated } from './text.ts';

/** An expression of a Lark grammar as written. */
export type LarkNode =
  | { readonly type: 'text'; readonly text: string; readonly fold: boolean }
  | { readonly type: 'range'; readonly from: string; readonly to: string }
  | { readonly type: 'json'; readonly schema: Json }
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

const JSON_FOLLOWS = /%json\s*(?=\{)/y;

/** `%json` and the object after it, to its closing brace. */
function json(text: string, at: number): [string] | null {
  JSON_FOLLOWS.lastIndex = at;
  if (!JSON_FOLLOWS.test(text)) return null;
  const image = text.slice(at);
  let depth = 0;
  for (const { 0: piece, index } of image.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g))
    if ((depth += piece === '{' ? 1 : piece === '}' ? -1 : 0) === 0) return [image.slice(0, index + 1)];
  return [image];
}

const types = tokenTypes({
  Json: json,
  Space: /[ \t\f]+|\\\n/,
  Text: /"(?:\\.|[^"\\\n])*"i?/,
  Comment: /\/\/[^\n]*|#[^\n]*/,
  Regex: /\/(?!\/)(?:\\.|[^/\\\n])*\/[imslux]*/,
  Newline: /\r?\n/,
  Arrow: '->',
  Directive: /%(?:ignore|import|override|extend|declare)/,
  Name: /[!?]{1,2}_*[a-z][a-z0-9_]*|_*[A-Za-z][A-Za-z0-9_]*/,
  Integer: /[+-]?\d+/,
  Dots: '..',
  Dot: '.',
  Operator: /[*+]|\?(?![a-z_])/,
  Tilde: '~',
  Colon: ':',
  Bar: '|',
  Comma: ',',
  ...BRACKETS,
});

export class LarkParser extends EmbeddedActionsParser {
  constructor() {
    super(Object.values(types), parserOptions('lark-syntax', 2));
    this.performSelfAnalysis();
  }

  readonly file = this.RULE('file', (): LarkStatement[] => {
    const statements: LarkStatement[] = [];
    this.MANY(() =>
      this.OR([
        { ALT: () => this.CONSUME(types.Newline) },
        { ALT: () => statements.push(this.SUBRULE(this.directive)) },
        { ALT: () => statements.push(this.SUBRULE(this.definition)) },
      ]),
    );
    return statements;
  });

  readonly definition = this.RULE('definition', (): LarkStatement & { type: 'define' } => {
    const name = this.CONSUME(types.Name).image.replace(/^[!?]+/, '');
    const parameters: string[] = [];
    this.OPTION(() => {
      this.CONSUME(types.OpenBrace);
      this.AT_LEAST_ONE_SEP({ SEP: types.Comma, DEF: () => parameters.push(this.CONSUME2(types.Name).image) });
      this.CONSUME(types.CloseBrace);
    });
    this.OPTION2(() => {
      this.CONSUME(types.Dot);
      this.CONSUME(types.Integer);
    });
    this.CONSUME(types.Colon);
    return { type: 'define', name, parameters, body: this.SUBRULE(this.choice), mode: 'new' };
  });

  readonly directive = this.RULE('directive', (): LarkStatement => {
    const { image } = this.CONSUME(types.Directive);
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
          this.AT_LEAST_ONE(() => names.push(this.CONSUME(types.Name).image));
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
      this.CONSUME(types.Dot);
      relative = true;
    });
    path.push(this.CONSUME(types.Name).image);
    this.MANY(() => {
      this.CONSUME2(types.Dot);
      path.push(this.CONSUME2(types.Name).image);
    });
    this.OPTION2(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(types.Arrow);
            const alias = this.CONSUME3(types.Name).image;
            this.ACTION(() => names.push([path.pop() ?? '', alias]));
          },
        },
        {
          ALT: () => {
            this.CONSUME(types.Open);
            this.AT_LEAST_ONE_SEP({
              SEP: types.Comma,
              DEF: () => {
                const name = this.CONSUME4(types.Name).image;
                names.push([name, name]);
              },
            });
            this.CONSUME(types.Close);
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
    this.OPTION(() => this.CONSUME(types.Bar));
    this.AT_LEAST_ONE_SEP({
      SEP: types.Bar,
      DEF: () => {
        items.push(this.SUBRULE(this.sequence));
        this.OPTION2(() => {
          this.CONSUME(types.Arrow);
          this.CONSUME(types.Name);
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
            const { image } = this.CONSUME(types.Operator);
            value = { type: 'repeat', item: atom, min: image === '+' ? 1 : 0, max: image === '?' ? 1 : UNLIMITED };
          },
        },
        {
          ALT: () => {
            this.CONSUME(types.Tilde);
            const min = Number(this.CONSUME(types.Integer).image);
            let max = min;
            this.OPTION2(() => {
              this.CONSUME(types.Dots);
              max = Number(this.CONSUME2(types.Integer).image);
            });
            this.ACTION(() => {
              value = repeated(atom, min, max);
            });
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
            this.CONSUME(types.Open);
            const inner = this.SUBRULE(this.choice);
            this.CONSUME(types.Close);
            return inner;
          },
        },
        {
          ALT: (): LarkNode => {
            this.CONSUME(types.OpenSquare);
            const item = this.SUBRULE2(this.choice);
            this.CONSUME(types.CloseSquare);
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
            const name = this.CONSUME(types.Name).image.replace(/^[!?]+/, '');
            const args: LarkNode[] = [];
            this.OPTION(() => {
              this.CONSUME(types.OpenBrace);
              this.AT_LEAST_ONE_SEP({ SEP: types.Comma, DEF: () => args.push(this.SUBRULE(this.choice)) });
              this.CONSUME(types.CloseBrace);
            });
            return { type: 'name', name, arguments: args };
          },
        },
        {
          ALT: (): LarkNode => {
            const { image } = this.CONSUME(types.Text);
            let to: string | undefined;
            this.OPTION2(() => {
              this.CONSUME(types.Dots);
              to = this.CONSUME2(types.Text).image;
            });
            if (to !== undefined) return { type: 'range', from: unquote(image), to: unquote(to) };
            return { type: 'text', text: unquote(image), fold: image.endsWith('i') };
          },
        },
        {
          ALT: (): LarkNode => {
            const { image } = this.CONSUME(types.Json);
            return this.ACTION((): LarkNode => ({ type: 'json', schema: schemaOf(image) }));
          },
        },
        {
          ALT: (): LarkNode => {
            const { image } = this.CONSUME(types.Regex);
            const end = image.lastIndexOf('/');
            return { type: 'regex', source: image.slice(1, end).replaceAll('\\/', '/'), flags: image.slice(end + 1) };
          },
        },
      ]),
  );
}

/** Parses the text of a Lark grammar; INFC5301 with line and column for bad syntax. */
export function parseLarkSyntax(text: string): readonly LarkStatement[] {
  const parser = new LarkParser();
  const lexed = tokenize('Lark', types, text);
  // Newlines end statements except inside brackets and before an alternative.
  let depth = 0;
  let next = 0;
  const kept = lexed.filter((token, i, all) => {
    if ('([{'.includes(token.image)) depth++;
    else if (')]}'.includes(token.image)) depth--;
    if (token.tokenType !== types.Newline) return true;
    while (next < all.length && (next <= i || all[next]?.tokenType === types.Newline)) next++;
    return depth === 0 && all[next]?.tokenType !== types.Bar;
  });
  parser.input = kept;
  const statements = parser.file();
  refuseErrors('Lark', parser.errors);
  return statements;
}

function schemaOf(image: string): Json {
  try {
    return JSON.parse(image.slice('%json'.length));
  } catch (cause) {
    throw new InfcError('INFC5301', `Lark: no JSON follows %json: ${String(cause)}`, {
      cause,
      fix: 'Write a JSON Schema there',
    });
  }
}

function unquote(image: string): string {
  return image.slice(1, image.lastIndexOf('"'));
}
