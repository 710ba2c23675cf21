/** Number of a mask in its {@link MaskPool}. Equal masks of one pool have equal ids. */
export type MaskId = number;

/** A set of tokens: a shared dense base (none: -1) and at most {@link DENSE_FROM} tokens in which it differs, in no order. */
export interface Mask {
  readonly base: number;
  readonly extra: Int32Array;
}

interface Entry extends Mask {
  /** Sums of the tokens' hashes, see {@link SetHash}. */
  readonly a: number;
  readonly b: number;
}

/** Masks that a pool starts with, read when they are asked for. */
export interface MaskTable {
  readonly count: number;
  /** The mask that a mask builds on, itself for those kept as words, -1 for none. */
  base(id: MaskId): number;
  words(id: MaskId): Uint32Array;
  /** The tokens in which a mask differs from its base. */
  extra(id: MaskId): Int32Array;
  hash(id: MaskId): SetHash;
  /** Whether a mask allows a token, without a view of it. */
  has(id: MaskId, token: number): boolean;
}

/**
 * Content-addressed token masks of one vocabulary. A mask is kept as a base and a short list, so that a new mask costs its
 * novelty and not 16 KB; dense words are made on demand.
 */
export class MaskPool {
  /** 32-bit words in a dense mask. */
  readonly words: number;
  private readonly masks: (Entry | undefined)[] = [];
  private readonly tableBases = new Map<MaskId, number>();
  private readonly bases: { readonly words: Uint32Array; readonly a: number; readonly b: number }[] = [];
  private readonly buckets = new Map<number, MaskId[]>();
  private readonly dense: (Uint32Array | undefined)[] = [];
  private denseKept: MaskId[] = [];
  private readonly factors: Factors;

  /** @param size number of token ids @param keep dense masks kept materialised at most @param first the first id */
  constructor(
    readonly size: number,
    private readonly keep = 256,
    private readonly table?: MaskTable,
    private readonly first = 0,
  ) {
    this.masks.length = table?.count ?? 0;
    this.words = (size + 31) >>> 5;
    this.factors = factorsOf(this.words);
  }

  /** The id after all that were given. */
  get count(): number {
    return this.masks.length + this.first;
  }

  /** A mark for each token, all 0 between calls: pools of one size share them. */
  private get marks(): Uint8Array {
    let marks = allMarks.get(this.size);
    if (!marks) allMarks.set(this.size, (marks = new Uint8Array(this.size)));
    return marks;
  }

  /** Registers a dense set that masks can build on; the pool keeps the words. Its hash may be given when it is known. */
  addBase(words: Uint32Array, known?: SetHash): number {
    let hash = known ?? hashes.get(words);
    if (!hash) {
      const { a: fa, b: fb } = this.factors;
      let a = 0;
      let b = 0;
      for (let w = 0; w < words.length; w++) {
        const word = words[w] ?? 0;
        a = (a + Math.imul(word, fa[w] ?? 0)) | 0;
        b = (b + Math.imul((word >>> 16) | (word << 16), fb[w] ?? 0)) | 0;
      }
      hash = { a, b };
      hashes.set(words, hash);
    }
    return this.bases.push({ words, ...hash }) - 1;
  }

