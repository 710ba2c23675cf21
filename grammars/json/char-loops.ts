import { FreeNumberLeaf, NumberLeaf } from './leaf-number.ts';
import { KeyLeaf } from './leaf-object.ts';
import { StringLeaf } from './leaf-string.ts';
import type { Machine } from './machine.ts';

/** The characters that most of a state's transitions agree on, and where they lead. */
export interface Link {
  readonly next: number;
  readonly set: CharBits;
  /** ASCII characters that may come, in the set or not; the quote and the backslash are among them. */
  readonly alive: readonly [number, number, number, number];
  /** Other characters may come. */
  readonly othersAlive: boolean;
}

/** A set of characters: ASCII ones as four words, and whether all others are in it. */
export interface CharBits {
  readonly ascii: readonly [number, number, number, number];
  readonly others: boolean;
}

/**
 * Characters of which any few may follow a string, key or number state in any order: they lead along one chain of states. Quote
 * and backslash are never among them.
 */
export interface Loop extends CharBits {
  /** How many may follow: {@link ROUND} when they lead back to the same state, few where states count. */
  readonly count: number;
  /** ASCII characters that may come on the way but are not in the set. */
  readonly exits: readonly [number, number, number, number];
  /** Other characters may come on the way, though not all of them. */
  readonly otherExits: boolean;
}

/** More characters than any token has. */
export const ROUND = 255;

const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ALL: readonly [number, number, number, number] = [-1, -1, -1, -1];

/** Characters to guess the main successor of a state by. */
const COMMON = [0x61, 0x30, 0x20, 0x41, 0x2d];
const DIGITS = [0x35];
/** Longest chain of states followed. */
const MAX_CHAIN = 16;
/** The same for numbers, whose states are costly; tokens have few digits. */
const MAX_DIGITS = 3;
/** Sets of fewer characters are of no use. */
const FEW = 4;

/** Which characters lead round in a state: a walk takes whole subtrees of tokens by them. */
export class CharLoops {
  private readonly links: (Link | null | undefined)[] = [];
  private readonly loops: (Loop | null | undefined)[] = [];
  private readonly codes = new Int32Array(128);

  constructor(private readonly machine: Machine) {}

  /** The loop of a state; undefined when it has too few characters. */
  of(leaf: number): Loop | undefined {
    const known = this.loops[leaf];
    if (known !== undefined) return known ?? undefined;
    const loop = this.follow(leaf);
    this.loops[leaf] = loop ?? null;
    return loop;
  }

  private follow(leaf: number): Loop | undefined {
    const longest = this.machine.leaves[leaf]?.kind === 'number' ? MAX_DIGITS : MAX_CHAIN;
    let [s0, s1, s2, s3] = ALL;
    let [x0, x1, x2, x3] = [0, 0, 0, 0];
    let others = true;
    let othersAlive = false;
    let count = 0;
    for (let at = leaf; count < longest; ) {
      const link = this.link(at);
      if (!link) break;
      const { set, alive } = link;
      const t0 = s0 & set.ascii[0];
      const t1 = s1 & set.ascii[1];
      const t2 = s2 & set.ascii[2];
      const t3 = s3 & set.ascii[3];
      if (!(others && set.others) && bits(t0) + bits(t1) + bits(t2) + bits(t3) <= FEW) break;
      [s0, s1, s2, s3] = [t0, t1, t2, t3];
      [x0, x1, x2, x3] = [x0 | alive[0], x1 | alive[1], x2 | alive[2], x3 | alive[3]];
      others &&= set.others;
      othersAlive ||= link.othersAlive;
      count++;
      if (link.next === at) count = ROUND;
      at = link.next;
    }
    if (count < 2) return undefined;
    return {
      ascii: [s0, s1, s2, s3],
      others,
      count,
      exits: [x0 & ~s0, x1 & ~s1, x2 & ~s2, x3 & ~s3],
      otherExits: othersAlive && !others,
    };
  }

  /** The states along a loop that counts: the state itself and one for each character. */
  chain(leaf: number, count: number): Int32Array {
    const states = new Int32Array(count + 1);
    for (let i = 0, at = leaf; i <= count; i++) {
      states[i] = at;
      at = this.link(at)?.next ?? 0;
    }
    return states;
  }

  /** The main transitions of a state. */
  link(leaf: number): Link | undefined {
    const known = this.links[leaf];
    if (known !== undefined) return known ?? undefined;
    const info = this.machine.leaves[leaf];
    let link: Link | undefined;
    if (info instanceof FreeNumberLeaf || info instanceof NumberLeaf) link = this.main(leaf, ZERO, ZERO + 10, DIGITS);
    else if ((info instanceof StringLeaf || info instanceof KeyLeaf) && info.decoder === 0)
      link = this.main(leaf, 0x20, 0x80, COMMON, info);
    this.links[leaf] = link ?? null;
    return link;
  }

  private main(
    leaf: number,
    low: number,
    high: number,
    guesses: readonly number[],
    info?: StringLeaf | KeyLeaf,
  ): Link | undefined {
    const { machine } = this;
    const { codes } = this;
    const alive: [number, number, number, number] = [0, 0, 0, 0];
    for (let b = low; b < high; b++) {
      const code = machine.step(leaf, b);
      codes[b] = b === QUOTE || b === BACKSLASH ? 0 : code;
      if (code !== 0) alive[b >> 5] = (alive[b >> 5] ?? 0) | (1 << (b & 31));
    }
    for (const guess of guesses) {
      const code = codes[guess] ?? 0;
      if (code === 0 || (code & 3) !== 0) continue;
      const ascii: [number, number, number, number] = [0, 0, 0, 0];
      for (let b = low; b < high; b++) if (codes[b] === code) ascii[b >> 5] = (ascii[b >> 5] ?? 0) | (1 << (b & 31));
      // The surrogates split the code points in two; they never occur.
      const uniform = info !== undefined && info.alike(0x80, 0xd7ff) >= 0 && info.alike(0xe000, 0x10ffff) >= 0;
      const others = uniform && info.next(0x80) === code && info.next(0xe000) === code;
      const set = { ascii, others };
      if (size(set) <= FEW) continue;
      if (!info) return { next: code >> 2, set, alive: ALL, othersAlive: true };
      return { next: code >> 2, set, alive, othersAlive: info.any(0x80, 0xd7ff) || info.any(0xe000, 0x10ffff) };
    }
    return undefined;
  }
}

function bits(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Number of characters in a set; all that are not ASCII count as a few. */
function size({ ascii, others }: CharBits): number {
  return (others ? FEW + 1 : 0) + bits(ascii[0]) + bits(ascii[1]) + bits(ascii[2]) + bits(ascii[3]);
}
