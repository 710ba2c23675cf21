/** Interned id of a set of Unicode scalar values. Equal sets have equal ids. */
export type CharSet = number;

/** Flat inclusive ranges `[lo0, hi0, lo1, hi1, ...]`, ascending, disjoint and not adjacent. */
export type Ranges = readonly number[];

/**
 * A partition of the code points: every code point of a class behaves alike.
 * Class 0 is the surrogates, which belong to no set: UTF-8 cannot spell them.
 */
export interface Partition {
  readonly id: number;
  /** First code point of each segment, ascending, from 0. */
  readonly starts: readonly number[];
  /** Class of each segment. */
  readonly classOf: readonly number[];
  /** The smallest code point of each class. */
  readonly representatives: readonly number[];
  /** Class of each ASCII code point. */
  readonly ascii: Uint16Array;
}

export const MAX_CODE_POINT = 0x10ffff;
export const EMPTY_SET: CharSet = 0;
export const ALL_SET: CharSet = 1;

/** Sorts and merges arbitrary inclusive ranges, and leaves out the surrogates. */
function normalizeRanges(pairs: readonly (readonly [number, number])[]): number[] {
  const sorted = pairs.filter(([lo, hi]) => lo <= hi).sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [lo, hi] of sorted) {
    const last = merged.length - 1;
    if (last > 0 && lo <= (merged[last] ?? 0) + 1) merged[last] = Math.max(merged[last] ?? 0, hi);
    else merged.push(lo, hi);
  }
  return intersectRanges(merged, SCALARS);
}

const SCALARS: Ranges = [0, 0xd7ff, 0xe000, MAX_CODE_POINT];

function intersectRanges(a: Ranges, b: Ranges): number[] {
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const aHi = a[i + 1] ?? 0;
    const bHi = b[j + 1] ?? 0;
    const lo = Math.max(a[i] ?? 0, b[j] ?? 0);
    const hi = Math.min(aHi, bHi);
    if (lo <= hi) out.push(lo, hi);
    if (aHi < bHi) i += 2;
    else j += 2;
  }
  return out;
}

/** So many partitions are met one after the other. */
const FEW_PARTITIONS = 4;

/** Interned sets of Unicode scalar values with memoised Boolean operations and partitions. */
export class CharSets {
  readonly #ranges: Ranges[] = [];
  readonly #ids = new Map<string, CharSet>();
  readonly #operations = new Map<string, CharSet>();
  readonly #partitions: Partition[] = [];
  readonly #partitionIds = new Map<string, number>();
  readonly #setPartitions = new Map<CharSet, Partition>();
  readonly #products = new Map<number, Partition>();
  readonly #adopted = new Map<object, Partition>();
  /** Sets of one character. */
  readonly #points = new Map<number, CharSet>();
  /** The partition that tells no two scalar values apart. */
  readonly trivial: Partition;

  constructor() {
    this.#intern([]);
    this.#intern(SCALARS);
    this.trivial = this.#internPartition([0, 0xd800, 0xe000], [1, 0, 1]);
  }

  of(pairs: readonly (readonly [number, number])[]): CharSet {
    return this.#intern(normalizeRanges(pairs));
  }

  /** The set of one character. */
  point(codePoint: number): CharSet {
    let set = this.#points.get(codePoint);
    if (set === undefined) this.#points.set(codePoint, (set = this.of([[codePoint, codePoint]])));
    return set;
  }

  /** The set with these ranges, of another store. */
  copy(ranges: Ranges): CharSet {
    return this.#intern(ranges);
  }

  ranges(set: CharSet): Ranges {
    return this.#ranges[set] ?? [];
  }