  /** The id of a mask; `tokens[0..count)` are those in which it differs from the base, in any order, without repetition. */
  intern(base: number, tokens: Int32Array, count: number): MaskId {
    const under = this.bases[base];
    const { a: fa, b: fb } = this.factors;
    let a = under?.a ?? 0;
    let b = under?.b ?? 0;
    for (let i = 0; i < count; i++) {
      const token = tokens[i] ?? 0;
      const sign = under && ((under.words[token >>> 5] ?? 0) >>> (token & 31)) & 1 ? -1 : 1;
      a = (a + Math.imul(sign << (token & 31), fa[token >>> 5] ?? 0)) | 0;
      b = (b + Math.imul(sign << ((token + 16) & 31), fb[token >>> 5] ?? 0)) | 0;
    }
    // Of a base nothing may be left.
    if (base >= 0 && a === 0 && b === 0) return this.intern(-1, tokens, 0);
    if (this.buckets.size === 0) this.listTable();
    const key = keyOf(a, b);
    const bucket = this.buckets.get(key);
    if (bucket)
      for (const id of bucket) {
        const mask = this.entry(id);
        if (mask.a === a && mask.b === b && this.same(id, mask, base, tokens, count)) return id;
      }
    if (count > DENSE_FROM) {
      const own = this.spread(base, tokens, count);
      hashes.set(own, { a, b });
      return this.keepMask(key, bucket, { base: this.addBase(own), extra: NO_TOKENS, a, b });
    }
    return this.keepMask(key, bucket, { base, extra: tokens.slice(0, count), a, b });
  }

  /** The hash of a mask, for {@link adopt}. */
  hashOf(id: MaskId): SetHash {
    const { a, b } = this.entry(id);
    return { a, b };
  }

  /** The id of a mask whose hash was computed before; `tokens` are those in which it differs from the base, added or not. Kept, not copied. */
  adopt(base: number, tokens: Int32Array, { a, b }: SetHash): MaskId {
    const key = keyOf(a, b);
    const bucket = this.buckets.get(key);
    if (bucket)
      for (const id of bucket) {
        const mask = this.entry(id);
        if (mask.a === a && mask.b === b && this.same(id, mask, base, tokens, tokens.length)) return id;
      }
    return this.keepMask(key, bucket, { base, extra: tokens, a, b });
  }

  /** The mask that differs from this one in some tokens. */
  toggle(id: MaskId, tokens: readonly number[]): MaskId {
    if (tokens.length === 0) return id;
    const { base, extra } = this.mask(id);
    const differ = new Set(extra);
    for (const token of tokens) if (!differ.delete(token)) differ.add(token);
    return this.intern(base, Int32Array.from(differ), differ.size);
  }

  /** The words of a base; undefined for none. */
  wordsOf(base: number): Uint32Array | undefined {
    return this.bases[base]?.words;
  }

  /** The id of a mask given as words, which the pool keeps. */
  internWords(words: Uint32Array): MaskId {
    return this.intern(this.addBase(words), NO_TOKENS, 0);
  }

  mask(id: MaskId): Mask {
    return this.entry(id);
  }

  private entry(id: MaskId): Entry {
    const known = this.masks[id - this.first];
    if (known) return known;
    const { table } = this;
    if (!table || !(id < table.count)) throw new RangeError(`no mask ${id}`);
    const { a, b } = table.hash(id);
    const mask = { base: this.tableBase(table, table.base(id)), extra: table.extra(id), a, b };
    this.masks[id - this.first] = mask;
    return mask;
  }

  private tableBase(table: MaskTable, id: number): number {
    if (id < 0) return -1;
    let base = this.tableBases.get(id);
    if (base === undefined) this.tableBases.set(id, (base = this.addBase(table.words(id), table.hash(id))));
    return base;
  }

  /** Masks of the table are found by their content as well. */
  private listTable(): void {
    for (let id = 0; id < (this.table?.count ?? 0); id++) {
      const { a, b } = this.entry(id);
      const bucket = this.buckets.get(keyOf(a, b));
      if (bucket) bucket.push(id);
      else this.buckets.set(keyOf(a, b), [id]);
    }
  }

  /** Whether a mask allows nothing. */
  isEmpty(id: MaskId): boolean {
    const { base, extra } = this.mask(id);
    return base < 0 && extra.length === 0;
  }

