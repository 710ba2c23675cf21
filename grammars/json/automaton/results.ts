import { canonical } from '../formula/terms.ts';
import type { Json } from '../schema/document.ts';
import type { ResultId } from './leaf.ts';

/**
 * Member of a set of branches one of which goes on as the value read says (one of a list of values). While the value is not known it
 * stands for any; a finished value gives the number of that value, counted from here, in its place.
 */
export const WHICH = 0x10000000;

/** Interned sets of small numbers: which branches of the frame below a finished value satisfies. Id 0 is the empty set. */
export class Results {
  private readonly sets: (readonly number[])[] = [[]];
  private readonly byKey = new Map<string, ResultId>([['', 0]]);
  private readonly values: Json[] = [];
  private readonly valueNumbers = new Map<string, number>();

  of(members: readonly number[]): ResultId {
    const sorted = [...new Set(members)].sort((a, b) => a - b);
    const key = sorted.join();
    let id = this.byKey.get(key);
    if (id === undefined) {
      id = this.sets.length;
      this.sets.push(sorted);
      this.byKey.set(key, id);
    }
    return id;
  }

  get(id: ResultId): readonly number[] {
    return this.sets[id] ?? [];
  }

  union(ids: readonly ResultId[]): ResultId {
    if (ids.length === 0) return 0;
    const [first = 0] = ids;
    return ids.length === 1 ? first : this.of(ids.flatMap((id) => this.get(id)));
  }

  /** The result of a finished value that satisfies all of these; `value` is asked for where it matters. */
  finish(ids: readonly ResultId[], value: () => Json | undefined): ResultId {
    const result = this.union(ids);
    if (!this.get(result).includes(WHICH)) return result;
    const known = value();
    if (known === undefined) return result;
    const text = canonical(known);
    let number = this.valueNumbers.get(text);
    if (number === undefined) {
      number = this.values.push(known);
      this.valueNumbers.set(text, number);
    }
    return this.of([...this.get(result).filter((member) => member !== WHICH), WHICH + number]);
  }

  /** Which value a result is about, if it says so. */
  value(id: ResultId): Json | undefined {
    const members = this.get(id);
    const last = members.at(-1) ?? 0;
    return last > WHICH ? this.values[last - WHICH - 1] : undefined;
  }

  /** The result with the value forgotten. */
  anyValue(id: ResultId): ResultId {
    const members = this.get(id);
    return (members.at(-1) ?? 0) > WHICH ? this.of([...members.slice(0, -1), WHICH]) : id;
  }
}
