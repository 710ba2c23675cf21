import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import type { Shape } from '../formula/terms.ts';
import type { SchemaCompiler } from './compiler.ts';
import { declaredShape, tupleKeyword } from './declared.ts';
import { isObject, type JsonObject, own, type Site } from './document.ts';

/** What must hold, with all above it, for an in-place subschema to count. */
interface Condition {
  readonly key: string;
  readonly holds: Formula;
  readonly above?: Condition;
  /** Of all conditions of a group one holds at most, wherever the schema does. */
  readonly group: string;
}

/** What an in-place subschema evaluates, and the condition under which it counts. */
interface Coverage<T> {
  readonly condition: Condition;
  readonly cover: T;
}

const ALWAYS: Condition = { key: '', holds: TRUE, group: '' };

/** Ways in which conditions may hold together, at most. */
const MAX_CASES = 256;

/** Calls `visit` for the schema and all its in-place subschemas with the condition under which they apply. */
function applicators(
  compiler: SchemaCompiler,
  site: Site,
  scope: number,
  visit: (site: Site, scope: number, condition: Condition) => void,
): void {
  const seen = new Set<string>();
  const under = (above: Condition, holds: Formula, among: string | Formula = holds): Condition => ({
    key: `${above.key},${holds}`,
    holds,
    above,
    group: `${above.key} ${among}`,
  });
  const walk = (formula: Formula, condition: Condition): void => {
    const term =
      formula === TRUE || formula === 0 ? undefined : compiler.terms.get(compiler.formulas.leafNumber(formula));
    if (term?.sort !== 'schema') return;
    const place = `${term.site.id},${term.scope}`;
    const key = place + condition.key;
    if (seen.has(key)) return;
    seen.add(key);
    visit(term.site, term.scope, condition);
    const schema = term.site.schema as JsonObject;
    const child = (...tokens: (string | number)[]): Formula => compiler.child(term.site, term.scope, ...tokens);
    for (const target of compiler.references(term.site, term.scope)) walk(target, condition);
    if (own(schema, 'allOf') !== undefined)
      for (const part of compiler.list(term.site, term.scope, 'allOf')) walk(part, condition);
    for (const keyword of ['anyOf', 'oneOf'])
      if (own(schema, keyword) !== undefined)
        for (const part of compiler.list(term.site, term.scope, keyword))
          walk(part, under(condition, part, keyword === 'oneOf' ? place : part));
    if (own(schema, 'if') !== undefined) {
      const test = child('if');
      const yes = under(condition, test);
      walk(test, yes);
      if (own(schema, 'then') !== undefined) walk(child('then'), yes);
      if (own(schema, 'else') !== undefined) walk(child('else'), under(condition, compiler.formulas.not(test), test));
    }
    const dependent = own(schema, 'dependentSchemas');
    if (isObject(dependent))
      for (const key of Object.keys(dependent))
        walk(child('dependentSchemas', key), under(condition, compiler.terms.required(key)));
  };
  walk(compiler.terms.schema(site, scope), ALWAYS);
}

/** Splits into cases by which conditions hold: within one case the evaluated part is fixed. */
function cases<T>(
  compiler: SchemaCompiler,
  site: Site,
  keyword: string,
  coverages: readonly Coverage<T>[],
  demand: (covers: readonly T[]) => Formula,
): Formula {
  const { formulas } = compiler;
  const groups = new Map<string, Map<string, Condition>>();
  const add = (one: Condition): void => {
    if (one.above) add(one.above);
    groups.set(one.group, (groups.get(one.group) ?? new Map()).set(one.key, one));
  };
  for (const { condition } of coverages) add(condition);
  const list = [...groups.values()];
  const options: Formula[] = [];
  const choose = (at: number, given: Formula, held: readonly string[]): void => {
    if (given === FALSE) return;
    const group = list[at];
    if (!group) {
      if (options.length === MAX_CASES)
        throw compiler.unsupported(
          site,
          keyword,
          `more than ${MAX_CASES} cases of what is evaluated`,
          'Use fewer anyOf, if or dependentSchemas beside it',
        );
      const covers = coverages.filter(({ condition }) => held.includes(condition.key)).map(({ cover }) => cover);
      options.push(formulas.and([given, demand(covers)]));
      return;
    }
    const open = [...group.values()].filter(({ above }) => above === undefined || held.includes(above.key));
    for (const { holds, key } of open) choose(at + 1, formulas.and([given, holds]), [...held, key]);
    choose(at + 1, formulas.and([given, ...open.map(({ holds }) => formulas.not(holds))]), held);
  };
  choose(0, TRUE, []);
  return formulas.or(options);
}

