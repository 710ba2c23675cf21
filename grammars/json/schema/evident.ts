import { wellFormed } from '../formula/string-sets.ts';
import { isObject, type Json, own, type Site } from './document.ts';
import { ANNOTATIONS, assertsValidation } from './plain-schema.ts';

/** Keywords that leave values of a type, whatever they say. */
const HARMLESS = new Map<Json | undefined, string>([
  ['string', ''],
  ['number', ''],
  ['integer', 'minimum'],
  ['boolean', ''],
  ['array', 'items'],
  ['object', 'properties required additionalProperties'],
]);

/** Required properties are followed so deep. */
const DEEP = 8;

/**
 * Whether a schema has values by what stands on its face. Never wrongly true; it saves compiling the arguments of hundreds of tools of which
 * one is called. (Asked of every schema it would move work from the first mask to later ones.)
 */
export function hasEvidentValues({ schema, resource }: Site): boolean {
  return assertsValidation(resource) && evident(schema, DEEP);
}

function evident(schema: Json | undefined, deep: number): boolean {
  if (!isObject(schema)) return schema === true;
  const harmless = HARMLESS.get(own(schema, 'type'));
  const sound = (key: string): boolean => key === 'type' || ANNOTATIONS.has(key) || harmless?.includes(key) === true;
  if (harmless === undefined || deep === 0 || !Object.keys(schema).every(sound)) return false;
  const { minimum = 0, required = [], properties = {}, additionalProperties } = schema;
  return (
    Number.isFinite(minimum) &&
    Array.isArray(required) &&
    isObject(properties) &&
    required.every((name: Json) => {
      if (typeof name !== 'string' || !wellFormed(name)) return false;
      const property = own(properties, name);
      return property === undefined ? additionalProperties === undefined : evident(property, deep - 1);
    })
  );
}
