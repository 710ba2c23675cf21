import { EmbeddedActionsParser, type ParserMethod } from 'chevrotain';
import { InfcError } from '../../runtime/errors.ts';
import { type Expression, type Grammar, literal } from '../cfg/grammar.ts';
import type { RegexNode } from '../regex/syntax.ts';
import { assemble, parseGbnf } from './gbnf.ts';
import { BRACKETS, tokenize, tokenTypes } from './lexing.ts';
import { one, parserOptions, refuseErrors } from './text.ts';

const types = tokenTypes({
  Space: /\s+/,
  Comment: /\(\*[\s\S]*?\*\)/,
  Text: /"[^"]*"|'[^']*'|`[^`]*`/,
  Special: /\?[^?]*\?/,
  Name: /[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?/,
  Count: /\d+\s*\*/,
  Define: '=',
  End: /[;.]/,
  Bar: /[|!/]/,
  Comma: ',',
  Minus: '-',
  ...BRACKETS,
});

export class EbnfParser extends EmbeddedActionsParser {
  constructor() {
    super(Object.values(types), parserOptions('ebnf'));
    this.performSelfAnalysis();
  }

  readonly grammar = this.RULE('grammar', (): [string, Expression][] => {
    const rules: [string, Expression][] = [];
    this.MANY(() => {
      const name = this.CONSUME(types.Name).image;
      this.CONSUME(types.Define);
      rules.push([name, this.SUBRULE(this.choice)]);
      this.CONSUME(types.End);
    });
    return rules;
  });

  readonly choice: ParserMethod<[], Expression> = this.RULE('choice', (): Expression => {
    const items: Expression[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: types.Bar, DEF: () => items.push(this.SUBRULE(this.sequence)) });
    return one('choice', items);
  });

  readonly sequence = this.RULE('sequence', (): Expression => {
    const items: Expression[] = [];
    this.MANY_SEP({ SEP: types.Comma, DEF: () => items.push(this.SUBRULE(this.term)) });
    return one('sequence', items);
  });

  readonly term = this.RULE('term', (): Expression => {
    let count: string | undefined;
    this.OPTION(() => {
      count = this.CONSUME(types.Count).image;
    });
    const item = this.SUBRULE(this.primary);
    let except: Expression | undefined;
    this.OPTION2(() => {
      this.CONSUME(types.Minus);
      except = this.SUBRULE2(this.primary);
    });
    return this.ACTION((): Expression => {
      const value = except ? without(item, except) : item;
      const times = count === undefined ? 1 : Number.parseInt(count, 10);
      return count === undefined ? value : { type: 'repeat', item: value, min: times, max: times };
    });
  });

  readonly primary = this.RULE(
    'primary',
    (): Expression =>
      this.OR([
        {
          ALT: (): Expression => {
            const { image } = this.CONSUME(types.Text);
            return this.ACTION(() => literal(image.slice(1, -1)));
          },
        },
        { ALT: (): Expression => ({ type: 'rule', name: this.CONSUME(types.Name).image }) },
        {
          ALT: (): Expression => {
            const { image } = this.CONSUME(types.Special);
            return this.ACTION(() => {
              throw new InfcError('INFC5301', `EBNF: the special sequence ${image} has no meaning here`, {
                fix: 'Spell it with texts',
              });
            });
          },
        },
        {
          ALT: (): Expression => {
            this.CONSUME(types.Open);
            const item = this.SUBRULE(this.choice);
            this.CONSUME(types.Close);
            return item;
          },
        },
        {
          ALT: (): Expression => {
            this.CONSUME(types.OpenSquare);
            const item = this.SUBRULE2(this.choice);
            this.CONSUME(types.CloseSquare);
            return { type: 'repeat', item, min: 0, max: 1 };
          },
        },
        {
          ALT: (): Expression => {
            this.CONSUME(types.OpenBrace);
            const item = this.SUBRULE3(this.choice);
            this.CONSUME(types.CloseBrace);
            return { type: 'repeat', item, min: 0, max: Number.POSITIVE_INFINITY };
          },
        },
      ]),
  );
}

/**
 * Parses EBNF: the notation of ISO 14977 (`rule = "a", { b } | [ c ] ;`) where rules are defined with `=`, and that of W3C and GBNF where
 * they are defined with `::=`. In ISO notation text is verbatim (there are no escapes), and an exception `a - b` needs two texts or
 * choices of texts. The start rule is `root` or the first one.
 */
export function parseEbnf(text: string, start?: string): Grammar {
  if (/::=/.test(text)) return parseGbnf(text, start);
  const parser = new EbnfParser();
  parser.input = tokenize('EBNF', types, text);
  const rules = parser.grammar();
  refuseErrors('EBNF', parser.errors);
  return assemble('EBNF', rules, start);
}

/** `a - b` for regular operands: a whole terminal that is `a` and not `b`. */
function without(item: Expression, except: Expression): Expression {
  const negated: RegexNode = {
    type: 'look',
    behind: false,
    negated: true,
    body: { type: 'sequence', items: [regular(except), { type: 'end', lines: undefined }] },
  };
  return { type: 'terminal', regex: { type: 'sequence', items: [negated, regular(item)] } };
}

function regular(expression: Expression): RegexNode {
  switch (expression.type) {
    case 'terminal':
      return expression.regex;
    case 'repeat':
      return { type: 'repeat', item: regular(expression.item), min: expression.min, max: expression.max };
    case 'sequence':
    case 'choice':
      return { type: expression.type, items: expression.items.map(regular) };
    default: {
      // EBNF has no other expressions than rules.
      const node = 'name' in expression ? expression.name : '';
      throw new InfcError('INFC5303', `EBNF: an exception cannot use the rule '${node}'`, {
        node,
        fix: 'Write its texts out',
      });
    }
  }
}
