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
  /** How many may follow: 255 when they lead back to the same state, few where states count. */
  readonly count: number;
  /** ASCII characters that may come on the way but are not in the set. */
  readonly exits: readonly [number, number, number, number];
  /** Other characters may come on the way, though not all of them. */
  readonly otherExits: boolean;
}

const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ALL: readonly [number, number, number, number] = [-1, -1, -1, -1];

/** Characters to guess the main successor of a state by. */
const COMMON = [0x61, 0x30, 0x20, 0x41, 0x2d];
const DIGITS = [0x35];
/** Longest chain of states followed. */
const MAX_CHAIN = 12;
/** The same for numbers, whose states are costly; tokens have few digits. */
const MAX_DIGITS = 3;
/** Sets of fewer characters are of no use. */
const FEW = 4;

/** Which characters lead round in a state: a walk takes whole subtrees of tokens by them. */
export class CharLoops {
  private readonly links: (Link | null | undefined)[] = [];
  private readonly loops: (Loop | null | undefined)[] = [];

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
    let loop: Loop | undefined;
    let set: CharBits = { ascii: ALL, others: true };
    let alive: Link['alive'] = [0, 0, 0, 0];
    let othersAlive = false;
    for (let at = leaf, count = 1; count <= longest; count++) {
      const link = this.link(at);
      if (!link) break;
      set = { ascii: both(set.ascii, link.set.ascii), others: set.others && link.set.others };
      if (size(set) <= FEW) break;
      alive = either(alive, link.alive);
      othersAlive ||= link.othersAlive;
      const same = link.next === at;
      if (same || count > 1)
        loop = {
          ...set,
          count: same ? 255 : count,
          exits: both(alive, without(set.ascii)),
          otherExits: othersAlive && !set.others,
        };
      if (same) break;
      at = link.next;
    }
    return loop;
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
    const alive: [number, number, number, number] = [0, 0, 0, 0];
    for (let b = low; b < high; b++)
      if (machine.step(leaf, b) !== 0) alive[b >> 5] = (alive[b >> 5] ?? 0) | (1 << (b & 31));
    for (const guess of guesses) {
      const code = machine.step(leaf, guess);
      if (code === 0 || (code & 3) !== 0) continue;
      const ascii: [number, number, number, number] = [0, 0, 0, 0];
      for (let b = low; b < high; b++)
        if (b !== QUOTE && b !== BACKSLASH && machine.step(leaf, b) === code)
          ascii[b >> 5] = (ascii[b >> 5] ?? 0) | (1 << (b & 31));
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

type Four = readonly [number, number, number, number];

function both(a: Four, b: Four): Four {
  return [a[0] & b[0], a[1] & b[1], a[2] & b[2], a[3] & b[3]];
}

function either(a: Four, b: Four): Four {
  return [a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]];
}

function without(a: Four): Four {
  return [~a[0], ~a[1], ~a[2], ~a[3]];
}

/** Number of characters in a set; all that are not ASCII count as a few. */
function size({ ascii, others }: CharBits): number {
  let n = others ? FEW + 1 : 0;
  for (let w = 0; w < 4; w++) for (let x = ascii[w] ?? 0; x !== 0; x &= x - 1) n++;
  return n;
}
