import type { Lang } from '../../regex/index.ts';
import { JSON_STRING_COST, jsonLength } from '../automaton/string-cost.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import { type StringSetId, wellFormed } from '../formula/string-sets.ts';
import type { Shape } from '../formula/terms.ts';
import { Barred, type ObjectCube, type Region } from '../solver/object-solver.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import type { Solver } from '../solver/solver.ts';

/** A property that an object is given: a name, or one more name of a region. */
interface Property {
  readonly name?: string;
  readonly region?: Region;
  readonly demand: Formula;
}

/** Names of one region that are told apart; more of them are taken to cost a byte more each. */
const TOLD_APART = 16;

/** Bytes of the cheapest properties that satisfy a conjunction of object demands. */
export class ObjectCost {
  /** By region and names that cannot come: bytes of its cheapest names, cheapest first. */
  private readonly fresh = new Map<string, { readonly costs: number[]; rest: Lang }>();

  /** @param value bytes of the cheapest value of a formula */
  constructor(
    private readonly solver: Solver,
    private readonly value: (demand: Formula) => number,
  ) {}

  /** Bytes of the properties with commas between them, Infinity when there are none; `least` is what must be undercut. */
  of(cube: ObjectCube, seen: SeenSet | undefined, least: number): number {
    const { solver } = this;
    const { all, broken, required, absent, min, max } = cube;
    if (min > max || required.size > max) return Number.POSITIVE_INFINITY;
    const barred = new Barred(absent, seen);
    const first: Property[] = [];
    for (const name of required) {
      if (barred.has(name) || !wellFormed(name)) return Number.POSITIVE_INFINITY;
      first.push({ name, demand: solver.demandOf(all, name) });
    }
    const shapes = [...all, ...broken];
    const names = [...new Set(shapes.flatMap((shape) => shape.names))].filter((name) => !barred.has(name));
    const regions = broken.length > 0 || min > required.size ? [...solver.objects.regions(shapes, barred)] : [];
    const taken = new Set([...shapes.flatMap((shape) => shape.names), ...barred.names()]);
    let best = least;
    const total = (properties: readonly Property[]): number => {
      let bytes = Math.max(0, properties.length - 1);
      const perRegion = new Map<Region, number>();
      for (const { name, region, demand } of properties) {
        if (bytes >= best) return bytes;
        bytes += 3 + this.value(demand);
        if (name !== undefined) bytes += jsonLength(name);
        else if (region) {
          const before = perRegion.get(region) ?? region.unknown;
          perRegion.set(region, before + 1);
          bytes += this.freshName(region.names, taken, before);
        }
      }
      return bytes;
    };
    // Chooses, for one broken shape after another, a property that breaks it: as the solver does, but the cheapest one.
    const place = (at: number, properties: readonly Property[]): void => {
      solver.budget.spend();
      if (total(properties) >= best) return;
      const shape = broken[at];
      if (shape === undefined) {
        best = Math.min(best, total(this.filled(cube, properties, names, regions, taken)));
        return;
      }
      const put = (property: Property, breaking: Formula, index = properties.length): void => {
        const demand = solver.formulas.and([property.demand, solver.formulas.not(breaking)]);
        if (demand === FALSE || !solver.satisfiable(demand)) return;
        place(at + 1, [...properties.slice(0, index), { ...property, demand }, ...properties.slice(index + 1)]);
      };
      properties.forEach((property, index) => {
        put(property, this.demanded(shape, property), index);
      });
      if (properties.length >= max) return;
      for (const name of names)
        if (!properties.some((p) => p.name === name))
          put({ name, demand: solver.demandOf(all, name) }, solver.valueOf(shape, name));
      for (const region of regions) {
        const property = { region, demand: this.regionDemand(all, region) };
        if (properties.filter((p) => p.region === region).length < region.capacity)
          put(property, this.demanded(shape, property));
      }
    };
    place(0, first);
    return best;
  }

  /** The properties with the cheapest further ones that `min` asks for; fewer when there are no more. */
  private filled(
    { all, min }: ObjectCube,
    properties: readonly Property[],
    names: readonly string[],
    regions: readonly Region[],
    taken: ReadonlySet<string>,
  ): readonly Property[] {
    const missing = min - properties.length;
    if (missing <= 0) return properties;
    const more: { readonly bytes: number; readonly property: Property }[] = [];
    for (const name of names) {
      if (properties.some((p) => p.name === name)) continue;
      const property = { name, demand: this.solver.demandOf(all, name) };
      more.push({ bytes: jsonLength(name) + this.value(property.demand), property });
    }
    for (const region of regions) {
      const property = { region, demand: this.regionDemand(all, region) };
      const bytes = this.value(property.demand);
      const used = properties.filter((p) => p.region === region).length;
      for (let i = used; i < Math.min(region.capacity, used + missing); i++)
        more.push({ bytes: bytes + this.freshName(region.names, taken, region.unknown + i), property });
    }
    more.sort((a, b) => a.bytes - b.bytes);
    // What is missing costs more than there is.
    if (more.length < missing) return [...properties, { demand: FALSE }];
    return [...properties, ...more.slice(0, missing).map(({ property }) => property)];
  }

  private demanded(shape: Shape, { name, region }: Property): Formula {
    if (name !== undefined) return this.solver.valueOf(shape, name);
    return region ? this.solver.objects.regionValue(shape, region) : FALSE;
  }

  private regionDemand(all: readonly Shape[], region: Region): Formula {
    return this.solver.formulas.and(all.map((shape) => this.solver.objects.regionValue(shape, region)));
  }

  /** Bytes of the cheapest name of a set after `index` cheaper ones, but for the names that are taken. */
  private freshName(set: StringSetId, taken: ReadonlySet<string>, index: number): number {
    const { engine } = this.solver.compiler.strings;
    const key = `${set} ${JSON.stringify([...taken])}`;
    let known = this.fresh.get(key);
    if (!known) {
      const { members, lang } = this.solver.compiler.strings.get(set);
      const spelled = members.filter((name) => !taken.has(name)).map((name) => engine.literal(name));
      const without = engine.complement(engine.union(engine.empty, ...[...taken].map((name) => engine.literal(name))));
      known = { costs: [], rest: engine.union(engine.intersect(lang, without), ...spelled) };
      this.fresh.set(key, known);
    }
    while (known.costs.length <= Math.min(index, TOLD_APART)) {
      const name = engine.cheapest(known.rest, JSON_STRING_COST);
      known.costs.push(name === undefined ? Number.POSITIVE_INFINITY : jsonLength(name));
      if (name !== undefined) known.rest = engine.intersect(known.rest, engine.complement(engine.literal(name)));
    }
    return (known.costs[Math.min(index, TOLD_APART)] ?? 0) + Math.max(0, index - TOLD_APART);
  }
}
