import { InfcError } from '../../runtime/errors.ts';
import { checkStart, type Expression, type Grammar, literal, NOTHING } from '../cfg/grammar.ts';
import type { Json } from '../json/schema/document.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import type { RegexNode } from '../regex/syntax.ts';
import { closeUnderCase } from '../regex/unicode.ts';
import { LARK_COMMON } from './lark-common.ts';
import { type LarkNode, type LarkStatement, parseLarkSyntax } from './lark-syntax.ts';
import { ONCE, outOfOrder, pythonRegex, unescapeText } from './text.ts';

/** Options of {@link parseLark}. */
export interface LarkOptions {
  /** The start rule; by default `start`, or else the first definition. */
  readonly start?: string;
  /** Text of an imported grammar by its path without suffix, such as `grammars/ab`; relative paths start from the importing file. */
  readonly resolve?: (path: string) => string | undefined | Promise<string | undefined>;
  /** What makes the constraint of a `%json {...}`: `constrain`, or a function that calls it with options. */
  readonly json?: (schema: Json) => { readonly acceptor: Acceptor };
}

interface Definition {
  readonly parameters: readonly string[];
  readonly body: LarkNode;
}

interface Module {
  readonly path: string;
  readonly definitions: Map<string, Definition>;
  readonly imports: Map<string, { readonly module: Module; readonly name: string }>;
  readonly ignored: LarkNode[];
}

const IGNORED = '%ignore';
/** Parts of rules, after templates: a template that hands its parameter on twice doubles them at each level. */
const MAX_PARTS = 200_000;
const DEFINE = 'Define or import it';

/**
 * Parses a Lark grammar. Terminals are regular languages over characters and every way to cut the text into terminals counts, as in Lark's
 * dynamic Earley lexer: priorities and lazy quantifiers do not narrow the language, and `%declare`d terminals match nothing. As in llguidance,
 * `%json {...}` in a rule is the values of a JSON Schema, which `json` must read.
 */
export async function parseLark(text: string, options: LarkOptions = {}): Promise<Grammar> {
  const modules = new Map<string, Module>();
  const main = await load(text, '', options, modules);
  const whole = [...main.definitions]
    .filter(([, definition]) => definition.parameters.length === 0)
    .map(([name]) => name);
  const names = [...whole, ...main.imports.keys()];
  const start = options.start ?? (names.includes('start') ? 'start' : names[0]);
  if (start === undefined)
    throw new InfcError('INFC5303', 'Lark: the grammar has no rule to start from', { fix: 'Define one' });
  checkStart(start, names);
  return new Lowering(main, options).grammar(start);
}

async function load(text: string, path: string, options: LarkOptions, modules: Map<string, Module>): Promise<Module> {
  const module: Module = { path, definitions: new Map(), imports: new Map(), ignored: [] };
  modules.set(path, module);
  for (const statement of parseLarkSyntax(text)) {
    if (statement.type === 'import') await importInto(module, statement, options, modules);
    else if (statement.type === 'ignore') module.ignored.push(statement.body);
    else if (statement.type === 'declare')
      for (const name of statement.names)
        module.definitions.set(name, { parameters: [], body: { type: 'choice', items: [] } });
    else define(module, statement);
  }
  return module;
}

function define(module: Module, statement: LarkStatement & { type: 'define' }): void {
  const { name, parameters, body, mode } = statement;
  const known = module.definitions.get(name);
  if (known && mode === 'new')
    throw new InfcError('INFC5303', `Lark: '${name}' is defined twice`, { node: name, fix: ONCE });
  const imported = module.imports.get(name);
  if (mode === 'extend') {
    const base = known?.body ?? imported?.module.definitions.get(imported.name)?.body;
    if (!base)
      throw new InfcError('INFC5302', `Lark: %extend of '${name}', which is not defined`, { node: name, fix: DEFINE });
    module.definitions.set(name, { parameters, body: { type: 'choice', items: [base, body] } });
  } else module.definitions.set(name, { parameters, body });
}

