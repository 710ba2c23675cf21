import type { ResultId } from './leaf.ts';

/** Interned sets of small numbers: which branches of the frame below a finished value satisfies. Id 0 is the empty set. */
export class Results {
  private readonly sets: (readonly number[])[] = [[]];
  private readonly byKey = new Map<string, ResultId>([['', 0]]);

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
}
