import type { InfcError } from '../../../runtime/errors.ts';
import { FALSE, type Formula } from '../formula/formula.ts';
import type { Branch } from '../formula/split.ts';
import { type StringClass, type StringSetId, wellFormed } from '../formula/string-sets.ts';
import { located, type SchemaPlace } from '../schema/located.ts';
import type { Names, Plain } from '../solver/plain-objects.ts';
import type { SeenSet } from '../solver/seen-keys.ts';
import type { FormulaSlot } from './leaf.ts';
import type { Machine } from './machine.ts';

/** Most classes of unlisted names. */
const MAX_REGIONS = 512;
/** Of more ways on one is taken and the others are not compiled beyond what tells them apart. */
const FEW_WAYS = 32;

/** Names no demand lists that match exactly these patterns. */
export interface Region extends StringClass {
  readonly index: number;
}

/** What the property value must satisfy (`needs`), and per need what then remains for each slot. */
export interface Outcome {
  readonly needs: readonly Formula[];
  readonly rests: readonly ReadonlyMap<number, Formula>[];
}

/** Names and their outcomes for one set of demands; shared by all states that differ in used names only, where those do not matter. */
export class KeyDemands {
  /** Names some demand lists, sorted by UTF-16 units. */
  readonly names: readonly string[];
  /** The same names. */
  readonly listed: ReadonlySet<string>;
  /** The slots, where all of them are plain and used names do not matter. */
  private readonly plain: readonly Plain[] | undefined;
  private readonly possibleNames = new Map<string, boolean>();
  private readonly outcomes = new Map<string, Outcome | undefined>();
  private readonly regionOutcomes = new Map<Region, Outcome | undefined>();
  private readonly firstPlaces = new Map<Formula, number>();
  private placeList: readonly number[] | undefined;
  private strayList: readonly string[] | undefined;
  private regionList: readonly Region[] | undefined;

  constructor(
    private readonly machine: Machine,
    readonly id: number,
    readonly slots: readonly FormulaSlot[],
    private readonly order: ReadonlyMap<string, number> | undefined,
    /** The used names, where the demands depend on them. */
    private readonly seen: SeenSet | undefined,
  ) {
    const plain = slots.map((slot) => machine.plains.of(slot.state));
    this.plain = seen === undefined && plain.every((x) => x !== undefined) ? plain : undefined;
    const { list, set } = this.plain ? machine.plains.names(this.plain) : namesOf(machine, slots);
    this.names = list;
    this.listed = set;
  }

  /** By name: its place in the declared order; Infinity without one. */
  get places(): readonly number[] {
    this.placeList ??= this.names.map((name) => this.order?.get(name) ?? Number.POSITIVE_INFINITY);
    return this.placeList;
  }

  /** Names with a place that no demand lists. */
  get strays(): readonly string[] {
    this.strayList ??= [...(this.order?.keys() ?? [])].filter((name) => !this.listed.has(name));
    return this.strayList;
  }

  /** Whether that depends on used names that no demand lists. */
  get counting(): boolean {
    return this.slots.some(({ state }) => this.machine.solver.objects.dependsOnSeen(state) === 2);
  }

  /** Whether what can still come depends on the names used. */
  get dependent(): boolean {
    return this.seen !== undefined;
  }

  /** Whether a name can come. */
  possible(key: string): boolean {
    let known = this.possibleNames.get(key);
    if (known === undefined) this.possibleNames.set(key, (known = this.canCome(key)));
    return known;
  }

  private canCome(key: string): boolean {
    const { plain, order } = this;
    if (!wellFormed(key)) return false;
    // What it leads to is kept only of names that do come: there may be thousands.
    if (!plain) {
      const { solver, compiler } = this.machine;
      const later = this.after(key);
      const goesOn = ({ state }: FormulaSlot): boolean =>
        !compiler.listed.get(state) && solver.someProperty(this.afterName(state, key), later);
      return this.lists(key) || this.slots.some(goesOn);
    }
    if (!this.listed.has(key)) return false;
    const place = order?.get(key) ?? Number.POSITIVE_INFINITY;
    return plain.some(
      (x) => !(order && x.owes(order, place, key)) && this.machine.solver.satisfiable(this.machine.plains.need(x, key)),
    );
  }

