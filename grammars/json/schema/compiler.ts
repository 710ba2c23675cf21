import { InfcError } from '../../../runtime/errors.ts';
import { parseRegex } from '../../regex/parser.ts';
import { FALSE, type Formula, type Formulas, TRUE } from '../formula/formula.ts';
import { type StringSetId, StringSets, spellable } from '../formula/string-sets.ts';
import { canonical, type JsonType, ofWhole, type Term, type Terms } from '../formula/terms.ts';
import { ALL_TYPES, DeclaredTypes, type TypeSet, typeBit, typeOf } from './declared-types.ts';
import { byTag, overlappingGroups } from './disjoint.ts';
import { isObject, type Json, type JsonObject, own, pointerToken, type Site } from './document.ts';
import { DynamicScopes } from './dynamic-scopes.ts';
import { arrayKeywords } from './keywords-array.ts';
import { numberKeywords } from './keywords-number.ts';
import { objectKeywords } from './keywords-object.ts';
import { stringKeywords } from './keywords-string.ts';
import { ListedValues } from './listed-values.ts';
import { ANNOTATIONS, assertsValidation, onlyValue, plainKey, VALIDATION } from './plain-schema.ts';

/** A keyword that could not be honoured exactly and was left out (`onUnsupported: 'relax'`). */
export interface Relaxation {
  readonly pointer: string;
  readonly keyword: string;
  readonly reason: string;
}

/** Settings of {@link SchemaCompiler}. */
export interface CompilerOptions {
  readonly format: 'assert' | 'annotate';
  readonly onUnsupported: 'error' | 'relax';
}

/** Up to so many arrays or objects of an `enum` are alternatives like others. */
const FEW_VALUES = 16;

/** Names of types. */
export const TYPES: ReadonlySet<unknown> = new Set([
  'null',
  'boolean',
  'number',
  'integer',
  'string',
  'array',
  'object',
]);

/**
 * Turns schemas into formulas, one JSON type at a time and only when asked: `typed(f, t)` is what `f` demands of a value
 * already known to be of type `t`.
 */
export class SchemaCompiler {
  readonly relaxed: Relaxation[] = [];
  readonly formulas: Formulas;
  readonly listed: ListedValues;
  private readonly typedMemo = new Map<JsonType, Map<Formula, Formula>>();
  /** By leaf and type. */
  private readonly leafMemo = new Map<number, Formula>();
  private readonly open = new Set<number>();
  private readonly stringMemo = new Map<Formula, StringSetId>();
  private readonly scopes = new DynamicScopes();
  private readonly types: DeclaredTypes;
  private readonly typesMemo: TypeSet[] = [];

  private readonly plainSchemas = new Map<string, Formula>();
  /** References being followed. */
  private readonly aliases = new Set<number>();

  constructor(
    readonly terms: Terms,
    readonly strings: StringSets,
    private readonly options: CompilerOptions,
  ) {
    this.formulas = terms.formulas;
    this.listed = new ListedValues(this.formulas, terms);
    this.types = new DeclaredTypes((site) => assertsValidation(site.resource));
  }

  /** The formula of the subschema at `site`, reached with dynamic scope `scope`, beside demands that require the names `given`. */
  sub(site: Site, scope: number, given: readonly string[] = []): Formula {
    if (typeof site.schema !== 'boolean' && !isObject(site.schema))
      throw this.invalid(site, '', 'a schema is an object or a boolean');
    const target = this.alias(site);
    if (target) {
      this.aliases.add(site.id);
      try {
        return this.sub(target, this.scopes.enter(scope, site.resource), given);
      } finally {
        this.aliases.delete(site.id);
      }
    }
    const value = onlyValue(site);
    if (value !== undefined) return this.terms.constant(value);
    const key = plainKey(site);
    if (key === undefined)
      return this.terms.schema(
        site,
        this.scopes.enter(scope, site.resource),
        given.length > 0 && hasOneOf(site) ? given : [],
      );
    // Schemas that say the same of a value are one: what was found out for one of them holds for all.
    let formula = this.plainSchemas.get(key);
    if (formula === undefined) {
      formula = this.terms.schema(site, this.scopes.enter(scope, site.resource));
      this.plainSchemas.set(key, formula);
    }
    return formula;
  }

