import type { Lang, RegexEngine } from '../../regex/index.ts';
import type { Json } from '../schema/document.ts';

/** An interned set of strings. */
export type StringSetId = number;

/** The set is `members` (sorted, spelled out) plus every string of `lang`. */
export interface StringSet {
  readonly members: readonly string[];
  readonly lang: Lang;
  /** When `lang` is the words of `core` with `min` to `max` characters: counting beside the pattern keeps states few. */
  readonly window?: Window | undefined;
}

/** A language and bounds on the number of characters. */
export interface Window {
  readonly core: Lang;
  readonly min: number;
  readonly max: number;
}

/** Strings that match exactly the patterns `matched` of some. */
export interface StringClass {
  readonly matched: ReadonlySet<StringSetId>;
  readonly names: StringSetId;
}

/**
 * Boolean algebra over sets of strings. Enumerations stay explicit lists (tested member by member), everything else is a
 * language of the regex engine: an enum of thousands of values never becomes an automaton.
 */
export class StringSets {
  static readonly NONE: StringSetId = 0;
  static readonly ALL: StringSetId = 1;
  private readonly sets: (StringSet | undefined)[] = [];
  /** Of each complement: the set it is the complement of; and the other way round. */
  private readonly positiveOf = new Map<StringSetId, StringSetId>();
  private readonly complements = new Map<StringSetId, StringSetId>();
  /** By language, number of members and the sum of their hashes. */
  private readonly byKey = new Map<string, StringSetId[]>();
  /** Of each set, the sum of its members' hashes: a list of thousands less a few is known by what is taken away. */
  private readonly sums: number[] = [];
  private readonly hashes = new Map<string, number>();
  private readonly matchMemo = new Map<string, boolean>();

  /** @param work is told how many members each operation looks at */
  constructor(
    readonly engine: RegexEngine,
    private readonly work: (members: number) => void = () => undefined,
  ) {
    this.make([], engine.empty);
    this.make([], engine.any);
  }

  get(id: StringSetId): StringSet {
    let set = this.sets[id];
    if (!set) {
      const { members, lang } = this.get(this.positiveOf.get(id) ?? StringSets.NONE);
      const whole = members.length === 0 ? lang : this.engine.union(lang, this.engine.words(members));
      set = { members: [], lang: this.engine.complement(whole) };
      this.sets[id] = set;
    }
    return set;
  }

  of(members: readonly string[]): StringSetId {
    return this.make([...new Set(members)].filter(wellFormed).sort(), this.engine.empty);
  }

  language(lang: Lang): StringSetId {
    return this.make([], lang);
  }

  and(a: StringSetId, b: StringSetId): StringSetId {
    if (a === b || b === StringSets.ALL) return a;
    if (a === StringSets.ALL) return b;
    const notA = this.positiveOf.get(a);
    const notB = this.positiveOf.get(b);
    if (notA !== undefined && notB !== undefined) return this.not(this.or(notA, notB));
    if (notA !== undefined) return this.and(b, a);
    const x = this.get(a);
    this.work(x.members.length);
    if (notB !== undefined) {
      const { members: gone, lang: goneLang } = this.get(notB);
      if (goneLang === this.engine.empty && gone.length * FEW < x.members.length && x.lang === this.engine.empty)
        return this.without(a, x.members, gone);
      const members = x.members.filter((s) => !this.has(notB, s));
      return x.lang === this.engine.empty ? this.make(members, x.lang) : this.both(members, x, this.get(b));
    }
    const y = this.get(b);
    const members = x.members.filter((s) => this.has(b, s));
    if (x.lang !== this.engine.empty) for (const s of y.members) if (this.matches(x.lang, s)) members.push(s);
    const list = members.length > x.members.length ? [...new Set(members)].sort() : members;
    return this.both(list, x, y);
  }

  /** The members, and what two languages have in common. */
  private both(members: readonly string[], x: StringSet, y: StringSet): StringSetId {
    const window = this.meet(x, y);
    const free = window !== undefined && window.min === 0 && window.max === Number.POSITIVE_INFINITY;
    return this.make(members, free ? window.core : this.engine.intersect(x.lang, y.lang), free ? undefined : window);
  }

  private or(a: StringSetId, b: StringSetId): StringSetId {
    if (a === b || b === StringSets.NONE) return a;
    if (a === StringSets.NONE) return b;
    if (a === StringSets.ALL || b === StringSets.ALL) return StringSets.ALL;
    if (this.positiveOf.has(a) || this.positiveOf.has(b)) return this.not(this.and(this.not(a), this.not(b)));
    const x = this.get(a);
    const y = this.get(b);
    this.work(x.members.length + y.members.length);
    return this.make([...new Set([...x.members, ...y.members])].sort(), this.engine.union(x.lang, y.lang));
  }

  /** The union of several sets, halves first: lists of thousands are not copied again for each one more. */
  any(sets: readonly StringSetId[]): StringSetId {
    const [first = StringSets.NONE] = sets;
    if (sets.length < 2) return first;
    const middle = sets.length >> 1;
    return this.or(this.any(sets.slice(0, middle)), this.any(sets.slice(middle)));
  }

