import { jsonLength } from '../automaton/string-cost.ts';
import { decimalOf, formatDecimal } from '../formula/decimal.ts';
import type { Formula } from '../formula/formula.ts';
import { isObject, type Json } from '../schema/document.ts';
import type { Listed, ListedValues } from '../schema/listed-values.ts';

/**
 * Bytes of the shortest rest of one of several listed arrays or objects. While a value is read on which it depends which of them remain, what
 * follows counts as that of the longest: the figure is an upper bound then, and falls with every byte of the cheapest value.
 */
export class ListedCost {
  private readonly known = new Map<string, number>();

  /**
   * @param ordered whether names come in declared order
   * @param value bytes of the cheapest value of a formula
   */
  constructor(
    private readonly listed: ListedValues,
    private readonly ordered: boolean,
    private readonly value: (demand: Formula) => number,
  ) {}

  /** Bytes of the items or properties still to come, without the closing bracket; `after`: one came before. */
  rest(set: Listed, after: boolean): number {
    const key = `${set.id},${after}`;
    let bytes = this.known.get(key);
    if (bytes === undefined) this.known.set(key, (bytes = this.compute(set, after)));
    return bytes;
  }

  private compute(set: Listed, after: boolean): number {
    const order = this.ordered ? set.list.order : undefined;
    if (set.groups) return this.longest(set, after);
    if (this.listed.whole(set) !== undefined) return 0;
    let best = Number.POSITIVE_INFINITY;
    for (const key of this.listed.next(set, order).keys()) {
      const branch = this.listed.after(set, key, order);
      const rest = branch && this.listed.get(branch.rest);
      if (!rest) continue;
      const own = (after ? 1 : 0) + (set.list.array ? 0 : jsonLength(key) + 3) + this.value(branch.need);
      // What all of them have may come first as well as later.
      const shared = !rest.groups && rest.members.length === set.members.length;
      const total = own + (shared ? this.rest(rest, true) : this.longest(rest, true));
      if (shared) return total;
      best = Math.min(best, total);
    }
    return best;
  }

  /** Bytes of the longest rest. */
  private longest({ list, members, count, read }: Listed, after: boolean): number {
    let most = 0;
    for (const member of members) {
      const value = list.values[member];
      let bytes = after ? 0 : -1;
      if (Array.isArray(value)) for (let i = count; i < value.length; i++) bytes += 1 + spelled(value[i]);
      else
        for (const [name, inner] of Object.entries(value ?? {}))
          if (!read.includes(name)) bytes += jsonLength(name) + 4 + spelled(inner);
      most = Math.max(most, bytes);
    }
    return most;
  }
}

/** Bytes of a value with digits written out. */
function spelled(value: Json): number {
  if (typeof value === 'string') return jsonLength(value) + 2;
  if (typeof value === 'number') return formatDecimal(decimalOf(value)).length;
  if (Array.isArray(value))
    return value.reduce<number>((sum, x: Json) => sum + spelled(x) + 1, 2 - Math.min(1, value.length));
  if (isObject(value))
    return Object.entries(value).reduce(
      (sum, [name, inner]) => sum + jsonLength(name) + 4 + spelled(inner),
      2 - Math.min(1, Object.keys(value).length),
    );
  return String(value).length;
}
