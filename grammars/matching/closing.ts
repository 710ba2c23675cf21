import { isPlain } from '../json/automaton/utf8-json.ts';
import { addChar, CHAR_WORDS, type CharBits, charBit, hasChar } from '../json/masks/char-bits.ts';
import { hasAll, rowsOf } from '../json/masks/subtrees.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { Endings, type PlaceLoop, UNTOLD } from './endings.ts';
import type { MaskId } from './mask-pool.ts';
import type { TokenMachine } from './token-machine.ts';
import { nextOf, vocabularyTrie } from './trie.ts';

/** Places that get a table of steps at once. */
const MAX_ROWS = 1024;

/** What may follow a state, as far as it matters for the end. */
interface Ahead {
  /** The places after the allowed tokens, each once. */
  readonly places: readonly number[];
  /** Most bytes to the end from any of them, the end token counted as one. */
  readonly bytes: number;
  /** What the text may take beside: the rest of a character, another character where a name came before. */
  readonly slack: number;
}

const shared = new WeakMap<TokenMachine, ClosingMasks>();

/** Masks that keep a text finishable within a number of tokens, as {@link Endings} bounds them: a token that keeps the bound always exists. */
export class ClosingMasks {
  readonly endings: Endings;
  /** By place, or by state (negative) where tokens depend on the text read before. */
  private readonly aheads = new Map<number, Ahead>();
  /** By place: its row in {@link table}, of steps by byte. */
  private rows = new Map<number, number>();
  private table = new Int32Array(0);
  private readonly rounds = new Map<number, Round>();
  private slack = 0;

  private constructor(private readonly machine: TokenMachine) {
    this.endings = Endings.of(machine);
  }

  /** The masks of a machine, shared by its matchers: all of it follows from the machine. */
  static of(machine: TokenMachine): ClosingMasks {
    let masks = shared.get(machine);
    if (!masks) shared.set(machine, (masks = new ClosingMasks(machine)));
    return masks;
  }

  /** Whether a text can end within `left` tokens from a state, the end token included. */
  fits(state: number, left: number): boolean {
    return state !== 0 && this.endings.fits(this.endings.places.of(state), left);
  }

  /** The allowed tokens after which the text can still end within the `left` tokens that remain now. */
  mask(state: number, left: number): MaskId {
    const { machine, endings } = this;
    const id = machine.mask(state);
    const ahead = this.ahead(state);
    if (ahead.bytes + 1 <= left) return id;
    if (ahead.places.every((place) => endings.fits(place, left - 1 - ahead.slack))) return id;
    const words = new Uint32Array(machine.pool.words);
    const keep = (token: number): void => {
      words[token >>> 5] = (words[token >>> 5] ?? 0) | (1 << (token & 31));
    };
    const fit = new Map<number, boolean>();
    const fits = (place: number): boolean => {
      let known = fit.get(place);
      if (known === undefined) fit.set(place, (known = endings.fits(place, left - 1)));
      return known;
    };
    this.successors(state, fits, (tokens, from, to) => {
      for (let t = from; t < to; t++) keep(tokens[t] ?? 0);
    });
    if (machine.accepts(state) && left > 0) for (const token of machine.vocabulary.eos) keep(token);
    const allowed = machine.pool.view(id);
    return machine.pool.internWords(words.map((word, i) => word & (allowed[i] ?? 0)));
  }

  private ahead(state: number): Ahead {
    const place = this.endings.places.of(state);
    let ahead = this.aheads.get(place) ?? this.aheads.get(-state);
    if (!ahead) {
      const places = new Set<number>();
      this.slack = 0;
      const told = this.successors(state, (next) => places.add(next).size > 0);
      const { slack } = this;
      let bytes = 0;
      for (const next of places) bytes = Math.max(bytes, this.machine.shortest(next) + 1 + slack);
      ahead = { places: [...places], bytes, slack };
      this.aheads.set(told ? place : -state, ahead);
    }
    return ahead;
  }