  /** The demand, where there is one and it is plain. */
  get only(): Plain | undefined {
    return this.slots.length === 1 ? this.plain?.[0] : undefined;
  }

  /** Whether a list of values goes on with a name. */
  private lists(key: string): boolean {
    const { listed } = this.machine.compiler;
    return this.slots.some(({ state }) => {
      const list = listed.get(state);
      return list !== undefined && listed.next(list, this.order).has(key);
    });
  }

  /** What a name leads to, if it can come at all. */
  outcome(key: string): Outcome | undefined {
    if (this.outcomes.has(key)) return this.outcomes.get(key);
    if (!wellFormed(key)) return undefined;
    const found = this.collect((rest) => this.afterName(rest, key), this.after(key), key);
    this.outcomes.set(key, found);
    return found;
  }

  /** The state before the value of a listed name that can come. */
  value(key: string): number | undefined {
    const [slot] = this.plain ?? [];
    if (slot && this.slots.length === 1) return this.machine.propertyValue(this.machine.plains.need(slot, key));
    const outcome = this.outcome(key);
    return outcome && stateOf(this.machine, outcome);
  }

  regionOutcome(region: Region): Outcome | undefined {
    if (this.regionOutcomes.has(region)) return this.regionOutcomes.get(region);
    const found = this.collect(
      (rest) =>
        this.machine.solver.objects.afterRegion(this.afterSkipping(rest, Number.POSITIVE_INFINITY), region.matched),
      this.after(undefined, region.matched),
    );
    this.regionOutcomes.set(region, found);
    return found;
  }

  /** The usable classes of unlisted names. */
  regions(): readonly Region[] {
    this.regionList ??= located(
      () => this.split(),
      () => this.place(),
    );
    return this.regionList;
  }

  /** The schema of the name patterns. */
  private place(): SchemaPlace | undefined {
    const { formulas, terms } = this.machine;
    for (const slot of this.slots)
      for (const leaf of formulas.leaves(slot.state).keys()) {
        const term = terms.get(leaf);
        if (term.sort !== 'shape' || term.shape.pointer === undefined || term.shape.patterns.length === 0) continue;
        return { pointer: `${term.shape.pointer}/patternProperties`, keyword: 'patternProperties' };
      }
    return undefined;
  }

  private split(): readonly Region[] {
    const { machine } = this;
    const { strings } = machine;
    const patterns = new Set<StringSetId>();
    const shapes =
      this.plain?.flatMap((x) => x.shapes) ??
      this.slots.flatMap((slot) =>
        [...machine.formulas.leaves(slot.state).keys()].flatMap((leaf) => {
          const term = machine.terms.get(leaf);
          return term.sort === 'shape' ? term.shape : [];
        }),
      );
    for (const shape of shapes) for (const p of shape.patterns) patterns.add(p.names);
    const tooMany = (): InfcError =>
      machine.solver.tooComplex(`more than ${MAX_REGIONS} combinations of name patterns`);
    if (patterns.size > MAX_REGIONS) throw tooMany();
    const found: Region[] = [];
    for (const { matched, names } of strings.classes([...patterns], () => undefined)) {
      if (found.length === MAX_REGIONS) throw tooMany();
      found.push({ matched, names, index: found.length });
    }
    return found.filter((r) => this.regionOutcome(r) !== undefined);
  }

  /** The names that cannot come after one more (undefined: one that is listed nowhere). */
  private after(name: string | undefined, matched?: ReadonlySet<StringSetId>): SeenSet | undefined {
    const { seen } = this.machine;
    return this.seen && seen.get(seen.add(this.seen.id, name, matched));
  }

  /** The used names after one more. Of an unknown one only what it matches counts, and only where used names matter. */
  seenAfter(seen: number, name: string | undefined, region: Region | undefined): number {
    return this.machine.seen.add(seen, name, this.seen && name === undefined ? region?.matched : undefined);
  }

  /** In declared order, choosing a later name means that the earlier ones will not come. */
  private afterSkipping(rest: Formula, place: number): Formula {
    const { order } = this;
    if (!order || place <= this.earliest(rest, order)) return rest;
    const { formulas, terms } = this.machine;
    return formulas.substitute(rest, (leaf) => {
      const term = terms.get(leaf);
      const own = term.sort === 'required' ? order.get(term.key) : undefined;
      return own !== undefined && own < place ? FALSE : formulas.leaf(leaf);
    });
  }

