import { type Formula, TRUE } from '../formula/formula.ts';
import type { Shape } from '../formula/terms.ts';
import type { SchemaCompiler } from './compiler.ts';
import { declaredShape, tupleKeyword } from './declared.ts';
import { isObject, type JsonObject, own, type Site } from './document.ts';

/** What an in-place subschema evaluates, and the conditions under which it counts. */
interface Coverage<T> {
  readonly conditions: readonly Formula[];
  readonly cover: T;
}

/** Conditional branches beyond this many would need too many cases. */
const MAX_CONDITIONS = 8;

/** Calls `visit` for the schema and all its in-place subschemas with the conditions under which they apply. */
function applicators(
  compiler: SchemaCompiler,
  site: Site,
  scope: number,
  visit: (site: Site, scope: number, conditions: readonly Formula[]) => void,
): void {
  const seen = new Set<string>();
  const walk = (formula: Formula, conditions: readonly Formula[]): void => {
    const term =
      formula === TRUE || formula === 0 ? undefined : compiler.terms.get(compiler.formulas.leafNumber(formula));
    if (term?.sort !== 'schema') return;
    const key = `${term.site.id},${term.scope},${conditions.join()}`;
    if (seen.has(key)) return;
    seen.add(key);
    visit(term.site, term.scope, conditions);
    const schema = term.site.schema as JsonObject;
    const child = (...tokens: (string | number)[]): Formula => compiler.child(term.site, term.scope, ...tokens);
    for (const target of compiler.references(term.site, term.scope)) walk(target, conditions);
    if (own(schema, 'allOf') !== undefined)
      for (const part of compiler.list(term.site, term.scope, 'allOf')) walk(part, conditions);
    for (const keyword of ['anyOf', 'oneOf'])
      if (own(schema, keyword) !== undefined)
        for (const part of compiler.list(term.site, term.scope, keyword)) walk(part, [...conditions, part]);
    if (own(schema, 'if') !== undefined) {
      const condition = child('if');
      walk(condition, [...conditions, condition]);
      if (own(schema, 'then') !== undefined) walk(child('then'), [...conditions, condition]);
      if (own(schema, 'else') !== undefined) walk(child('else'), [...conditions, compiler.formulas.not(condition)]);
    }
    const dependent = own(schema, 'dependentSchemas');
    if (isObject(dependent))
      for (const key of Object.keys(dependent))
        walk(child('dependentSchemas', key), [...conditions, compiler.terms.required(key)]);
  };
  walk(compiler.terms.schema(site, scope), []);
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
  const conditions = [...new Set(coverages.map(({ conditions: list }) => formulas.and(list)))].filter(
    (x) => x !== TRUE,
  );
  if (conditions.length > MAX_CONDITIONS)
    throw compiler.unsupported(
      site,
      keyword,
      `more than ${MAX_CONDITIONS} conditional branches decide what is evaluated`,
      'Use fewer anyOf, oneOf, if or dependentSchemas beside it, or additionalProperties',
    );
  const options: Formula[] = [];
  for (let mask = 0; mask < 1 << conditions.length; mask++) {
    const holds = new Set(conditions.filter((_, i) => (mask >> i) & 1));
    const covers = coverages.filter(
      ({ conditions: list }) => list.length === 0 || formulas.and(list) === TRUE || holds.has(formulas.and(list)),
    );
    options.push(
      formulas.and([
        ...conditions.map((c) => (holds.has(c) ? c : formulas.not(c))),
        demand(covers.map((c) => c.cover)),
      ]),
    );
  }
  return formulas.or(options);
}

/** The demand of `unevaluatedProperties`. */
export function unevaluatedProperties(compiler: SchemaCompiler, site: Site, scope: number): Formula {
  const coverages: Coverage<Shape>[] = [];
  const { terms } = compiler;
  applicators(compiler, site, scope, (part, partScope, conditions) => {
    const schema = part.schema as JsonObject;
    if (
      own(schema, 'additionalProperties') !== undefined ||
      (part !== site && own(schema, 'unevaluatedProperties') !== undefined)
    )
      coverages.push({ conditions, cover: { id: -1, names: [], named: () => undefined, patterns: [], rest: TRUE } });
    else if (own(schema, 'properties') !== undefined || own(schema, 'patternProperties') !== undefined)
      coverages.push({ conditions, cover: declaredShape(compiler, part, partScope) });
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
  applicators(compiler, site, scope, (part, partScope, conditions) => {
    const schema = part.schema as JsonObject;
    const tuple = tupleKeyword(part);
    const rest = tuple === 'items' ? 'additionalItems' : 'items';
    const list = tuple === undefined ? undefined : own(schema, tuple);
    if (own(schema, rest) !== undefined || (part !== site && own(schema, 'unevaluatedItems') !== undefined))
      coverages.push({ conditions, cover: { prefix: Number.POSITIVE_INFINITY, contains: undefined } });
    else if (Array.isArray(list)) coverages.push({ conditions, cover: { prefix: list.length, contains: undefined } });
    if (own(schema, 'contains') !== undefined && part.resource.draft >= 2020)
      coverages.push({ conditions, cover: { prefix: 0, contains: compiler.child(part, partScope, 'contains') } });
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