  /**
   * The tokens that begin the text that ends soonest and after which it still ends within the `left` tokens that remain now: found by
   * following that one text. All of {@link mask} when the vocabulary has none.
   */
  soonest(state: number, left: number): MaskId {
    const { machine, endings } = this;
    const trie = vocabularyTrie(machine.vocabulary);
    const kept: number[] = machine.accepts(state) && left > 0 ? [...machine.vocabulary.eos] : [];
    let node = 0;
    for (let at = endings.step(endings.places.of(state)); at; at = endings.step(at.to)) {
      const { by, to } = at;
      if (by < 0) {
        if (node === 0 && endings.fits(to, left - 1)) kept.push(-1 - by);
        break;
      }
      node = nextOf(trie, node, by);
      if (node === 0) break;
      if (endings.fits(to, left - 1))
        for (let t = trie.from[node] ?? 0; t < (trie.from[node + 1] ?? 0); t++) kept.push(trie.tokens[t] ?? 0);
    }
    return kept.length > 0 ? machine.pool.intern(-1, Int32Array.from(kept), kept.length) : this.mask(state, left);
  }

  /**
   * Goes over the tokens that may come (and some that may not, where places do not remember why), end tokens left out; `keep` gets lists of those
   * that lead to places that `fits`. False when places did not tell all: the tokens in question were then tried in the state itself. Without
   * `keep` roughly: all places of a loop count as met, and characters that a token cuts are left aside, see {@link Ahead.slack}.
   */
  private successors(
    state: number,
    fits: (place: number) => boolean,
    keep?: (tokens: ArrayLike<number>, from: number, to: number) => void,
  ): boolean {
    const { machine, endings } = this;
    const { places } = endings;
    const trie = vocabularyTrie(machine.vocabulary);
    const { byte, depth, size, from, tokens, count, maxDepth } = trie;
    const { bits } = rowsOf(trie);
    const { cut, renaming, inner } = aboutTokens(machine.vocabulary);
    const visit = (first: number, last: number, place: number): void => {
      if (first < last && fits(place)) keep?.(tokens, first, last);
    };
    const tried = (first: number, last: number): void => {
      for (let t = first; t < last; t++) {
        const bytes = machine.vocabulary.bytes[tokens[t] ?? 0];
        const after = bytes ? machine.run(state, bytes) : 0;
        if (after !== 0) visit(t, t + 1, places.of(after));
      }
    };
    const path = new Int32Array(maxDepth + 1);
    /** Where the part of the trie below a node of the path ends. */
    const ends = new Int32Array(maxDepth + 1);
    path[0] = places.of(state);
    ends[0] = count;
    // Loops that are found by steps are looked for where the next byte leads round: elsewhere it might be in a name, each beginning a place.
    const knows = places.round !== undefined;
    const rounds = [knows ? this.round(path[0]) : undefined];
    let told = true;
    for (let i = 1; i < count; ) {
      const d = depth[i] ?? 0;
      const at = path[d - 1] ?? 0;
      const b = byte[i] ?? 0;
      let end = i + (size[i] ?? 1);
      const round = rounds[d - 1] ?? (!knows && this.step(at, b) === at ? this.round(at) : undefined);
      if (round && (b & 0xc0) !== 0x80) {
        const run = round.all ? Math.min(inner[i] ?? 0, ends[d - 1] ?? 0) : i;
        const whole = run === i && (!keep || cut[i] === 0) && hasChar(round.set, b) && hasAll(round.set, bits, i);
        const fit = run > i || whole ? round.places.filter(fits).length : -1;
        if (fit === 0 || fit === round.places.length) {
          // A character that was cut takes up to three bytes more.
          if (whole && cut[i] === 1) this.slack = 3;
          if (run > i) end = run;
          if (fit > 0) keep?.(tokens, from[i] ?? 0, from[end] ?? 0);
          i = end;
          continue;
        }
      }
      const next = this.step(at, b);
      if (next === UNTOLD) {
        told = false;
        tried(from[i] ?? 0, from[end] ?? 0);
      }
      if (next <= 0) {
        i = end;
        continue;
      }
      path[d] = next;
      ends[d] = end;
      if (knows && i + 1 < end) rounds[d] = this.round(next);
      if (renaming[i] === 1) {
        this.slack = Math.max(this.slack, 1);
        tried(from[i] ?? 0, from[i + 1] ?? 0);
      } else visit(from[i] ?? 0, from[i + 1] ?? 0, next);
      i++;
    }
    for (const token of machine.special ? machine.vocabulary.special.values() : []) {
      const next = machine.vocabulary.eos.includes(token) ? 0 : (machine.special?.(state, token) ?? 0);
      if (next !== 0 && fits(places.of(next))) keep?.([token], 0, 1);
    }
    return told;
  }

