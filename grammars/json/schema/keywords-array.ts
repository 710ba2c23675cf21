import { type Formula, TRUE } from '../formula/formula.ts';
import type { SchemaCompiler } from './compiler.ts';
import { tupleKeyword } from './declared.ts';
import { type JsonObject, own, type Site } from './document.ts';
import { unevaluatedItems } from './unevaluated.ts';

type Add = (keyword: string, make: () => Formula) => void;

/** Adds what the array keywords of a schema demand. */
export function arrayKeywords(compiler: SchemaCompiler, site: Site, scope: number, add: Add): void {
  const schema = site.schema as JsonObject;
  const { draft } = site.resource;
  const { terms, formulas } = compiler;
  const tuple = tupleKeyword(site);
  if (tuple !== undefined)
    add(tuple, () => {
      const prefix = compiler.list(site, scope, tuple);
      const restKeyword = tuple === 'items' ? 'additionalItems' : 'items';
      const rest = own(schema, restKeyword) === undefined ? TRUE : compiler.child(site, scope, restKeyword);
      return terms.items({ id: terms.nextShape(), prefix, rest }, 0);
    });
  else
    add('items', () => {
      const rest = compiler.child(site, scope, 'items');
      return terms.items({ id: terms.nextShape(), prefix: [], rest }, 0);
    });
  add('minItems', () => terms.atLeast(compiler.count(site, 'minItems')));
  add('maxItems', () => formulas.not(terms.atLeast(compiler.count(site, 'maxItems') + 1)));
  if (own(schema, 'uniqueItems') !== false)
    add('uniqueItems', () => {
      if (own(schema, 'uniqueItems') !== true)
        throw compiler.invalid(site, 'uniqueItems', 'uniqueItems must be a boolean');
      return terms.unique();
    });
  if (draft >= 6)
    add('contains', () => {
      const value = compiler.child(site, scope, 'contains');
      const min = draft >= 2019 && own(schema, 'minContains') !== undefined ? compiler.count(site, 'minContains') : 1;
      const max =
        draft >= 2019 && own(schema, 'maxContains') !== undefined ? compiler.count(site, 'maxContains') : undefined;
      const low = terms.contains(value, min);
      return max === undefined ? low : formulas.and([low, formulas.not(terms.contains(value, max + 1))]);
    });
  if (draft >= 2019) add('unevaluatedItems', () => unevaluatedItems(compiler, site, scope));
}
