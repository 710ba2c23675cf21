import type { CancelSignal } from '../../../grammars/cancel.ts';
import { constrain, type Matcher, type MatcherOptions } from '../../../grammars/index.ts';
import type { Vocabulary } from '../../../grammars/vocabulary.ts';

/** Something that makes matchers. */
export interface Opened {
  matcher(vocabulary: Vocabulary, options?: MatcherOptions): Matcher;
}

/** Input made to take long, or much memory, or to crash. */
export interface Hostile {
  readonly name: string;
  /** Makes the input; the time that takes is nobody's fault. Opening it is what counts. */
  make(): (options: HostileOptions) => Opened | Promise<Opened>;
  /** A text of the constraint, or how one begins. */
  text?(): string;
  /** Whether it is a JSON Schema, whose errors have a JSON pointer. */
  readonly schema?: boolean;
  /** The errors that may be the answer. */
  readonly refusals: readonly string[];
}

/** How each case is opened. */
export interface HostileOptions {
  readonly order: 'schema' | 'any';
  readonly signal?: CancelSignal;
}

export const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);
export type Json = Readonly<Record<string, unknown>>;

export const map = (n: number, entry: (i: number) => [string, unknown]): Json =>
  Object.fromEntries(range(n).map(entry));
export const nest = (n: number, wrap: (inner: object) => object, inner: object = { type: 'string' }): object =>
  range(n).reduce<object>((x) => wrap(x), inner);
/** Linters take an object with this property for a promise. */
export const THEN = 'then';

/** A schema, a text that it admits (or the start of one) and the refusals that will do. */
export function schema(name: string, make: () => unknown, text?: () => unknown, ...refusals: string[]): Hostile {
  return {
    name,
    make: () => {
      const made = make();
      return (options) => constrain(made, options);
    },
    ...(text && {
      text: () => {
        const value = text();
        return typeof value === 'function' ? String(value()) : JSON.stringify(value);
      },
    }),
    schema: true,
    refusals,
  };
}

/** The start of a text, as it is. */
export const begin = (text: string) => () => () => text;