  /** The schema that a schema only refers to; not where references go in a circle, or nowhere (which only matters once it is used). */
  private alias(site: Site): Site | undefined {
    const { schema } = site;
    if (!isObject(schema) || this.aliases.has(site.id)) return undefined;
    const reference = own(schema, '$ref');
    if (typeof reference !== 'string') return undefined;
    if (Object.keys(schema).some((key) => key !== '$ref' && !ANNOTATIONS.has(key))) return undefined;
    try {
      return site.resource.owner.resolve(site, reference);
    } catch (error) {
      if (error instanceof InfcError) return undefined;
      throw error;
    }
  }

  /** The subschema below a keyword. */
  child(site: Site, scope: number, ...tokens: (string | number)[]): Formula {
    return this.sub(site.resource.owner.child(site, ...tokens), scope);
  }

  /** What a value formula demands of a value of this type, over the atoms of that type only. */
  typed(value: Formula, type: JsonType): Formula {
    if ((this.typesOf(value) & typeBit(type)) === 0) return FALSE;
    return this.formulas.substitute(value, (leaf) => this.typedLeaf(leaf, type), this.typedMemoOf(type));
  }

  private typedMemoOf(type: JsonType): Map<Formula, Formula> {
    let memo = this.typedMemo.get(type);
    if (!memo) this.typedMemo.set(type, (memo = new Map()));
    return memo;
  }

  /** Types that a value satisfying the formula can have; never too few. */
  typesOf(value: Formula): TypeSet {
    const known = this.typesMemo[value];
    if (known !== undefined) return known;
    const { formulas } = this;
    let types = ALL_TYPES;
    if (formulas.isLiteral(value)) {
      const term = this.terms.get(formulas.leafNumber(value));
      if (!formulas.isPositive(value)) types = ALL_TYPES;
      else if (term.sort === 'schema') types = this.types.of(term.site);
      else if (term.sort === 'const') types = typeOf(term.value);
      else if (term.sort === 'oneOf') types = term.values.reduce<TypeSet>((set, x) => set | typeOf(x), 0);
    } else if (formulas.isAnd(value)) for (const part of formulas.operands(value)) types &= this.typesOf(part);
    else if (formulas.isOr(value)) {
      types = 0;
      for (const part of formulas.operands(value)) types |= this.typesOf(part);
    }
    this.typesMemo[value] = types;
    return types;
  }

  /** The schema that a formula demands, where it is only one. */
  siteOf(value: Formula): Site | undefined {
    const { formulas } = this;
    if (!formulas.isLiteral(value) || !formulas.isPositive(value)) return undefined;
    const term = this.terms.get(formulas.leafNumber(value));
    return term.sort === 'schema' ? term.site : undefined;
  }

  /** What a formula says of a value, as text that means the same in all schemas, where that takes only a few plain keywords. */
  plain(value: Formula): string | undefined {
    if (value === TRUE) return '';
    const site = this.siteOf(value);
    return site && plainKey(site);
  }

  private typedLeaf(leaf: number, type: JsonType): Formula {
    const term = this.terms.get(leaf);
    if (!ofWhole(term)) return this.formulas.leaf(leaf);
    const key = leaf * 64 + typeBit(type);
    const known = this.leafMemo.get(key);
    if (known !== undefined) return known;
    if (this.open.has(key)) {
      const pointer = term.sort === 'schema' ? term.site.pointer : '';
      throw new InfcError('INFC5022', 'the schema refers to itself without descending into the value', {
        pointer,
        keyword: '$ref',
        fix: 'Break the cycle of $ref, allOf, anyOf, oneOf, not or if',
      });
    }
    this.open.add(key);
    try {
      let result: Formula;
      if (term.sort === 'schema') result = this.typed(this.schema(term, type), type);
      else if (term.sort === 'oneOf') result = this.oneOf(term.values, type, 0);
      else result = term.sort === 'const' ? this.constant(term.value, type) : this.formulas.leaf(leaf);
      if (type === 'object') result = byTag(this, result);
      this.leafMemo.set(key, result);
      return result;
    } finally {
      this.open.delete(key);
    }
  }