  /** Whether a mask allows a token. */
  has(id: MaskId, token: number): boolean {
    if (this.table && id < this.table.count) return this.table.has(id, token);
    const { base, extra } = this.mask(id);
    const under = base >= 0 && (((this.bases[base]?.words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1;
    return under !== extra.includes(token);
  }

  private keepMask(key: number, bucket: MaskId[] | undefined, mask: Entry): MaskId {
    const id = this.masks.push(mask) - 1 + this.first;
    this.dense.push(undefined);
    if (bucket) bucket.push(id);
    else this.buckets.set(key, [id]);
    return id;
  }

  private same(id: MaskId, mask: Mask, base: number, tokens: Int32Array, count: number): boolean {
    if (mask.base === base) return mask.extra.length === count && this.sameSet(mask.extra, tokens);
    return equal(
      this.dense[id - this.first] ?? this.spread(mask.base, mask.extra, mask.extra.length),
      this.spread(base, tokens, count),
    );
  }

  private sameSet(a: Int32Array, b: Int32Array): boolean {
    const { marks } = this;
    for (let i = 0; i < a.length; i++) marks[a[i] ?? 0] = 1;
    let same = true;
    for (let i = 0; i < a.length && same; i++) same = marks[b[i] ?? 0] === 1;
    for (let i = 0; i < a.length; i++) marks[a[i] ?? 0] = 0;
    return same;
  }

  private spread(base: number, tokens: Int32Array, count: number): Uint32Array {
    const words = this.bases[base]?.words.slice() ?? new Uint32Array(this.words);
    for (let i = 0; i < count; i++) {
      const token = tokens[i] ?? 0;
      words[token >>> 5] = (words[token >>> 5] ?? 0) ^ (1 << (token & 31));
    }
    return words;
  }

  /** Writes a mask as words: bit `t & 31` of word `t >>> 5` is set when token `t` is allowed. */
  write(id: MaskId, out: Uint32Array): void {
    const { base, extra } = this.mask(id);
    const words = this.bases[base]?.words;
    if (words) out.set(words);
    else out.fill(0, 0, this.words);
    for (let i = 0; i < extra.length; i++) {
      const token = extra[i] ?? 0;
      out[token >>> 5] = (out[token >>> 5] ?? 0) ^ (1 << (token & 31));
    }
  }

  /** The words of a mask; shared, not to be written to. */
  view(id: MaskId): Uint32Array {
    let words = this.dense[id - this.first];
    if (!words) {
      words = new Uint32Array(this.words);
      this.write(id, words);
      if (this.denseKept.length >= this.keep) {
        for (const old of this.denseKept.splice(0, this.keep >> 1)) this.dense[old - this.first] = undefined;
      }
      this.dense[id - this.first] = words;
      this.denseKept.push(id);
    }
    return words;
  }

  /** Number of tokens a mask allows. */
  population(id: MaskId): number {
    let n = 0;
    for (const word of this.view(id)) {
      let x = word - ((word >>> 1) & 0x55555555);
      x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
      n += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    return n;
  }
}

const allMarks = new Map<number, Uint8Array>();

const NO_TOKENS = new Int32Array(0);

/** Lists longer than this are stored as words. */
const DENSE_FROM = 2048;

/**
 * The hash of a set is linear in its words, so that it can be summed over tokens as well as over words: word times factor, modulo
 * 2^32, twice, the second time with the halves of the word swapped (the factor reaches few bits through a word's high ones).
 */
export interface SetHash {
  readonly a: number;
  readonly b: number;
}

interface Factors {
  readonly a: Int32Array;
  readonly b: Int32Array;
}

const factors = new Map<number, Factors>();

function factorsOf(words: number): Factors {
  let found = factors.get(words);
  if (!found) {
    let x = 0x9e3779b9;
    const random = (): number => {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return x | 1;
    };
    found = { a: Int32Array.from({ length: words }, random), b: Int32Array.from({ length: words }, random) };
    factors.set(words, found);
  }
  return found;
}

/** Hashes of dense sets that do not change. */
const hashes = new WeakMap<Uint32Array, SetHash>();

function keyOf(a: number, b: number): number {
  return (Math.imul(a ^ (b >>> 15), 0x85ebca6b) ^ b) >>> 2;
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