  /** All strings by which of the patterns they match; those that match none come first. */
  *classes(patterns: readonly StringSetId[], spend: () => void): Generator<StringClass> {
    const none = this.not(this.any(patterns));
    if (!this.isEmpty(none)) yield { names: none, matched: new Set() };
    for (let first = patterns.length - 1; first >= 0; first--) {
      const own = patterns[first] ?? StringSets.NONE;
      // Mostly patterns have nothing in common, and there is one class for each.
      const near = patterns.filter((other) => other !== own && !this.isEmpty(this.and(own, other)));
      const stack = [{ at: 0, names: own, matched: new Set([own]) }];
      for (let top = stack.pop(); top; top = stack.pop()) {
        spend();
        const { at, names, matched } = top;
        if (this.isEmpty(names)) continue;
        const pattern = near[at];
        if (pattern === undefined) yield top;
        else {
          if (patterns.indexOf(pattern) > first)
            stack.push({ at: at + 1, names: this.and(names, pattern), matched: new Set([...matched, pattern]) });
          stack.push({ at: at + 1, names: this.and(names, this.not(pattern)), matched });
        }
      }
    }
  }

  /** The complement. Kept as such: only a use of its language spells it out. */
  not(a: StringSetId): StringSetId {
    const positive = this.positiveOf.get(a);
    if (positive !== undefined) return positive;
    if (a <= StringSets.ALL) return StringSets.ALL - a;
    let id = this.complements.get(a);
    if (id === undefined) {
      id = this.sets.length;
      this.sets.push(undefined);
      this.complements.set(a, id);
      this.positiveOf.set(id, a);
    }
    return id;
  }

  has(a: StringSetId, text: string): boolean {
    const positive = this.positiveOf.get(a);
    if (positive !== undefined) return !this.has(positive, text);
    const { members, lang } = this.get(a);
    return (members.length > 0 && search(members, text)) || this.matches(lang, text);
  }

  isEmpty(a: StringSetId): boolean {
    const { members, lang } = this.get(a);
    return members.length === 0 && this.engine.isEmpty(lang);
  }

  /** Whether a language contains a text. */
  matches(lang: Lang, text: string): boolean {
    if (lang === this.engine.any) return true;
    if (lang === this.engine.empty) return false;
    const key = `${lang} ${text}`;
    const known = this.matchMemo.get(key);
    if (known !== undefined) return known;
    const result = this.engine.matches(lang, text);
    this.matchMemo.set(key, result);
    return result;
  }

  /** The window of an intersection, if counting apart is of use. */
  private meet(x: StringSet, y: StringSet): Window | undefined {
    const { engine } = this;
    const of = ({ lang, window }: StringSet): Window => {
      if (window) return window;
      const { min, max } = engine.lengths(lang);
      return engine.ofLength(min, max) === lang
        ? { core: engine.any, min, max }
        : { core: lang, min: 0, max: Number.POSITIVE_INFINITY };
    };
    const a = of(x);
    const b = of(y);
    const low = Math.max(a.min, b.min);
    const high = Math.min(a.max, b.max);
    if (low === 0 && high === Number.POSITIVE_INFINITY) return undefined;
    const core = engine.intersect(a.core, b.core);
    if (core === engine.any || core === engine.empty) return undefined;
    // Bounds that the pattern keeps by itself need no counting.
    const { min, max } = engine.lengths(core);
    return { core, min: min >= low ? 0 : low, max: max <= high ? Number.POSITIVE_INFINITY : high };
  }

  /** A list without a few of its members. */
  private without(a: StringSetId, members: readonly string[], gone: readonly string[]): StringSetId {
    const at = gone.map((text) => find(members, text)).filter((i, k) => members[i] === gone[k]);
    if (at.length === 0) return a;
    let sum = this.sums[a] ?? 0;
    const rest = members.slice();
    for (const i of at.reverse()) {
      sum = (sum - this.hash(members[i] ?? '')) | 0;
      rest.splice(i, 1);
    }
    return this.make(rest, this.engine.empty, undefined, sum);
  }

  private make(
    members: readonly string[],
    lang: Lang,
    window?: Window,
    sum = members.reduce((all, text) => (all + this.hash(text)) | 0, 0),
  ): StringSetId {
    const key = `${lang} ${members.length} ${sum}`;
    const alike = this.byKey.get(key) ?? [];
    const known = alike.find((id) => equal(this.sets[id]?.members ?? members, members));
    if (known !== undefined) return known;
    const id = this.sets.length;
    this.sets.push({ members, lang, window });
    this.sums[id] = sum;
    this.byKey.set(key, [...alike, id]);
    return id;
  }

  private hash(text: string): number {
    let hash = this.hashes.get(text);
    if (hash === undefined) {
      hash = Math.imul(this.hashes.size + 1, 0x9e3779b1);
      hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
      hash ^= hash >>> 13;
      this.hashes.set(text, hash);
    }
    return hash;
  }
}

/** One list is this many times longer than the other when the other is taken away from it text by text. */
const FEW = 8;

/** Whether a text has no lone surrogates: UTF-8 cannot spell them. */
export function wellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Whether UTF-8 can spell all texts of a value. */
export function spellable(value: Json): boolean {
  if (typeof value === 'string') return wellFormed(value);
  if (value === null || typeof value !== 'object') return true;
  return Array.isArray(value)
    ? value.every(spellable)
    : Object.entries(value).every(([name, inner]) => wellFormed(name) && spellable(inner));
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i === a.length;
}

function search(sorted: readonly string[], text: string): boolean {
  return sorted[find(sorted, text)] === text;
}

/** Where a text is in a sorted list, or would be. */
function find(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