  /** The first place of a name that a demand requires. */
  private earliest(rest: Formula, order: ReadonlyMap<string, number>): number {
    let first = this.firstPlaces.get(rest);
    if (first === undefined) {
      first = Number.POSITIVE_INFINITY;
      for (const leaf of this.machine.formulas.leaves(rest).keys()) {
        const term = this.machine.terms.get(leaf);
        if (term.sort === 'required') first = Math.min(first, order.get(term.key) ?? first);
      }
      this.firstPlaces.set(rest, first);
    }
    return first;
  }

  private afterName(rest: Formula, key: string): Formula {
    const place = this.order?.get(key) ?? Number.POSITIVE_INFINITY;
    return this.machine.solver.objects.afterProperty(this.afterSkipping(rest, place), key);
  }

  /** What a value and what follows it can be, where both are demanded. */
  private *ways(demand: Formula, later: SeenSet | undefined): Generator<Branch> {
    const { solver } = this.machine;
    const branches = solver.split(demand);
    const many = branches.length > FEW_WAYS;
    for (const { need, rest } of branches) {
      const left = solver.completable(need, rest, later, many);
      if (left !== FALSE) yield { need: left, rest };
    }
  }

  private collect(after: (rest: Formula) => Formula, later: SeenSet | undefined, key?: string): Outcome | undefined {
    const { solver, formulas, compiler } = this.machine;
    const rests = new Map<Formula, Map<number, Formula>>();
    this.slots.forEach((slot, i) => {
      const list = compiler.listed.get(slot.state);
      const branch = list && key !== undefined && compiler.listed.after(list, key, this.order);
      if (branch) rests.set(branch.need, (rests.get(branch.need) ?? new Map<number, Formula>()).set(i, branch.rest));
      if (list) return;
      const plain = this.plain?.[i];
      if (plain && (key !== undefined || plain.simple)) {
        // What remains has fewer demands than what was satisfiable before, so it needs no check.
        const place = (key === undefined ? undefined : this.order?.get(key)) ?? Number.POSITIVE_INFINITY;
        if (this.order && plain.owes(this.order, place, key)) return;
        const need = this.machine.plains.need(plain, key);
        if (!solver.satisfiable(need)) return;
        const bySlot = rests.get(need) ?? new Map<number, Formula>();
        rests.set(need, bySlot);
        const rest = key === undefined ? plain.state : this.machine.plains.without(plain, key);
        bySlot.set(i, formulas.or([bySlot.get(i) ?? FALSE, rest]));
        return;
      }
      for (const { need, rest } of this.ways(after(slot.state), later)) {
        let bySlot = rests.get(need);
        if (!bySlot) {
          bySlot = new Map();
          rests.set(need, bySlot);
        }
        bySlot.set(i, formulas.or([bySlot.get(i) ?? FALSE, rest]));
      }
    });
    return rests.size === 0 ? undefined : { needs: [...rests.keys()], rests: [...rests.values()] };
  }
}

/** Names some demand lists. */
function namesOf(machine: Machine, slots: readonly FormulaSlot[]): Names {
  const set = new Set<string>();
  for (const slot of slots) {
    for (const leaf of machine.formulas.leaves(slot.state).keys()) {
      const term = machine.terms.get(leaf);
      if (term.sort === 'shape') for (const name of term.shape.names) set.add(name);
      else if (term.sort === 'required') set.add(term.key);
      else if (term.sort === 'listed') for (const name of machine.compiler.listed.names(term.listed)) set.add(name);
    }
  }
  return { list: [...set].sort(), set };
}

/** The state before a value with this outcome. */
export function stateOf(machine: Machine, { needs, rests }: Outcome): number {
  const [only] = needs;
  if (only !== undefined && needs.length === 1 && !machine.terms.lists) return machine.propertyValue(only);
  return machine.valueState(
    needs.map((need, i) => ({ state: need, results: machine.resultsOf(i, rests[i]) })),
    'space',
    0,
  );
}