  /** The formula that holds for exactly one value, given its type. */
  constant(value: Json, type: JsonType): Formula {
    const { formulas, terms } = this;
    if (value === null) return type === 'null' ? TRUE : FALSE;
    if (typeof value === 'boolean')
      return type !== 'boolean' ? FALSE : value ? terms.isTrue() : formulas.not(terms.isTrue());
    if (typeof value === 'number') return type === 'number' ? terms.numbers([value]) : FALSE;
    if (typeof value === 'string') return type === 'string' ? terms.string(this.strings.of([value])) : FALSE;
    if (Array.isArray(value)) {
      if (type !== 'array') return FALSE;
      const items: readonly Json[] = value;
      const shape = { id: terms.nextShape(), prefix: items.map((x) => terms.constant(x)), rest: FALSE };
      return formulas.and([
        terms.items(shape, 0),
        terms.atLeast(items.length),
        formulas.not(terms.atLeast(items.length + 1)),
      ]);
    }
    if (type !== 'object') return FALSE;
    const object = value as JsonObject;
    const names = Object.keys(object);
    const shape = {
      id: terms.nextShape(),
      names,
      named: (key: string) => (Object.hasOwn(object, key) ? terms.constant(object[key] ?? null) : undefined),
      patterns: [],
      rest: FALSE,
    };
    return formulas.and([terms.shape(shape), ...names.map((name) => terms.required(name))]);
  }

  private schema(term: Extract<Term, { sort: 'schema' }>, type: JsonType): Formula {
    const { site, scope } = term;
    const schema = site.schema as JsonObject;
    const { draft } = site.resource;
    const { formulas } = this;
    const reference = own(schema, '$ref');
    if (draft <= 7 && typeof reference === 'string')
      return this.sub(site.resource.owner.resolve(site, reference), scope, term.given);
    const parts: Formula[] = [];
    const asserts = assertsValidation(site.resource);
    const given = (): readonly string[] => (asserts ? withRequired(term.given, own(schema, 'required')) : term.given);
    const add = (keyword: string, make: () => Formula): void => {
      if (own(schema, keyword) !== undefined && (asserts || !VALIDATION.has(keyword)))
        parts.push(this.attempt(site, keyword, make));
    };
    add('type', () => this.type(site, type));
    if (parts[0] === FALSE) return FALSE;
    add('enum', () => this.enumeration(site, type));
    if (draft >= 6) add('const', () => this.terms.constant(own(schema, 'const') ?? null));
    if (draft >= 2019 && reference !== undefined) {
      if (typeof reference !== 'string') throw this.invalid(site, '$ref', '$ref must be a string');
      parts.push(this.sub(site.resource.owner.resolve(site, reference), scope, given()));
    }
    if (draft === 2019) add('$recursiveRef', () => this.sub(this.scopes.recursive(site, scope), scope));
    if (draft >= 2020) add('$dynamicRef', () => this.sub(this.scopes.dynamic(site, scope), scope));
    add('allOf', () => formulas.and(this.list(site, scope, 'allOf', given())));
    add('anyOf', () => formulas.or(this.list(site, scope, 'anyOf')));
    add('oneOf', () => {
      const parts = this.list(site, scope, 'oneOf').map((x) => this.typed(x, type));
      const groups = type === 'object' ? overlappingGroups(this, parts, given()) : [parts];
      return formulas.or(groups.map((group) => formulas.exactlyOne(group)));
    });
    add('not', () => formulas.not(this.child(site, scope, 'not')));
    if (draft >= 7)
      add('if', () => {
        const condition = this.child(site, scope, 'if');
        const branch = (keyword: string): Formula =>
          own(schema, keyword) === undefined ? TRUE : this.child(site, scope, keyword);
        return formulas.and([
          formulas.or([formulas.not(condition), branch('then')]),
          formulas.or([condition, branch('else')]),
        ]);
      });
    switch (type) {
      case 'number':
        numberKeywords(this, site, add);
        break;
      case 'string':
        stringKeywords(this, site, add);
        break;
      case 'array':
        arrayKeywords(this, site, scope, add);
        break;
      case 'object':
        objectKeywords(this, site, scope, add);
        break;
    }
    return formulas.and(parts);
  }

