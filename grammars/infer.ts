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

type OfTypeName<N, S> = N extends 'string'
  ? string
  : N extends 'number' | 'integer'
    ? number
    : N extends 'boolean'
      ? boolean
      : N extends 'null'
        ? null
        : N extends 'array'
          ? OfArray<S>
          : N extends 'object'
            ? OfObject<S>
            : unknown;

type OfArray<S> = S extends { readonly prefixItems: infer P extends readonly unknown[] }
  ? { -readonly [K in keyof P]: FromJsonSchema<P[K]> }
  : S extends { readonly items: infer I }
    ? FromJsonSchema<I>[]
    : unknown[];

type RequiredKeys<S> = S extends { readonly required: readonly (infer K)[] } ? K : never;

type OfObject<S> = S extends { readonly properties: infer P }
  ? Simplify<
      { -readonly [K in keyof P as K extends RequiredKeys<S> ? K : never]: FromJsonSchema<P[K]> } & {
        -readonly [K in keyof P as K extends RequiredKeys<S> ? never : K]?: FromJsonSchema<P[K]>;
      }
    >
  : S extends { readonly additionalProperties: infer A extends object }
    ? Record<string, FromJsonSchema<A>>
    : Record<string, unknown>;

/** The TypeScript type of the values of a JSON Schema written as a literal; `unknown` where the schema says nothing static. */
export type FromJsonSchema<S> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly anyOf: readonly (infer U)[] }
      ? FromJsonSchema<U>
      : S extends { readonly oneOf: readonly (infer U)[] }
        ? FromJsonSchema<U>
        : S extends { readonly type: readonly (infer N)[] }
          ? OfTypeName<N, S>
          : S extends { readonly type: infer N }
            ? OfTypeName<N, S>
            : unknown;

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
