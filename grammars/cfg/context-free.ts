import { InfcError } from '../../runtime/errors.ts';
import type { Partition } from '../regex/charset.ts';
import type { CostModel } from '../regex/decisions.ts';
import type { Derivatives } from '../regex/derivatives.ts';
import type { Lang, RegexEngine } from '../regex/index.ts';
import { EMPTY, EPSILON, type Languages } from '../regex/language.ts';
import { hasAssertion, type RegexNode } from '../regex/syntax.ts';
import { analyze, type RuleFacts } from './analysis.ts';
import type { Expression, Grammar } from './grammar.ts';

const MAX_COMPONENT = 400;
const MAX_RULES = 20_000;
/** Acceptors count as characters beyond all others when rules are derived. */
const BEYOND = 0x110000;

interface Rule {
  readonly name: string;
  readonly lang: Lang;
  readonly body: Lang;
  /** The rules that reach one another at their left edges, when this one reaches itself so. */
  readonly component: readonly Rule[] | undefined;
}

/**
 * Compiles a grammar to a language of the engine: rules become nodes that derive by their definition, so that parser states are interned
 * languages (continuation stacks), memoised like every other. Left recursion is removed while deriving, by left corners
 * (Rosenkrantz and Lewis 1970): after a left corner B of A comes `after(B, A)`, a right-recursive rule made on demand. `afterAcceptor`: what
 * follows an acceptor of the grammar where a text of a language begins with it.
 */
export function compileGrammar(
  engine: RegexEngine,
  grammar: Grammar,
): {
  readonly lang: Lang;
  readonly unproductive: readonly string[];
  afterAcceptor(lang: Lang, index: number): Lang;
} {
  if (grammar.rules.size > MAX_RULES)
    throw new InfcError('INFC5304', `a grammar of ${grammar.rules.size} rules is too large (at most ${MAX_RULES})`, {
      fix: 'Write it with fewer rules',
    });
  const facts = analyze(engine, grammar);
  const compiler = new GrammarCompiler(engine, grammar, facts);
  return {
    lang: compiler.start(),
    unproductive: [...facts].filter(([, fact]) => !fact.productive).map(([name]) => name),
    afterAcceptor: (lang, index) => compiler.derive(lang, BEYOND + index),
  };
}

class GrammarCompiler {
  readonly #engine: RegexEngine;
  readonly #grammar: Grammar;
  readonly #facts: ReadonlyMap<string, RuleFacts>;
  readonly #languages: Languages;
  readonly #derivatives: Derivatives;
  readonly #nodes = new Map<string, Lang>();
  readonly #rules = new Map<Lang, Rule>();
  readonly #bodies = new Map<string, Lang>();
  readonly #components = new Map<Lang, readonly Lang[] | undefined>();
  readonly #after = new Map<string, Lang>();
  readonly #corners = new Map<string, Lang>();
  readonly #blocked = new Map<string, Lang>();
  readonly #acceptors: Lang[] = [];
  /** Rule nodes at the left edge of a body. */
  readonly #edges = new Map<Lang, readonly Lang[]>();
  /** Definitions for the fixpoint of shortest members: original bodies and those of left-corner rules. */
  readonly #definitions = new Map<Lang, () => Lang>();
  readonly #costs = new Map<string, Map<Lang, number>>();

  constructor(engine: RegexEngine, grammar: Grammar, facts: ReadonlyMap<string, RuleFacts>) {
    this.#engine = engine;
    this.#grammar = grammar;
    this.#facts = facts;
    this.#languages = engine.internals.languages;
    this.#derivatives = engine.internals.derivatives;
  }

  start(): Lang {
    return this.#nodeOf(this.#grammar.start);
  }

