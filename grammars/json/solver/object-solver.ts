import { FALSE, type Formula, type Formulas, TRUE } from '../formula/formula.ts';
import { type StringSetId, StringSets, wellFormed } from '../formula/string-sets.ts';
import { ownNames, type Shape, shapeValue, type Terms } from '../formula/terms.ts';
import type { SeenSet } from './seen-keys.ts';
import type { Solver } from './solver.ts';

/** A conjunction of object atoms, sorted by kind. */
export interface ObjectCube {
  readonly all: readonly Shape[];
  /** Each needs a property that breaks the shape. */
  readonly broken: readonly Shape[];
  readonly required: ReadonlySet<string>;
  readonly absent: ReadonlySet<string>;
  readonly min: number;
  readonly max: number;
}

/** Satisfiability and derivatives of object demands. */
export class ObjectSolver {
  private readonly formulas: Formulas;
  private readonly terms: Terms;
  private readonly strings: StringSets;
  private readonly seenDependence = new Map<Formula, number>();
  private readonly derivatives = new Map<string, Map<Formula, Formula>>();

  constructor(private readonly solver: Solver) {
    this.formulas = solver.formulas;
    this.terms = solver.terms;
    this.strings = solver.compiler.strings;
  }

  /** Replaces each atom by what it demands of the property `key` and of the properties after it. */
  afterProperty(rest: Formula, key: string): Formula {
    let memo = this.derivatives.get(key);
    if (!memo) {
      memo = new Map();
      this.derivatives.set(key, memo);
    }
    return this.formulas.substitute(
      rest,
      (leaf) => {
        const term = this.terms.get(leaf);
        const itself = this.formulas.leaf(leaf);
        switch (term.sort) {
          case 'shape':
            return this.formulas.and([this.valueOf(term.shape, key), itself]);
          case 'required':
            return term.key === key ? TRUE : itself;
          case 'atLeast':
            return this.terms.atLeast(term.min - 1);
          case 'listed': {
            const way = this.solver.compiler.listed.after(term.listed, key, undefined);
            return way ? this.formulas.and([way.need, way.rest]) : FALSE;
          }
          default:
            return itself;
        }
      },
      memo,
    );
  }

  /** The same for a name that is listed nowhere and matches exactly the patterns `matched`. */
  afterRegion(rest: Formula, matched: ReadonlySet<StringSetId>): Formula {
    return this.formulas.substitute(rest, (leaf) => {
      const term = this.terms.get(leaf);
      const itself = this.formulas.leaf(leaf);
      if (term.sort === 'atLeast') return this.terms.atLeast(term.min - 1);
      if (term.sort === 'listed') return FALSE;
      return term.sort === 'shape' ? this.formulas.and([this.regionValue(term.shape, { matched }), itself]) : itself;
    });
  }

  valueOf(shape: Shape, key: string): Formula {
    return shapeValue(shape, key, this.formulas, (names, k) => this.strings.has(names, k));
  }

  /** Whether the answer can depend on which keys were used already: not (0), on listed ones only (1), on all (2). */
  dependsOnSeen(rest: Formula): number {
    const known = this.seenDependence.get(rest);
    if (known !== undefined) return known;
    let depends = 0;
    for (const [leaf, polarity] of this.formulas.leaves(rest)) {
      const term = this.terms.get(leaf);
      if (term.sort === 'shape' && (polarity & 2) !== 0) depends = Math.max(depends, ownNames(term.shape) ? 1 : 2);
      else if (term.sort === 'atLeast' && (polarity & 1) !== 0) depends = 2;
      else if (term.sort === 'listed' && (polarity & 2) !== 0) depends = 2;
    }
    this.seenDependence.set(rest, depends);
    return depends;
  }

  read(cube: readonly Formula[]): ObjectCube {
    const all: Shape[] = [];
    const broken: Shape[] = [];
    const required = new Set<string>();
    const absent = new Set<string>();
    let min = 0;
    let max = Number.POSITIVE_INFINITY;
    for (const literal of cube) {
      const term = this.solver.term(literal);
      const positive = this.formulas.isPositive(literal);
      if (term.sort === 'shape') (positive ? all : broken).push(term.shape);
      else if (term.sort === 'required') (positive ? required : absent).add(term.key);
      else if (term.sort === 'atLeast') {
        if (positive) min = Math.max(min, term.min);
        else max = Math.min(max, term.min - 1);
      }
    }
    return { all, broken, required, absent, min, max };
  }

