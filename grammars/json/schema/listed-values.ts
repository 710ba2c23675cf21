import { FALSE, type Formula, type Formulas } from '../formula/formula.ts';
import type { Branch } from '../formula/split.ts';
import { canonical, type Terms } from '../formula/terms.ts';
import type { Json } from './document.ts';

/** Value by name, or by position. */
type Composite = { readonly [key: string]: Json };
type Members = readonly number[];

/** Arrays or objects of a list that agree in what was read of them: what is left of one of them is still to come. */
export interface Listed {
  readonly id: number;
  readonly list: ValueList;
  /** Those still possible. */
  readonly members: Members;
  /** How many items or properties were read. */
  readonly count: number;
  /** Names of the properties that were read, sorted. */
  readonly read: readonly string[];
  /** While one more value is read: each that it can be, and which of the members have it, by its canonical text. */
  readonly groups: ReadonlyMap<string, Group> | undefined;
}

interface Group {
  readonly value: Json;
  readonly members: Members;
}

interface ValueList {
  readonly id: number;
  readonly array: boolean;
  readonly values: readonly Composite[];
  /** Names by first occurrence, and the place of each. */
  readonly names: readonly string[];
  readonly order: ReadonlyMap<string, number>;
}

/** Up to so many members tell one set from another, whichever way it was reached. */
const FEW = 64;

/**
 * Lists of arrays or objects (`enum`), walked value by value: what was read so far leaves some of the members, so that nothing is built for each
 * of thousands. A literal of sort `listed` stands for such a set. Where a value is one of it, it is the whole state of a slot; negated (a value is
 * none of it) it may stand beside other demands on objects.
 */
export class ListedValues {
  private readonly known = new Map<string, Formula>();
  /** By order and set. */
  private readonly nexts = new Map<
    ReadonlyMap<string, number> | undefined,
    Map<number, ReadonlyMap<string, Members>>
  >();
  private lists = 0;
  private sets = 0;

  constructor(
    private readonly formulas: Formulas,
    private readonly terms: Terms,
  ) {}

  /** The set of all values of a list of different arrays, or of different objects; `names`: their order, if it is not that of the list. */
  of(values: readonly Json[], names: readonly string[] = namesOf(values)): Formula {
    if (values.length === 0) return FALSE;
    const list = {
      id: this.lists++,
      array: Array.isArray(values[0]),
      values: values as readonly Composite[],
      names,
      order: new Map(names.map((name, i) => [name, i])),
    };
    return this.make({ list, members: values.map((_, i) => i), count: 0, read: [], groups: undefined }, '');
  }

  /** The set a state stands for, if it is one. */
  get(state: Formula): Listed | undefined {
    if (!this.terms.lists || !this.formulas.isLiteral(state) || !this.formulas.isPositive(state)) return undefined;
    const term = this.terms.get(this.formulas.leafNumber(state));
    return term.sort === 'listed' ? term.listed : undefined;
  }