  union(a: CharSet, b: CharSet): CharSet {
    if (a === b || b === EMPTY_SET) return a;
    if (a === EMPTY_SET) return b;
    return this.#memo(a < b ? `|${a},${b}` : `|${b},${a}`, () => {
      const pairs: [number, number][] = [];
      for (const set of [this.ranges(a), this.ranges(b)])
        for (let i = 0; i < set.length; i += 2) pairs.push([set[i] ?? 0, set[i + 1] ?? 0]);
      return normalizeRanges(pairs);
    });
  }

  intersect(a: CharSet, b: CharSet): CharSet {
    if (a === b || b === ALL_SET) return a;
    if (a === ALL_SET) return b;
    return this.#memo(a < b ? `&${a},${b}` : `&${b},${a}`, () => intersectRanges(this.ranges(a), this.ranges(b)));
  }

  has(set: CharSet, codePoint: number): boolean {
    const ranges = this.ranges(set);
    let lo = 0;
    let hi = ranges.length / 2;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (codePoint > (ranges[2 * mid + 1] ?? 0)) lo = mid + 1;
      else hi = mid;
    }
    return 2 * lo < ranges.length && codePoint >= (ranges[2 * lo] ?? 0);
  }

  /** Number of code points in the set. */
  size(set: CharSet): number {
    let size = 0;
    const ranges = this.ranges(set);
    for (let i = 0; i < ranges.length; i += 2) size += (ranges[i + 1] ?? 0) - (ranges[i] ?? 0) + 1;
    return size;
  }

  /** The partition into the set and the rest. */
  partitionOf(set: CharSet): Partition {
    let partition = this.#setPartitions.get(set);
    if (!partition) {
      const ranges = this.ranges(set);
      const starts = ranges[0] === 0 ? [] : [0];
      const classOf = ranges[0] === 0 ? [] : [0];
      for (let i = 0; i < ranges.length; i += 2) {
        starts.push(ranges[i] ?? 0, (ranges[i + 1] ?? 0) + 1);
        classOf.push(1, 0);
      }
      partition = this.#refine(this.trivial, starts, classOf);
      this.#setPartitions.set(set, partition);
    }
    return partition;
  }

  /** The coarsest partition that refines both. */
  product(a: Partition, b: Partition): Partition {
    if (a === b || b === this.trivial) return a;
    if (a === this.trivial) return b;
    const key = a.id < b.id ? a.id * 0x1000000 + b.id : b.id * 0x1000000 + a.id;
    let product = this.#products.get(key);
    if (!product) {
      product = this.#refine(a, b.starts, b.classOf);
      this.#products.set(key, product);
    }
    return product;
  }

  /** The coarsest partition that refines all of them: each once and in one order, so that what some have in common is found once. */
  meet(partitions: readonly Partition[]): Partition {
    return this.#meet([...new Set(partitions)].sort((a, b) => a.id - b.id));
  }

  /** Many are cut in two where their numbers do, the same for all lists: what lies between grows with the logarithm of how many they are. */
  #meet(sorted: readonly Partition[]): Partition {
    const first = sorted[0]?.id ?? 0;
    const last = sorted[sorted.length - 1]?.id ?? 0;
    if (sorted.length <= FEW_PARTITIONS) return sorted.reduce((a, b) => this.product(a, b), this.trivial);
    const middle = (last >>> (31 - Math.clz32(first ^ last))) << (31 - Math.clz32(first ^ last));
    const at = sorted.findIndex(({ id }) => id >= middle);
    return this.product(this.#meet(sorted.slice(0, at)), this.#meet(sorted.slice(at)));
  }

  /** A partition of another store. */
  adopt(partition: Pick<Partition, 'starts' | 'classOf'>): Partition {
    let own = this.#adopted.get(partition);
    if (!own) {
      own = this.#refine(this.trivial, partition.starts, partition.classOf);
      this.#adopted.set(partition, own);
    }
    return own;
  }

  #refine(base: Partition, starts: readonly number[], classOf: readonly number[]): Partition {
    const outStarts: number[] = [];
    const outClasses: number[] = [];
    const seen = new Map<number, number>();
    let fresh = 1;
    for (let i = 0, j = 0, at = 0; at <= MAX_CODE_POINT; ) {
      const baseClass = base.classOf[i] ?? 0;
      let cls = 0;
      if (baseClass !== 0) {
        const pair = baseClass * 0x10000 + (classOf[j] ?? 0);
        cls = seen.get(pair) ?? fresh;
        if (cls === fresh) seen.set(pair, fresh++);
      }
      if (outClasses.length === 0 || outClasses[outClasses.length - 1] !== cls) {
        outStarts.push(at);
        outClasses.push(cls);
      }
      const nextI = base.starts[i + 1] ?? MAX_CODE_POINT + 1;
      const nextJ = starts[j + 1] ?? MAX_CODE_POINT + 1;
      at = Math.min(nextI, nextJ);
      if (nextI === at) i++;
      if (nextJ === at) j++;
    }
    return this.#internPartition(outStarts, outClasses);
  }

  #internPartition(starts: readonly number[], classOf: readonly number[]): Partition {
    const key = starts.join() + '/' + classOf.join();
    const known = this.#partitionIds.get(key);
    if (known !== undefined) return this.#partitions[known] ?? this.trivial;
    const representatives: number[] = [];
    classOf.forEach((cls, i) => {
      representatives[cls] ??= starts[i] ?? 0;
    });
    const ascii = new Uint16Array(128);
    for (let byte = 0, segment = 0; byte < 128; byte++) {
      while ((starts[segment + 1] ?? Number.POSITIVE_INFINITY) <= byte) segment++;
      ascii[byte] = classOf[segment] ?? 0;
    }
    const partition: Partition = { id: this.#partitions.length, starts, classOf, representatives, ascii };
    this.#partitionIds.set(key, partition.id);
    this.#partitions.push(partition);
    return partition;
  }

  #memo(key: string, compute: () => Ranges): CharSet {
    let set = this.#operations.get(key);
    if (set === undefined) {
      set = this.#intern(compute());
      this.#operations.set(key, set);
    }
    return set;
  }

  #intern(ranges: Ranges): CharSet {
    const key = ranges.join();
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#ranges.length;
      this.#ranges.push(ranges);
      this.#ids.set(key, id);
    }
    return id;
  }
}

/** The class of a code point: a table look-up for ASCII, else a binary search over the segments. */
export function classOfCodePoint(partition: Partition, codePoint: number): number {
  if (codePoint < 128) return partition.ascii[codePoint] ?? 0;
  return partition.classOf[segmentOf(partition.starts, codePoint)] ?? 0;
}

/** Which of the segments that begin at `starts` has a code point. */
export function segmentOf(starts: ArrayLike<number>, codePoint: number): number {
  let lo = 0;
  let hi = starts.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if ((starts[mid] ?? 0) <= codePoint) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}

/** Number of code points in each class of a partition. */
export function classSizes(partition: Partition): number[] {
  const sizes = partition.representatives.map(() => 0);
  partition.starts.forEach((start, i) => {
    const cls = partition.classOf[i] ?? 0;
    sizes[cls] = (sizes[cls] ?? 0) + (partition.starts[i + 1] ?? MAX_CODE_POINT + 1) - start;
  });
  return sizes;
}
