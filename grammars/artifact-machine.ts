import { InfcError } from '../runtime/errors.ts';
import { type MaskId, MaskPool, type MaskTable } from './mask-pool.ts';
import { Matcher, type MatcherOptions } from './matcher.ts';
import type { TokenMachine } from './token-machine.ts';
import type { Vocabulary } from './vocabulary.ts';

/** 'INFG', little-endian. */
export const ARTIFACT_MAGIC = 0x47464e49;
export const ARTIFACT_VERSION = 3;
/** Words that describe a mask: the mask it builds on (-1: none), where its data starts, how many tokens (-1: words), and its hash. */
export const MASK_WORDS = 5;
/** Words before the first section: magic, version, length, checksum, hash, counts, and (offset, length) of nine sections. */
export const HEADER_WORDS = 34;
/** A run of bytes is its first byte and, from this bit on, the state it leads to plus one. */
export const RUN_BYTE = 8;
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
  private readonly starts: Int32Array;
  private readonly runs: Int32Array;
  private readonly ends: Int32Array;
  private readonly distances: Int32Array;
  private readonly parents: Int32Array;
  private readonly maskOf: Int32Array;
  private readonly maskIndex: Int32Array;
  private readonly maskData: Int32Array;
  private readonly specials: Int32Array;
  private readonly liveMasks = new Map<MaskId, MaskId>();
  private live: TokenMachine | undefined;

  constructor(
    data: Int32Array,
    readonly vocabulary: Vocabulary,
    private readonly fallback: (() => TokenMachine) | undefined,
  ) {
    const section = (at: number): Int32Array => data.subarray(data[at] ?? 0, (data[at] ?? 0) + (data[at + 1] ?? 0));
    this.count = data[12] ?? 0;
    this.complete = data[15] === 1;
    this.starts = section(16);
    this.runs = section(18);
    this.ends = section(20);
    this.distances = section(22);
    this.parents = section(24);
    this.maskOf = section(26);
    this.maskIndex = section(28);
    this.maskData = section(30);
    this.specials = section(32);
    this.pool = new MaskPool(vocabulary.size, undefined, this.masks());
  }

  /** A matcher for one generation. */
  matcher(options: MatcherOptions = {}): Matcher {
    return new Matcher(this, options);
  }

  step(state: number, byte: number): number {
    if (state > this.count) return this.fromLive(this.machine().step(state - this.count, byte));
    if (state === 0) return 0;
    const { starts, runs } = this;
    let low = starts[state - 1] ?? 0;
    for (let high = starts[state] ?? 0; low + 1 < high; ) {
      const middle = (low + high) >> 1;
      if (((runs[middle] ?? 0) & 255) <= byte) low = middle;
      else high = middle;
    }
    const next = ((runs[low] ?? 0) >> RUN_BYTE) - 1;
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
    if (state <= this.count) return this.maskOf[state - 1] ?? 0;
    const machine = this.machine();
    const foreign = machine.mask(state - this.count);
    let id = this.liveMasks.get(foreign);
    if (id === undefined) {
      id = this.internWords(machine.pool.view(foreign).slice());
      this.liveMasks.set(foreign, id);
    }
    return id;
  }

  /** The masks of the file: their ids are their places in it, and their words views, not copies. */
  private masks(): MaskTable {
    const { maskIndex, maskData } = this;
    const entry = (id: number, at: number): number => maskIndex[MASK_WORDS * id + at] ?? 0;
    const words = (this.vocabulary.size + 31) >>> 5;
    return {
      count: maskIndex.length / MASK_WORDS,
      base: (id) => (entry(id, 2) < 0 ? id : entry(id, 0)),
      words: (id) => new Uint32Array(maskData.buffer, maskData.byteOffset + 4 * entry(id, 1), words),
      extra: (id) => maskData.subarray(entry(id, 1), entry(id, 1) + Math.max(0, entry(id, 2))),
      hash: (id) => ({ a: entry(id, 3), b: entry(id, 4) }),
      has(id, token) {
        const base = this.base(id);
        const under = base < 0 ? 0 : ((maskData[entry(base, 1) + (token >>> 5)] ?? 0) >>> (token & 31)) & 1;
        let low = entry(id, 1);
        const end = low + Math.max(0, entry(id, 2));
        // Tokens are in ascending order.
        for (let high = end; low < high; ) {
          const middle = (low + high) >> 1;
          if ((maskData[middle] ?? 0) < token) low = middle + 1;
          else high = middle;
        }
        return (under === 1) !== (low < end && maskData[low] === token);
      },
    };
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
