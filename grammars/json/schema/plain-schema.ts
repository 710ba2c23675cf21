import { type Json, type JsonObject, own, type Resource, type Site } from './document.ts';

/** Keywords of the validation vocabulary. */
export const VALIDATION = new Set(
  'type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxProperties minProperties required dependentRequired'.split(
    ' ',
  ),
);

/** Whether the dialect of a resource asserts the validation vocabulary (custom meta-schemas may leave it out). */
export function assertsValidation({ vocabulary }: Resource): boolean {
  if (!vocabulary) return true;
  for (const uri of vocabulary) if (uri.endsWith('/vocab/validation')) return true;
  return false;
}

/** Keywords that only annotate. */
export const ANNOTATIONS: ReadonlySet<string> = new Set(
  'title description default examples example $comment readOnly writeOnly deprecated'.split(' '),
);
/** Keywords of few words that speak of the value alone and are always supported. */
const PLAIN: ReadonlySet<string> = new Set(
  'type minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum'.split(' '),
);

/** What a schema says of a value and in which draft, as text, where that takes only a few plain keywords. */
export function plainKey({ schema, resource }: Site): string | undefined {
  if (typeof schema === 'boolean' || !assertsValidation(resource)) return undefined;
  const keys = Object.keys(schema as JsonObject).filter((key) => !ANNOTATIONS.has(key));
  if (!keys.every((key) => PLAIN.has(key))) return undefined;
  let said = `${resource.draft}`;
  for (const key of keys) {
    const value = own(schema as JsonObject, key);
    const sound = key === 'type' ? typeof value === 'string' || Array.isArray(value) : typeof value === 'number';
    if (!sound) return undefined;
    said += `${key},${typeof value === 'number' ? value : JSON.stringify(value)},`;
  }
  return said;
}

/** The one number, text, truth value or null that a schema admits, where it says nothing else: tags of alternatives, of which there may be thousands. */
export function onlyValue({ schema, resource }: Site): Json | undefined {
  if (typeof schema === 'boolean' || resource.draft < 6 || !assertsValidation(resource)) return undefined;
  const value = own(schema as JsonObject, 'const');
  if (typeof value === 'object' && value !== null) return undefined;
  const sound = (key: string): boolean =>
    key === 'const' || ANNOTATIONS.has(key) || (key === 'type' && own(schema as JsonObject, key) === typeof value);
  return Object.keys(schema as JsonObject).every(sound) ? value : undefined;
}