  /** Whether properties exist that satisfy the cube. */
  cube(cube: ObjectCube, seen: SeenSet | undefined, many: boolean): boolean {
    const { all, broken, required, absent, min, max } = cube;
    if (min > max || required.size > max) return false;
    const barred = new Barred(absent, seen, required);
    const demands = new Map<string, Formula>();
    for (const key of required) {
      if (barred.has(key) || !wellFormed(key)) return false;
      const value = this.demand(all, key);
      if (!this.solver.satisfiable(value, many)) return false;
      demands.set(key, value);
    }
    if (broken.length === 0)
      return min <= demands.size || this.enough(cube, barred, new Set(demands.keys()), min - demands.size);
    return this.breakAll(cube, barred, demands, 0);
  }

  /** Chooses, for one shape after another, a property that breaks it. */
  private breakAll(cube: ObjectCube, barred: Barred, demands: Map<string, Formula>, at: number): boolean {
    const { all, broken, min, max } = cube;
    this.solver.budget.spend();
    const shape = broken[at];
    if (shape === undefined)
      return min <= demands.size || this.enough(cube, barred, new Set(demands.keys()), min - demands.size);
    const tryKey = (key: string, current: Formula, breaking: Formula): boolean => {
      const value = this.formulas.and([current, breaking]);
      if (value === FALSE || !this.solver.satisfiable(value)) return false;
      const before = demands.get(key);
      demands.set(key, value);
      const ok = this.breakAll(cube, barred, demands, at + 1);
      if (before === undefined) demands.delete(key);
      else demands.set(key, before);
      return ok;
    };
    for (const [key, current] of [...demands]) {
      const region = this.regionOf.get(key);
      const breaking = region ? this.regionValue(shape, region) : this.valueOf(shape, key);
      if (tryKey(key, current, this.formulas.not(breaking))) return true;
    }
    if (demands.size >= max) return false;
    // Where a shape demands nothing of other names, only its own can break it.
    const own = ownNames(shape);
    const names = new Set<string>();
    for (const s of own ? [shape] : [shape, ...all]) for (const name of s.names) names.add(name);
    for (const name of names) {
      if (barred.has(name) || demands.has(name)) continue;
      const breaking = this.formulas.not(this.valueOf(shape, name));
      if (breaking !== FALSE && tryKey(name, this.demand(all, name), breaking)) return true;
    }
    if (own) return false;
    for (const region of this.regions([...all, ...broken], barred)) {
      const key = `${FRESH}${demands.size} ${region.signature}`;
      const value = this.formulas.and(all.map((s) => this.regionValue(s, region)));
      if (this.left(region, demands.keys()) <= 0) continue;
      this.regionOf.set(key, region);
      if (tryKey(key, value, this.formulas.not(this.regionValue(shape, region)))) return true;
    }
    return false;
  }

  private readonly regionOf = new Map<string, Region>();

  /** How many more names of a region can come. */
  private left({ capacity, signature }: Region, used: Iterable<string>): number {
    return capacity - [...used].filter((key) => this.regionOf.get(key)?.signature === signature).length;
  }

  /** What shapes together demand of the value of `key`. */
  demand(shapes: readonly Shape[], key: string): Formula {
    return this.formulas.and(shapes.map((s) => this.valueOf(s, key)));
  }

