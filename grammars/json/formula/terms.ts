import { InfcError } from '../../../runtime/errors.ts';
import type { Json, Site } from '../schema/document.ts';
import type { Listed } from '../schema/listed-values.ts';
import type { Decimal } from './decimal.ts';
import type { Formula } from './formula.ts';
import { Formulas } from './formula.ts';
import { type NumberSet, numberSet, type SpelledNumber } from './number-sets.ts';
import type { StringSetId } from './string-sets.ts';

/** Tests of numbers; `spelled` is draft 4's integer: a multiple of 1 written without fraction or exponent. */
export type NumberTest = 'atLeast' | 'above' | 'multiple' | 'spelled';

/** JSON types; `integer` is a property of numbers. */
export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';
export const JSON_TYPES: readonly JsonType[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** Value formulas by property name: named ones, ones for names in a set, and one for every other name. */
export interface Shape {
  readonly id: number;
  /** Of the schema that declares it. */
  readonly pointer?: string;
  /** Names with a formula of their own, in declaration order. */
  readonly names: readonly string[];
  named(key: string): Formula | undefined;
  readonly patterns: readonly { readonly names: StringSetId; readonly value: Formula }[];
  /** For names that no entry of `names` or `patterns` covers. */
  readonly rest: Formula;
}

/** Value formulas by array position: `prefix[i]`, then `rest`. */
export interface ItemShape {
  readonly id: number;
  readonly prefix: readonly Formula[];
  readonly rest: Formula;
  /** The values that no item may be, where that is all. */
  readonly gone?: readonly Json[];
}

/**
 * The atoms schemas are made of. `schema`, `const` and `oneOf` speak of a whole value; the others of a value whose JSON type is
 * known, and of what is still to come of it: after each property or item an atom is replaced by what remains of it.
 */
export type Term =
  /** `given`: names that what it stands beside requires. */
  | { readonly sort: 'schema'; readonly site: Site; readonly scope: number; readonly given: readonly string[] }
  | { readonly sort: 'const'; readonly value: Json }
  /** One of several different values. */
  | { readonly sort: 'oneOf'; readonly values: readonly Json[] }
  /** What is still to come is the rest of one of several arrays or objects. */
  | { readonly sort: 'listed'; readonly listed: Listed }
  | { readonly sort: 'true' }
  | { readonly sort: 'string'; readonly set: StringSetId }
  | { readonly sort: 'number'; readonly test: NumberTest; readonly value: Decimal }
  | { readonly sort: 'numbers'; readonly set: NumberSet }
  /** Every property still to come satisfies the shape. */
  | { readonly sort: 'shape'; readonly shape: Shape }
  /** A property of that name is still to come. */
  | { readonly sort: 'required'; readonly key: string }
  /** At least `min` properties (or items) are still to come. */
  | { readonly sort: 'atLeast'; readonly min: number }
  /** Every item still to come satisfies the shape from position `offset` on. */
  | { readonly sort: 'items'; readonly shape: ItemShape; readonly offset: number }
  /** At least `min` of the items still to come satisfy `value`. */
  | { readonly sort: 'contains'; readonly value: Formula; readonly min: number }
  /** All items still to come differ from each other. */
  | { readonly sort: 'unique' };

/** Interned terms: the leaves of {@link Formulas}. */
export class Terms {
  private readonly terms: Term[] = [];
  private readonly byKey = new Map<string, Formula>();
  private readonly spelled = new Map<number, SpelledNumber>();
  private readonly others = new Map<Formula, ItemShape>();
  private shapes = 0;
  /** Whether there are terms of the sort `listed`. */
  lists = false;

  constructor(readonly formulas: Formulas = new Formulas()) {}

  get(leaf: number): Term {
    const term = this.terms[leaf];
    if (!term) throw new RangeError(`no term ${leaf}`);
    return term;
  }

  nextShape(): number {
    return this.shapes++;
  }

  schema(site: Site, scope: number, given: readonly string[] = []): Formula {
    if (site.schema === true) return 1;
    if (site.schema === false) return 0;
    const name = given.length === 0 ? '' : JSON.stringify(given);
    return this.intern(`s${site.id},${scope}${name}`, () => ({ sort: 'schema', site, scope, given }));
  }

  constant(value: Json): Formula {
    return this.intern(`=${canonical(value)}`, () => ({ sort: 'const', value }));
  }

  oneOf(values: readonly Json[]): Formula {
    const [first = null] = values;
    if (values.length === 1) return this.constant(first);
    return this.intern(`{${values.map(canonical).join()}`, () => ({ sort: 'oneOf', values }));
  }

  listed(listed: Listed): Formula {
    this.lists = true;
    return this.intern(`l${listed.id}`, () => ({ sort: 'listed', listed }));
  }

  isTrue(): Formula {
    return this.intern('t', () => ({ sort: 'true' }));
  }

  string(set: StringSetId): Formula {
    return this.intern(`"${set}`, () => ({ sort: 'string', set }));
  }

  number(test: NumberTest, value: Decimal): Formula {
    return this.intern(`#${test}${value.digits}e${value.exponent}`, () => ({ sort: 'number', test, value }));
  }

  /** One of the listed numbers. */
  numbers(values: readonly number[]): Formula {
    return this.numberSet(numberSet(values, this.spelled));
  }

  numberSet(set: NumberSet): Formula {
    return set.members.length === 0 ? 0 : this.intern(`#${set.key}`, () => ({ sort: 'numbers', set }));
  }

  shape(shape: Shape): Formula {
    return this.intern(`p${shape.id}`, () => ({ sort: 'shape', shape }));
  }

  required(key: string): Formula {
    return this.intern(`r${key}`, () => ({ sort: 'required', key }));
  }

  atLeast(min: number): Formula {
    return min <= 0 ? 1 : this.intern(`n${min}`, () => ({ sort: 'atLeast', min }));
  }

  items(shape: ItemShape, offset: number): Formula {
    const at = Math.min(offset, shape.prefix.length);
    if (at === shape.prefix.length && shape.rest === 1) return 1;
    return this.intern(`i${shape.id},${at}`, () => ({ sort: 'items', shape, offset: at }));
  }

  contains(value: Formula, min: number): Formula {
    return min <= 0 ? 1 : this.intern(`c${value},${min}`, () => ({ sort: 'contains', value, min }));
  }

  unique(): Formula {
    return this.intern('u', () => ({ sort: 'unique' }));
  }

  /** No item still to come is one of these. */
  noItem(gone: readonly Json[]): Formula {
    const rest = this.noneOf(gone);
    let shape = this.others.get(rest);
    if (!shape) this.others.set(rest, (shape = { id: this.shapes++, prefix: [], rest, gone }));
    return this.items(shape, 0);
  }

  /** None of the values. */
  noneOf(values: readonly Json[]): Formula {
    return this.formulas.not(this.oneOf(values));
  }

  private intern(key: string, make: () => Term): Formula {
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const leaf = this.terms.length;
    this.terms.push(make());
    const formula = this.formulas.leaf(leaf);
    this.byKey.set(key, formula);
    return formula;
  }
}

/** Whether a term speaks of a whole value. */
export function ofWhole({ sort }: Term): boolean {
  return sort === 'schema' || sort === 'const' || sort === 'oneOf';
}

/** Whether a shape demands nothing of names that it does not list. */
export function ownNames({ rest, patterns }: Shape): boolean {
  return rest === 1 && patterns.length === 0;
}

/** The formula a shape gives the value of `key` (patterns tested by `has`). */
export function shapeValue(
  shape: Shape,
  key: string,
  formulas: Formulas,
  has: (names: StringSetId, key: string) => boolean,
): Formula {
  const parts: Formula[] = [];
  const named = shape.named(key);
  if (named !== undefined) parts.push(named);
  for (const { names, value } of shape.patterns) if (has(names, key)) parts.push(value);
  return parts.length === 0 ? shape.rest : formulas.and(parts);
}

/** The formula an item shape gives position `offset`. */
export function itemValue(shape: ItemShape, offset: number): Formula {
  return shape.prefix[offset] ?? shape.rest;
}

/** Text that is equal exactly for equal JSON values (1 and 1.0 and 1e0 alike, keys sorted). Throws INFC5001 for what is none. */
export function canonical(value: Json | undefined): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && !Number.isNaN(value)) return Object.is(value, -0) ? '0' : String(value);
  if (Array.isArray(value)) return `[${value.map((x: Json) => canonical(x)).join(',')}]`;
  if (typeof value !== 'object')
    throw new InfcError('INFC5001', `${String(value)} is no JSON`, { fix: 'Correct the values of enum and const' });
  const object = value as { readonly [key: string]: Json };
  return `{${Object.keys(object)
    .sort()
    .map((k) => `${JSON.stringify(k)}:${canonical(object[k])}`)
    .join(',')}}`;
}
