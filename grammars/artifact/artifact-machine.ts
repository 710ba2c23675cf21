import { InfcError } from '../../runtime/errors.ts';
import type { Places } from '../matching/endings.ts';
import { type MaskId, MaskPool, type MaskTable } from '../matching/mask-pool.ts';
import { OUTSIDE, type TokenMachine, walkedMask } from '../matching/token-machine.ts';
import { Triples } from '../matching/triples.ts';
import { checkArgument, checkOptions } from '../options.ts';
import type { Vocabulary } from '../vocabulary.ts';

/** 'INFG', little-endian. */
export const ARTIFACT_MAGIC = 0x47464e49;
export const ARTIFACT_VERSION = 6;
/** Words that describe a mask: the mask it builds on (-1: none), where its data starts, how many tokens (-1: words), and its hash. */
export const MASK_WORDS = 5;
/** Words before the first section: magic, version, length, checksum, hash, size of the vocabulary, {@link Flag}s, and the sections' starts and lengths. */
export const HEADER_WORDS = 36;
/** In the order of the file: what the first tokens need comes last, and is in the processor's caches when all was read for the checksum. */
export const SECTIONS = [
  'maskIndex',
  'maskData',
  'starts',
  'runs',
  'ends',
  'costs',
  'entries',
  'resumes',
  'trees',
  'specials',
] as const;
/** What a file says about itself, as bits. */
export const Flag = { complete: 1, json: 2 } as const;
/** A run of bytes is its first byte and, from this bit on, the code that it leads to plus one. */
export const RUN_BYTE = 8;

/**
 * A hash of all words but the checksum's own. Four lanes that do not wait for one another; every step is one to one, so that no change within
 * a word stays unseen.
 */
export function checksum(data: Int32Array): number {
  let [a, b, c, d] = [1, 2, 3, 4];
  const whole = data.length & ~3;
  for (let i = 4; i < whole; i += 4) {
    a = mixed(a, data[i] ?? 0);
    b = mixed(b, data[i + 1] ?? 0);
    c = mixed(c, data[i + 2] ?? 0);
    d = mixed(d, data[i + 3] ?? 0);
  }
  return [b, c, d, ...data.subarray(0, 3), ...data.subarray(whole)].reduce(mixed, a);
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return (product << 13) | (product >>> 19);
}

/** Options of {@link openArtifact}. */
export interface OpenOptions {
  /** The live constraint over the vocabulary, for texts that leave the tables of an incomplete artifact: `() => constraint.masks(vocabulary)`. */
  readonly fallback?: () => TokenMachine;
}

/** Typed views over the bytes of an artifact. */
export type ArtifactData = Readonly<Record<(typeof SECTIONS)[number], Int32Array>> & {
  readonly hash: string;
  readonly size: number;
  readonly flags: number;
};

