import { segmentOf } from '../../regex/index.ts';
import { FreeNumberLeaf, NumberLeaf } from '../automaton/leaf-number.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf } from '../automaton/leaf-string.ts';
import type { Machine } from '../automaton/machine.ts';
import { addChar, CHAR_BITS, CHAR_WORDS, type CharBits, charBit, countChars, pointsOf } from './char-bits.ts';

/**
 * Characters of which any few may follow a string, key or number state in any order. They lead round in a few states, of which each takes them
 * all. Quote and backslash are never among them.
 */
export interface Loop {
  readonly set: CharBits;
  /** What may come on the way though it is not in the set, or not all of it. */
  readonly exits: CharBits;
  /** How many may follow: {@link ROUND} when they lead round, few where states count. */
  readonly count: number;
}

/** The characters that most of a state's transitions agree on, and where they lead. */
export interface Link {
  readonly next: number;
  readonly set: CharBits;
}

/** Where the characters of a state lead. */
interface Ways {
  /** By the bit of a character the state it leads to; 0 when none, or when the characters of a first byte part. */
  readonly next: Int32Array;
  /** Where the characters of a first byte lead when they part but all of them lead somewhere. */
  readonly parts: Map<number, readonly number[]>;
  /** The characters that lead somewhere within the string. */
  readonly set: CharBits;
  /** What may come, the quote and the backslash included. */
  readonly alive: CharBits;
}

/** More characters than any token has. */
export const ROUND = 254;

const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const NOWHERE: readonly number[] = [];
/** States that a loop may have; more are followed as far as so many levels take. */
const MAX_STATES = 96;
/** Fewer when they are that many at once: so many, and two a level. */
const SOME = 6;
/** Longest way followed in numbers, whose states are costly; tokens have few digits. */
const MAX_DIGITS = 3;
/** After so many levels a loop ends rather than that characters leave it: few tokens are longer. */
const FAR = 6;
/** Levels followed in a walk. */
const NEAR = 3;
/** Sets of fewer characters are of no use. */
const FEW = 4;

/** Which characters lead round in a state: a walk takes whole subtrees of tokens by them. */
export class CharLoops {
  private readonly ways: (Ways | null | undefined)[] = [];
  private readonly loops: (Loop | null | undefined)[] = [];
  /** Those found by {@link near}. */
  private readonly closed: (Loop | null | undefined)[] = [];

  constructor(private readonly machine: Machine) {}

  /** The loop of a state; undefined when it has too few characters. */
  of(leaf: number): Loop | undefined {
    let loop = this.loops[leaf];
    if (loop === undefined) {
      const near = this.closed[leaf];
      loop = near?.count === ROUND ? near : (this.find(leaf, ROUND) ?? null);
      this.loops[leaf] = loop;
    }
    return loop ?? undefined;
  }

  /** The same when it is found at once, or with `search` false when it is known: what a walk asks of every state. */
  near(leaf: number, search: boolean): Loop | undefined {
    let loop = this.closed[leaf];
    if (loop === undefined) {
      if (!search) return undefined;
      loop = this.find(leaf, NEAR) ?? null;
      this.closed[leaf] = loop;
    }
    return loop ?? undefined;
  }

  private find(leaf: number, deepest: number): Loop | undefined {
    if (this.machine.leaves[leaf]?.kind === 'number') return this.followDigits(leaf);
    const seen = new Set([leaf]);
    const loop = this.follow(leaf, seen, deepest);
    // It is also that of its other states, unless they take more.
    if (loop?.count === ROUND)
      for (const state of seen) {
        const set = this.from(state)?.set;
        if (set?.every((word, w) => word === loop.set[w])) this.closed[state] ??= loop;
      }
    return loop;
  }