async function importInto(
  module: Module,
  statement: LarkStatement & { type: 'import' },
  options: LarkOptions,
  modules: Map<string, Module>,
): Promise<void> {
  const { path, relative, names } = statement;
  if (!relative && path.length === 1 && path[0] === 'common') {
    for (const [name, alias] of names) {
      const source = LARK_COMMON[name];
      if (source === undefined)
        throw new InfcError('INFC5302', `Lark: common has no terminal '${name}'`, { node: name, fix: DEFINE });
      module.definitions.set(alias, { parameters: [], body: { type: 'regex', source, flags: '' } });
    }
    return;
  }
  const folder = relative ? module.path.split('/').slice(0, -1) : [];
  const target = [...folder, ...path].join('/');
  let imported = modules.get(target);
  if (!imported) {
    const text = await options.resolve?.(target);
    if (text === undefined) {
      throw new InfcError('INFC5305', `Lark: cannot import '${target}'`, {
        node: target,
        fix: 'Pass resolve, which gives the text of imported grammars',
      });
    }
    imported = await load(text, target, options, modules);
  }
  for (const [name, alias] of names) {
    if (!imported.definitions.has(name) && !imported.imports.has(name))
      throw new InfcError('INFC5302', `Lark: '${target}' does not define '${name}'`, { node: name, fix: DEFINE });
    module.imports.set(alias, { module: imported, name });
  }
}

type Scope = ReadonlyMap<string, { readonly module: Module; readonly node: LarkNode; readonly scope: Scope }>;

const NO_SCOPE: Scope = new Map();

/** Turns definitions into rules and terminals, instantiating templates and following imports. */
class Lowering {
  readonly #main: Module;
  readonly #options: LarkOptions;
  readonly #rules = new Map<string, Expression>();
  readonly #terminals = new Map<string, RegexNode>();
  readonly #open = new Set<string>();
  readonly #ids = new Map<object, number>();
  readonly #schemas = new Map<LarkNode, number>();
  readonly #acceptors: Acceptor[] = [];
  #parts = 0;

  constructor(main: Module, options: LarkOptions) {
    this.#main = main;
    this.#options = options;
  }

