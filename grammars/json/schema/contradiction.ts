import { InfcError } from '../../../runtime/errors.ts';
import type { Solver } from '../solver/solver.ts';
import type { SchemaCompiler } from './compiler.ts';
import { isObject, type JsonObject, own, pointerToken, type Site } from './document.ts';
import type { SchemaPlace } from './located.ts';

/** Questions asked at most: this explains an error, it must not become one. */
const MAX_QUESTIONS = 60;

/** Keywords that no value breaks. */
const ANNOTATIONS = new Set('$schema $id id $defs definitions $comment title description default examples'.split(' '));

/** The deepest keyword of an unsatisfiable schema that is to blame: without it (or with another subschema there) values would exist. */
export function contradiction(root: Site, compiler: SchemaCompiler, solver: Solver): SchemaPlace {
  const document = root.resource.owner;
  let questions = 0;
  const impossible = (site: Site): boolean => {
    if (++questions > MAX_QUESTIONS) return false;
    try {
      solver.budget.reset();
      return !solver.satisfiable(compiler.sub(site, 0));
    } catch (error) {
      if (error instanceof InfcError) return false;
      throw error;
    }
  };
  const visited = new Set<Site>();
  let site = root;
  for (let next: Site | undefined = site; next; ) {
    site = next;
    visited.add(site);
    next = [...necessary(site)].find((child) => !visited.has(child) && impossible(child));
  }
  const { schema, pointer } = site;
  if (!isObject(schema)) return { pointer, keyword: pointer.slice(pointer.lastIndexOf('/') + 1) };
  // `type` comes last: without it almost everything is possible.
  const keywords = Object.keys(schema).filter((k) => !ANNOTATIONS.has(k));
  const guilty = [...keywords.filter((k) => k !== 'type'), ...keywords.filter((k) => k === 'type')].find((keyword) => {
    const others: JsonObject = Object.fromEntries(Object.entries(schema).filter(([k]) => k !== keyword));
    return !impossible(document.variant(site, others));
  });
  return guilty === undefined ? { pointer, keyword: '' } : { pointer: pointer + pointerToken(guilty), keyword: guilty };
}

/** Subschemas that a value of the schema, or a part that it must have, satisfies. */
function* necessary(site: Site): Generator<Site> {
  const document = site.resource.owner;
  const { schema } = site;
  if (!isObject(schema)) return;
  const reference = own(schema, '$ref');
  const target = typeof reference === 'string' ? document.lookUp(site, reference) : undefined;
  if (target) yield target;
  const all = own(schema, 'allOf');
  if (Array.isArray(all)) for (let i = 0; i < all.length; i++) yield document.child(site, 'allOf', i);
  for (const keyword of ['anyOf', 'oneOf']) {
    const some = own(schema, keyword);
    if (Array.isArray(some) && some.length === 1) yield document.child(site, keyword, 0);
  }
  const [required, properties] = [own(schema, 'required'), own(schema, 'properties')];
  if (Array.isArray(required) && isObject(properties))
    for (const name of required)
      if (typeof name === 'string' && own(properties, name) !== undefined)
        yield document.child(site, 'properties', name);
  const [least, items] = [own(schema, 'minItems'), own(schema, 'items')];
  if (typeof least === 'number' && least > 0 && items !== undefined && !Array.isArray(items))
    yield document.child(site, 'items');
  if (own(schema, 'contains') !== undefined && own(schema, 'minContains') !== 0) yield document.child(site, 'contains');
}
