/** Number of a mask in its {@link MaskPool}. Equal masks of one matcher's engine have equal ids. */
export type MaskId = number;

/** A set of tokens: a shared dense base (none: -1) plus at most {@link DENSE_FROM} further tokens, in no order. */
export interface Mask {
  readonly base: number;
  readonly extra: Int32Array;
}

/**
 * Content-addressed token masks of one vocabulary. A mask is kept as a base and a short list, so that a new mask costs its
 * novelty and not 16 KB; dense words are made on demand.
 */
export class MaskPool {
  /** 32-bit words in a dense mask. */
  readonly words: number;
  private readonly masks: Mask[] = [];
  private readonly bases: Uint32Array[] = [];
  private readonly buckets = new Map<number, MaskId[]>();
  private readonly dense: (Uint32Array | undefined)[] = [];
  private marksMade: Uint8Array | undefined;
  private denseKept: MaskId[] = [];
  private readonly denseByHash = new Map<number, number[]>();

  /** @param size number of token ids @param keep dense masks kept materialised at most */
  constructor(
    readonly size: number,
    private readonly keep = 256,
  ) {
    this.words = (size + 31) >>> 5;
  }

  private get marks(): Uint8Array {
    this.marksMade ??= new Uint8Array(this.size);
    return this.marksMade;
  }

  get count(): number {
    return this.masks.length;
  }

  /** Registers a dense set that masks can build on. */
  addBase(words: Uint32Array): number {
    this.bases.push(words);
    return this.bases.length - 1;
  }

  /** The id of a mask; `tokens[0..count)` are those beyond the base, in any order, without repetition. */
  intern(base: number, tokens: Int32Array, count: number): MaskId {
    if (count > DENSE_FROM) return this.internDense(base, tokens, count);
    let hash = Math.imul(base + 2, 0x9e3779b1) ^ count;
    for (let i = 0; i < count; i++) {
      // Order must not matter: a sum of mixed tokens.
      let x = Math.imul((tokens[i] ?? 0) + 0x7f4a7c15, 0x85ebca6b);
      x = Math.imul(x ^ (x >>> 15), 0xc2b2ae35);
      hash = (hash + (x ^ (x >>> 13))) | 0;
    }
    const bucket = this.buckets.get(hash);
    if (bucket) {
      for (const id of bucket) {
        const mask = this.masks[id];
        if (mask && mask.base === base && mask.extra.length === count && this.sameSet(mask.extra, tokens)) return id;
      }
    }
    const extra = tokens.slice(0, count);
    const id = this.masks.length;
    this.masks.push({ base, extra });
    this.dense.push(undefined);
    if (bucket) bucket.push(id);
    else this.buckets.set(hash, [id]);
    return id;
  }

  /** Long lists become bases of their own, found again by their words. */
  private internDense(base: number, tokens: Int32Array, count: number): MaskId {
    const words = new Uint32Array(this.words);
    const under = this.bases[base];
    if (under) words.set(under);
    for (let i = 0; i < count; i++) {
      const token = tokens[i] ?? 0;
      words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    }
    return this.internWords(words);
  }

  /** The id of a mask given as words, which the pool keeps. */
  internWords(words: Uint32Array): MaskId {
    let hash = 0;
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ (words[i] ?? 0), 0x01000193) + i;
    const known = this.denseByHash.get(hash) ?? [];
    for (const own of known) if (equal(this.bases[own], words)) return this.intern(own, NO_TOKENS, 0);
    const own = this.addBase(words);
    this.denseByHash.set(hash, [...known, own]);
    return this.intern(own, NO_TOKENS, 0);
  }

  mask(id: MaskId): Mask {
    const mask = this.masks[id];
    if (!mask) throw new RangeError(`no mask ${id}`);
    return mask;
  }

  /** Whether a mask allows a token. */
  has(id: MaskId, token: number): boolean {
    const { base, extra } = this.mask(id);
    if (base >= 0 && (((this.bases[base]?.[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1) return true;
    return extra.includes(token);
  }

  private sameSet(a: Int32Array, b: Int32Array): boolean {
    const { marks } = this;
    for (let i = 0; i < a.length; i++) marks[a[i] ?? 0] = 1;
    let same = true;
    for (let i = 0; i < a.length && same; i++) same = marks[b[i] ?? 0] === 1;
    for (let i = 0; i < a.length; i++) marks[a[i] ?? 0] = 0;
    return same;
  }

  /** Writes a mask as words: bit `t & 31` of word `t >>> 5` is set when token `t` is allowed. */
  write(id: MaskId, out: Uint32Array): void {
    const { base, extra } = this.mask(id);
    const words = this.bases[base];
    if (words) out.set(words);
    else out.fill(0, 0, this.words);
    for (let i = 0; i < extra.length; i++) {
      const token = extra[i] ?? 0;
      out[token >>> 5] = (out[token >>> 5] ?? 0) | (1 << (token & 31));
    }
  }

  /** The words of a mask; shared, not to be written to. */
  view(id: MaskId): Uint32Array {
    let words = this.dense[id];
    if (!words) {
      words = new Uint32Array(this.words);
      this.write(id, words);
      if (this.denseKept.length >= this.keep) {
        for (const old of this.denseKept.splice(0, this.keep >> 1)) this.dense[old] = undefined;
      }
      this.dense[id] = words;
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

const NO_TOKENS = new Int32Array(0);

/** Lists longer than this are stored as words. */
const DENSE_FROM = 2048;

function equal(a: ArrayLike<number> | undefined, b: ArrayLike<number>): boolean {
  if (a === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
