import { InfcError } from '../../../runtime/errors.ts';
import { FORMAT_NAMES } from '../../formats/index.ts';
import { checkOptions } from '../../options.ts';
import type { Formula } from '../formula/formula.ts';
import { JSON_TYPES, type JsonType } from '../formula/terms.ts';
import { JSON_CHOICES, type JsonOptions, type JsonSession, openUnread } from '../session.ts';
import { contradiction } from './contradiction.ts';
import { typeBit } from './declared-types.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  pointerToken,
  SchemaDocument,
  type Site,
  SUBSCHEMA,
  SUBSCHEMA_LIST,
  SUBSCHEMA_MAP,
} from './document.ts';
import { hardPlace, located, type SchemaPlace } from './located.ts';
import { ANNOTATIONS, VALIDATION } from './plain-schema.ts';
import { visitReachable } from './reachable.ts';

/** One keyword that cannot be honoured. */
export interface SchemaProblem {
  readonly code: string;
  readonly pointer: string;
  readonly keyword: string;
  readonly reason: string;
  readonly hint: string;
}

/** A keyword that has no meaning, so that it constrains nothing. */
export interface IgnoredKeyword {
  readonly pointer: string;
  readonly keyword: string;
  /** The value of `format`, where that is unknown. */
  readonly format?: string;
}

/** What {@link constrain.check} finds. */
export interface SchemaReport {
  /** Every keyword is honoured exactly. */
  readonly exact: boolean;
  /** Some value exists. */
  readonly satisfiable: boolean;
  readonly unsupported: readonly SchemaProblem[];
  /** Keywords and formats that no draft knows: JSON Schema has them ignored, but they may be misspelled. */
  readonly ignored: readonly IgnoredKeyword[];
  /** Where the contradiction is, when no value exists. */
  readonly contradiction?: SchemaPlace;
  /** Bytes of the shortest document. */
  readonly shortest: number;
  /** Subschemas looked at. */
  readonly visited: number;
}

/** Every keyword of JSON Schema's drafts. */
export const SCHEMA_KEYWORDS: ReadonlySet<string> = new Set([
  ...SUBSCHEMA,
  ...SUBSCHEMA_LIST,
  ...SUBSCHEMA_MAP,
  ...VALIDATION,
  ...ANNOTATIONS,
  ...'$anchor $dynamicAnchor $dynamicRef $id $recursiveAnchor $recursiveRef $ref $schema $vocabulary'.split(' '),
  ...'contentEncoding contentMediaType format id maxContains minContains'.split(' '),
]);

/** Keywords of a schema that nothing looks at; extensions by their prefix are meant to be so. */
function ignoredIn({ schema, pointer }: Site): IgnoredKeyword[] {
  const ignored: IgnoredKeyword[] = [];
  for (const [keyword, value] of Object.entries(schema as JsonObject)) {
    const at = { pointer: pointer + pointerToken(keyword), keyword };
    if (keyword === 'format' && typeof value === 'string' && !FORMAT_NAMES.includes(value))
      ignored.push({ ...at, format: value });
    else if (SCHEMA_KEYWORDS.has(keyword) ? namesNothing(keyword, value) : !/^x-|^[~^]/i.test(keyword))
      ignored.push(at);
  }
  return ignored;
}

/** Whether a keyword has another type than its own, so that nothing can refer to it; drafts before 4 had `required` in properties. */
function namesNothing(keyword: string, value: Json): boolean {
  if (keyword === 'required') return typeof value === 'boolean';
  if (/^(?:\$defs|definitions)$/.test(keyword)) return !isObject(value);
  return /^\$(?:id|schema|anchor|dynamicAnchor)$/.test(keyword) && typeof value !== 'string';
}

/** Compiles every reachable subschema for every JSON type and gathers what fails. */
export function auditSchema(schema: Json, options: JsonOptions): SchemaReport {
  checkOptions(options, JSON_CHOICES);
  const problems = new Map<string, SchemaProblem>();
  const note = (error: unknown, site: Site | undefined): void => {
    if (!(error instanceof InfcError)) throw error;
    const { pointer = site?.pointer ?? '', keyword = '' } = error.place;
    problems.set(`${error.code} ${pointer}`, {
      code: error.code,
      pointer,
      keyword,
      reason: error.reason,
      hint: error.fix ?? '',
    });
  };
  let satisfiable = false;
  let place: SchemaPlace | undefined;
  let shortest = Number.POSITIVE_INFINITY;
  let visited = 0;
  const ignored: IgnoredKeyword[] = [];
  const session = openSafely(schema, options, note);
  const document =
    session?.root.resource.owner ??
    new SchemaDocument(schema, options.remotes === undefined ? {} : { remotes: options.remotes });
  visitReachable(document.root, {
    visit(site) {
      try {
        const formula = session?.compiler.sub(site, 0);
        if (!isObject(site.schema)) return;
        visited++;
        ignored.push(...ignoredIn(site));
        if (session && formula !== undefined) tryTypes(session, site, formula, note);
      } catch (error) {
        note(error, site);
      }
    },
    fail: note,
  });
  if (session) {
    const named = new Set([...problems.values()].map(({ pointer }) => pointer));
    for (const { pointer, keyword, reason } of session.relaxed)
      if (!named.has(pointer))
        problems.set(`relaxed ${pointer}`, {
          code: 'INFC5002',
          pointer,
          keyword,
          reason,
          hint: 'Relaxed: this keyword is not enforced',
        });
    try {
      satisfiable = session.acceptor.start !== 0;
      if (!satisfiable) place = contradiction(session.root, session.compiler, session.solver);
      session.solver.budget.reset();
      shortest = session.acceptor.shortest(session.acceptor.start);
    } catch (error) {
      note(error, undefined);
    }
  }
  const unsupported = [...problems.values()];
  return {
    exact: unsupported.length === 0,
    satisfiable,
    unsupported,
    ignored,
    ...(place ? { contradiction: place } : {}),
    shortest,
    visited,
  };
}

/** Tries each type that values of a subschema may have. */
function tryTypes(
  session: JsonSession,
  site: Site,
  formula: Formula,
  note: (error: unknown, site: Site) => void,
): void {
  const possible = session.compiler.typesOf(formula);
  for (const type of JSON_TYPES) {
    try {
      if ((possible & typeBit(type)) !== 0) tryType(session, site, formula, type);
    } catch (error) {
      note(error, site);
    }
  }
}

/** Compiles a subschema for one type and looks at how its values begin, as far as masks would. */
function tryType({ compiler, solver, machine }: JsonSession, site: Site, formula: Formula, type: JsonType): void {
  solver.budget.reset();
  located(
    () => {
      const state = compiler.typed(formula, type);
      if (type === 'string') compiler.stringSet(formula);
      if (type === 'object' && solver.objectRest(state, undefined))
        machine.keySpace([{ state, results: 0 }], 0).start();
    },
    () => hardPlace(site),
  );
}

function openSafely(
  schema: Json,
  options: JsonOptions,
  note: (error: unknown, site: undefined) => void,
): ReturnType<typeof openUnread> | undefined {
  try {
    return openUnread(schema, options);
  } catch (error) {
    note(error, undefined);
  }
  try {
    return openUnread(schema, { ...options, onUnsupported: 'relax' });
  } catch (error) {
    note(error, undefined);
    return undefined;
  }
}
