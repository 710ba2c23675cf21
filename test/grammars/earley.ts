import type { Expression, Grammar } from '../../grammars/cfg/grammar.ts';
import type { RegexNode } from '../../grammars/regex/syntax.ts';

type Symbol = string | ((codePoint: number) => boolean);

/**
 * An Earley recogniser (1970, with Aycock and Horspool's nullable prediction) over characters, for comparison: it shares nothing with the
 * engine but the syntax tree. Repeats and choices become plain rules.
 */
export class Earley {
  readonly #rules = new Map<string, Symbol[][]>();
  readonly #nullable = new Set<string>();
  readonly #start: string;
  #fresh = 0;

  constructor(grammar: Grammar) {
    for (const [name, body] of grammar.rules) this.#rules.set(name, [this.#lower(body)]);
    this.#start = grammar.start;
    for (let changed = true; changed; ) {
      changed = false;
      for (const [name, bodies] of this.#rules) {
        if (this.#nullable.has(name)) continue;
        if (bodies.some((body) => body.every((symbol) => typeof symbol === 'string' && this.#nullable.has(symbol)))) {
          this.#nullable.add(name);
          changed = true;
        }
      }
    }
  }

  #named(bodies: Symbol[][]): Symbol[] {
    const name = `#${this.#fresh++}`;
    this.#rules.set(name, bodies);
    return [name];
  }

  #lower(expression: Expression | RegexNode): Symbol[] {
    switch (expression.type) {
      case 'terminal':
        return this.#lower(expression.regex);
      case 'rule':
        return [expression.name];
      case 'class':
        return [(cp) => expression.ranges.some(([lo, hi]) => cp >= lo && cp <= hi)];
      case 'sequence': {
        const except = difference(expression.items);
        return except ? [except] : expression.items.flatMap((item) => this.#lower(item));
      }
      case 'choice':
        return this.#named(expression.items.map((item) => this.#lower(item)));
      case 'repeat': {
        const item = this.#named([this.#lower(expression.item)]);
        const required = Array.from({ length: expression.min }, () => item).flat();
        if (expression.max === Number.POSITIVE_INFINITY) {
          const [loop = ''] = this.#named([]);
          this.#rules.set(String(loop), [[], [...item, loop]]);
          return [...required, loop];
        }
        let rest: Symbol[] = [];
        for (let i = expression.min; i < expression.max; i++) rest = this.#named([[], [...item, ...rest]]);
        return [...required, ...rest];
      }
      default:
        throw new Error(`the oracle does not know ${expression.type}`);
    }
  }

  /** Whether the text belongs to the grammar, and whether some continuation does (for grammars without useless rules). */
  recognize(text: string): { accepted: boolean; viable: boolean } {
    type Item = { name: string; body: Symbol[]; dot: number; from: number };
    const chart: Map<string, Item>[] = [new Map()];
    const ids = new Map<Symbol[], number>();
    const add = (at: number, item: Item): void => {
      if (!ids.has(item.body)) ids.set(item.body, ids.size);
      const key = `${item.name},${ids.get(item.body)},${item.dot},${item.from}`;
      const set = chart[at];
      if (set && !set.has(key)) set.set(key, item);
    };
    for (const body of this.#rules.get(this.#start) ?? []) add(0, { name: this.#start, body, dot: 0, from: 0 });
    const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    for (let at = 0; at <= points.length; at++) {
      chart[at + 1] = new Map();
      // Maps iterate over entries added while iterating.
      for (const item of chart[at]?.values() ?? []) {
        const symbol = item.body[item.dot];
        if (symbol === undefined) {
          for (const parent of [...(chart[item.from]?.values() ?? [])])
            if (parent.body[parent.dot] === item.name) add(at, { ...parent, dot: parent.dot + 1 });
        } else if (typeof symbol === 'string') {
          for (const body of this.#rules.get(symbol) ?? []) add(at, { name: symbol, body, dot: 0, from: at });
          if (this.#nullable.has(symbol)) add(at, { ...item, dot: item.dot + 1 });
        } else if (at < points.length && symbol(points[at] ?? 0)) add(at + 1, { ...item, dot: item.dot + 1 });
      }
    }
    const last = [...(chart[points.length]?.values() ?? [])];
    return {
      accepted: last.some((item) => item.name === this.#start && item.from === 0 && item.dot === item.body.length),
      viable: last.length > 0,
    };
  }
}

/** EBNF's exception, where both sides are single characters. */
function difference(items: readonly (Expression | RegexNode)[]): ((codePoint: number) => boolean) | undefined {
  const [look, item] = items;
  if (look?.type !== 'look' || item === undefined) return undefined;
  const { body } = look;
  const out = body.type === 'sequence' && body.items[0] ? characters(body.items[0]) : undefined;
  const all = characters(item);
  return out && all && ((cp) => all(cp) && !out(cp));
}

function characters(node: Expression | RegexNode): ((codePoint: number) => boolean) | undefined {
  if (node.type === 'class') return (cp) => node.ranges.some(([lo, hi]) => cp >= lo && cp <= hi);
  if (node.type !== 'choice') return undefined;
  const list = node.items.map(characters);
  return list.every((x) => x !== undefined) ? (cp) => list.some((x) => x?.(cp)) : undefined;
}
