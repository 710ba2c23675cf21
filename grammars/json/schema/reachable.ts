import { JSON_TYPES } from '../formula/terms.ts';
import { type SchemaCompiler, TYPES } from './compiler.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  own,
  type Site,
  SUBSCHEMA,
  SUBSCHEMA_LIST,
  SUBSCHEMA_MAP,
} from './document.ts';

/** Objects and lists of a schema that are looked at when it is opened, and references: nearly all have fewer. */
const MOST = 10_000;
const MOST_REFERENCES = 500;

/** What to do with each subschema that a value may come to, and with what a reference throws that leads nowhere. */
export interface Visitor {
  visit(site: Site): void;
  fail(error: unknown, site: Site): void;
}

/** Goes through the subschemas that values may come to, from the outermost on; what is no schema is among them, `true` and `false` are not. */
export function visitReachable(root: Site, visitor: Visitor): void {
  const seen = new Set<Site>();
  const queue: Site[] = [root];
  for (let site = queue.pop(); site; site = queue.pop()) {
    if (seen.has(site) || typeof site.schema === 'boolean') continue;
    seen.add(site);
    visitor.visit(site);
    if (isObject(site.schema)) addBelow(site, site.schema, queue, visitor);
  }
}

/**
 * Throws now what a text would meet half-way: a reference that leads nowhere, a pattern that is not understood, a type that does not exist.
 * Everything else is compiled when a text comes to it.
 */
export function refuseUnreadable(root: Site, compiler: SchemaCompiler): void {
  if (looksReadable(root, compiler)) return;
  visitReachable(root, {
    visit(site) {
      if (isObject(site.schema) && isReadable(site.schema, compiler)) return;
      // A keyword that means nothing for the schema's types is no reason.
      const formula = compiler.sub(site, 0);
      for (const type of JSON_TYPES) compiler.typed(formula, type);
    },
    fail(error) {
      throw error;
    },
  });
}

/**
 * Whether all objects in a document would be readable schemas, and all references lead to a place in it: a look at the text, where they stand
 * or not. It ends after so many, as objects may hold themselves and a large schema should not wait for it.
 */
function looksReadable(root: Site, compiler: SchemaCompiler): boolean {
  const references = new Set<string>();
  const queue: Json[] = [root.schema];
  for (let left = MOST, value = queue.pop(); value !== undefined && left > 0; left--, value = queue.pop()) {
    if (Array.isArray(value)) {
      for (const below of value) if (typeof below === 'object') queue.push(below);
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) {
        const below = value[key];
        if (typeof below === 'object') {
          if (key === 'patternProperties' && !isReadable(value, compiler)) return false;
          queue.push(below);
        } else if (typeof below === 'string') {
          if (key === 'type' ? !TYPES.has(below) : key === 'pattern' && !compiler.reads(below)) return false;
          if (REFERENCES.has(key) && references.size < MOST_REFERENCES) references.add(below);
        }
      }
    }
  }
  return [...references].every((x) => x[0] === '#' && root.resource.owner.lookUp(root, x) !== undefined);
}

/** Whether the patterns and types of a schema are understood. */
function isReadable({ type = [], pattern, patternProperties }: JsonObject, compiler: SchemaCompiler): boolean {
  return (
    (typeof type === 'object' || TYPES.has(type)) &&
    (typeof pattern !== 'string' || compiler.reads(pattern)) &&
    (!isObject(patternProperties) || Object.keys(patternProperties).every((source) => compiler.reads(source)))
  );
}

function addBelow(site: Site, schema: JsonObject, queue: Site[], visitor: Visitor): void {
  const { owner } = site.resource;
  for (const keyword of Object.keys(schema)) {
    const value = own(schema, keyword);
    if (typeof value === 'string' && REFERENCES.has(keyword)) {
      try {
        queue.push(owner.resolve(site, value, keyword));
      } catch (error) {
        visitor.fail(error, site);
      }
    } else if (Array.isArray(value) && SUBSCHEMA_LIST.has(keyword))
      value.forEach((_, i) => void queue.push(owner.child(site, keyword, i)));
    else if (isObject(value) && SUBSCHEMA_MAP.has(keyword)) {
      // Definitions count where something refers to them; dependencies may be lists of names.
      if (!/def/.test(keyword))
        for (const name of Object.keys(value))
          if (keyword !== 'dependencies' || isObject(own(value, name))) queue.push(owner.child(site, keyword, name));
    } else if (SUBSCHEMA.has(keyword) && keyword !== 'contentSchema')
      // (Nothing is demanded of what a text contains.)
      queue.push(owner.child(site, keyword));
  }
}

const REFERENCES = new Set(['$ref', '$dynamicRef', '$recursiveRef']);
