import { InfcError } from '../../runtime/errors.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import { wordOf } from '../regex/compiler.ts';
import type { Lang, RegexEngine } from '../regex/index.ts';
import type { RegexNode } from '../regex/syntax.ts';
import { checkStart, type Expression, type Grammar } from './grammar.ts';

/** What must be known of a rule before it can be a language node. */
export interface RuleFacts {
  /** Some text matches. */
  readonly productive: boolean;
  /** The empty text matches. */
  readonly nullable: boolean;
  /** Fewest code points of a member. */
  readonly minLength: number;
}

/** Facts of all rules, as a least fixpoint over the shortest members. INFC5302 for rules that are used but not defined. */
export function analyze(engine: RegexEngine, grammar: Grammar): ReadonlyMap<string, RuleFacts> {
  checkStart(grammar.start, [...grammar.rules.keys()]);
  const lengths = new Map<string, number>();
  const users = new Map<string, Set<string>>();
  for (const [name, body] of grammar.rules) {
    lengths.set(name, Number.POSITIVE_INFINITY);
    for (const used of rulesIn(body)) {
      if (!grammar.rules.has(used)) {
        throw new InfcError('INFC5302', `rule '${name}' uses rule '${used}', which is not defined`, {
          node: name,
          fix: `Define '${used}' or correct its name`,
        });
      }
      const list = users.get(used);
      if (list) list.add(name);
      else users.set(used, new Set([name]));
    }
  }
  const terminals = new Map<RegexNode, number>();
  const terminal = (node: RegexNode): number => {
    let length = terminals.get(node);
    if (length === undefined) {
      const word = wordOf(node);
      length = word === undefined ? fewest(engine, engine.compile(node)) : Array.from(word).length;
      terminals.set(node, length);
    }
    return length;
  };
  const queue = new Set(grammar.rules.keys());
  for (const name of queue) {
    queue.delete(name);
    const body = grammar.rules.get(name);
    const length = body ? shortestOf(body, lengths, terminal, grammar.acceptors) : Number.POSITIVE_INFINITY;
    if (length >= (lengths.get(name) ?? 0)) continue;
    lengths.set(name, length);
    for (const user of users.get(name) ?? []) queue.add(user);
  }
  return new Map(
    [...lengths].map(([name, minLength]) => [
      name,
      { productive: minLength < Number.POSITIVE_INFINITY, nullable: minLength === 0, minLength },
    ]),
  );
}

function fewest(engine: RegexEngine, lang: Lang): number {
  if (engine.isEmpty(lang)) return Number.POSITIVE_INFINITY;
  return engine.nullable(lang) ? 0 : Math.max(1, engine.lengths(lang).min);
}

function* rulesIn(expression: Expression): Generator<string> {
  if (expression.type === 'rule') yield expression.name;
  else if (expression.type === 'repeat') yield* rulesIn(expression.item);
  else if ('items' in expression) for (const item of expression.items) yield* rulesIn(item);
}

function shortestOf(
  expression: Expression,
  lengths: ReadonlyMap<string, number>,
  terminal: (node: RegexNode) => number,
  acceptors: readonly Acceptor[] = [],
): number {
  const least = (item: Expression): number => shortestOf(item, lengths, terminal, acceptors);
  switch (expression.type) {
    case 'terminal':
      return terminal(expression.regex);
    case 'acceptor': {
      const acceptor = acceptors[expression.index];
      // A character takes up to four bytes.
      return acceptor?.start ? Math.ceil(acceptor.shortest(acceptor.start) / 4) : Number.POSITIVE_INFINITY;
    }
    case 'rule':
      return lengths.get(expression.name) ?? Number.POSITIVE_INFINITY;
    case 'sequence':
      return expression.items.reduce((sum, item) => sum + least(item), 0);
    case 'choice':
      return expression.items.reduce((length, item) => Math.min(length, least(item)), Number.POSITIVE_INFINITY);
    case 'repeat':
      return expression.min === 0 ? 0 : expression.min * least(expression.item);
  }
}
