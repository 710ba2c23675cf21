import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { StringSets } from '../formula/string-sets.ts';
import type { SchemaCompiler } from './compiler.ts';
import { declaredShape } from './declared.ts';
import { type Json, type JsonObject, own, type Site } from './document.ts';
import { unevaluatedProperties } from './unevaluated.ts';

type Add = (keyword: string, make: () => Formula) => void;

/** Adds what the object keywords of a schema demand. */
export function objectKeywords(compiler: SchemaCompiler, site: Site, scope: number, add: Add): void {
  const schema = site.schema as JsonObject;
  const { draft } = site.resource;
  const { terms, formulas } = compiler;
  const first = ['properties', 'patternProperties', 'additionalProperties'].find((k) => own(schema, k) !== undefined);
  if (first !== undefined) add(first, () => terms.shape(declaredShape(compiler, site, scope)));
  // Draft 3 put a boolean `required` on the property itself: no demand on the object.
  if (typeof own(schema, 'required') !== 'boolean')
    add('required', () =>
      formulas.and(names(compiler, site, 'required', own(schema, 'required')).map((k) => terms.required(k))),
    );
  add('minProperties', () => terms.atLeast(compiler.count(site, 'minProperties')));
  add('maxProperties', () => formulas.not(terms.atLeast(compiler.count(site, 'maxProperties') + 1)));
  if (draft >= 6)
    add('propertyNames', () => {
      const allowed = compiler.stringSet(compiler.child(site, scope, 'propertyNames'));
      if (allowed === StringSets.ALL) return TRUE;
      const { members, lang } = compiler.strings.get(allowed);
      const set = new Set(members);
      return terms.shape({
        id: terms.nextShape(),
        names: members,
        named: (key) => (set.has(key) ? TRUE : undefined),
        patterns:
          lang === compiler.strings.engine.empty ? [] : [{ names: compiler.strings.language(lang), value: TRUE }],
        rest: FALSE,
      });
    });
  const implied = (key: string, demand: Formula): Formula => formulas.or([formulas.not(terms.required(key)), demand]);
  const requireAll = (keyword: string, value: Json | undefined): Formula =>
    formulas.and(names(compiler, site, keyword, value).map((k) => terms.required(k)));
  if (draft >= 2019) {
    add('dependentRequired', () => {
      const value = compiler.map(site, 'dependentRequired');
      return formulas.and(Object.keys(value).map((k) => implied(k, requireAll('dependentRequired', own(value, k)))));
    });
    add('dependentSchemas', () => {
      const value = compiler.map(site, 'dependentSchemas');
      return formulas.and(
        Object.keys(value).map((k) => implied(k, compiler.child(site, scope, 'dependentSchemas', k))),
      );
    });
  }
  add('dependencies', () => {
    const value = compiler.map(site, 'dependencies');
    return formulas.and(
      Object.keys(value).map((k) => {
        const item = own(value, k);
        if (typeof item === 'string') return implied(k, terms.required(item));
        return implied(
          k,
          Array.isArray(item) ? requireAll('dependencies', item) : compiler.child(site, scope, 'dependencies', k),
        );
      }),
    );
  });
  if (draft >= 2019) add('unevaluatedProperties', () => unevaluatedProperties(compiler, site, scope));
}

function names(compiler: SchemaCompiler, site: Site, keyword: string, value: Json | undefined): string[] {
  if (!Array.isArray(value) || !value.every((x): x is string => typeof x === 'string'))
    throw compiler.invalid(site, keyword, `${keyword} must list property names`);
  return value;
}
