/**
 * Symbolic integers: shapes, offsets and loop indices in one algebra.
 *
 * A `Dim` is a number or a canonical sum of products of atoms plus a constant. An atom is a symbol (a model dimension, or a loop
 * index while lowering) or an opaque function of other dims (floor division, remainder, min, max). Two equal polynomials are the
 * same object (hash-consed), so `===` is structural equality. Division is floor division; divisors are positive.
 */
export type Dim = number | DimSum;

/** A named unknown. `max` may be a Dim: a loop index `i` over `n` steps has max `n - 1`. */
export interface Sym {
  readonly kind: 'sym';
  readonly key: string;
  readonly name: string;
  readonly min: number;
  readonly max: Dim;
  readonly multipleOf: number;
}

/** A non-polynomial function of dims. */
export interface DimCall {
  readonly kind: 'div' | 'mod' | 'min' | 'max';
  readonly key: string;
  readonly a: Dim;
  readonly b: Dim;
}

export type Atom = Sym | DimCall;

/** `coefficient * product(factors)`; factors are sorted by key. */
export interface Term {
  readonly key: string;
  readonly factors: readonly Atom[];
  readonly coefficient: number;
}

/** `constant + sum(terms)` with at least one term; terms are sorted by key. */
export interface DimSum {
  readonly key: string;
  readonly constant: number;
  readonly terms: readonly Term[];
}

/**
 * All sums in use, by key. Recent ones are held; when there are many, they move to weak references, which cost the garbage collector
 * more but let go of what nobody uses.
 */
let recent = new Map<string, DimSum>();
const older = new Map<string, WeakRef<DimSum>>();
const MOST_RECENT = 1 << 17;

/** The one sum with these sorted terms. */
export function intern(constant: number, terms: readonly Term[]): Dim {
  if (terms.length === 0) return constant;
  let key = '';
  for (const t of terms) key += `${t.coefficient}*${t.key}+`;
  key += constant;
  const found = recent.get(key) ?? (older.size === 0 ? undefined : older.get(key)?.deref());
  if (found) return found;
  const sum: DimSum = { key, constant, terms };
  if (recent.size >= MOST_RECENT) {
    for (const [k, v] of older) if (v.deref() === undefined) older.delete(k);
    for (const [k, v] of recent) older.set(k, new WeakRef(v));
    recent = new Map();
  }
  recent.set(key, sum);
  return sum;
}

export const keyOf = (d: Dim): string => (typeof d === 'number' ? String(d) : d.key);
export const termsOf = (d: Dim): readonly Term[] => (typeof d === 'number' ? [] : d.terms);
export const constantOf = (d: Dim): number => (typeof d === 'number' ? d : d.constant);
/** An atom alone. */
export const atomDim = (atom: Atom): Dim => intern(0, [{ key: atom.key, factors: [atom], coefficient: 1 }]);

/**
 * A symbol with its bounds. Within one graph or kernel a name stands for one unknown: give equal bounds each time.
 * `max` defaults to 2^31 - 1: no dimension of a kernel exceeds a 32-bit index.
 */
export function sym(name: string, bounds: { min?: number; max?: Dim; multipleOf?: number } = {}): Dim {
  const { min = 0, max = 2147483647, multipleOf = 1 } = bounds;
  return atomDim({ kind: 'sym', key: `${name}[${min},${keyOf(max)},${multipleOf}]`, name, min, max, multipleOf });
}

export const isStatic = (d: Dim): d is number => typeof d === 'number';

/** The symbol a dim consists of alone, if it is one. */
export function asSym(d: Dim): Sym | undefined {
  if (typeof d === 'number' || d.constant !== 0 || d.terms.length !== 1) return undefined;
  const term = d.terms[0];
  const atom = term?.factors[0];
  return term?.coefficient === 1 && term.factors.length === 1 && atom?.kind === 'sym' ? atom : undefined;
}
