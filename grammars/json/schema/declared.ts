import { type Formula, TRUE } from '../formula/formula.ts';
import type { Shape } from '../formula/terms.ts';
import type { SchemaCompiler } from './compiler.ts';
import { type JsonObject, own, type Site } from './document.ts';

/** The keyword that holds this schema's tuple, if it has one. Arrays under `items` stay tuples in every draft. */
export function tupleKeyword(site: Site): 'items' | 'prefixItems' | undefined {
  const schema = site.schema as JsonObject;
  if (Array.isArray(own(schema, 'items'))) return 'items';
  return site.resource.draft >= 2020 && own(schema, 'prefixItems') !== undefined ? 'prefixItems' : undefined;
}

/** The shape of `properties`, `patternProperties` and `additionalProperties` together. */
export function declaredShape(compiler: SchemaCompiler, site: Site, scope: number): Shape {
  const schema = site.schema as JsonObject;
  const properties = compiler.map(site, 'properties');
  const patterns = compiler.map(site, 'patternProperties');
  const memo = new Map<string, Formula>();
  return {
    id: compiler.terms.nextShape(),
    pointer: site.pointer,
    names: Object.keys(properties),
    named: (key) => {
      if (!Object.hasOwn(properties, key)) return undefined;
      let value = memo.get(key);
      if (value === undefined) {
        value = compiler.child(site, scope, 'properties', key);
        memo.set(key, value);
      }
      return value;
    },
    patterns: Object.keys(patterns).map((source) => ({
      names: compiler.strings.language(compiler.pattern(site, 'patternProperties', source)),
      value: compiler.child(site, scope, 'patternProperties', source),
    })),
    rest:
      own(schema, 'additionalProperties') === undefined ? TRUE : compiler.child(site, scope, 'additionalProperties'),
  };
}
