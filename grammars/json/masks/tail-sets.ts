/** What becomes of a token, or of a tail. */
export const DEAD = 0;
export const ALIVE = 1;
/** Only the text read before tells. */
export const LATER = 2;

/** What may follow the closing quote of a string, by the numbers of tails. */
export interface TailSet {
  readonly open: readonly number[];
  readonly later: readonly number[];
  /** By tail: one of {@link DEAD}, {@link ALIVE}, {@link LATER}. */
  readonly marks: Uint8Array;
  /** The base of a string that admits any content, and its mask, once they were asked for. */
  base?: number;
  free?: { readonly mask: number; readonly later: readonly number[] };
}

/** Sets of tails: equal ones are one object. */
export class TailSets {
  private readonly buckets = new Map<number, TailSet[]>();

  constructor(private readonly tails: number) {}

  of(open: readonly number[], later: readonly number[]): TailSet {
    let hash = later.length;
    for (const tail of open) hash = Math.imul(hash ^ tail, 0x01000193);
    for (const tail of later) hash = Math.imul(hash ^ tail, 0x01000193);
    let bucket = this.buckets.get(hash);
    if (!bucket) this.buckets.set(hash, (bucket = []));
    for (const known of bucket) if (sameTails(known.open, open) && sameTails(known.later, later)) return known;
    const marks = new Uint8Array(this.tails);
    for (const tail of open) marks[tail] = ALIVE;
    for (const tail of later) marks[tail] = LATER;
    const set = { open, later, marks };
    bucket.push(set);
    return set;
  }
}

function sameTails(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((tail, i) => tail === b[i]);
}
