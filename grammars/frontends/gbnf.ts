import { EmbeddedActionsParser, type ParserMethod } from 'chevrotain';
import { InfcError } from '../../runtime/errors.ts';
import type { Expression, Grammar } from '../cfg/grammar.ts';
import { literal } from '../cfg/grammar.ts';
import { tokenize, tokenTypes } from './lexing.ts';
import { ANY_CHARACTER, bracketClass, ONCE, one, parserOptions, refuseErrors, repeated, unescapeText } from './text.ts';

const types = tokenTypes({
  Space: /\s+/,
  Comment: /#[^\n]*/,
  Define: '::=',
  Text: /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/,
  Class: /\[\^?(?:[^\]\\]|\\[\s\S])*\]/,
  Count: /\{\s*\d*\s*(?:,\s*\d*\s*)?\}/,
  Name: /[A-Za-z0-9_][A-Za-z0-9_-]*/,
  Operator: /[*+?]/,
  Bar: '|',
  Open: '(',
  Close: ')',
  Dot: '.',
  End: ';',
});

export class GbnfParser extends EmbeddedActionsParser {
  constructor() {
    super(Object.values(types), parserOptions('gbnf'));
    this.performSelfAnalysis();
  }

  readonly grammar = this.RULE('grammar', (): [string, Expression][] => {
    const rules: [string, Expression][] = [];
    this.MANY(() => rules.push(this.SUBRULE(this.rule)));
    return rules;
  });

  readonly rule = this.RULE('rule', (): [string, Expression] => {
    const name = this.CONSUME(types.Name).image;
    this.CONSUME(types.Define);
    const body = this.SUBRULE(this.choice);
    this.OPTION(() => this.CONSUME(types.End));
    return [name, body];
  });

  readonly choice: ParserMethod<[], Expression> = this.RULE('choice', (): Expression => {
    const items: Expression[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: types.Bar, DEF: () => items.push(this.SUBRULE(this.sequence)) });
    return one('choice', items);
  });

  readonly sequence = this.RULE('sequence', (): Expression => {
    const items: Expression[] = [];
    this.MANY({
      // A name before ::= begins the next rule.
      GATE: () => this.LA(2).tokenType !== types.Define,
      DEF: () => items.push(this.SUBRULE(this.item)),
    });
    return one('sequence', items);
  });

  readonly item = this.RULE('item', (): Expression => {
    let value = this.SUBRULE(this.atom);
    this.MANY(() => {
      const { image } = this.OR([
        { ALT: () => this.CONSUME(types.Operator) },
        { ALT: () => this.CONSUME(types.Count) },
      ]);
      this.ACTION(() => {
        value = quantified(value, image);
      });
    });
    return value;
  });

  readonly atom = this.RULE(
    'atom',
    (): Expression =>
      this.OR([
        {
          ALT: (): Expression => {
            const { image } = this.CONSUME(types.Text);
            return this.ACTION(() => literal(unescapeText(image.slice(1, -1))));
          },
        },
        {
          ALT: (): Expression => {
            const { image } = this.CONSUME(types.Class);
            // Actions are skipped while chevrotain records the grammar, when images are placeholders.
            return this.ACTION((): Expression => ({ type: 'terminal', regex: bracketClass(image) }));
          },
        },
        { ALT: (): Expression => ({ type: 'rule', name: this.CONSUME(types.Name).image }) },
        {
          ALT: (): Expression => {
            this.CONSUME(types.Dot);
            return { type: 'terminal', regex: ANY_CHARACTER };
          },
        },
        {
          ALT: (): Expression => {
            this.CONSUME(types.Open);
            const inner = this.SUBRULE(this.choice);
            this.CONSUME(types.Close);
            return inner;
          },
        },
      ]),
  );
}

/**
 * Parses GBNF, the grammar notation of llama.cpp: `name ::= ...` with strings, classes, groups, `* + ? {m,n}` and `#` comments. EBNF in the
 * same notation (`::=`, either quotes, optional `;`) is read too. The start rule is `root` or the first one.
 */
export function parseGbnf(text: string, start?: string): Grammar {
  const parser = new GbnfParser();
  parser.input = tokenize('GBNF', types, text);
  const rules = parser.grammar();
  refuseErrors('GBNF', parser.errors);
  return assemble('GBNF', rules, start);
}

/** A grammar from its rules in order. INFC5303 when a name is defined twice or there is no rule. */
export function assemble(
  kind: string,
  rules: readonly (readonly [string, Expression])[],
  start: string | undefined,
): Grammar {
  const map = new Map<string, Expression>();
  for (const [name, body] of rules) {
    if (map.has(name))
      throw new InfcError('INFC5303', `${kind}: rule '${name}' is defined twice`, { node: name, fix: ONCE });
    map.set(name, body);
  }
  const first = rules[0]?.[0];
  if (first === undefined) throw new InfcError('INFC5303', `${kind}: the grammar has no rules`, { fix: 'Define one' });
  return { start: start ?? (map.has('root') ? 'root' : first), rules: map };
}

function quantified(item: Expression, operator: string): Expression {
  if (operator === '*') return { type: 'repeat', item, min: 0, max: Number.POSITIVE_INFINITY };
  if (operator === '+') return { type: 'repeat', item, min: 1, max: Number.POSITIVE_INFINITY };
  if (operator === '?') return { type: 'repeat', item, min: 0, max: 1 };
  const match = /^\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}$/.exec(operator);
  const min = Number(match?.[1] || 0);
  const max = match?.[2] === ',' ? (match[3] ? Number(match[3]) : Number.POSITIVE_INFINITY) : min;
  return repeated(item, min, max);
}
