import { wellFormed } from '../formula/string-sets.ts';
import { isObject, type Json, own } from './document.ts';
import { ANNOTATIONS } from './plain-schema.ts';

/** Keywords that leave values of a type, whatever they say. */
const HARMLESS: ReadonlyMap<Json | undefined, readonly string[]> = new Map([
  ['string', []],
  ['boolean', []],
  ['null', []],
  ['number', ['minimum']],
  ['integer', ['minimum']],
  ['array', ['items']],
  ['object', ['properties', 'required', 'additionalProperties']],
]);

/** Required properties are followed so deep. */
const DEEP = 8;

/**
 * Whether a schema has values by what stands on its face. Never wrongly true; it saves compiling hundreds of alternatives of which one is
 * taken.
 */
export function hasEvidentValues(schema: Json | undefined, deep = DEEP): boolean {
  if (!isObject(schema)) return schema === true;
  if (deep === 0) return false;
  const type = own(schema, 'type');
  const harmless = HARMLESS.get(type);
  if (!harmless) return false;
  const keywords = Object.keys(schema).filter((key) => key !== 'type' && !ANNOTATIONS.has(key));
  if (keywords.length === 1 && keywords[0] === 'enum') {
    const values = own(schema, 'enum');
    return Array.isArray(values) && type === 'string' && typeof values[0] === 'string' && wellFormed(values[0]);
  }
  if (!keywords.every((key) => harmless.includes(key))) return false;
  if (keywords[0] === 'minimum') return Number.isFinite(own(schema, 'minimum'));
  const required = own(schema, 'required') ?? [];
  const properties = own(schema, 'properties') ?? {};
  if (!Array.isArray(required) || !isObject(properties)) return false;
  const open = own(schema, 'additionalProperties') === undefined;
  return required.every((name: Json) => {
    if (typeof name !== 'string' || !wellFormed(name)) return false;
    return Object.hasOwn(properties, name) ? hasEvidentValues(own(properties, name), deep - 1) : open;
  });
}
