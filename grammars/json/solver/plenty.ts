import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import { type ItemShape, itemValue, JSON_TYPES, type JsonType, type Shape } from '../formula/terms.ts';
import { countNumbers } from './cardinality.ts';
import type { SeenSet } from './seen-keys.ts';
import type { Solver } from './solver.ts';

/** So many texts are as good as unlimitedly many: no array is so long. */
const MANY = 1e9;
/** How deep values within values are looked at. */
const DEPTH = 4;

/**
 * Whether unlimitedly many values of a JSON type certainly satisfy a formula that some value of the type satisfies. False says
 * nothing.
 */
export function plenty(solver: Solver, demand: Formula, type: JsonType, depth = DEPTH): boolean {
  const value = withoutExceptions(solver, demand);
  if (type === 'null' || type === 'boolean' || depth === 0 || !solver.satisfiableAs(value, type)) return false;
  const typed = solver.compiler.typed(value, type);
  if (typed === TRUE) return true;
  switch (type) {
    case 'string': {
      const { engine } = solver.compiler.strings;
      const { lang } = solver.compiler.strings.get(solver.compiler.stringSet(value));
      return !engine.isEmpty(lang) && engine.cardinality(lang) > MANY;
    }
    case 'number':
      return countNumbers(solver, typed, 0) === Number.POSITIVE_INFINITY;
    case 'array':
      return plentyOfItems(solver, typed, depth);
    case 'object':
      return plentyOfProperties(solver, typed, undefined, depth);
  }
}

/** A demand without the single values it excludes: they are too few to matter. */
function withoutExceptions({ formulas, terms }: Solver, value: Formula): Formula {
  if (!formulas.isAnd(value)) return value;
  return formulas.and(
    formulas
      .conjuncts(value)
      .filter(
        (x) =>
          !formulas.isLiteral(x) ||
          formulas.isPositive(x) ||
          !['const', 'oneOf'].includes(terms.get(formulas.leafNumber(x)).sort),
      ),
  );
}

/**
 * Whether each of the next items of an array has unlimitedly many values. What is wanted of some of them may come later where they have no
 * end; and where an item was one of these, it was counted too.
 */
export function plentyEverywhere(solver: Solver, array: Formula): boolean {
  const demands = itemDemands(solver, array);
  if (!demands || (demands.wanted && demands.max < Number.POSITIVE_INFINITY)) return false;
  const { at, distinct, max } = demands;
  for (let i = 0; i < Math.min(distinct, max); i++) if (!plentyOf(solver, at(i))) return false;
  return true;
}

/** Whether unlimitedly many values certainly satisfy a formula. */
export function plentyOf(solver: Solver, value: Formula, depth = DEPTH): boolean {
  return JSON_TYPES.some((type) => plenty(solver, value, type, depth));
}

function plentyOfItems(solver: Solver, array: Formula, depth: number): boolean {
  const demands = itemDemands(solver, array);
  return demands !== undefined && !demands.wanted && demands.max > 0 && plentyOf(solver, demands.at(0), depth - 1);
}

interface Demands {
  readonly at: (i: number) => Formula;
  /** Positions from this on are alike. */
  readonly distinct: number;
  readonly max: number;
  /** Whether some items are wanted beside. */
  readonly wanted: boolean;
}

/** What a conjunction of plain terms demands of each item. */
function itemDemands({ formulas, terms }: Solver, array: Formula): Demands | undefined {
  const items: { readonly shape: ItemShape; readonly offset: number }[] = [];
  let max = Number.POSITIVE_INFINITY;
  let wanted = false;
  for (const literal of formulas.conjuncts(array)) {
    if (!formulas.isLiteral(literal)) return undefined;
    const term = terms.get(formulas.leafNumber(literal));
    const positive = formulas.isPositive(literal);
    if (term.sort === 'items' && positive) items.push(term);
    else if (term.sort === 'atLeast') max = positive ? max : Math.min(max, term.min - 1);
    else if (!positive) return undefined;
    else if (term.sort === 'contains') wanted = true;
    else if (term.sort !== 'unique') return undefined;
  }
  return {
    at: (i) => formulas.and(items.map((x) => itemValue(x.shape, x.offset + i))),
    distinct: Math.max(0, ...items.map((x) => x.shape.prefix.length - x.offset)) + 1,
    max,
    wanted,
  };
}

/** Whether properties other than those `seen` have unlimitedly many values. */
export function plentyOfProperties(solver: Solver, object: Formula, seen?: SeenSet, depth = DEPTH): boolean {
  const { formulas, terms } = solver;
  const shapes: Shape[] = [];
  for (const literal of formulas.conjuncts(object)) {
    if (!formulas.isLiteral(literal) || !formulas.isPositive(literal)) return false;
    const term = terms.get(formulas.leafNumber(literal));
    if (term.sort === 'shape') shapes.push(term.shape);
    else if (term.sort !== 'required') return false;
  }
  const fresh = formulas.and(shapes.map((shape) => (shape.patterns.length > 0 ? FALSE : shape.rest)));
  if (solver.satisfiable(fresh)) return true;
  const names = new Set(shapes.flatMap((shape) => [...shape.names]));
  for (const name of names)
    if (!seen?.has(name) && plentyOf(solver, solver.objects.demand(shapes, name), depth - 1)) return true;
  return false;
}
