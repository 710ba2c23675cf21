import { InfcError } from '../runtime/errors.ts';
import type { OpenOptions } from './artifact/artifact-machine.ts';
import { type StaticConstraint, staticConstraint } from './artifact/static-constraint.ts';
import { readJson } from './finished-json.ts';
import type { Infer, StandardSchemaLike } from './infer.ts';
import { auditSchema, type SchemaReport } from './json/schema/audit.ts';
import type { Relaxation } from './json/schema/compiler.ts';
import { contradiction } from './json/schema/contradiction.ts';
import { isObject, type Json } from './json/schema/document.ts';
import { type JsonOptions, type JsonSession, openSchema, openUnread } from './json/session.ts';
import type { Acceptor } from './matching/acceptor.ts';
import { type LogitsProcessor, logitsProcessor } from './matching/logits-processor.ts';
import { Machines } from './matching/machines.ts';
import type { MaskPool } from './matching/mask-pool.ts';
import { Matcher, type MatcherOptions } from './matching/matcher.ts';
import type { TokenMachine } from './matching/token-machine.ts';
import { PartialJson } from './partial.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Options of {@link constrain}. */
export type ConstrainOptions = JsonOptions;

/** What a constraint is made from: a schema's acceptor, and the keywords left out so far. */
export interface OpenedSchema {
  readonly relaxed: readonly Relaxation[];
  readonly acceptor: {
    /** How much it has come to know. */
    readonly size: number;
    run(state: number, bytes: Uint8Array): number;
    masks(vocabulary: Vocabulary, pool: MaskPool): TokenMachine;
  } & Acceptor;
}

/** A compiled constraint; `T` is the type of the values it admits. */
export class Constraint<T = unknown> {
  private readonly machines = new Machines();
  private acceptorNow: OpenedSchema['acceptor'];

  /** @param reopen opens the schema once more */
  constructor(
    private readonly session: OpenedSchema,
    private readonly source: unknown,
    private readonly reopen?: () => OpenedSchema,
  ) {
    this.acceptorNow = session.acceptor;
  }

  /** Keywords left out under `onUnsupported: 'relax'`, found so far (all of them after {@link constrain.check}). */
  get report(): readonly Relaxation[] {
    return this.session.relaxed;
  }

  /** The constraint as a byte acceptor. */
  get acceptor(): Acceptor {
    return this.acceptorNow;
  }

  /** How much the texts matched with it have left behind. */
  get size(): number {
    return this.acceptorNow.size;
  }

  /** A matcher for one generation with a tokenizer's vocabulary. */
  matcher(vocabulary: Vocabulary, options: MatcherOptions = {}): Matcher {
    const { reopen } = this;
    this.machines.renew(this.size, reopen && (() => void (this.acceptorNow = reopen().acceptor)));
    return new Matcher(this.masks(vocabulary), options);
  }

  /** The constraint's automaton over a vocabulary: what matchers share. */
  masks(vocabulary: Vocabulary): TokenMachine {
    return this.machines.of(vocabulary, (pool) => this.acceptorNow.masks(vocabulary, pool));
  }

  /** A logits processor in the style of transformers.js, for a batch of sequences that start empty. */
  asLogitsProcessor(vocabulary: Vocabulary, options: MatcherOptions = {}): LogitsProcessor {
    return logitsProcessor(() => this.matcher(vocabulary, options));
  }

  /** Whether a whole text satisfies the constraint, spelling included. */
  accepts(text: string): boolean {
    const { acceptorNow: acceptor } = this;
    const state = acceptor.run(acceptor.start, new TextEncoder().encode(text));
    return state !== 0 && acceptor.accepts(state);
  }

  /**
   * The value of a finished text; validated again by the schema library when the schema came from one (refinements, transforms).
   * Throws INFC5026 for a text that is not JSON (one that was cut short), INFC5015 when a refinement fails.
   */
  parse(text: string): T {
    const value = readJson(text);
    if (!isStandard(this.source)) return value as T;
    const outcome = this.source['~standard'].validate?.(value);
    if (outcome instanceof Promise)
      throw new InfcError('INFC5014', 'the schema validates asynchronously', {
        fix: 'Use JSON.parse and validate yourself',
      });
    if (isObject(outcome) && 'issues' in outcome && outcome.issues !== undefined && outcome.issues !== null)
      throw new InfcError(
        'INFC5015',
        `the value breaks a refinement the constraint cannot know: ${JSON.stringify(outcome.issues).slice(0, 300)}`,
        {
          fix: 'Express the refinement in the schema or retry',
        },
      );
    return (isObject(outcome) && 'value' in outcome ? outcome.value : value) as T;
  }

