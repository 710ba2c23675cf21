import type { CancelSignal } from '../cancel.ts';
import { type Choices, checkOptions } from '../options.ts';
import { createRegexEngine } from '../regex/index.ts';
import { JsonAcceptor } from './acceptor.ts';
import type { Whitespace } from './automaton/leaf-structure.ts';
import { Machine } from './automaton/machine.ts';
import type { Escapes } from './automaton/utf8-json.ts';
import { Formulas } from './formula/formula.ts';
import { StringSets } from './formula/string-sets.ts';
import { Terms } from './formula/terms.ts';
import { Budget } from './schema/budget.ts';
import { type Relaxation, SchemaCompiler } from './schema/compiler.ts';
import { type Draft, type Json, SchemaDocument, type Site } from './schema/document.ts';
import { hasEvidentValues } from './schema/evident.ts';
import { hardPlace, located } from './schema/located.ts';
import { refuseUnreadable } from './schema/reachable.ts';
import { Solver } from './solver/solver.ts';

/** Everything that decides which documents a JSON constraint admits and how they are spelled. */
export interface JsonOptions {
  /** Property order: as declared (default; undeclared ones come last), or free. */
  readonly order?: 'schema' | 'any';
  /**
   * `bounded` (default): at most one space, or a newline and indentation, where pretty-printers put them, so that a model cannot go on with
   * white space for ever. `compact`: none. `json`: any that JSON allows.
   */
  readonly whitespace?: Whitespace;
  /** How strings spell their characters. `minimal` (default): escapes only where JSON needs them; `any`: also `\\u0041` for A. */
  readonly escapes?: Escapes;
  /**
   * Whether a name may come twice in one object. `never` (default). `unlisted`: names that the schema does not list may, where none of its
   * demands counts them; JSON parsers keep the last, so that the value satisfies the schema all the same. An object that is open to any
   * name then has few states, as ahead-of-time tables need it.
   */
  readonly repeats?: 'never' | 'unlisted';
  /** Whether `format` is checked (default) or an annotation. */
  readonly format?: 'assert' | 'annotate';
  /**
   * What becomes of a keyword that cannot be honoured exactly. `error` (default): INFC5nnn with its JSON pointer. `relax`: it is left out,
   * documents may break it, and {@link Constraint.report} lists it.
   */
  readonly onUnsupported?: 'error' | 'relax';
  /** Draft of schemas that name none (default 2020-12). */
  readonly draft?: Draft;
  /** Schemas by absolute URI for references that leave the document; nothing is fetched. */
  readonly remotes?: Readonly<Record<string, unknown>>;
  /** Search steps per question (default 20,000). */
  readonly budget?: number;
  /** Stops the work when it turns `aborted`, here and in every matcher (INFC5023). */
  readonly signal?: CancelSignal;
}

/** Values of the options that have but a few. */
export const JSON_CHOICES: Choices<JsonOptions> = {
  order: ['schema', 'any'],
  whitespace: ['compact', 'bounded', 'json'],
  escapes: ['minimal', 'any'],
  repeats: ['never', 'unlisted'],
  format: ['assert', 'annotate'],
  onUnsupported: ['error', 'relax'],
  draft: [4, 6, 7, 2019, 2020],
  remotes: 'object',
  budget: 'number',
  signal: 'object',
};

/** A schema ready to be walked; everything below is built when first needed. */
export interface JsonSession {
  readonly root: Site;
  readonly compiler: SchemaCompiler;
  readonly solver: Solver;
  readonly machine: Machine;
  readonly acceptor: JsonAcceptor;
  readonly relaxed: readonly Relaxation[];
}

/**
 * Builds the automaton of a schema. `beside` another that was opened with the same options the two share all they have in common.
 * Throws INFC5nnn for what cannot be honoured, wherever texts may come to it.
 */
export function openSchema(schema: Json, options: JsonOptions, beside?: JsonSession): JsonSession {
  const session = openUnread(schema, options, beside);
  if (options.onUnsupported !== 'relax')
    located(
      () => refuseUnreadable(session.root, session.compiler),
      () => undefined,
    );
  return session;
}

/** {@link openSchema} without looking at what lies deeper than its first state. */
export function openUnread(schema: Json, options: JsonOptions, beside?: JsonSession): JsonSession {
  checkOptions(options, JSON_CHOICES);
  return located(
    () => {
      const parts = beside ?? build(options);
      const { draft, remotes } = options;
      const { root } = new SchemaDocument(schema, { ...(draft && { draft }), ...(remotes && { remotes }) });
      parts.solver.budget.reset();
      const evident = beside !== undefined && hasEvidentValues(root);
      const entry = parts.machine.begin(parts.compiler.sub(root, 0), evident);
      return { ...parts, root, acceptor: new JsonAcceptor(parts.machine, entry, root) };
    },
    () => hardPlace({ schema, pointer: '' }),
  );
}

function build(options: JsonOptions): Omit<JsonSession, 'root' | 'acceptor'> {
  const budget = new Budget(options.budget, options.signal);
  const terms = new Terms(new Formulas(budget.work));
  const strings = new StringSets(createRegexEngine({ work: budget.language }), budget.work);
  const compiler = new SchemaCompiler(terms, strings, {
    format: options.format ?? 'assert',
    onUnsupported: options.onUnsupported ?? 'error',
  });
  const solver = new Solver(compiler, budget);
  const machine = new Machine(compiler, solver, {
    order: options.order ?? 'schema',
    whitespace: options.whitespace ?? 'bounded',
    escapes: options.escapes ?? 'minimal',
    repeats: options.repeats ?? 'never',
  });
  return { compiler, solver, machine, relaxed: compiler.relaxed };
}
