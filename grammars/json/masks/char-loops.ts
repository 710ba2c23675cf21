import { type Lang, segmentOf } from '../../regex/index.ts';
import { partsOf } from '../../regex/union.ts';
import { FreeNumberLeaf, NumberLeaf } from '../automaton/leaf-number.ts';
import { KeyLeaf } from '../automaton/leaf-object.ts';
import { StringLeaf, type StringSlot } from '../automaton/leaf-string.ts';
import type { Machine } from '../automaton/machine.ts';
import { addChar, CHAR_WORDS, type CharBits, charBit, countChars, hasChar, pointsOf } from './char-bits.ts';

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
  /** The same for each of its states. */
  readonly counts?: ReadonlyMap<number, number>;
  /** Whether texts of more characters than that have one of {@link exits} among them. */
  readonly sealed?: boolean;
}

/** A loop whose states are known. */
interface Followed extends Loop {
  readonly counts: ReadonlyMap<number, number>;
}

/** The characters that most of a state's transitions agree on, and where they lead. */
export interface Link {
  readonly next: number;
  readonly set: CharBits;
}

/** Where the characters of a state lead. */
interface Ways {
  /** By the state they lead to. */
  readonly links: Link[];
  /** Those of whose first byte some lead to one state and some to another. */
  readonly parts: CharBits;
  /** The characters that lead somewhere within the string. */
  readonly set: CharBits;
  /** What may come, the quote and the backslash included. */
  readonly alive: CharBits;
}

/** More characters than any token has. */
export const ROUND = 254;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * States that a loop may have, and no more than it has characters: to look at them costs more than a small set saves. More are followed as
 * far as so many levels take.
 */
const MAX_STATES = 32;
/** Levels followed: longer tokens are so few that they are walked. */
const LEVELS = 20;
/** Fewer when they are that many at once: so many, and two a level. */
const SOME = 6;
/** After so many levels a loop ends rather than that characters leave it: few tokens are longer. */
const FAR = 6;
/** The same where the character is a frequent one: a space or a lower-case letter. */
const NEAR = 3;
/** Sets of fewer characters are of no use. */
const FEW = 4;

/** The same where everything beside the set is an exit. */
const WIDE = 100;

const NO_CHARS: CharBits = new Int32Array(CHAR_WORDS);
const ALL_CHARS: CharBits = new Int32Array(CHAR_WORDS).fill(-1);
/** 0 to 9. */
const DIGITS: CharBits = Int32Array.of(0, 0x3ff0000, 0, 0, 0, 0);

/** Which characters lead round in a state: a walk takes whole subtrees of tokens by them. */
export class CharLoops {
  private readonly ways: (Ways | null | undefined)[] = [];
  private readonly loops: (Loop | null | undefined)[] = [];
  private readonly rounds: CharBits[] = [];
  /** See {@link known}. */
  private readonly met: (Loop | undefined)[] = [];

  constructor(private readonly machine: Machine) {}

  /** The loop of a state; undefined when it has too few characters. */
  of(leaf: number): Loop | undefined {
    let loop = this.loops[leaf];
    if (loop === undefined) {
      const known = this.met[leaf];
      loop = known?.count === ROUND ? known : (this.find(leaf) ?? null);
      this.loops[leaf] = loop;
      // (Walks that ask may come to a quote.)
      if (loop?.set !== ALL_CHARS) this.met[leaf] ??= loop ?? undefined;
    }
    return loop ?? undefined;
  }

  /** The same when it is known from another state: what a walk asks of every state. */
  known(leaf: number): Loop | undefined {
    return this.met[leaf];
  }

  private find(leaf: number): Loop | undefined {
    const info = this.machine.leaves[leaf];
    if (info instanceof FreeNumberLeaf || info instanceof NumberLeaf)
      return { set: DIGITS, exits: NO_CHARS, count: info.sure };
    const lasting = this.lasting(leaf);
    if (lasting) return lasting;
    const loop = this.follow(leaf);
    // It is also that of its other states, unless they take more.
    for (const [state, count] of loop?.counts ?? [])
      if (loop && count > NEAR && this.from(state)?.set.every((word, w) => word === loop.set[w]))
        this.met[state] ??= count === loop.count ? loop : { ...loop, count };
    if (loop) return this.sealed(leaf, loop) ?? loop;
    const wide = this.including(leaf);
    if (wide) return wide;
    // Most characters may lead to where others lead round.
    const next = this.follow(this.link(leaf)?.next ?? leaf);
    return next?.count === ROUND ? { ...next, count: 0 } : undefined;
  }

