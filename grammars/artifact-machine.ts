import { InfcError } from '../runtime/errors.ts';
import { type MaskId, MaskPool, type SetHash } from './mask-pool.ts';
import { Matcher, type MatcherOptions } from './matcher.ts';
import type { TokenMachine } from './token-machine.ts';
import type { Vocabulary } from './vocabulary.ts';

/** 'INFG', little-endian. */
export const ARTIFACT_MAGIC = 0x47464e49;
export const ARTIFACT_VERSION = 2;
/** Words that describe a mask: the mask it builds on (-1: none), where its data starts, how many tokens (-1: words), and its hash. */
export const MASK_WORDS = 5;
/** Words before the first section: magic, version, length, checksum, hash, counts, and (offset, length) of nine sections. */
export const HEADER_WORDS = 34;
/** A transition to a state that the artifact does not hold. */
export const OUTSIDE = -1;

/** A hash of all words but the checksum's own. */
export function checksum(data: Int32Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < data.length; i++)
    if (i !== 3) hash = Math.imul(hash ^ (data[i] ?? 0), 0x01000193) ^ (hash >>> 13);
  return hash | 0;
}

/** Options of {@link openArtifact}. */
export interface OpenOptions {
  /** The live constraint, for texts that leave the states of an incomplete artifact. */
  readonly fallback?: () => TokenMachine;
}

/**
 * Opens an artifact for a vocabulary: typed views over its bytes. INFC5502 when it is damaged or of another version, INFC5503 when it was
 * made for another vocabulary.
 */