/** Reads what is in a file. INFC5502 when it is damaged or of another version. */
export function readArtifact(bytes: Uint8Array): ArtifactData {
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
  // One section after the other, to the end.
  let end = HEADER_WORDS;
  for (let at = 14; at < 14 + 2 * SECTIONS.length; at += 2) {
    const [from = 0, length = 0] = data.subarray(at, at + 2);
    if (from !== end || length < 0) throw damaged('is damaged');
    end += length;
  }
  if (end !== data.length) throw damaged('is damaged');
  const hash = Array.from(data.subarray(4, 12), (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  const section = (name: (typeof SECTIONS)[number]): Int32Array => {
    const at = 14 + 2 * SECTIONS.indexOf(name);
    return data.subarray(data[at] ?? 0, (data[at] ?? 0) + (data[at + 1] ?? 0));
  };
  return {
    hash,
    size: data[12] ?? 0,
    flags: data[13] ?? 0,
    starts: section('starts'),
    runs: section('runs'),
    ends: section('ends'),
    costs: section('costs'),
    entries: section('entries'),
    resumes: section('resumes'),
    trees: section('trees'),
    maskIndex: section('maskIndex'),
    maskData: section('maskData'),
    specials: section('specials'),
  };
}

/**
 * Opens an artifact for a vocabulary: typed views over its bytes. INFC5502 when it is damaged or of another version, INFC5503 when it was
 * made for another vocabulary.
 */
export function openArtifact(bytes: Uint8Array, vocabulary: Vocabulary, options: OpenOptions = {}): ArtifactMachine {
  return new ArtifactMachine(readArtifact(bytes), vocabulary, options);
}

/**
 * A constraint read from an artifact: the tables that {@link Tables} describes. States are numbered as they are met: a leaf and a stack, or
 * (negative leaf) a state of the fallback.
 */
export class ArtifactMachine implements TokenMachine {
  readonly pool: MaskPool;
  readonly start: number;
  /** True when no text leaves the artifact. */
  readonly complete: boolean;
  private readonly states = new Triples();
  /** The state from which a state was first met, and the bytes (or the special token) in between. */
  private readonly origin: number[] = [0];
  private readonly over: (Uint8Array | number)[] = [0];
  private readonly maskOf: number[] = [];
  /** Stacks: the frame on top and the stack below it. Number 0 has the document's frame only. */
  private readonly stacks = new Triples();
  /** Leaves and stacks whose bytes to the end are known. */
  private readonly known = new Triples();
  private readonly least: number[] = [];
  private readonly liveMasks = new Map<MaskId, MaskId>();
  private readonly fallback: OpenOptions['fallback'];
  private live: TokenMachine | undefined;
  /** The configuration being moved. */
  private leaf = 0;
  private stack = -1;

  constructor(
    private readonly data: ArtifactData,
    readonly vocabulary: Vocabulary,
    options: OpenOptions,
  ) {
    checkOptions(options, { fallback: undefined });
    const { fallback } = options;
    checkArgument(!fallback || typeof fallback === 'function', 'fallback', '() => constraint.masks(vocabulary)');
    this.fallback = fallback;
    if (data.hash !== vocabulary.hash.padEnd(64, '0') || data.size !== vocabulary.size)
      throw new InfcError('INFC5503', 'the constraint artifact was made for another vocabulary', {
        fix: 'Compile it with the tokenizer that runs',
      });
    this.complete = (data.flags & Flag.complete) !== 0;
    this.pool = new MaskPool(vocabulary.size, undefined, this.masks());
    this.leaf = 1;
    this.stack = data.resumes.length > 0 ? 0 : -1;
    this.start = this.save(0, 0);
    this.warm();
  }

  /** Goes over the states first met by byte: then what the first tokens need, code and tables, is in the processor's caches. */
  private warm(): void {
    const { starts, runs } = this.data;
    for (let state = this.start; state < Math.min(this.states.count, this.start + WARM); state++) {
      if (this.written(state) !== undefined) this.pool.has(this.mask(state), 0);
      const leaf = this.states.a[state] ?? 0;
      for (let at = starts[leaf - 1] ?? 0; at < (starts[leaf] ?? 0); at++) {
        const byte = (runs[at] ?? 0) & 255;
        this.load(state);
        if (this.advance(byte)) this.save(state, BYTES[byte] ?? NO_BYTES);
      }
    }
  }

  private load(state: number): void {
    this.leaf = this.states.a[state] ?? 0;
    this.stack = this.states.b[state] ?? -1;
  }

  /** Whether a state is one of the artifact, not of the fallback. */
  holds(state: number): boolean {
    return (this.states.a[state] ?? 0) >= 0;
  }

  step(state: number, byte: number): number {
    return this.move(state, BYTES[byte] ?? NO_BYTES);
  }

  /** Looking ahead leaves the artifact only where there is a fallback. */
  get places(): Places {
    return {
      of: (state) => state,
      step: (state, byte) => {
        if (this.fallback) return this.step(state, byte);
        this.load(state);
        return this.leaf > 0 && this.advance(byte) ? this.save(state, BYTES[byte] ?? NO_BYTES) : 0;
      },
    };
  }

  run(state: number, bytes: Uint8Array): number {
    return this.move(state, bytes);
  }

  private move(state: number, bytes: Uint8Array): number {
    this.load(state);
    if (this.leaf < 0) return this.fromLive(this.machine().run(-this.leaf, bytes));
    for (let i = 0; i < bytes.length; i++) {
      if (this.leaf === 0) return 0;
      if (!this.advance(bytes[i] ?? 0)) return this.fromLive(this.machine().run(this.liveState(state), bytes));
    }
    return this.save(state, bytes);
  }

  /** Moves the configuration over a byte (leaf 0: dead); false when that leaves the artifact. */
  private advance(byte: number): boolean {
    const { starts, runs, entries } = this.data;
    for (;;) {
      let low = starts[this.leaf - 1] ?? 0;
      for (let high = starts[this.leaf] ?? 0; low + 1 < high; ) {
        const middle = (low + high) >> 1;
        if (((runs[middle] ?? 0) & 255) <= byte) low = middle;
        else high = middle;
      }
      const code = ((runs[low] ?? 0) >> RUN_BYTE) - 1;
      if (code === OUTSIDE) return false;
      const target = code >> 2;
      switch (code & 3) {
        case 0:
          this.leaf = target;
          return true;
        case 1:
          this.stack = this.stacks.of(entries[2 * target] ?? 0, this.stack);
          this.leaf = entries[2 * target + 1] ?? 0;
          return this.leaf !== OUTSIDE;
        default:
          this.leaf = this.resume(this.stacks.a[this.stack] ?? 0, target);
          this.stack = this.stacks.b[this.stack] ?? -1;
          if (this.leaf === OUTSIDE) return false;
          if (this.leaf === 0 || (code & 3) === 2) return true;
      }
    }
  }

  /** The leaf in which a frame goes on after a result. */
  private resume(frame: number, result: number): number {
    const { resumes } = this.data;
    const end = resumes[frame + 1] ?? 0;
    for (let at = resumes[frame] ?? 0; at < end; at += 2) if (resumes[at] === result) return resumes[at + 1] ?? 0;
    return OUTSIDE;
  }

  /** The number of the current configuration, met after `over` from state `origin`. */
  private save(origin: number, over: Uint8Array | number): number {
    const { leaf, stack } = this;
    if (leaf === 0) return 0;
    const id = this.states.of(leaf, stack);
    if (id === this.origin.length) {
      this.origin.push(origin);
      this.over.push(over);
    }
    return id;
  }

  special(state: number, token: number): number {
    const from = this.states.a[state] ?? 0;
    if (from < 0) return this.fromLive(this.machine().special?.(-from, token) ?? 0);
    const { specials } = this.data;
    for (let i = 0; i < specials.length; i += 3) {
      if (specials[i] !== from || specials[i + 1] !== token) continue;
      const code = specials[i + 2] ?? 0;
      if (code === OUTSIDE) return this.fromLive(this.machine().special?.(this.liveState(state), token) ?? 0);
      this.leaf = code >> 2;
      this.stack = this.states.b[state] ?? -1;
      return this.save(state, token);
    }
    return 0;
  }

  accepts(state: number): boolean {
    const leaf = this.states.a[state] ?? 0;
    if (leaf < 0) return this.machine().accepts(-leaf);
    return leaf > 0 && this.data.ends[leaf - 1] !== 0 && (this.states.b[state] ?? -1) <= 0;
  }

  shortest(state: number): number {
    const leaf = this.states.a[state] ?? 0;
    if (leaf === 0) return Number.POSITIVE_INFINITY;
    return leaf < 0 ? this.machine().shortest(-leaf) : this.distance(leaf, this.states.b[state] ?? -1);
  }

  /** Bytes to the end: those that finish the value, then what its frame needs, for the cheapest of its results. */
  private distance(leaf: number, stack: number): number {
    const { costs } = this.data;
    // Level by level and not by recursion: documents may nest deeper than calls.
    const { known, least } = this;
    const open: number[] = [];
    const ask = (leaf: number, stack: number): number => {
      const place = known.of(leaf, stack);
      if (least[place] === undefined) {
        least[place] = Number.POSITIVE_INFINITY;
        open.push(place);
      }
      return place;
    };
    /** What a place comes to after a result: the bytes to it, and the place below, if there is one. */
    const nexts = (place: number, visit: (bytes: number, below: number | undefined) => void): void => {
      const [leaf = 0, stack = -1] = [known.a[place], known.b[place]];
      for (let at = costs[leaf - 1] ?? 0; at < (costs[leaf] ?? 0); at += 2) {
        const next = stack < 0 ? 0 : this.resume(this.stacks.a[stack] ?? 0, costs[at] ?? 0);
        if (stack < 0 || next > 0)
          visit(costs[at + 1] ?? 0, next > 0 ? ask(next, this.stacks.b[stack] ?? -1) : undefined);
      }
    };
    const asked = ask(leaf, stack);
    for (const place of open) nexts(place, () => {});
    for (const place of open.reverse())
      nexts(place, (bytes, below) => {
        least[place] = Math.min(least[place] ?? 0, bytes + (below === undefined ? 0 : (least[below] ?? 0)));
      });
    return least[asked] ?? Number.POSITIVE_INFINITY;
  }

  mask(state: number): MaskId {
    let mask = this.maskOf[state];
    if (mask === undefined) this.maskOf[state] = mask = this.findMask(state);
    return mask;
  }

  private findMask(state: number): MaskId {
    const leaf = this.states.a[state] ?? 0;
    if (leaf < 0) return this.foreign(this.machine().mask(-leaf));
    const written = this.written(state);
    if (written !== undefined) return written;
    const { step } = this.places;
    return walkedMask({ step, accepts: (at) => this.accepts(at) }, state, this.vocabulary, this.pool);
  }

  /** The mask that the file has for a state, if it has one. */
  private written(state: number): MaskId | undefined {
    const { trees } = this.data;
    const leaf = this.states.a[state] ?? 0;
    let stack = this.states.b[state] ?? -1;
    for (let node = trees[leaf - 1] ?? 0; node !== 0; ) {
      const count = trees[node] ?? 0;
      if (count >= 0) return count;
      // Below a frame: pairs of a frame and a node.
      const frame = this.stacks.a[stack] ?? -1;
      stack = this.stacks.b[stack] ?? -1;
      const pairs = node + 1;
      node = 0;
      for (let i = 0; i > 2 * count; i -= 2) if (trees[pairs - i] === frame) node = trees[pairs - i + 1] ?? 0;
    }
    return undefined;
  }

  /** A mask of the fallback in this pool. */
  private foreign(mask: MaskId): MaskId {
    let id = this.liveMasks.get(mask);
    if (id === undefined) {
      id = this.pool.internWords(this.machine().pool.view(mask).slice());
      this.liveMasks.set(mask, id);
    }
    return id;
  }

  /** The masks of the file: their ids are their places in it, and their words views, not copies. */
  private masks(): MaskTable {
    const { maskIndex, maskData } = this.data;
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

  private fromLive(live: number): number {
    this.leaf = -live;
    this.stack = -1;
    return this.save(0, NO_BYTES);
  }

  private machine(): TokenMachine {
    this.live ??= this.fallback?.();
    if (!this.live) {
      throw new InfcError('INFC5504', 'the text leaves the tables of an incomplete constraint artifact', {
        fix: 'Open it with a fallback, or bound what the constraint repeats so that compiling it is complete',
      });
    }
    return this.live;
  }

  /** The fallback's state for one of the artifact's: the bytes that first led to it, replayed. */
  private liveState(state: number): number {
    const machine = this.machine();
    const path: (Uint8Array | number)[] = [];
    for (let at = state; at !== this.start; at = this.origin[at] ?? 0) path.push(this.over[at] ?? 0);
    let live = machine.start;
    for (const over of path.reverse())
      live = typeof over === 'number' ? (machine.special?.(live, over) ?? 0) : machine.run(live, over);
    return live;
  }
}

/** States gone over when an artifact is opened. */
const WARM = 3;
const NO_BYTES = new Uint8Array(0);
const BYTES = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