  /**
   * Follows all characters of the state, level by level. Where a character leads to a state that does not take them all, either that
   * character or those it does not take leave the set, whichever are fewer.
   */
  private follow(leaf: number): Followed | undefined {
    const seen = new Set([leaf]);
    const own = this.from(leaf);
    if (!own || countChars(own.set) <= FEW) return undefined;
    const set = own.set.slice();
    let level = [leaf];
    for (let count = 1; level.length > 0 && count <= LEVELS; count++) {
      const below: number[] = [];
      for (const at of level) this.spread(at, set, seen, below, count);
      level = below;
    }
    const counts = this.counts(set, seen);
    return this.loop(set, counts, counts.get(leaf) ?? 0);
  }

  /** Where all characters may follow, each state by itself some number of them. */
  private lasting(leaf: number): Loop | undefined {
    const { machine } = this;
    const slot = this.pattern(leaf);
    const found = slot && machine.facts.lasting(slot.lang);
    if (!found) return undefined;
    const counts = new Map<number, number>();
    for (const [lang, count] of found) counts.set(machine.wordsState({ ...slot, lang }) >> 2, count);
    return { set: ALL_CHARS, exits: NO_CHARS, count: counts.get(leaf) ?? 0, counts };
  }

  /**
   * A loop of too many states to follow. Where some characters lead from a state and from the one that most of them lead to only to
   * languages that include that of the latter, so they do from everywhere they lead: a derivative includes those of what it includes.
   */
  private including(leaf: number): Loop | undefined {
    if (countChars(this.from(leaf)?.set ?? NO_CHARS) < WIDE) return undefined;
    const often = this.link(leaf)?.next ?? leaf;
    const parts = this.partsOf(often);
    const set = new Int32Array(CHAR_WORDS).fill(-1);
    for (const at of [leaf, often]) {
      const ways = this.from(at);
      for (let w = 0; w < CHAR_WORDS; w++) set[w] = (set[w] ?? 0) & (ways?.set[w] ?? 0);
      for (const { next, set: leading } of ways?.links ?? []) {
        const own = new Set(this.partsOf(next));
        if (!parts.every((part) => own.has(part) || own.has(this.machine.engine.any))) set.set(without(set, leading));
      }
    }
    return parts.length === 0 || countChars(set) < WIDE
      ? undefined
      : { set, exits: set.map((word) => ~word), count: ROUND };
  }

  /** The languages that the pattern of a state is the union of, where it has one only, and neither texts nor a length beside. */
  private partsOf(leaf: number): readonly Lang[] {
    const slot = this.pattern(leaf);
    return slot ? partsOf(this.machine.engine.internals.languages, slot.lang) : [];
  }

  private pattern(leaf: number): StringSlot | undefined {
    const info = this.machine.leaves[leaf];
    const [slot] = info instanceof StringLeaf && info.slots.length === 1 && info.decoder === 0 ? info.slots : [];
    return slot && slot.low >= slot.high && slot.min === 0 && slot.max === Number.POSITIVE_INFINITY ? slot : undefined;
  }

  /** A loop that ends after so many characters in states that take few of them: these are exits, so that a walk looks for them alone. */
  private sealed(leaf: number, { set, exits, count }: Loop): Loop | undefined {
    let level = new Set([leaf]);
    for (let n = 0; n < count && level.size <= SOME; n++) {
      const next = new Set<number>();
      for (const at of level)
        for (const link of this.from(at)?.links ?? []) if (meet(link.set, set)) next.add(link.next);
      level = next;
    }
    const ends = exits.slice();
    for (const at of level) {
      if (level.size > SOME || count === ROUND) return undefined;
      const alive = this.from(at)?.alive;
      for (let w = 0; w < CHAR_WORDS; w++) ends[w] = (ends[w] ?? 0) | (alive?.[w] ?? -1);
    }
    return countChars(ends) > 2 * FEW ? undefined : { set, exits: ends, count, sealed: true };
  }

  /** How many characters of the set may follow a state in any order, before one leads to a state that was not seen: it may not take them all. */
  private counts(set: CharBits, seen: ReadonlySet<number>): Map<number, number> {
    const counts = new Map(Array.from(seen, (state) => [state, ROUND]));
    for (let n = 1, more = true; more; n++) {
      more = false;
      for (const at of seen) {
        if (counts.get(at) !== ROUND) continue;
        const near = this.from(at)?.links.some((link) => (counts.get(link.next) ?? 0) < n && meet(link.set, set));
        if (near) counts.set(at, n);
        more ||= near === true;
      }
    }
    return counts;
  }