  #nodeOf(name: string): Lang {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const fact = this.#facts.get(name);
    if (!fact)
      throw new InfcError('INFC5302', `the grammar uses rule '${name}' but does not define it`, {
        node: name,
        fix: 'Define it or correct its name',
      });
    if (!fact.productive) {
      this.#nodes.set(name, EMPTY);
      return EMPTY;
    }
    const lang: Lang = this.#languages.rule({
      nullable: fact.nullable,
      minLength: fact.minLength,
      idempotent: false,
      classes: () => this.#classes(name, lang),
      derive: (codePoint) => this.#derive(name, lang, codePoint),
      shortest: (cost) => this.#shortest(lang, cost),
    });
    this.#nodes.set(name, lang);
    this.#definitions.set(lang, () => this.#body(name));
    return lang;
  }

  #body(name: string): Lang {
    let body = this.#bodies.get(name);
    if (body === undefined) {
      body = this.#build(this.#grammar.rules.get(name) ?? { type: 'choice', items: [] });
      this.#bodies.set(name, body);
    }
    return body;
  }

  #build(expression: Expression): Lang {
    const languages = this.#languages;
    switch (expression.type) {
      case 'terminal': {
        const lang = this.#engine.compile(expression.regex);
        return this.#engine.isEmpty(lang) ? EMPTY : lang;
      }
      case 'rule':
        return this.#nodeOf(expression.name);
      case 'acceptor':
        return this.#acceptor(expression.index);
      case 'sequence':
        return expression.items.reduceRight<Lang>((rest, item) => languages.concat(this.#build(item), rest), EPSILON);
      case 'choice': {
        // Texts are built together: there may be thousands.
        const items: RegexNode[] = [];
        const others = expression.items.map((item) => {
          if (item.type !== 'terminal' || hasAssertion(item.regex)) return this.#build(item);
          items.push(item.regex);
          return EMPTY;
        });
        return languages.union([...others, this.#engine.compile({ type: 'choice', items })]);
      }
      case 'repeat':
        return languages.repeat(this.#build(expression.item), expression.min, expression.max);
    }
  }

  #acceptor(index: number): Lang {
    const known = this.#acceptors[index];
    if (known !== undefined) return known;
    const acceptor = this.#grammar.acceptors?.[index];
    const { start = 0 } = acceptor ?? {};
    const lang =
      acceptor && start !== 0
        ? this.#languages.rule({
            nullable: acceptor.accepts(start),
            minLength: acceptor.accepts(start) ? 0 : 1,
            idempotent: false,
            classes: () => this.#languages.sets.trivial,
            derive: (symbol) => (symbol === BEYOND + index ? EPSILON : EMPTY),
            shortest: () => acceptor.shortest(start),
          })
        : EMPTY;
    this.#acceptors[index] = lang;
    return lang;
  }

  /** The derivative by a character or an acceptor. */
  derive(lang: Lang, symbol: number): Lang {
    if (symbol < BEYOND) return this.#derivatives.derive(lang, symbol);
    const languages = this.#languages;
    const node = languages.node(lang);
    // A rule remembers by its body, and of acceptors, which need not, there may be a thousand beside one another.
    if (node.kind === 'rule') return languages.rules[node.a]?.derive(symbol) ?? EMPTY;
    const key = `${lang},${symbol}`;
    const known = this.#blocked.get(key);
    if (known !== undefined) return known;
    let out = EMPTY;
    if (node.looping && /^(?:union|concat|repeat)$/.test(node.kind)) out = this.#deriveOutside(lang, symbol, []);
    this.#blocked.set(key, out);
    return out;
  }

  #rule(name: string, lang: Lang): Rule {
    let rule = this.#rules.get(lang);
    if (!rule) {
      const members = this.#componentOf(lang);
      const component: Rule[] | undefined = members && [];
      rule = { name, lang, body: this.#body(name), component };
      this.#rules.set(lang, rule);
      for (const member of members ?? []) {
        const known = this.#rules.get(member) ?? { name: '', lang: member, body: this.#bodyOf(member), component };
        this.#rules.set(member, known);
        component?.push(known);
      }
    }
    return rule;
  }

  #bodyOf(lang: Lang): Lang {
    return this.#definitions.get(lang)?.() ?? EMPTY;
  }

  /** The rules in a cycle of left edges through this one, or undefined when there is none. */
  #componentOf(lang: Lang): readonly Lang[] | undefined {
    if (!this.#components.has(lang)) this.#findComponents(lang);
    return this.#components.get(lang);
  }

  /** Strongly connected components of the left edges from a rule on (Tarjan 1972, without recursion). */
  #findComponents(start: Lang): void {
    const order = new Map<Lang, number>([[start, 0]]);
    const low = new Map<Lang, number>([[start, 0]]);
    const open = [start];
    const inside = new Set(open);
    const frames = [{ rule: start, next: 0 }];
    for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
      const { rule } = frame;
      const target = this.#leftEdge(rule)[frame.next++];
      if (target !== undefined) {
        if (this.#components.has(target)) continue;
        if (!order.has(target)) {
          order.set(target, order.size);
          low.set(target, order.get(target) ?? 0);
          open.push(target);
          inside.add(target);
          frames.push({ rule: target, next: 0 });
        } else if (inside.has(target)) low.set(rule, Math.min(low.get(rule) ?? 0, order.get(target) ?? 0));
        continue;
      }
      frames.pop();
      const parent = frames.at(-1)?.rule;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent) ?? 0, low.get(rule) ?? 0));
      if (low.get(rule) === order.get(rule)) this.#closeComponent(open.splice(open.indexOf(rule)), inside);
    }
  }

  #closeComponent(members: Lang[], inside: Set<Lang>): void {
    if (members.length > MAX_COMPONENT) {
      throw new InfcError('INFC5304', `${members.length} rules of the grammar are left-recursive through one another`, {
        fix: 'Write it with fewer rules',
      });
    }
    const [only] = members;
    const recursive = members.length > 1 || (only !== undefined && this.#leftEdge(only).includes(only));
    const component = recursive ? members.sort((a, b) => a - b) : undefined;
    for (const member of members) {
      inside.delete(member);
      this.#components.set(member, component);
    }
  }

  #leftEdge(rule: Lang): readonly Lang[] {
    let edge = this.#edges.get(rule);
    if (!edge) {
      const found = new Set<Lang>();
      this.#walkLeft(this.#bodyOf(rule), (part) => {
        if (this.#languages.node(part).kind === 'rule') found.add(part);
      });
      edge = [...found];
      this.#edges.set(rule, edge);
    }
    return edge;
  }

  /** Visits the rules and regular parts at the left edge of an expression. */
  #walkLeft(lang: Lang, visit: (part: Lang) => void): void {
    const node = this.#languages.node(lang);
    if (node.kind === 'union') for (const kid of node.kids) this.#walkLeft(kid, visit);
    else if (node.kind === 'repeat' && node.looping) this.#walkLeft(node.a, visit);
    else if (node.kind === 'concat') {
      this.#walkLeft(node.a, visit);
      if (this.#languages.node(node.a).nullable !== false) this.#walkLeft(node.b, visit);
    } else visit(lang);
  }

  #classes(name: string, lang: Lang): Partition {
    const { component, body } = this.#rule(name, lang);
    if (!component) return this.#derivatives.classes(body);
    let partition = this.#languages.sets.trivial;
    const members = new Set(component.map((rule) => rule.lang));
    for (const rule of component)
      this.#walkLeft(rule.body, (part) => {
        if (!members.has(part)) partition = this.#languages.sets.product(partition, this.#derivatives.classes(part));
      });
    return partition;
  }

  #derive(name: string, lang: Lang, codePoint: number): Lang {
    const { component, body } = this.#rule(name, lang);
    if (!component) return this.derive(body, codePoint);
    const parts = component.map((corner) => {
      const rest = this.#deriveOutside(corner.body, codePoint, component);
      return rest === EMPTY ? EMPTY : this.#languages.concat(rest, this.#afterCorner(corner, lang, component));
    });
    return this.#languages.union(parts);
  }

  /** The derivative of an expression, rules of the component at its left edge counting as empty. */
  #deriveOutside(lang: Lang, codePoint: number, component: readonly Rule[]): Lang {
    const languages = this.#languages;
    const node = languages.node(lang);
    if (node.kind === 'rule' && component.some((rule) => rule.lang === lang)) return EMPTY;
    if (node.kind === 'rule' || !node.looping) return this.derive(lang, codePoint);
    const key = `${component[0]?.lang},${lang},${codePoint}`;
    const known = this.#blocked.get(key);
    if (known !== undefined) return known;
    let out: Lang;
    if (node.kind === 'union')
      out = languages.union(node.kids.map((kid) => this.#deriveOutside(kid, codePoint, component)));
    else if (node.kind === 'concat') {
      const first = languages.concat(this.#deriveOutside(node.a, codePoint, component), node.b);
      out =
        languages.node(node.a).nullable === false
          ? first
          : languages.union([first, this.#deriveOutside(node.b, codePoint, component)]);
    } else if (node.kind === 'repeat') {
      out = languages.concat(
        this.#deriveOutside(node.a, codePoint, component),
        languages.repeat(node.a, Math.max(node.min - 1, 0), node.max - 1),
      );
    } else out = this.derive(lang, codePoint);
    this.#blocked.set(key, out);
    return out;
  }

  /** What may follow a complete `corner` at the left edge of `target` up to the end of `target`. */
  #afterCorner(corner: Rule, target: Lang, component: readonly Rule[]): Lang {
    const key = `${corner.lang},${target}`;
    const known = this.#after.get(key);
    if (known !== undefined) return known;
    // Rules that the corner may already be, when what follows it matches nothing.
    const already = new Set<Rule>([corner]);
    for (const rule of already)
      for (const user of component) if (this.#nullable(this.#corner(user, rule))) already.add(user);
    const followers = (): { rest: Lang; user: Rule }[] =>
      [...already]
        .flatMap((rule) => component.map((user) => ({ rest: this.#corner(user, rule), user })))
        .filter(({ rest }) => rest !== EMPTY && rest !== EPSILON);
    const lang: Lang = this.#languages.rule({
      nullable: [...already].some((rule) => rule.lang === target),
      minLength: 0,
      idempotent: corner.lang === target,
      classes: () =>
        followers().reduce(
          (partition, { rest }) => this.#languages.sets.product(partition, this.#derivatives.classes(rest)),
          this.#languages.sets.trivial,
        ),
      derive: (codePoint) =>
        this.#languages.union(
          followers().map(({ rest, user }) => {
            const derived = this.derive(rest, codePoint);
            return derived === EMPTY
              ? EMPTY
              : this.#languages.concat(derived, this.#afterCorner(user, target, component));
          }),
        ),
      shortest: (cost) => this.#shortest(lang, cost),
    });
    this.#after.set(key, lang);
    this.#definitions.set(lang, () =>
      this.#languages.union([
        corner.lang === target ? EPSILON : EMPTY,
        ...component.map((user) => {
          const rest = this.#corner(user, corner);
          return rest === EMPTY ? EMPTY : this.#languages.concat(rest, this.#afterCorner(user, target, component));
        }),
      ]),
    );
    return lang;
  }

  #nullable(lang: Lang): boolean {
    return this.#languages.node(lang).nullable === true;
  }

  /** What follows `corner` at the left edge of the body of `user`: the derivative by a rule. */
  #corner(user: Rule, corner: Rule): Lang {
    const key = `${user.lang},${corner.lang}`;
    let rest = this.#corners.get(key);
    if (rest === undefined) {
      rest = this.#deriveByRule(user.body, corner.lang);
      this.#corners.set(key, rest);
    }
    return rest;
  }

  #deriveByRule(lang: Lang, rule: Lang): Lang {
    const languages = this.#languages;
    if (lang === rule) return EPSILON;
    const node = languages.node(lang);
    if (!node.looping) return EMPTY;
    if (node.kind === 'union') return languages.union(node.kids.map((kid) => this.#deriveByRule(kid, rule)));
    if (node.kind === 'repeat')
      return languages.concat(
        this.#deriveByRule(node.a, rule),
        languages.repeat(node.a, Math.max(node.min - 1, 0), node.max - 1),
      );
    if (node.kind !== 'concat') return EMPTY;
    const first = languages.concat(this.#deriveByRule(node.a, rule), node.b);
    return languages.node(node.a).nullable === false
      ? first
      : languages.union([first, this.#deriveByRule(node.b, rule)]);
  }

  /** Least cost of a member, by iteration to the least fixpoint over the rules that the definition reaches. */
  #shortest(lang: Lang, cost: CostModel): number {
    let costs = this.#costs.get(cost.name);
    if (!costs) this.#costs.set(cost.name, (costs = new Map()));
    const known = this.#nullable(lang) ? 0 : costs.get(lang);
    if (known !== undefined) return known;
    const pending = new Map<Lang, number>([[lang, Number.POSITIVE_INFINITY]]);
    for (let changed = true; changed; ) {
      changed = false;
      for (const [rule, current] of pending) {
        const value = this.#cost(this.#bodyOf(rule), cost, (used) => {
          const settled = costs.get(used);
          if (settled !== undefined) return settled;
          if (!pending.has(used)) {
            pending.set(used, Number.POSITIVE_INFINITY);
            changed = true;
          }
          return pending.get(used) ?? Number.POSITIVE_INFINITY;
        });
        if (value < current) {
          pending.set(rule, value);
          changed = true;
        }
      }
    }
    for (const [rule, value] of pending) costs.set(rule, value);
    return costs.get(lang) ?? Number.POSITIVE_INFINITY;
  }

  #cost(lang: Lang, cost: CostModel, ofRule: (rule: Lang) => number): number {
    const node = this.#languages.node(lang);
    // Unions leave out the empty text where another member has it, so it must not be looked for below.
    if (node.nullable === true) return 0;
    switch (node.kind) {
      case 'rule':
        return this.#definitions.has(lang) ? ofRule(lang) : this.#engine.shortest(lang, cost);
      case 'concat':
        return this.#cost(node.a, cost, ofRule) + this.#cost(node.b, cost, ofRule);
      case 'union':
        return node.kids.reduce(
          (least, kid) => Math.min(least, this.#cost(kid, cost, ofRule)),
          Number.POSITIVE_INFINITY,
        );
      case 'repeat':
        return node.min === 0 ? 0 : node.min * this.#cost(node.a, cost, ofRule);
      default:
        return this.#engine.shortest(lang, cost);
    }
  }
}
