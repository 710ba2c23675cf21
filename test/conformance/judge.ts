import type { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { isMailbox } from '../grammars/random-walk.ts';

/** Formats of ajv-formats that JSON Schema does not have: validators are to ignore them. */
const FOREIGN = [
  ...['url', 'iso-time', 'iso-date-time', 'json-pointer-uri-fragment', 'byte'],
  ...['int32', 'int64', 'float', 'double', 'password', 'binary'],
];

/** Gives ajv the formats of JSON Schema as their RFCs define them, where its own are stricter. */
export function judgeFormats(ajv: Ajv): void {
  addFormats.default(ajv);
  for (const name of FOREIGN) ajv.addFormat(name, true);
  // Ajv's wants a dot in the domain, RFC 5321 does not.
  ajv.addFormat('email', isMailbox);
  // Ajv's wants something after the scheme's colon, RFC 3986 does not.
  const uri = ajv.formats.uri;
  if (typeof uri !== 'function') throw new TypeError('ajv-formats has no function for uri');
  ajv.addFormat('uri', (text: string) => uri(text.endsWith(':') ? `${text}a` : text));
}