  private type(site: Site, type: JsonType): Formula {
    const value = own(site.schema as JsonObject, 'type');
    const names: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const name of names) {
      if (!TYPES.has(name)) throw this.invalid(site, 'type', `${JSON.stringify(name)} is not a JSON type`);
    }
    if (names.includes(type)) return TRUE;
    if (type === 'number' && names.includes('integer'))
      return this.terms.number(site.resource.draft === 4 ? 'spelled' : 'multiple', { digits: 1n, exponent: 0 });
    return FALSE;
  }

  private enumeration(site: Site, type: JsonType): Formula {
    const values = own(site.schema as JsonObject, 'enum');
    if (!Array.isArray(values)) throw this.invalid(site, 'enum', 'enum must be an array');
    return this.oneOf(values, type, FEW_VALUES);
  }

  /** The formula of those of the values that have the type; more than `few` arrays or objects are a list. */
  private oneOf(list: readonly Json[], type: JsonType, few: number): Formula {
    if (type === 'string')
      return this.terms.string(this.strings.of(list.filter((x): x is string => typeof x === 'string')));
    if (type === 'number') return this.terms.numbers(list.filter((x): x is number => typeof x === 'number'));
    const distinct = new Map(list.filter((x) => typeOf(x) === typeBit(type)).map((x) => [canonical(x), x]));
    const composite = type === 'array' || type === 'object';
    const some =
      composite && distinct.size > few
        ? this.listed.of([...distinct.values()].filter(spellable))
        : this.formulas.or([...distinct.values()].map((x) => this.constant(x, type)));
    // It is over the atoms of that type already: there may be thousands.
    this.typedMemoOf(type).set(some, some);
    return some;
  }

  /** Formulas of the subschemas in a keyword that holds a list of schemas. */
  list(site: Site, scope: number, keyword: string, given: readonly string[] = []): Formula[] {
    const value = own(site.schema as JsonObject, keyword);
    if (!Array.isArray(value)) throw this.invalid(site, keyword, `${keyword} must be an array of schemas`);
    return value.map((_, i) => this.sub(site.resource.owner.child(site, keyword, i), scope, given));
  }

  /** A keyword that holds an object; an empty one where it is not there. */
  map(site: Site, keyword: string): JsonObject {
    const value = own(site.schema as JsonObject, keyword);
    if (value === undefined) return {};
    if (!isObject(value)) throw this.invalid(site, keyword, `${keyword} must be an object`);
    return value;
  }

  /** Formulas of everything `site` refers to in place. */
  references(site: Site, scope: number): Formula[] {
    return this.scopes.references(site, scope).map((target) => this.sub(target, scope));
  }

  /** The strings a value formula admits. */
  stringSet(value: Formula): StringSetId {
    const { strings } = this;
    return this.formulas.fold<StringSetId>(
      this.typed(value, 'string'),
      {
        top: StringSets.ALL,
        bottom: StringSets.NONE,
        leaf: (leaf) => {
          const term = this.terms.get(leaf);
          return term.sort === 'string' ? term.set : StringSets.ALL;
        },
        not: (a) => strings.not(a),
        and: (list) => list.reduce((a, b) => strings.and(a, b), StringSets.ALL),
        or: (list) => strings.any(list),
      },
      this.stringMemo,
    );
  }

  /** Whether `format` is an assertion there. */
  assertsFormat(site: Site): boolean {
    const vocabulary = site.resource.vocabulary;
    if (vocabulary) for (const uri of vocabulary) if (uri.endsWith('/vocab/format-assertion')) return true;
    return this.options.format === 'assert';
  }

  /** Language of a regular expression with search semantics. */
  pattern(site: Site, keyword: 'pattern' | 'patternProperties', source: Json | undefined): number {
    if (typeof source !== 'string') throw this.invalid(site, keyword, `${keyword} must be a string`);
    try {
      return inEitherMode((flags) => this.strings.engine.search(source, flags));
    } catch (cause) {
      if (outOfTime(cause)) throw cause;
      const reason = cause instanceof InfcError ? cause.reason : String(cause);
      throw new InfcError('INFC5005', `${keyword}: ${reason}`, {
        pointer: site.pointer + pointerToken(keyword) + (keyword === 'pattern' ? '' : pointerToken(source)),
        keyword,
        fix: 'Use an ECMA-262 regular expression without back-references',
        cause,
      });
    }
  }

  /** Whether a regular expression is understood. */
  reads(source: string): boolean {
    try {
      inEitherMode((flags) => parseRegex(source, flags));
      return true;
    } catch {
      return false;
    }
  }

  /** A non-negative integer keyword. */
  count(site: Site, keyword: string): number {
    const value = own(site.schema as JsonObject, keyword);
    if (typeof value !== 'number' || value < 0 || !Number.isInteger(value))
      throw this.invalid(site, keyword, `${keyword} must be a whole number >= 0`);
    // More are as many: doubles do not tell one from the next.
    return Math.min(value, Number.MAX_SAFE_INTEGER - 1);
  }

  /** Runs one keyword; under `relax` an unsupported one is noted and left out. */
  private attempt(site: Site, keyword: string, make: () => Formula): Formula {
    try {
      return make();
    } catch (error) {
      if (this.options.onUnsupported !== 'relax' || !(error instanceof InfcError) || !RELAXABLE.has(error.code))
        throw error;
      this.relaxed.push({ pointer: site.pointer + pointerToken(keyword), keyword, reason: error.reason });
      return TRUE;
    }
  }

  invalid(site: Site, keyword: string, reason: string): InfcError {
    const pointer = keyword === '' ? site.pointer : site.pointer + pointerToken(keyword);
    return new InfcError('INFC5001', reason, { pointer, keyword, fix: 'Correct the schema' });
  }

  unsupported(site: Site, keyword: string, reason: string, fix: string): InfcError {
    return new InfcError('INFC5002', `${keyword}: ${reason}`, {
      pointer: site.pointer + pointerToken(keyword),
      keyword,
      fix,
    });
  }
}

/** Unicode mode as the drafts ask for; sloppy patterns that it forbids (needless escapes) are read without it. */
function inEitherMode<T>(read: (flags: string) => T): T {
  try {
    return read('u');
  } catch (error) {
    if (outOfTime(error)) throw error;
    return read('');
  }
}

/** Whether an error says nothing about the keyword: the work was too much, or is no longer wanted. */
function outOfTime(error: unknown): boolean {
  return error instanceof InfcError && (error.code === 'INFC5021' || error.code === 'INFC5023');
}

/** Names that are required, beside those that already are. */
function withRequired(given: readonly string[], required: Json | undefined): readonly string[] {
  if (!Array.isArray(required)) return given;
  const more = required.filter((name): name is string => typeof name === 'string');
  return more.length === 0 ? given : [...new Set([...given, ...more])].sort();
}

/** Whether names required elsewhere can tell alternatives of a schema apart; others are better shared. */
function hasOneOf({ schema }: Site): boolean {
  return isObject(schema) && ['oneOf', 'allOf', '$ref'].some((keyword) => own(schema, keyword) !== undefined);
}

const RELAXABLE = new Set(['INFC5001', 'INFC5002', 'INFC5004', 'INFC5005', 'INFC5006']);
