import type { StringSetId } from '../formula/string-sets.ts';

/** What an object remembers of its names: the ones used, and in declared order also how far it has come. */
export class SeenSet {
  constructor(
    readonly id: number,
    /** Numbers of the keys, ascending. */
    readonly numbers: readonly number[],
    /** The used ones that have no place in the order. */
    readonly keys: ReadonlySet<string>,
    /** Of a used name that is not known: the name patterns it matches; no demand lists it. */
    readonly unknown: ReadonlySet<StringSetId> | undefined,
    readonly order: ReadonlyMap<string, number> | undefined,
    /** In declared order: names placed before this can no longer come. */
    readonly position: number,
    /** Equal for sets of the same order. */
    readonly orderId: number,
  ) {}

  /** Whether a name can no longer come. */
  has(key: string): boolean {
    return this.keys.has(key) || (this.order?.get(key) ?? this.position) < this.position;
  }

  /** The known names that can no longer come. */
  *gone(): Iterable<string> {
    yield* this.keys;
    for (const [key, place] of this.order ?? []) {
      if (place >= this.position) return;
      yield key;
    }
  }
}

/** Interned {@link SeenSet}s; 0 is the empty one of any order. */
export class SeenSets {
  private readonly sets: SeenSet[] = [];
  private readonly byKey = new Map<string, number>();
  private readonly keyNumbers = new Map<string, number>();

  constructor() {
    this.make('', [], new Set(), undefined, undefined, 0);
  }

  get(id: number): SeenSet {
    const set = this.sets[id];
    if (!set) throw new RangeError(`no key set ${id}`);
    return set;
  }

  /** The empty set of an object whose names come in this order. */
  ordered(names: readonly string[]): number {
    const order = new Map<string, number>();
    for (const name of names) order.set(name, order.size);
    return this.make(`!${JSON.stringify(names)}`, [], new Set(), undefined, order, 0);
  }

  /**
   * The set with one more name. An unknown one (undefined) moves the position, and counts as one name of those that match the patterns
   * `matched`, where these are given.
   */
  add(id: number, key: string | undefined, matched?: ReadonlySet<StringSetId>): number {
    const { numbers, keys, unknown = matched, order, orderId, position } = this.get(id);
    const place = key === undefined ? Number.POSITIVE_INFINITY : (order?.get(key) ?? Number.POSITIVE_INFINITY);
    const next = order ? Math.max(position, Math.min(place + 1, order.size)) : 0;
    if (key === undefined ? next === position && matched === undefined : keys.has(key) || place < position) return id;
    // The position tells of names with a place, so that an object has as many sets as names and not as choices of them.
    const stays = key === undefined || order?.has(key);
    const more = stays ? numbers : withNumber(numbers, this.numberOf(key));
    const name = `${orderId}@${next}#${more}${unknown ? `#${[...unknown]}` : ''}`;
    return this.make(name, more, stays ? keys : new Set(keys).add(key), unknown, order, next, orderId);
  }

  private numberOf(key: string): number {
    let number = this.keyNumbers.get(key);
    if (number === undefined) this.keyNumbers.set(key, (number = this.keyNumbers.size));
    return number;
  }

  private make(
    name: string,
    numbers: readonly number[],
    keys: ReadonlySet<string>,
    unknown: ReadonlySet<StringSetId> | undefined,
    order: ReadonlyMap<string, number> | undefined,
    position: number,
    orderId?: number,
  ): number {
    const known = this.byKey.get(name);
    if (known !== undefined) return known;
    const id = this.sets.length;
    this.sets.push(new SeenSet(id, numbers, keys, unknown, order, position, orderId ?? id));
    this.byKey.set(name, id);
    return id;
  }
}

/** An ascending list with one more number. */
function withNumber(numbers: readonly number[], number: number): readonly number[] {
  const at = numbers.findIndex((other) => other > number);
  return at < 0 ? [...numbers, number] : [...numbers.slice(0, at), number, ...numbers.slice(at)];
}
