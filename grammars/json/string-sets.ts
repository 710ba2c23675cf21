import type { Lang, RegexEngine } from '../regex/index.ts';

/** An interned set of strings. */
export type StringSetId = number;

/** The set is `members` (sorted, spelled out) plus every string of `lang`. */
export interface StringSet {
  readonly members: readonly string[];
  readonly lang: Lang;
}

/**
 * Boolean algebra over sets of strings. Enumerations stay explicit lists (tested member by member), everything else is a
 * language of the regex engine: an enum of thousands of values never becomes an automaton.
 */
export class StringSets {
  static readonly NONE: StringSetId = 0;
  static readonly ALL: StringSetId = 1;
  private readonly sets: StringSet[] = [];
  private readonly byKey = new Map<string, StringSetId>();
  private readonly matchMemo = new Map<string, boolean>();

  constructor(readonly engine: RegexEngine) {
    this.make([], engine.empty);
    this.make([], engine.any);
  }

  get(id: StringSetId): StringSet {
    return this.sets[id] ?? { members: [], lang: this.engine.empty };
  }

  of(members: readonly string[]): StringSetId {
    return this.make([...new Set(members)].sort(), this.engine.empty);
  }

  language(lang: Lang): StringSetId {
    return this.make([], lang);
  }

  and(a: StringSetId, b: StringSetId): StringSetId {
    if (a === b || b === StringSets.ALL) return a;
    if (a === StringSets.ALL) return b;
    const x = this.get(a);
    const y = this.get(b);
    const members = x.members.filter((s) => this.has(b, s));
    for (const s of y.members) if (this.matches(x.lang, s)) members.push(s);
    return this.make([...new Set(members)].sort(), this.engine.intersect(x.lang, y.lang));
  }

  or(a: StringSetId, b: StringSetId): StringSetId {
    if (a === b || b === StringSets.NONE) return a;
    if (a === StringSets.NONE) return b;
    if (a === StringSets.ALL || b === StringSets.ALL) return StringSets.ALL;
    const x = this.get(a);
    const y = this.get(b);
    return this.make([...new Set([...x.members, ...y.members])].sort(), this.engine.union(x.lang, y.lang));
  }

  not(a: StringSetId): StringSetId {
    const { members, lang } = this.get(a);
    const whole = members.length === 0 ? lang : this.engine.union(lang, ...members.map((s) => this.engine.literal(s)));
    return this.make([], this.engine.complement(whole));
  }

  has(a: StringSetId, text: string): boolean {
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
    let state = lang;
    for (const char of text) {
      state = this.engine.derive(state, char.codePointAt(0) ?? 0);
      if (state === this.engine.empty) break;
    }
    const result = this.engine.nullable(state);
    this.matchMemo.set(key, result);
    return result;
  }

  private make(members: readonly string[], lang: Lang): StringSetId {
    const key = `${lang} ${members.length === 0 ? '' : JSON.stringify(members)}`;
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const id = this.sets.length;
    this.sets.push({ members, lang });
    this.byKey.set(key, id);
    return id;
  }
}

function search(sorted: readonly string[], text: string): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === text;
}