/** The demand of `unevaluatedProperties`. */
export function unevaluatedProperties(compiler: SchemaCompiler, site: Site, scope: number): Formula {
  const coverages: Coverage<Shape>[] = [];
  const { terms } = compiler;
  applicators(compiler, site, scope, (part, partScope, condition) => {
    const schema = part.schema as JsonObject;
    if (
      own(schema, 'additionalProperties') !== undefined ||
      (part !== site && own(schema, 'unevaluatedProperties') !== undefined)
    )
      coverages.push({ condition, cover: { id: -1, names: [], named: () => undefined, patterns: [], rest: TRUE } });
    else if (own(schema, 'properties') !== undefined || own(schema, 'patternProperties') !== undefined)
      coverages.push({ condition, cover: declaredShape(compiler, part, partScope) });
  });
  const value = compiler.child(site, scope, 'unevaluatedProperties');
  return cases(compiler, site, 'unevaluatedProperties', coverages, (covers) => {
    if (covers.some((c) => c.id === -1)) return TRUE;
    const names = [...new Set(covers.flatMap((c) => c.names))];
    const set = new Set(names);
    const patterns = covers.flatMap((c) => c.patterns.map((p) => ({ names: p.names, value: TRUE })));
    return terms.shape({
      id: terms.nextShape(),
      names,
      named: (key) => (set.has(key) ? TRUE : undefined),
      patterns,
      rest: value,
    });
  });
}

/** The demand of `unevaluatedItems`. */
export function unevaluatedItems(compiler: SchemaCompiler, site: Site, scope: number): Formula {
  interface Items {
    readonly prefix: number;
    readonly contains: Formula | undefined;
  }
  const coverages: Coverage<Items>[] = [];
  const { terms, formulas } = compiler;
  applicators(compiler, site, scope, (part, partScope, condition) => {
    const schema = part.schema as JsonObject;
    const tuple = tupleKeyword(part);
    const rest = tuple === 'items' ? 'additionalItems' : 'items';
    const list = tuple === undefined ? undefined : own(schema, tuple);
    if (own(schema, rest) !== undefined || (part !== site && own(schema, 'unevaluatedItems') !== undefined))
      coverages.push({ condition, cover: { prefix: Number.POSITIVE_INFINITY, contains: undefined } });
    else if (Array.isArray(list)) coverages.push({ condition, cover: { prefix: list.length, contains: undefined } });
    if (own(schema, 'contains') !== undefined && part.resource.draft >= 2020)
      coverages.push({ condition, cover: { prefix: 0, contains: compiler.child(part, partScope, 'contains') } });
  });
  const value = compiler.child(site, scope, 'unevaluatedItems');
  return cases(compiler, site, 'unevaluatedItems', coverages, (covers) => {
    const prefix = Math.max(0, ...covers.map((c) => c.prefix));
    if (prefix === Number.POSITIVE_INFINITY) return TRUE;
    const matched = covers.flatMap((c) => (c.contains === undefined ? [] : [c.contains]));
    return terms.items(
      { id: terms.nextShape(), prefix: new Array<Formula>(prefix).fill(TRUE), rest: formulas.or([value, ...matched]) },
      0,
    );
  });
}
