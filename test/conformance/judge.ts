import Ajv from 'ajv';
import Ajv2019 from 'ajv/dist/2019.js';
import Ajv2020 from 'ajv/dist/2020.js';
import type Core from 'ajv/dist/core.js';
import AjvDraft4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { isMailbox } from '../grammars/random-walk.ts';

/** Formats of ajv-formats that JSON Schema does not have: validators are to ignore them. */
const FOREIGN = [
  ...['url', 'iso-time', 'iso-date-time', 'json-pointer-uri-fragment', 'byte'],
  ...['int32', 'int64', 'float', 'double', 'password', 'binary'],
];

/** Gives ajv the formats of JSON Schema as their RFCs define them, where its own are stricter. */
export function judgeFormats(ajv: Core): void {
  addFormats.default(ajv);
  for (const name of FOREIGN) ajv.addFormat(name, true);
  // Ajv's wants a dot in the domain, RFC 5321 does not.
  ajv.addFormat('email', isMailbox);
  // Ajv's wants something after the scheme's colon, RFC 3986 does not.
  const uri = ajv.formats.uri;
  if (typeof uri !== 'function') throw new TypeError('ajv-formats has no function for uri');
  ajv.addFormat('uri', (text: string) => uri(text.replace(/^([a-z][a-z\d+.-]*:)(?=[?#]|$)/i, '$1a')));
}

/** Keywords that draft 4 does not have and ajv-draft-04 takes from later ones. */
const AFTER_DRAFT_4 = ['const', 'contains', 'if', 'then', 'else', 'propertyNames'];

/** Whether a value satisfies a schema; `errors` of the last one say why not. */
export type Validate = ((value: unknown) => boolean) & { errors?: unknown };

/** Ajv for the draft that a schema names, with formats judged; throws where Ajv does not compile the schema. */
export function validatorOf(schema: { readonly [key: string]: unknown }): Validate {
  const named = String(schema.$schema);
  const old = /draft-0[467]/.test(named);
  const Class = /draft-04/.test(named) ? AjvDraft4 : old ? Ajv : /2019-09/.test(named) ? Ajv2019 : Ajv2020;
  const attempt = (unicodeRegExp: boolean): Validate => {
    // Ajv divides in floating point: multiples of decimal fractions need slack.
    const ajv = new Class({
      strict: false,
      logger: false,
      validateSchema: false,
      multipleOfPrecision: 6,
      unicodeRegExp,
    });
    judgeFormats(ajv);
    if (Class === AjvDraft4) for (const keyword of AFTER_DRAFT_4) ajv.removeKeyword(keyword);
    const { $schema: _, ...rest } = schema;
    return ajv.compile(withItems(old ? alone(rest) : rest) as typeof rest);
  };
  try {
    return attempt(true);
  } catch {
    return attempt(false);
  }
}

/** Ajv keeps what `contains` found in the array before it where an array is empty: saying that it has an item says the same. */
function withItems(schema: unknown, isMap = false): unknown {
  if (Array.isArray(schema)) return schema.map((one) => withItems(one));
  if (schema === null || typeof schema !== 'object') return schema;
  const found = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      !isMap && DATA.has(key) ? value : withItems(value, !isMap && MAPS.has(key)),
    ]),
  );
  if (!isMap && 'contains' in found && !('minContains' in found) && !('minItems' in found)) found.minItems = 1;
  return found;
}

/** Keywords whose values are schemas by name. */
const MAPS = new Set(['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies']);

/** Keywords whose values are no schemas. */
const DATA = new Set(['enum', 'const', 'default', 'examples']);

/** A schema with nothing beside references: drafts up to 7 ignore it, Ajv does not. */
function alone(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(alone);
  if (schema === null || typeof schema !== 'object') return schema;
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) found[key] = DATA.has(key) ? value : alone(value);
  if (typeof found.$ref === 'string')
    for (const key of Object.keys(found))
      if (!['$ref', 'definitions', '$defs', '$id', 'id'].includes(key)) delete found[key];
  return found;
}