export function openArtifact(bytes: Uint8Array, vocabulary: Vocabulary, options: OpenOptions = {}): ArtifactMachine {
  const damaged = (reason: string): InfcError =>
    new InfcError('INFC5502', `the constraint artifact ${reason}`, {
      fix: 'Compile it again with this version of infc',
    });
  if (!(bytes instanceof Uint8Array)) throw damaged('is no Uint8Array');
  if (bytes.length % 4 !== 0 || bytes.length < 4 * HEADER_WORDS) throw damaged('is cut short');
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const data = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
  if (data[0] !== ARTIFACT_MAGIC) throw damaged('is something else');
  if (data[1] !== ARTIFACT_VERSION) throw damaged(`has format version ${data[1]}, not ${ARTIFACT_VERSION}`);
  if (data[2] !== data.length || data[3] !== checksum(data)) throw damaged('is damaged');
  const hash = Array.from(data.subarray(4, 12), (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  if (hash !== vocabulary.hash.padEnd(64, '0') || data[14] !== vocabulary.size) {
    throw new InfcError('INFC5503', 'the constraint artifact was made for another vocabulary', {
      fix: 'Compile it with the tokenizer that runs',
    });
  }
  return new ArtifactMachine(data, vocabulary, options.fallback);
}

/** A constraint read from an artifact. States up to the artifact's own are its; beyond them come those of the fallback. */
export class ArtifactMachine implements TokenMachine {
  readonly pool: MaskPool;
  readonly start = 1;
  /** True when no text leaves the artifact. */
  readonly complete: boolean;
  private readonly count: number;
  private readonly classes: number;
  private readonly classOf: Int32Array;
  private readonly table: Int32Array;
  private readonly ends: Int32Array;
  private readonly distances: Int32Array;
  private readonly parents: Int32Array;
  private readonly maskOf: Int32Array;
  private readonly maskIndex: Int32Array;
  private readonly maskData: Int32Array;
  private readonly specials: Int32Array;
  private readonly maskIds = new Map<number, MaskId>();
  private readonly bases = new Map<number, number>();
  private readonly liveMasks = new Map<MaskId, MaskId>();
  private live: TokenMachine | undefined;

  constructor(
    data: Int32Array,
    readonly vocabulary: Vocabulary,
    private readonly fallback: (() => TokenMachine) | undefined,
  ) {
    const section = (at: number): Int32Array => data.subarray(data[at] ?? 0, (data[at] ?? 0) + (data[at + 1] ?? 0));
    this.count = data[12] ?? 0;
    this.classes = data[13] ?? 1;
    this.complete = data[15] === 1;
    this.classOf = section(16);
    this.table = section(18);
    this.ends = section(20);
    this.distances = section(22);
    this.parents = section(24);
    this.maskOf = section(26);
    this.maskIndex = section(28);
    this.maskData = section(30);
    this.specials = section(32);
    this.pool = new MaskPool(vocabulary.size);
  }

  /** A matcher for one generation. */
  matcher(options: MatcherOptions = {}): Matcher {
    return new Matcher(this, options);
  }

  step(state: number, byte: number): number {
    if (state > this.count) return this.fromLive(this.machine().step(state - this.count, byte));
    if (state === 0) return 0;
    const next = this.table[(state - 1) * this.classes + (this.classOf[byte] ?? 0)] ?? 0;
    return next === OUTSIDE ? this.fromLive(this.machine().step(this.liveState(state), byte)) : next;
  }

  run(state: number, bytes: Uint8Array): number {
    let at = state;
    for (let i = 0; i < bytes.length && at !== 0; i++) at = this.step(at, bytes[i] ?? 0);
    return at;
  }

  special(state: number, token: number): number {
    if (state > this.count) return this.fromLive(this.machine().special?.(state - this.count, token) ?? 0);
    const { specials } = this;
    for (let i = 0; i < specials.length; i += 3) {
      if (specials[i] !== state - 1 || specials[i + 1] !== token) continue;
      const next = specials[i + 2] ?? 0;
      return next === OUTSIDE ? this.fromLive(this.machine().special?.(this.liveState(state), token) ?? 0) : next;
    }
    return 0;
  }

  accepts(state: number): boolean {
    return state > this.count ? this.machine().accepts(state - this.count) : this.ends[state - 1] === 1;
  }

  shortest(state: number): number {
    if (state === 0) return Number.POSITIVE_INFINITY;
    return state > this.count
      ? this.machine().shortest(state - this.count)
      : (this.distances[state - 1] ?? Number.POSITIVE_INFINITY);
  }

  mask(state: number): MaskId {
    if (state <= this.count) return this.maskAt(this.maskOf[state - 1] ?? 0);
    const machine = this.machine();
    const foreign = machine.mask(state - this.count);
    let id = this.liveMasks.get(foreign);
    if (id === undefined) {
      id = this.internWords(machine.pool.view(foreign).slice());
      this.liveMasks.set(foreign, id);
    }
    return id;
  }

  private maskAt(index: number): MaskId {
    let id = this.maskIds.get(index);
    if (id === undefined) {
      const at = MASK_WORDS * index;
      const base = this.maskIndex[at] ?? -1;
      const from = this.maskIndex[at + 1] ?? 0;
      const count = this.maskIndex[at + 2] ?? 0;
      const under = count < 0 ? this.baseAt(index) : base < 0 ? -1 : this.baseAt(base);
      id = this.pool.adopt(under, this.maskData.subarray(from, from + Math.max(0, count)), this.hashAt(index));
      this.maskIds.set(index, id);
    }
    return id;
  }

  private hashAt(index: number): SetHash {
    return { a: this.maskIndex[MASK_WORDS * index + 3] ?? 0, b: this.maskIndex[MASK_WORDS * index + 4] ?? 0 };
  }

  /** The words of a kept mask: a view, not a copy. */
  private wordsAt(index: number): Uint32Array {
    const from = this.maskIndex[MASK_WORDS * index + 1] ?? 0;
    return new Uint32Array(this.maskData.buffer, this.maskData.byteOffset + 4 * from, this.pool.words);
  }

  private baseAt(index: number): number {
    let base = this.bases.get(index);
    if (base === undefined) {
      base = this.pool.addBase(this.wordsAt(index), this.hashAt(index));
      this.bases.set(index, base);
    }
    return base;
  }

  private internWords(words: Uint32Array): MaskId {
    return this.pool.intern(this.pool.addBase(words), new Int32Array(0), 0);
  }

  private fromLive(state: number): number {
    return state === 0 ? 0 : this.count + state;
  }

  private machine(): TokenMachine {
    this.live ??= this.fallback?.();
    if (!this.live) {
      throw new InfcError('INFC5504', 'the text leaves the states of an incomplete constraint artifact', {
        fix: 'Open it with a fallback, or compile it with complete: true',
      });
    }
    return this.live;
  }

  /** The fallback's state for one of the artifact's: the bytes that first led to it, replayed. */
  private liveState(state: number): number {
    const machine = this.machine();
    const path: number[] = [];
    for (let at = state - 1; at > 0; at = this.parents[2 * at] ?? 0) path.push(this.parents[2 * at + 1] ?? 0);
    let live = machine.start;
    for (const byte of path.reverse())
      live = byte < 256 ? machine.step(live, byte) : (machine.special?.(live, byte - 256) ?? 0);
    return live;
  }
}