  /** Whether `more` further properties can be added. */
  private enough(cube: ObjectCube, barred: Barred, used: ReadonlySet<string>, more: number): boolean {
    const { all } = cube;
    let found = 0;
    for (const region of this.regions([...all, ...cube.broken], barred)) {
      if (!this.solver.satisfiable(this.formulas.and(all.map((s) => this.regionValue(s, region))))) continue;
      found += this.left(region, used);
      if (found >= more) return true;
    }
    const shapes = [...all, ...cube.broken];
    const counted = new Set<string>();
    for (const { names } of shapes) {
      // From the last one on: in declared order it is the first ones that are gone, and there may be thousands.
      for (let i = names.length - 1; i >= 0; i--) {
        const name = names[i] ?? '';
        if (barred.has(name) || used.has(name) || counted.has(name)) continue;
        if (!this.solver.satisfiable(this.demand(all, name))) continue;
        if (++found >= more) return true;
        if (shapes.length > 1) counted.add(name);
      }
    }
    return false;
  }

  /** Classes of names no shape names: by which name patterns they match. The pattern-free class comes first. */
  *regions(shapes: readonly Shape[], barred: Barred): Generator<Region> {
    if (shapes.every((s) => s.patterns.length === 0)) {
      yield EVERY_NAME[barred.unknown === undefined ? 0 : 1];
      return;
    }
    const patterns = [...new Set(shapes.flatMap((s) => s.patterns.map((p) => p.names)))];
    const listed = new Set(shapes.flatMap((s) => s.names));
    for (const { matched, names } of this.strings.classes(patterns, this.solver.budget.spend)) {
      const region = this.region(names, patterns, matched, listed, barred);
      if (region) yield region;
    }
  }

  /** The names of a set, which match exactly the patterns `matched`, that are neither listed nor gone. */
  private region(
    set: StringSetId,
    patterns: readonly StringSetId[],
    matched: ReadonlySet<StringSetId>,
    listed: ReadonlySet<string>,
    barred: Barred,
  ): Region | undefined {
    const { lang, members } = this.strings.get(set);
    const unknown = barred.unknown && patterns.every((p) => matched.has(p) === barred.unknown?.has(p)) ? 1 : 0;
    let capacity = this.strings.engine.cardinality(lang) - unknown;
    if (capacity < Number.POSITIVE_INFINITY) {
      for (const name of members) if (!this.strings.matches(lang, name)) capacity++;
      for (const name of new Set([...listed, ...barred.names()])) if (this.strings.has(set, name)) capacity--;
    }
    return capacity > 0 ? { matched, names: set, signature: [...matched].join(), capacity, unknown } : undefined;
  }

  /** What a shape demands of the value of a name of a region. */
  regionValue(shape: Shape, region: { readonly matched: ReadonlySet<StringSetId> }): Formula {
    const parts = shape.patterns.filter((p) => region.matched.has(p.names)).map((p) => p.value);
    return parts.length === 0 ? shape.rest : this.formulas.and(parts);
  }
}

/** Names that cannot come: those that must be absent, and those that are gone. */
export class Barred {
  constructor(
    private readonly absent: ReadonlySet<string>,
    private readonly seen: SeenSet | undefined,
    /** Names that are not fresh either, though they may come. */
    private readonly listed: Iterable<string>,
  ) {}

  has(key: string): boolean {
    return this.absent.has(key) || this.seen?.has(key) === true;
  }

  /** These, and the names that are not fresh. */
  *names(): Iterable<string> {
    yield* this.absent;
    yield* this.listed;
    if (this.seen) yield* this.seen.gone();
  }

  /** The patterns that one more name matches whose text is not known. */
  get unknown(): ReadonlySet<StringSetId> | undefined {
    return this.seen?.unknown;
  }
}

/** Names outside all declared ones that match exactly the patterns `matched`; `capacity` of them can come. */
export interface Region {
  readonly matched: ReadonlySet<StringSetId>;
  readonly names: StringSetId;
  readonly signature: string;
  readonly capacity: number;
  /** How many of them are used, no one knows which. */
  readonly unknown: number;
}

/** The names of shapes without patterns: there is no end of them. */
const EVERY_NAME: readonly [Region, Region] = [everyName(0), everyName(1)];

function everyName(unknown: number): Region {
  return { matched: new Set(), names: StringSets.ALL, signature: '', capacity: Number.POSITIVE_INFINITY, unknown };
}

/** Starts the stand-in for a name yet to be chosen; no JSON Schema names a lone surrogate this way. */
const FRESH = '\ud800fresh ';