  grammar(start: string): Grammar {
    const ignored = this.#main.ignored.map((node) => this.#regex(node, this.#main, NO_SCOPE));
    if (ignored.length > 0) {
      this.#rules.set(IGNORED, {
        type: 'repeat',
        item: { type: 'terminal', regex: { type: 'choice', items: ignored } },
        min: 0,
        max: Number.POSITIVE_INFINITY,
      });
    }
    const body = this.#name({ type: 'name', name: start, arguments: [] }, this.#main, NO_SCOPE);
    const name = '%start';
    this.#rules.set(
      name,
      ignored.length > 0 ? { type: 'sequence', items: [{ type: 'rule', name: IGNORED }, body] } : body,
    );
    return { start: name, rules: this.#rules, acceptors: this.#acceptors };
  }

  #expression(node: LarkNode, module: Module, scope: Scope): Expression {
    if (++this.#parts > MAX_PARTS)
      throw new InfcError('INFC5304', `Lark: rules of more than ${MAX_PARTS} parts after templates`, {
        fix: 'Write it with fewer rules',
      });
    switch (node.type) {
      case 'sequence':
      case 'choice':
        return { type: node.type, items: node.items.map((item) => this.#expression(item, module, scope)) };
      case 'repeat':
        return { type: 'repeat', item: this.#expression(node.item, module, scope), min: node.min, max: node.max };
      case 'name':
        return this.#name(node, module, scope);
      case 'text':
        if (node.text === '') return NOTHING;
        return this.#terminal(this.#regex(node, module, scope));
      case 'json': {
        let index = this.#schemas.get(node);
        if (index === undefined) this.#schemas.set(node, (index = this.#acceptors.push(this.#values(node.schema)) - 1));
        return this.#followed({ type: 'acceptor', index });
      }
      default:
        return this.#terminal(this.#regex(node, module, scope));
    }
  }

  #values(schema: Json): Acceptor {
    const { json } = this.#options;
    if (!json)
      throw new InfcError('INFC5305', 'Lark: %json needs something that reads schemas', {
        fix: 'Write grammar({ lark: text, json: constrain })',
      });
    return json(schema).acceptor;
  }

  #terminal(regex: RegexNode): Expression {
    return this.#followed({ type: 'terminal', regex });
  }

  /** A terminal and what may be ignored after it. */
  #followed(terminal: Expression): Expression {
    return this.#rules.has(IGNORED)
      ? { type: 'sequence', items: [terminal, { type: 'rule', name: IGNORED }] }
      : terminal;
  }

  #name(node: LarkNode & { type: 'name' }, module: Module, scope: Scope): Expression {
    const argument = scope.get(node.name);
    if (argument) return this.#expression(argument.node, argument.module, argument.scope);
    const { definition, home, name } = this.#lookUp(node.name, module);
    if (isTerminal(name)) return this.#terminal(this.#named(node.name, module));
    const key = this.#instanceKey(home, name, node, module, scope);
    if (!this.#rules.has(key)) {
      this.#rules.set(key, NOTHING);
      this.#rules.set(key, this.#expression(definition.body, home, this.#bind(definition, node, module, scope)));
    }
    return { type: 'rule', name: key };
  }

  #bind(definition: Definition, node: LarkNode & { type: 'name' }, module: Module, scope: Scope): Scope {
    if (definition.parameters.length !== node.arguments.length) {
      throw new InfcError(
        'INFC5303',
        `Lark: '${node.name}' takes ${definition.parameters.length} arguments, not ${node.arguments.length}`,
        { node: node.name, fix: 'Give each parameter one' },
      );
    }
    const entries = definition.parameters.map((parameter, i) => {
      const argument = node.arguments[i] ?? { type: 'sequence' as const, items: [] };
      // A parameter passed on is resolved now: the scopes of recursive templates would nest without end.
      const passed = argument.type === 'name' && argument.arguments.length === 0 ? scope.get(argument.name) : undefined;
      return [parameter, passed ?? { module, node: argument, scope }] as const;
    });
    return new Map(entries);
  }

  #instanceKey(home: Module, name: string, node: LarkNode & { type: 'name' }, module: Module, scope: Scope): string {
    const base = home.path === '' ? name : `${home.path}:${name}`;
    if (node.arguments.length === 0) return base;
    const args = node.arguments.map((argument) => {
      const passed = argument.type === 'name' && argument.arguments.length === 0 ? scope.get(argument.name) : undefined;
      return passed
        ? this.#idOf(passed.node)
        : argument.type === 'name' && argument.arguments.length === 0
          ? `${module.path}:${argument.name}`
          : this.#idOf(argument) + (scope.size > 0 ? `@${this.#idOf(scope)}` : '');
    });
    return `${base}{${args.join()}}`;
  }

  #idOf(value: object): string {
    let id = this.#ids.get(value);
    if (id === undefined) this.#ids.set(value, (id = this.#ids.size));
    return `#${id}`;
  }

  #lookUp(name: string, module: Module): { definition: Definition; home: Module; name: string } {
    let home = module;
    let local = name;
    for (let hops = 0; hops < 100; hops++) {
      const definition = home.definitions.get(local);
      if (definition) return { definition, home, name: local };
      const imported = home.imports.get(local);
      if (!imported) break;
      home = imported.module;
      local = imported.name;
    }
    throw new InfcError('INFC5302', `Lark: '${name}' is used but not defined`, {
      node: name,
      fix: DEFINE,
    });
  }

  #named(name: string, module: Module): RegexNode {
    const { definition, home, name: local } = this.#lookUp(name, module);
    const key = `${home.path}:${local}`;
    const known = this.#terminals.get(key);
    if (known) return known;
    if (this.#open.has(key))
      throw new InfcError('INFC5303', `Lark: terminal '${name}' uses itself`, {
        node: name,
        fix: 'Make it a rule (lower case)',
      });
    this.#open.add(key);
    const regex = this.#regex(definition.body, home, NO_SCOPE);
    this.#open.delete(key);
    this.#terminals.set(key, regex);
    return regex;
  }

  #regex(node: LarkNode, module: Module, scope: Scope): RegexNode {
    switch (node.type) {
      case 'text': {
        const text = literal(unescapeText(node.text), node.fold ? (cp) => closeUnderCase([[cp, cp]], true) : undefined);
        return text.type === 'terminal' ? text.regex : { type: 'sequence', items: [] };
      }
      case 'range': {
        const [from, to] = [unescapeText(node.from).codePointAt(0) ?? 0, unescapeText(node.to).codePointAt(0) ?? 0];
        if (from > to) throw outOfOrder(`"${node.from}".."${node.to}"`);
        return { type: 'class', ranges: [[from, to]] };
      }
      case 'json':
        throw new InfcError('INFC5303', 'Lark: a terminal uses %json', { fix: 'Make it a rule (lower case)' });
      case 'regex':
        return pythonRegex(node.source, node.flags);
      case 'sequence':
      case 'choice':
        return { type: node.type, items: node.items.map((item) => this.#regex(item, module, scope)) };
      case 'repeat':
        return { type: 'repeat', item: this.#regex(node.item, module, scope), min: node.min, max: node.max };
      case 'name': {
        if (!isTerminal(node.name))
          throw new InfcError('INFC5303', `Lark: a terminal uses the rule '${node.name}'`, {
            node: node.name,
            fix: 'Make it a terminal (upper case)',
          });
        return this.#named(node.name, module);
      }
    }
  }
}

function isTerminal(name: string): boolean {
  const letters = name.replace(/^_+/, '');
  return letters === letters.toUpperCase();
}