  /**
   * Follows all characters of the state, level by level. Where a character leads to a state that does not take them all, either that
   * character or those it does not take leave the set, whichever are fewer.
   */
  private follow(leaf: number, seen: Set<number>, deepest: number): Loop | undefined {
    const own = this.from(leaf);
    if (!own || countChars(own.set) <= FEW) return undefined;
    const set = own.set.slice();
    let level = [leaf];
    let count = 1;
    while (level.length > 0 && count < deepest) {
      const below: number[] = [];
      for (const at of level) if (!this.spread(at, set, seen, below, count)) return this.loop(set, seen, count);
      level = below;
      count = below.length === 0 ? ROUND : count + 1;
    }
    return this.loop(set, seen, count);
  }

  /** States of numbers are costly: only one is followed from each. */
  private followDigits(leaf: number): Loop | undefined {
    const first = this.link(leaf);
    if (!first) return undefined;
    const states = [leaf];
    let { next, set } = first;
    let count = next === leaf ? ROUND : 1;
    while (count < MAX_DIGITS) {
      const link = this.link(next);
      if (!link) break;
      set = set.map((word, w) => word & (link.set[w] ?? 0));
      if (countChars(set) <= FEW) return undefined;
      states.push(next);
      count = link.next === next ? ROUND : count + 1;
      next = link.next;
    }
    return this.loop(set, states, count);
  }

  /** Adds the states that the characters of `set` lead to, which becomes smaller on the way; false when it would become much smaller, or a little after some way. */
  private spread(leaf: number, set: CharBits, seen: Set<number>, below: number[], count: number): boolean {
    const ways = this.from(leaf);
    if (!ways) return false;
    const next = new Set<number>();
    for (let bit = 0; bit < CHAR_BITS; bit++)
      if (((set[bit >> 5] ?? 0) >> (bit & 31)) & 1) for (const to of waysOf(ways, bit)) if (!seen.has(to)) next.add(to);
    // States that are not looked at cost nothing.
    if (seen.size + next.size > Math.min(MAX_STATES, SOME + 8 * count)) return false;
    const tried = new Set<number>();
    for (let bit = 0; bit < CHAR_BITS; bit++) {
      if ((((set[bit >> 5] ?? 0) >> (bit & 31)) & 1) === 0) continue;
      for (const to of waysOf(ways, bit)) {
        if (seen.has(to) || tried.has(to)) continue;
        const missing = without(set, this.from(to)?.set);
        const lacks = countChars(missing);
        if (lacks > 0) {
          const leading = new Int32Array(CHAR_WORDS);
          for (let b = bit; b < CHAR_BITS; b++)
            if (((set[b >> 5] ?? 0) >> (b & 31)) & 1 && waysOf(ways, b).includes(to)) addChar(leading, b);
          const leads = countChars(leading);
          if (count >= FAR || (count > 1 && 2 * Math.min(leads, lacks) > countChars(set))) return false;
          set.set(without(set, leads <= lacks ? leading : missing));
          tried.add(to);
          if (leads <= lacks) continue;
        }
        seen.add(to);
        below.push(to);
      }
    }
    return true;
  }

  private loop(set: CharBits, states: Iterable<number>, count: number): Loop | undefined {
    if (count < 2 || countChars(set) <= FEW) return undefined;
    const exits = new Int32Array(CHAR_WORDS);
    for (const state of states) {
      const alive = this.from(state)?.alive;
      for (let w = 0; w < CHAR_WORDS; w++) exits[w] = (exits[w] ?? 0) | ((alive?.[w] ?? 0) & ~(set[w] ?? 0));
    }
    return { set, exits, count };
  }

  /** Where most characters of a state lead. */
  link(leaf: number): Link | undefined {
    const ways = this.from(leaf);
    if (!ways) return undefined;
    const sets = new Map<number, CharBits>();
    for (let bit = 0; bit < CHAR_BITS; bit++) {
      const next = ways.next[bit] ?? 0;
      if (next === 0) continue;
      let set = sets.get(next);
      if (!set) sets.set(next, (set = new Int32Array(CHAR_WORDS)));
      addChar(set, bit);
    }
    let best: Link | undefined;
    for (const [next, set] of sets) if (!best || countChars(set) > countChars(best.set)) best = { next, set };
    return best && countChars(best.set) > FEW ? best : undefined;
  }