  /** Adds the states that the characters of `set` lead to, which becomes smaller on the way. */
  private spread(leaf: number, set: CharBits, seen: Set<number>, below: number[], count: number): void {
    const links = this.from(leaf)?.links.filter((link) => !seen.has(link.next) && meet(link.set, set));
    // States that are not looked at cost nothing.
    if (!links || seen.size + links.length > Math.min(MAX_STATES, SOME + 8 * count, countChars(set))) return;
    for (const { next, set: leading } of links) {
      if (!meet(leading, set)) continue;
      const ways = this.from(next);
      let missing = without(set, ways?.set);
      // What leads to more states than are followed is as good as missing where few characters lead there.
      const fan = ways?.links.filter((link) => !seen.has(link.next) && meet(link.set, set)) ?? [];
      if (seen.size + fan.length > Math.min(MAX_STATES, SOME + 8 * count + 8) && countChars(leading) <= FEW)
        for (const link of fan) missing = missing.map((word, w) => word | ((link.set[w] ?? 0) & (set[w] ?? 0)));
      const lacks = countChars(missing);
      if (lacks > 0) {
        const leads = countChars(set) - countChars(without(set, leading));
        const less = leads <= lacks ? leading : missing;
        if (
          count >= FAR ||
          (count > 1 && 2 * Math.min(leads, lacks) > countChars(set)) ||
          (count >= NEAR && (hasChar(less, SPACE) || less[3] !== 0))
        )
          continue;
        set.set(without(set, less));
        if (leads <= lacks) continue;
      }
      seen.add(next);
      below.push(next);
    }
  }

  private loop(set: CharBits, counts: ReadonlyMap<number, number>, count: number): Followed | undefined {
    if (count < 2 || countChars(set) <= FEW) return undefined;
    const exits = new Int32Array(CHAR_WORDS);
    for (const state of counts.keys()) {
      const alive = this.from(state)?.alive;
      for (let w = 0; w < CHAR_WORDS; w++) exits[w] = (exits[w] ?? 0) | ((alive?.[w] ?? 0) & ~(set[w] ?? 0));
    }
    return { set, exits, count, counts };
  }

  /** The characters that leave a state as it is, where it is known from loops what its characters do. */
  round(leaf: number): CharBits {
    const ways = this.ways[leaf];
    const own = ways?.links.find(({ next }) => next === leaf);
    if (ways && !this.rounds[leaf]) this.rounds[leaf] = own ? without(own.set, ways.parts) : NO_CHARS;
    return this.rounds[leaf] ?? NO_CHARS;
  }

  /** Where most characters of a state lead. */
  link(leaf: number): Link | undefined {
    const ways = this.from(leaf);
    let best: Link | undefined;
    let most = FEW;
    for (const { next, set } of ways?.links ?? []) {
      const only = without(set, ways?.parts);
      const size = countChars(only);
      if (size > most) {
        best = { next, set: only };
        most = size;
      }
    }
    return best;
  }

  private from(leaf: number): Ways | undefined {
    const known = this.ways[leaf];
    if (known !== undefined) return known ?? undefined;
    const info = this.machine.leaves[leaf];
    let ways: Ways | undefined;
    if ((info instanceof StringLeaf || info instanceof KeyLeaf) && info.decoder === 0)
      ways = this.characters(leaf, info);
    this.ways[leaf] = ways ?? null;
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
        addChar(ways.parts, bit);
        for (const each of codes) this.way(ways, bit, each);
      }
    }
    return ways;
  }

  /** Where the characters of a first byte lead, each way once; 0 is among them when listed texts tell. */
  private coder(info: StringLeaf | KeyLeaf): (lead: number) => readonly number[] {
    const { engine } = this.machine;
    const { starts, classOf } = engine.internals.languages.sets.meet(info.langs.map((lang) => engine.classes(lang)));
    const known: number[] = [];
    return (lead) => {
      const [from, to] = pointsOf(lead) ?? [0, 0];
      if (info.listedIn(from, to)) return [0, -1];
      const codes = new Set<number>();
      for (let i = segmentOf(starts, from); (starts[i] ?? Number.POSITIVE_INFINITY) <= to; i++)
        codes.add((known[classOf[i] ?? 0] ??= info.next(Math.max(from, starts[i] ?? 0))));
      return [...codes];
    };
  }

  private way({ links, set }: Ways, bit: number, code: number): void {
    if (code === 0 || (code & 3) !== 0) return;
    const next = code >> 2;
    let link = links.find((other) => other.next === next);
    if (!link) links.push((link = { next, set: new Int32Array(CHAR_WORDS) }));
    addChar(link.set, bit);
    addChar(set, bit);
  }
}

function without(set: CharBits, other: CharBits | undefined): CharBits {
  return set.map((word, w) => word & ~(other?.[w] ?? 0));
}

/** Whether two sets have a character in common. */
function meet(a: CharBits, b: CharBits): boolean {
  for (let w = 0; w < CHAR_WORDS; w++) if (((a[w] ?? 0) & (b[w] ?? 0)) !== 0) return true;
  return false;
}

function nowhere(): Ways {
  return {
    links: [],
    parts: new Int32Array(CHAR_WORDS),
    set: new Int32Array(CHAR_WORDS),
    alive: new Int32Array(CHAR_WORDS),
  };
}
