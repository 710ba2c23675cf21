import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { type StringSetId, StringSets } from '../formula/string-sets.ts';
import { ownNames, type Shape, shapeValue } from '../formula/terms.ts';
import type { SchemaCompiler } from './compiler.ts';
import { typeBit } from './declared-types.ts';

/** Pairs are compared one by one up to this many alternatives. */
const MAX_PAIRWISE = 48;

/** Fewer alternatives are left as they are. */
const FEW_TAGS = 4;

/** What an alternative says of single names, as far as it is a conjunction of shapes and required names. */
interface Plain {
  readonly formula: Formula;
  readonly required: readonly string[];
  readonly shapes: readonly Shape[];
}

/**
 * Groups object alternatives so that alternatives of different groups never hold together: by a discriminating property, or
 * by a name that one requires and the other forbids. Exactly one of all then is: exactly one of one group. Without this,
 * oneOf would drag the negations of all its alternatives along. `given`: names required besides.
 */
export function overlappingGroups(
  compiler: SchemaCompiler,
  alternatives: readonly Formula[],
  given: readonly string[],
): readonly (readonly Formula[])[] {
  const live = alternatives.filter((x) => x !== FALSE);
  if (live.length < 2) return [live];
  const list = live.map((formula) => readPlain(compiler, formula, given));
  const parent = list.map((_, i) => i);
  const find = (i: number): number => {
    let at = i;
    while (parent[at] !== at) at = parent[at] ?? at;
    return at;
  };
  const join = (i: number, j: number): void => {
    parent[find(i)] = find(j);
  };
  if (list.length <= MAX_PAIRWISE) {
    for (let i = 0; i < list.length; i++) {
      for (let j = 0; j < i; j++) {
        const a = list[i];
        const b = list[j];
        if (a && b && find(i) !== find(j) && !disjoint(compiler, a, b)) join(i, j);
      }
    }
  } else if (!joinByTag(compiler, list, join)) return [live];
  const groups = new Map<number, Formula[]>();
  list.forEach(({ formula }, i) => {
    const group = groups.get(find(i));
    if (group) group.push(formula);
    else groups.set(find(i), [formula]);
  });
  return [...groups.values()];
}

function readPlain(compiler: SchemaCompiler, formula: Formula, given: readonly string[]): Plain {
  const required = [...given];
  const shapes: Shape[] = [];
  const { formulas, terms } = compiler;
  for (const literal of formulas.conjuncts(formula)) {
    // Further demands only make an alternative hold less often.
    if (!formulas.isLiteral(literal) || !formulas.isPositive(literal)) continue;
    const term = terms.get(formulas.leafNumber(literal));
    if (term.sort === 'required') required.push(term.key);
    else if (term.sort === 'shape') shapes.push(term.shape);
  }
  return { formula, required, shapes };
}

function valueAt(compiler: SchemaCompiler, { shapes }: Plain, key: string): Formula {
  return compiler.formulas.and(
    shapes.map((s) => shapeValue(s, key, compiler.formulas, (names, k) => compiler.strings.has(names, k))),
  );
}

function disjoint(compiler: SchemaCompiler, a: Plain, b: Plain): boolean {
  for (const key of new Set([...a.required, ...b.required])) {
    const one = valueAt(compiler, a, key);
    const other = valueAt(compiler, b, key);
    if (one === FALSE || other === FALSE) return true;
    if (one === other) continue;
    const x = stringsOf(compiler, one);
    const y = stringsOf(compiler, other);
    if (x === undefined || y === undefined) continue;
    const { strings } = compiler;
    if ((tags(compiler, one) ?? tags(compiler, other)) && strings.isEmpty(strings.and(x, y))) return true;
  }
  return false;
}

/** The strings that a value must be one of. */
function stringsOf(compiler: SchemaCompiler, value: Formula): StringSetId | undefined {
  // By what stands on its face: a value of another type may be one whose demands are just being read.
  return (compiler.typesOf(value) & ~typeBit('string')) === 0 ? compiler.stringSet(value) : undefined;
}

/** The same when they are a few. */
function tags(compiler: SchemaCompiler, value: Formula): readonly string[] | undefined {
  const { strings } = compiler;
  const set = stringsOf(compiler, value);
  const { members, lang } = strings.get(set ?? StringSets.ALL);
  return lang === strings.engine.empty ? members : undefined;
}

/**
 * A demand on objects with its alternatives told by tags: of many `if` that ask for different strings of one property (and hold where it is
 * absent) at most one holds where it is present. Without this, a property that comes before the tag would have the power set of them.
 */
export function byTag(compiler: SchemaCompiler, demand: Formula): Formula {
  const { formulas, terms } = compiler;
  const groups = new Map<string, { clause: Formula; unless: Formula; tags: readonly string[] }[]>();
  for (const clause of formulas.conjuncts(demand))
    for (const unless of formulas.isOr(clause) ? formulas.operands(clause) : []) {
      const term = formulas.isLiteral(unless) ? terms.get(formulas.leafNumber(unless)) : undefined;
      if (term?.sort !== 'shape' || formulas.isPositive(unless) || !ownNames(term.shape)) continue;
      const [name = '', ...others] = term.shape.names;
      const own = others.length === 0 ? tags(compiler, term.shape.named(name) ?? TRUE) : undefined;
      if (!own) continue;
      groups.set(name, [...(groups.get(name) ?? []), { clause, unless, tags: own }]);
      break;
    }
  let result = demand;
  for (const [name, list] of groups) {
    const all = list.flatMap((x) => x.tags);
    if (list.length < FEW_TAGS || new Set(all).size < all.length) continue;
    const present = terms.required(name);
    const told = list.map((x) => x.clause);
    const holds = list.map(({ clause, unless }) => formulas.or(formulas.operands(clause).filter((x) => x !== unless)));
    result = formulas.and([
      ...formulas.conjuncts(result).filter((x) => !told.includes(x)),
      formulas.or([
        formulas.and([formulas.not(present), ...holds]),
        ...list.map(({ unless }, i) => formulas.and([present, formulas.not(unless), holds[i] ?? TRUE])),
        formulas.and(list.map((x) => x.unless)),
      ]),
    ]);
  }
  return result;
}

/** Joins alternatives that share a tag of a name all require; false when no name serves. */
function joinByTag(compiler: SchemaCompiler, list: readonly Plain[], join: (i: number, j: number) => void): boolean {
  const [first] = list;
  for (const key of first?.required ?? []) {
    const byTag = new Map<string, number>();
    const pairs: [number, number][] = [];
    const usable = list.every((plain, i) => {
      if (!plain.required.includes(key)) return false;
      const own = tags(compiler, valueAt(compiler, plain, key));
      for (const tag of own ?? []) {
        const before = byTag.get(tag);
        if (before === undefined) byTag.set(tag, i);
        else pairs.push([i, before]);
      }
      return own !== undefined;
    });
    if (!usable) continue;
    for (const [i, j] of pairs) join(i, j);
    return true;
  }
  return false;
}