  private from(leaf: number): Ways | undefined {
    const known = this.ways[leaf];
    if (known !== undefined) return known ?? undefined;
    const info = this.machine.leaves[leaf];
    let ways: Ways | undefined;
    if (info instanceof FreeNumberLeaf || info instanceof NumberLeaf) ways = this.digits(leaf);
    else if ((info instanceof StringLeaf || info instanceof KeyLeaf) && info.decoder === 0)
      ways = this.characters(leaf, info);
    this.ways[leaf] = ways ?? null;
    return ways;
  }

  private digits(leaf: number): Ways {
    const ways = { ...nowhere(), alive: new Int32Array(CHAR_WORDS).fill(-1) };
    for (let b = ZERO; b < ZERO + 10; b++) this.way(ways, b, this.machine.step(leaf, b));
    return ways;
  }

  private characters(leaf: number, info: StringLeaf | KeyLeaf): Ways {
    const ways = nowhere();
    for (let b = 0x20; b < 0x80; b++) {
      const code = this.machine.step(leaf, b);
      if (code !== 0) addChar(ways.alive, b);
      if (b !== QUOTE && b !== BACKSLASH) this.way(ways, b, code);
    }
    // The surrogates split the code points in two; they never occur.
    const uniform = info.alike(0x80, 0xd7ff) >= 0 && info.alike(0xe000, 0x10ffff) >= 0;
    const [low, high] = uniform ? [info.next(0x80), info.next(0xe000)] : [0, 0];
    const codesOf = uniform ? undefined : this.coder(info);
    for (let lead = 0xc2; lead <= 0xf4; lead++) {
      const bit = charBit(lead);
      const codes = codesOf ? codesOf(lead) : [lead < 0xee ? low : high];
      const [code = 0] = codes;
      if (codes.length > 1 || code !== 0) addChar(ways.alive, bit);
      if (codes.length === 1) this.way(ways, bit, code);
      else if (codes.every((c) => c !== 0 && (c & 3) === 0)) {
        const states = codes.map((c) => c >> 2);
        ways.parts.set(bit, states);
        addChar(ways.set, bit);
      }
    }
    return ways;
  }

  /** Where the characters of a first byte lead, each way once; 0 is among them when listed texts tell. */
  private coder(info: StringLeaf | KeyLeaf): (lead: number) => readonly number[] {
    const partitions = info.langs.map((lang) => this.machine.engine.classes(lang));
    const known = new Map<string | number, number>();
    return (lead) => {
      const [from, to] = pointsOf(lead) ?? [0, 0];
      if (info.listedIn(from, to)) return [0, -1];
      const codes = new Set<number>();
      for (let point = from; point <= to; ) {
        let key: string | number = -1;
        let next = to + 1;
        for (const { starts, classOf } of partitions) {
          const at = segmentOf(starts, point);
          key = key === -1 ? (classOf[at] ?? 0) : `${key},${classOf[at]}`;
          next = Math.min(next, starts[at + 1] ?? next);
        }
        let code = known.get(key);
        if (code === undefined) known.set(key, (code = info.next(point)));
        codes.add(code);
        point = next;
      }
      return [...codes];
    };
  }

  private way({ next, set }: Ways, bit: number, code: number): void {
    if (code === 0 || (code & 3) !== 0) return;
    next[bit] = code >> 2;
    addChar(set, bit);
  }
}

/** The states that the characters of a bit lead to. */
function waysOf({ next, parts }: Ways, bit: number): readonly number[] {
  const only = next[bit] ?? 0;
  return only > 0 ? [only] : (parts.get(bit) ?? NOWHERE);
}

function without(set: CharBits, other: CharBits | undefined): CharBits {
  return set.map((word, w) => word & ~(other?.[w] ?? 0));
}

function nowhere(): Ways {
  return {
    next: new Int32Array(CHAR_BITS),
    parts: new Map(),
    set: new Int32Array(CHAR_WORDS),
    alive: new Int32Array(CHAR_WORDS),
  };
}