  /** The place after one more byte. */
  private step(place: number, byte: number): number {
    let row = this.rows.get(place);
    if (row === undefined) {
      if (this.rows.size >= MAX_ROWS) this.rows = new Map();
      row = this.rows.size * 256;
      if (row === this.table.length) {
        const longer = new Int32Array(Math.max(4096, 2 * row));
        longer.set(this.table);
        this.table = longer;
      }
      this.table.fill(UNKNOWN, row, row + 256);
      this.rows.set(place, row);
    }
    const known = this.table[row + byte] ?? 0;
    if (known !== UNKNOWN) return known;
    const next = this.endings.places.step(place, byte);
    this.table[row + byte] = next;
    return next;
  }

  /** The loop of a place. */
  private round(place: number): Round {
    let round = this.rounds.get(place);
    if (!round) {
      const known = this.endings.places.round?.(place);
      const { set, places } = known ?? { set: new Int32Array(CHAR_WORDS), places: [place] };
      if (!known) for (const byte of PLAIN) if (this.step(place, byte) === place) addChar(set, byte);
      this.rounds.set(place, (round = { set, places, all: hasAll(set, EVERY, 0) }));
    }
    return round;
  }
}

const PLAIN = Array.from({ length: 0x80 }, (_, byte) => byte).filter(isPlain);
/** All that may come in a string but escapes. */
const EVERY: CharBits = new Int32Array(CHAR_WORDS);
for (const byte of PLAIN) addChar(EVERY, byte);
for (let lead = 0xc2; lead <= 0xf4; lead++) addChar(EVERY, charBit(lead));

/** A loop, and whether it has all characters. */
interface Round extends PlaceLoop {
  readonly all: boolean;
}

/** A step that was not taken yet. */
const UNKNOWN = -2;

/** By node of a vocabulary's trie; 1 or 0 where it is yes or no. */
interface AboutTokens {
  /** A token at the node or below ends within a character. */
  readonly cut: Uint8Array;
  /** The first node from here on (itself, mostly) at which or below a quote, an escape or a cut character comes. */
  readonly inner: Int32Array;
  /** What leads to the node may hold a name and go on to another, which must not be the same. */
  readonly renaming: Uint8Array;
}

const known = new WeakMap<Vocabulary, AboutTokens>();

function aboutTokens(vocabulary: Vocabulary): AboutTokens {
  let about = known.get(vocabulary);
  if (!about) {
    const trie = vocabularyTrie(vocabulary);
    const { byte, depth, from, count, maxDepth } = trie;
    const { bits } = rowsOf(trie);
    const renaming = new Uint8Array(count);
    // Bytes that the character at a node still lacks, by depth.
    const lacks = new Uint8Array(maxDepth + 1);
    const cut = new Uint8Array(count);
    // How much of colon, comma, quote was seen, in this order.
    const seen = new Uint8Array(maxDepth + 1);
    const path = new Int32Array(maxDepth + 1);
    for (let i = 1; i < count; i++) {
      const d = depth[i] ?? 0;
      path[d] = i;
      const before = seen[d - 1] ?? 0;
      seen[d] = before < 3 && byte[i] === RENAMING[before] ? before + 1 : before;
      renaming[i] = seen[d] === 3 ? 1 : 0;
      const b = byte[i] ?? 0;
      lacks[d] = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : b >= 0xc0 ? 1 : b >= 0x80 ? Math.max(0, (lacks[d - 1] ?? 0) - 1) : 0;
      if (lacks[d] === 0 || (from[i] ?? 0) === (from[i + 1] ?? 0)) continue;
      for (let k = 1; k <= d; k++) cut[path[k] ?? 0] = 1;
    }
    const inner = new Int32Array(count + 1).fill(count);
    for (let i = count - 1; i > 0; i--) {
      const b = byte[i] ?? 0;
      const passed = cut[i] === 0 && ((b & 0xc0) === 0x80 || hasChar(EVERY, b)) && hasAll(EVERY, bits, i);
      inner[i] = passed ? (inner[i + 1] ?? count) : i;
    }
    known.set(vocabulary, (about = { cut, renaming, inner }));
  }
  return about;
}

const RENAMING = [0x3a, 0x2c, 0x22];
