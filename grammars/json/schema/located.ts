import { InfcError } from '../../../runtime/errors.ts';
import { overflowed } from '../../overflow.ts';
import { isObject, own, type Site } from './document.ts';

/** Where in a schema an error belongs. */
export interface SchemaPlace {
  readonly pointer: string;
  readonly keyword: string;
}

/** Keywords by how likely they are to make a question hard. */
const HARD = [
  'oneOf',
  'not',
  'if',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'uniqueItems',
  'patternProperties',
  'propertyNames',
  'dependentSchemas',
  'dependencies',
  'anyOf',
  'allOf',
  'multipleOf',
  'pattern',
  'format',
  'enum',
  'const',
  'dependentRequired',
  'minProperties',
  'required',
  'properties',
  'items',
  '$ref',
];

/** Runs work on a schema; an error that does not know its place gets this one. Nesting beyond the call stack is a typed error (INFC5024). */
export function located<T>(work: () => T, place: () => SchemaPlace | undefined): T {
  try {
    return work();
  } catch (error) {
    if (overflowed(error)) {
      throw new InfcError('INFC5024', 'the schema nests too deeply', {
        pointer: '',
        keyword: '',
        ...place(),
        cause: error,
        fix: 'Write it with fewer levels',
      });
    }
    if (!(error instanceof InfcError) || error.place.pointer !== undefined) throw error;
    const found = place();
    if (!found) throw error;
    throw new InfcError(error.code, error.reason, {
      ...error.place,
      ...found,
      cause: error,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
    });
  }
}

/** The keyword of a schema that most likely makes a question about it hard. */
export function hardPlace({ schema, pointer }: Pick<Site, 'schema' | 'pointer'>): SchemaPlace {
  const keyword = isObject(schema) ? HARD.find((k) => own(schema, k) !== undefined) : undefined;
  return keyword === undefined ? { pointer, keyword: '' } : { pointer: `${pointer}/${keyword}`, keyword };
}
