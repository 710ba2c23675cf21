import type { Lang } from '../../regex/index.ts';
import { JSON_STRING_COST, jsonLength } from '../automaton/string-cost.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import type { StringSetId } from '../formula/string-sets.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import type { Solver } from '../solver/solver.ts';
import { type HelpfulNames, helpfulNames } from './helpful-names.ts';

const INFINITE = Number.POSITIVE_INFINITY;

/** Names of one region that are told apart; more of them are taken to cost a byte more each. */
const TOLD_APART = 16;
/** So many names of a region are added up one by one: there may be 2^53. */
const COUNTED = 1024;

/** An object begun: some properties, and what is then demanded of those to come. */
interface Begun {
  readonly rest: Formula;
  /** The first name, or region after the names, that may come: the order of properties does not matter. */
  readonly at: number;
  /** Whether it does come. */
  readonly comes: boolean;
  /** How many names of that region came. */
  readonly used: number;
  /** Bytes so far, with a comma after each property. */
  readonly bytes: number;
  /** Bytes that the whole takes at least, or exactly so many when `settled`. */
  readonly least: number;
  readonly settled: boolean;
}

type Fresh = Map<StringSetId, { readonly costs: number[]; rest: Lang }>;

/** Bytes of the cheapest properties that satisfy an object demand. */
export class ObjectCost {
  /** By names that cannot come, and region: bytes of its cheapest names, cheapest first. */
  private readonly fresh = new Map<string, Fresh>();
  /** The same by the set of names itself: their text may be long. */
  private readonly freshBy = new WeakMap<ReadonlySet<string>, Fresh>();

  /** @param value bytes of the cheapest value of a formula */
  constructor(
    private readonly solver: Solver,
    private readonly value: (demand: Formula) => number,
  ) {}

  /**
   * Bytes of the properties with commas between them, Infinity when there are none; `seen`: names that cannot come. Name by name, first those on
   * which most depends, each comes or does not; what takes least bytes goes on first (A*), and a plain demand is added up.
   */
  of(demand: Formula, seen: SeenSet | undefined): number {
    const { solver } = this;
    const { objects, formulas, terms } = solver;
    const names = helpfulNames(solver, demand, seen);
    const { list } = names;
    /** Cheapest last. */
    const open: Begun[] = [];
    const add = (begun: Begun): void => {
      if (begun.least === INFINITE) return;
      let i = open.length;
      while (i > 0 && (open[i - 1]?.least ?? 0) < begun.least) i--;
      open.splice(i, 0, begun);
    };
    const begin = (rest: Formula, at: number, used: number, bytes: number): void => {
      if (rest === FALSE) return;
      const ends = solver.objectCanEnd(rest);
      const { least, whole } = ends ? { least: 0, whole: true } : this.plain(rest, names, at, used);
      add({ rest, at, used, bytes, least: bytes + least, settled: whole, comes: false });
    };
    begin(names.without(demand, -1), 0, 0, 0);
    const done = new Set<string>();
    for (let begun = open.pop(); begun; begun = open.pop()) {
      const { rest, at, used, bytes, least, settled, comes } = begun;
      if (settled) return Math.max(0, least - 1);
      const name = list[at];
      const region = name === undefined ? names.regions()[at - list.length] : undefined;
      const key = `${rest} ${at} ${used} ${comes}`;
      if (done.has(key) || (name === undefined && !region)) continue;
      done.add(key);
      solver.budget.spend();
      if (!comes) {
        begin(names.without(rest, at), at + 1, 0, bytes);
        // What must come is counted.
        const more =
          name === undefined || formulas.conjuncts(rest).includes(terms.required(name)) ? 0 : jsonLength(name) + 5;
        if (!region || used < region.capacity) add({ ...begun, comes: true, least: Math.max(least, bytes + more) });
        continue;
      }
      const own = region ? this.freshName(region.names, names.known, region.unknown + used) : jsonLength(name ?? '');
      const after = region ? objects.afterRegion(rest, region.matched) : objects.afterProperty(rest, name ?? '');
      // What changes nothing helps nothing.
      for (const { need, rest: later } of solver.split(after))
        if (later !== rest)
          begin(later, region ? at : at + 1, region ? used + 1 : 0, bytes + own + 4 + this.value(need));
    }
    return INFINITE;
  }

  /** Bytes of the properties that a demand asks for whatever else it does, with a comma after each; `whole`: there is nothing else. */
  private plain(
    rest: Formula,
    names: HelpfulNames,
    at: number,
    used: number,
  ): { readonly least: number; readonly whole: boolean } {
    const { formulas, objects } = this.solver;
    const parts = formulas.conjuncts(rest);
    const literals = parts.filter((x) => formulas.isLiteral(x));
    const { all, broken, required, absent, min, max } = objects.read(literals);
    const whole = literals.length === parts.length && broken.length === 0;
    let least = min > max || required.size > max ? INFINITE : 0;
    for (const name of required) least += jsonLength(name) + 4 + this.value(objects.demand(all, name));
    const missing = min - required.size;
    if (!whole || missing <= 0 || least === INFINITE) return { least, whole };
    const more: number[] = [];
    let further = INFINITE;
    for (const name of names.list.slice(at))
      if (!absent.has(name) && !required.has(name))
        more.push(jsonLength(name) + 4 + this.value(objects.demand(all, name)));
    names.regions().forEach((region, i) => {
      const place = i + names.list.length - at;
      if (place < 0) return;
      const value = this.value(formulas.and(all.map((shape) => objects.regionValue(shape, region))));
      const gone = place === 0 ? used : 0;
      const bytes = (k: number): number =>
        value + 4 + this.freshName(region.names, names.known, region.unknown + gone + k);
      const count = Math.min(region.capacity - gone, missing);
      for (let k = 0; k < Math.min(count, COUNTED); k++) more.push(bytes(k));
      if (count > COUNTED) further = Math.min(further, bytes(COUNTED));
    });
    more.sort((a, b) => a - b);
    const left = missing - more.length;
    if (left > 0) least += left * (further + left / 2);
    if (least === INFINITE) return { least, whole };
    for (const bytes of more.slice(0, missing)) least += bytes;
    return { least, whole };
  }

  /** Bytes of the cheapest name of a set after `index` cheaper ones, but for the names that are taken. */
  private freshName(set: StringSetId, taken: ReadonlySet<string>, index: number): number {
    const { engine } = this.solver.compiler.strings;
    let fresh = this.freshBy.get(taken);
    if (!fresh) {
      const key = JSON.stringify([...taken]);
      fresh = this.fresh.get(key) ?? new Map();
      this.fresh.set(key, fresh);
      this.freshBy.set(taken, fresh);
    }
    let known = fresh.get(set);
    if (!known) {
      const { members, lang } = this.solver.compiler.strings.get(set);
      const spelled = engine.words(members.filter((name) => !taken.has(name)));
      const without = engine.complement(engine.words([...taken]));
      known = { costs: [], rest: engine.union(engine.intersect(lang, without), spelled) };
      fresh.set(set, known);
    }
    while (known.costs.length <= Math.min(index, TOLD_APART)) {
      const name = engine.cheapest(known.rest, JSON_STRING_COST);
      known.costs.push(name === undefined ? Number.POSITIVE_INFINITY : jsonLength(name));
      if (name !== undefined) known.rest = engine.intersect(known.rest, engine.complement(engine.literal(name)));
    }
    return (known.costs[Math.min(index, TOLD_APART)] ?? 0) + Math.max(0, index - TOLD_APART);
  }
}