  /** A reader of partial values for streaming. */
  partial(): PartialJson<T> {
    return new PartialJson<T>();
  }
}

/** A constraint and what others may share with it that are opened with the same options, `beside` it. */
export function openConstraint<S>(
  schema: S,
  options: ConstrainOptions,
  beside?: JsonSession,
): { readonly constraint: Constraint<Infer<S>>; readonly session: JsonSession } {
  const json = jsonSchemaOf(schema);
  const session = openSchema(json, options, beside);
  if (session.acceptor.start === 0)
    throw new InfcError('INFC5010', 'no value satisfies the schema', {
      ...contradiction(session.root, session.compiler, session.solver),
      fix: 'Remove the contradiction',
    });
  const reopen = beside ? undefined : (): OpenedSchema => openUnread(json, options);
  return { constraint: new Constraint<Infer<S>>(session, schema, reopen), session };
}

function isStandard(schema: unknown): schema is StandardSchemaLike {
  return (
    schema !== null &&
    (typeof schema === 'object' || typeof schema === 'function') &&
    '~standard' in schema &&
    isObject(schema['~standard'])
  );
}

/** The JSON Schema behind any supported input. */
function jsonSchemaOf(schema: unknown): Json {
  if (isStandard(schema)) {
    const { vendor, jsonSchema } = schema['~standard'];
    if (!jsonSchema)
      throw new InfcError('INFC5003', `this ${vendor} schema does not speak Standard JSON Schema`, {
        fix: "Use a version that does (Zod 4.2, ArkType 2.1.28), or wrap it (Valibot: toStandardJsonSchema from '@valibot/to-json-schema')",
      });
    try {
      return jsonSchema.input({ target: 'draft-2020-12' }) as Json;
    } catch (cause) {
      throw new InfcError(
        'INFC5003',
        `${vendor} cannot write this schema as JSON Schema: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          cause,
          fix: 'Describe the JSON that stands for the value, such as a string in place of a Date',
        },
      );
    }
  }
  if (typeof schema === 'boolean') return schema;
  // Other objects have no keywords and would admit everything.
  const kind = Object.prototype.toString.call(schema);
  if (kind === '[object Object]' && isObject(schema)) return schema;
  throw new InfcError('INFC5001', 'a schema is an object or a boolean', {
    pointer: '',
    fix: FIXES[kind] ?? 'Pass a JSON Schema or a Standard Schema',
  });
}

const FIXES: Readonly<Record<string, string>> = {
  '[object RegExp]': 'Use regex(pattern)',
  '[object Array]': 'Use choice(list) for one of a list of texts, { enum: list } for one of a list of values',
  '[object String]': 'Parse the JSON first; for grammars use grammar({ gbnf }), { ebnf } or { lark }',
  '[object Promise]': 'Await the schema',
};

const constrainSchema = <const S>(schema: S, options: ConstrainOptions = {}): Constraint<Infer<S>> =>
  openConstraint(schema, options).constraint;

/**
 * Compiles a schema into a constraint: JSON Schema (draft 4 to 2020-12, TypeBox included) or anything that speaks Standard
 * JSON Schema. Work is done lazily, when states are first visited; a schema that cannot be honoured exactly gives an
 * {@link InfcError} INFC5nnn with its JSON pointer: here for patterns, references and types anywhere that a text may come to, at the first
 * state that needs the keyword for the rest (a value of the wrong type such as `minItems: "2"`, a question beyond the budget, what comes
 * after 10,000 objects or 500 references in the schema's text).
 */
// Marked as pure: bundles that only open artifacts leave the schema compiler out.
export const constrain = /* @__PURE__ */ Object.assign(constrainSchema, {
  /** Checks a schema without a tokenizer: what is exact, what is not and why, with JSON pointers. */
  check: (schema: unknown, options: ConstrainOptions = {}): SchemaReport => auditSchema(jsonSchemaOf(schema), options),
  /**
   * Opens a constraint compiled ahead of time (`compileConstraint`, `infc constrain compile`): `constrain.static<Person>(bytes)` is used as the live
   * constraint is. For the smallest bundle import {@link staticConstraint} itself, which leaves the schema compiler out.
   */
  static: <T = unknown>(bytes: Uint8Array, options: OpenOptions = {}): StaticConstraint<T> =>
    staticConstraint<T>(bytes, options),
});
