/** A schema library's value that speaks Standard Schema (types at compile time, `validate` at run time). */
export interface StandardSchemaLike {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
    readonly validate?: (value: unknown) => unknown;
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: string }) => Record<string, unknown>;
    };
  };
}

type Simplify<T> = { [K in keyof T]: T[K] } & {};

// `R` is the schema at the root, where references look.
type OfTypeName<N, S, R> = N extends 'string'
  ? string
  : N extends 'number' | 'integer'
    ? number
    : N extends 'boolean'
      ? boolean
      : N extends 'null'
        ? null
        : N extends 'array'
          ? OfArray<S, R>
          : N extends 'object'
            ? OfObject<S, R>
            : unknown;

type OfArray<S, R> = S extends { readonly prefixItems: infer P extends readonly unknown[] }
  ? { -readonly [K in keyof P]: OfSchema<P[K], R> }
  : S extends { readonly items: infer I }
    ? OfSchema<I, R>[]
    : unknown[];

type RequiredKeys<S> = S extends { readonly required: readonly (infer K)[] } ? K : never;

type OfObject<S, R> = S extends { readonly properties: infer P }
  ? Simplify<
      { -readonly [K in keyof P as K extends RequiredKeys<S> ? K : never]: OfSchema<P[K], R> } & {
        -readonly [K in keyof P as K extends RequiredKeys<S> ? never : K]?: OfSchema<P[K], R>;
      }
    >
  : S extends { readonly additionalProperties: infer A extends object }
    ? Record<string, OfSchema<A, R>>
    : Record<string, unknown>;

type OfAll<L, R> = L extends readonly [infer First, ...infer Rest] ? OfSchema<First, R> & OfAll<Rest, R> : unknown;

type OfReference<To, R> = To extends '#'
  ? OfSchema<R, R>
  : To extends `#/${infer Group}/${infer Name}`
    ? R extends { readonly [G in Group]: { readonly [N in Name]: infer Target } }
      ? OfSchema<Target, R>
      : unknown
    : unknown;

// Before TypeScript 6 a literal among tools counts as one written in place, which may have no keyword beyond those asked for: its copy may.
type OfSchema<S, R> = OfCopy<{ [K in keyof S]: S[K] }, R>;

type OfCopy<S, R> = S extends { readonly $ref: infer To }
  ? OfReference<To, R>
  : S extends { readonly const: infer C }
    ? C
    : S extends { readonly enum: readonly (infer E)[] }
      ? E
      : S extends { readonly anyOf: readonly (infer U)[] }
        ? OfSchema<U, R>
        : S extends { readonly oneOf: readonly (infer U)[] }
          ? OfSchema<U, R>
          : S extends { readonly allOf: infer L }
            ? Simplify<OfAll<L, R> & OfSchema<Omit<S, 'allOf'>, R>>
            : S extends { readonly type: readonly (infer N)[] }
              ? OfTypeName<N, S, R>
              : S extends { readonly type: infer N }
                ? OfTypeName<N, S, R>
                : unknown;

/**
 * The TypeScript type of the values of a JSON Schema written as a literal, `$ref`s into its own `$defs` followed; `unknown` where the schema
 * says nothing static.
 */
export type FromJsonSchema<S> = OfSchema<S, S>;

/** The type of the values a constraint over this schema produces. */
export type Infer<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : unknown
  : S extends { readonly static: infer T }
    ? T
    : FromJsonSchema<S>;

/** A value of which only a part has arrived. */
export type DeepPartial<T> = T extends (infer U)[]
  ? DeepPartial<U>[]
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;
