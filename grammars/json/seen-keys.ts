/** What an object remembers of its names: the ones used, and in declared order also how far it has come. */
export interface SeenSet {
  readonly id: number;
  readonly keys: ReadonlySet<string>;
  readonly order: ReadonlyMap<string, number> | undefined;
  /** Equal for sets of the same order. */
  readonly orderId: number;
  /** In declared order: names placed before this can no longer come. */
  readonly position: number;
  has(key: string): boolean;
}

/** Interned {@link SeenSet}s; 0 is the empty one of any order. */
export class SeenSets {
  private readonly sets: SeenSet[] = [];
  private readonly byKey = new Map<string, number>();

  constructor() {
    this.make('', new Set(), undefined, 0);
  }

  get(id: number): SeenSet {
    const set = this.sets[id];
    if (!set) throw new RangeError(`no key set ${id}`);
    return set;
  }

  /** The empty set of an object whose names come in this order. */
  ordered(names: readonly string[]): number {
    return this.make(`!${JSON.stringify(names)}`, new Set(), new Map(names.map((name, i) => [name, i])), 0);
  }

  /** The set with one more name; an unknown name (undefined) only moves the position. */
  add(id: number, key: string | undefined): number {
    const { keys, order, orderId, position } = this.get(id);
    const place = key === undefined ? Number.POSITIVE_INFINITY : (order?.get(key) ?? Number.POSITIVE_INFINITY);
    const next = order ? Math.max(position, Math.min(place, order.size)) : 0;
    if (key === undefined ? next === position : keys.has(key)) return id;
    const sorted = key === undefined ? [...keys] : [...keys, key].sort();
    return this.make(`${orderId}@${next}#${JSON.stringify(sorted)}`, new Set(sorted), order, next, orderId);
  }

  private make(
    name: string,
    keys: ReadonlySet<string>,
    order: ReadonlyMap<string, number> | undefined,
    position: number,
    orderId?: number,
  ): number {
    const known = this.byKey.get(name);
    if (known !== undefined) return known;
    const id = this.sets.length;
    const has = (key: string): boolean => {
      const place = order?.get(key);
      return keys.has(key) || (place !== undefined && place < position);
    };
    this.sets.push({ id, keys, order, orderId: orderId ?? id, position, has });
    this.byKey.set(name, id);
    return id;
  }
}
