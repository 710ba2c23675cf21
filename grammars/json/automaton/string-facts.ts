import { CHARACTER_COST, type Lang, type RegexEngine, segmentOf } from '../../regex/index.ts';
import type { StringProfile } from './leaf-string.ts';
import { jsonLength } from './string-cost.ts';

/** States looked at before a language counts as one that may die. */
const MAX_UNDYING = 100;
/** The same in derivatives of their parts. */
const MAX_PARTS = 300;
/** States looked at for {@link StringFacts.lasting}. */
const MAX_LASTING = 200;
/** So many characters or fewer that may be anything are of no use. */
const FEW = 6;
/** More characters than that are not told apart. */
const MOST = 32;

/** What string and key states ask about their languages, remembered. */
export class StringFacts {
  private readonly lengthProfiles = new Map<Lang, StringProfile | null>();
  private readonly undying = new Map<Lang, boolean>();
  private readonly lengths = new Map<string, number>();

  constructor(private readonly engine: RegexEngine) {}

  /** Bytes of a text inside a JSON string: asked again after every character of it. */
  jsonLength(text: string): number {
    let length = this.lengths.get(text);
    if (length === undefined) this.lengths.set(text, (length = jsonLength(text)));
    return length;
  }

  /** Whether some code points in the range lead somewhere in a language: `least` of them, in a range that is not cut. */
  derivableIn(lang: Lang, low: number, high: number, min = 0, max = Number.POSITIVE_INFINITY, least = 1): boolean {
    const { engine } = this;
    if (lang === engine.empty || lang === engine.epsilon) return false;
    const { starts, classOf } = engine.classes(lang);
    let left = least;
    for (let i = segmentOf(starts, low); left > 0 && (starts[i] ?? high + 1) <= high; i++) {
      const cls = classOf[i] ?? 0;
      if (cls !== 0 && this.fits(engine.deriveClass(lang, cls), Math.max(0, min - 1), max - 1))
        left -= (starts[i + 1] ?? 0x110000) - (starts[i] ?? 0);
    }
    return left <= 0;
  }

  /** Whether some member of one of the languages goes on from every text (a search pattern, a pattern and its complement). */
  neverDies(langs: readonly Lang[]): boolean {
    const { engine } = this;
    if (langs.includes(engine.any)) return true;
    if (langs.length === 0) return false;
    const start = engine.union(...langs);
    const known = this.undying.get(start);
    if (known !== undefined) return known;
    const found = new Set<Lang>([start]);
    let alive = engine.lengths(start).max === Number.POSITIVE_INFINITY;
    let looked = 0;
    for (const lang of found) {
      if (!alive || this.endless(lang)) continue;
      const { representatives } = engine.classes(lang);
      looked += representatives.length * (engine.internals.languages.node(lang).kids.length + 1);
      alive =
        this.undying.get(lang) !== false && looked <= MAX_PARTS && found.size <= MAX_UNDYING && !engine.isEmpty(lang);
      for (let cls = 1; alive && cls < representatives.length; cls++) {
        const next = engine.deriveClass(lang, cls);
        alive = next !== engine.empty;
        found.add(next);
      }
    }
    if (alive) for (const lang of found) this.undying.set(lang, true);
    else this.undying.set(start, false);
    return alive;
  }

  /**
   * Of exactly one of several languages and what it leads to: so many characters of any kind may follow, or more; undefined when for itself
   * these are few.
   */
  lasting(start: Lang): Map<Lang, number> | undefined {
    const { engine } = this;
    const { languages } = engine.internals;
    const depths = new Map([[start, 0]]);
    const ways = new Map<Lang, readonly Lang[]>();
    const counts = new Map<Lang, number>();
    for (const [lang, depth] of depths) {
      const { kind, a } = languages.node(lang);
      const empty = engine.isEmpty(lang);
      if (empty ? depth <= FEW : depth === 0 && kind !== 'one') return undefined;
      if (kind === 'one' && !empty && depths.size <= MAX_LASTING) {
        const next = engine.classes(lang).representatives.map((_, cls) => engine.deriveClass(lang, cls || 1));
        ways.set(lang, next);
        for (const to of next) if (!depths.has(to)) depths.set(to, depth + 1);
        // A text after which nothing is left is a member of the complement.
      } else counts.set(lang, empty ? -1 : kind === 'not' ? languages.node(a).minLength - 1 : 0);
    }
    for (let n = 0; counts.size < depths.size; n++)
      for (const [lang, next] of ways)
        if (!counts.has(lang) && next.some((to) => n === MOST || (counts.get(to) ?? n) < n)) counts.set(lang, n);
    return counts;
  }

  /** Whether a language has all texts with a certain end, as search patterns do: it goes on after every text, and has members of any length above the shortest. */
  endless(lang: Lang): boolean {
    const { engine } = this;
    if (lang === engine.any) return true;
    const { kind, a, b, kids } = engine.internals.languages.node(lang);
    if (kind === 'concat') return a === engine.any && !engine.isEmpty(b);
    return kind === 'union' && kids.some((kid) => this.endless(kid));
  }

  /** Where the stretch of alike code points begins that holds the whole range, or -1 when behaviour changes within. */
  segment(lang: Lang, low: number, high: number): number {
    if (lang === this.engine.any) return 0;
    const { starts } = this.engine.classes(lang);
    const from = segmentOf(starts, low);
    return (starts[from + 1] ?? 0x110000) > high ? (starts[from] ?? 0) : -1;
  }

  /** Whether a language has a member with so many characters. */
  fits(lang: Lang, min: number, max: number): boolean {
    const { engine } = this;
    if (max < 0 || engine.isEmpty(lang)) return false;
    if (min === 0 && max === Number.POSITIVE_INFINITY) return true;
    const shortest = engine.shortest(lang, CHARACTER_COST);
    if (shortest > max) return false;
    if (shortest >= min) return true;
    const { kind, kids } = engine.internals.languages.node(lang);
    if (kind === 'union') return kids.some((kid) => this.fits(kid, min, max));
    if (this.endless(lang)) return true;
    return !engine.isEmpty(engine.intersect(lang, engine.ofLength(min, max)));
  }

  /** The profile of a language that only counts characters. */
  lengthProfile(lang: Lang): StringProfile {
    const known = this.lengthProfiles.get(lang);
    if (known !== undefined) return known ?? undefined;
    const { min, max } = this.engine.lengths(lang);
    const profile = this.engine.ofLength(min, max) === lang ? ({ kind: 'length', min, max } as const) : null;
    this.lengthProfiles.set(lang, profile);
    return profile ?? undefined;
  }
}