  /** The members by the name (or position) that can come next: in an order each has one, its first. */
  next(listed: Listed, order: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, Members> {
    const { list, members, count, id } = listed;
    let nexts = this.nexts.get(order);
    if (!nexts) this.nexts.set(order, (nexts = new Map()));
    const known = nexts.get(id);
    if (known) return known;
    const found = new Map<string, number[]>();
    const add = (name: string, member: number): void => {
      const some = found.get(name);
      if (some) some.push(member);
      else found.set(name, [member]);
    };
    for (const member of members) {
      const value = list.values[member] ?? {};
      if (list.array) {
        if (String(count) in value) add(String(count), member);
        continue;
      }
      const left = Object.keys(value).filter((name) => !listed.read.includes(name));
      if (!order) for (const name of left) add(name, member);
      else {
        let first: string | undefined;
        for (const name of left)
          if (first === undefined || (order.get(name) ?? 0) < (order.get(first) ?? 0)) first = name;
        if (first !== undefined) add(first, member);
      }
    }
    nexts.set(id, found);
    return found;
  }

  /** What the value of that name or position can be, and what then remains: which members, where that depends on it, {@link narrow} tells. */
  after(listed: Listed, key: string, order: ReadonlyMap<string, number> | undefined): Branch | undefined {
    const { list, read, count } = listed;
    const members = this.next(listed, order).get(key);
    if (!members) return undefined;
    const groups = new Map<string, { value: Json; members: number[] }>();
    for (const member of members) {
      const value = list.values[member]?.[key] ?? null;
      const text = canonical(value);
      const group = groups.get(text);
      if (group) group.members.push(member);
      else groups.set(text, { value, members: [member] });
    }
    const later = { list, members, count: count + 1, read: list.array ? read : [...read, key].sort() };
    const rest = this.make({ ...later, groups: groups.size > 1 ? groups : undefined }, `${listed.id}>${key}`);
    return { need: this.terms.oneOf([...groups.values()].map(({ value }) => value)), rest };
  }

  /** Whether which members remain depends on the value that is being read. */
  waits(state: Formula): boolean {
    return this.waiting(state) !== undefined;
  }

  /** The values that are being told apart by that one. */
  awaited(state: Formula): readonly Json[] | undefined {
    const groups = this.waiting(state);
    return groups && [...groups.values()].map(({ value }) => value);
  }

  private waiting(state: Formula): Listed['groups'] {
    if (!this.terms.lists) return undefined;
    for (const leaf of this.formulas.leaves(state).keys()) {
      const term = this.terms.get(leaf);
      if (term.sort === 'listed' && term.listed.groups) return term.listed.groups;
    }
    return undefined;
  }

  /** The state once that value is known. */
  narrow(state: Formula, value: Json): Formula {
    if (!this.waits(state)) return state;
    const text = canonical(value);
    return this.formulas.substitute(state, (leaf) => {
      const term = this.terms.get(leaf);
      if (term.sort !== 'listed' || !term.listed.groups) return this.formulas.leaf(leaf);
      const group = term.listed.groups.get(text);
      if (!group) return FALSE;
      return this.make({ ...term.listed, members: group.members, groups: undefined }, `${term.listed.id}=${text}`);
    });
  }

  /** What is left of each member. */
  left({ list, members, read }: Listed): readonly Json[] {
    return members.map((member) => {
      const value = list.values[member] ?? null;
      if (read.length === 0) return value;
      return Object.fromEntries(Object.entries(value ?? {}).filter(([name]) => !read.includes(name)));
    });
  }

  /** The member that is whole. */
  whole({ list, members, count }: Listed): Json | undefined {
    const at = members.find((member) => {
      const value = list.values[member];
      return Array.isArray(value) ? value.length === count : Object.keys(value ?? {}).length === count;
    });
    return at === undefined ? undefined : list.values[at];
  }

  /** Names that some member still has to come. */
  names({ list, members, read }: Listed): ReadonlySet<string> {
    const names = new Set<string>();
    for (const member of members)
      for (const name of Object.keys(list.values[member] ?? {})) if (!read.includes(name)) names.add(name);
    return names;
  }

  private make(listed: Omit<Listed, 'id'>, way: string): Formula {
    const { list, members, count, read, groups } = listed;
    const set = members.length > FEW ? way : members.join();
    const key = `${list.id},${count},${groups ? 1 : 0},${JSON.stringify(read)},${set}`;
    let formula = this.known.get(key);
    if (formula === undefined) {
      formula = this.terms.listed({ ...listed, id: this.sets++ });
      this.known.set(key, formula);
    }
    return formula;
  }
}

/** Names of objects in the order in which they first occur. */
function namesOf(values: readonly Json[]): readonly string[] {
  const names = new Set<string>();
  if (!Array.isArray(values[0]))
    for (const value of values) for (const name of Object.keys(value ?? {})) names.add(name);
  return [...names];
}
