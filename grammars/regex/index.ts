import { Borrowed } from './borrowed.ts';
import { ALL_SET, type Partition } from './charset.ts';
import { Compiler } from './compiler.ts';
import { Counters, type Uncounted } from './counters.ts';
import { type CostModel, Decisions } from './decisions.ts';
import { Derivatives } from './derivatives.ts';
import { EMPTY, EPSILON, type Lang, Languages } from './language.ts';
import { parseRegex } from './parser.ts';
import type { Dialect, RegexNode } from './syntax.ts';
import { literal, oneOf } from './words.ts';

export type { Partition, Ranges } from './charset.ts';
export { classOfCodePoint, segmentOf } from './charset.ts';
export { CHARACTER_COST, type CostModel, UTF8_COST } from './decisions.ts';
export type { Lang } from './language.ts';
export type { Dialect } from './syntax.ts';

/**
 * Hash-consed languages over Unicode scalar values, closed under all Boolean operations, decided by lazy derivatives.
 * Lone surrogates belong to no language, as UTF-8 cannot spell them.
 */
export interface RegexEngine {
  /** Texts that match the pattern from beginning to end. */
  parse(source: string, flags?: string, dialect?: Dialect): Lang;
  /** Texts in which a search with the pattern finds a match, as `RegExp.prototype.test` does; `^ $ \b` and look-around are honoured. */
  search(source: string, flags?: string, dialect?: Dialect): Lang;
  /** Texts that match a syntax tree from beginning to end. */
  compile(node: RegexNode): Lang;
  /** One text. */
  literal(text: string): Lang;
  /** One of several texts. */
  words(texts: readonly string[]): Lang;
  /** One character of the inclusive ranges. */
  cls(ranges: readonly (readonly [number, number])[]): Lang;
  concat(...langs: Lang[]): Lang;
  union(...langs: Lang[]): Lang;
  intersect(...langs: Lang[]): Lang;
  complement(lang: Lang): Lang;
  /** Between `min` and `max` (null: any number) members one after the other; counters are never unrolled. */
  repeat(lang: Lang, min: number, max: number | null): Lang;
  /** Every text of `min` to `max` characters. */
  ofLength(min: number, max: number): Lang;
  /** Every text. */
  readonly any: Lang;
  /** No text. */
  readonly empty: Lang;
  /** The empty text only. */
  readonly epsilon: Lang;
  /** What may follow the code point. */
  derive(lang: Lang, codePoint: number): Lang;
  /** What may follow a text. */
  deriveText(lang: Lang, text: string): Lang;
  /** What may follow the code points of a class of {@link classes}. */
  deriveClass(lang: Lang, cls: number): Lang;
  /** True when the empty text is a member. */
  nullable(lang: Lang): boolean;
  /** Exact and memoised; INFC5105 when it takes too many states. */
  isEmpty(lang: Lang): boolean;
  /** Fewest UTF-8 bytes of a member, or the least cost under another model; Infinity for the empty language. */
  shortest(lang: Lang, cost?: CostModel): number;
  /** A member of least cost; undefined for the empty language. */
  cheapest(lang: Lang, cost: CostModel): string | undefined;
  /** Number of members, possibly Infinity. */
  cardinality(lang: Lang): number;
  /** Partition of the code points on whose classes {@link derive} is constant. */
  classes(lang: Lang): Partition;
  /** Bounds on the number of code points of a member (exact where no Boolean operator is involved). */
  lengths(lang: Lang): { readonly min: number; readonly max: number };
  /** The only member, where the language is spelled as one text. */
  text(lang: Lang): string | undefined;
  /** When the members are runs of one class of characters: the runs of any length, and the bounds on the length. */
  run(lang: Lang): { readonly any: Lang; readonly min: number; readonly max: number } | undefined;
  /** The language without its large counters, and up to how many characters the two are the same. */
  uncounted(lang: Lang): Uncounted;
  /** A bound on the characters that the beginning of a member still needs to be one; Infinity where none is known. */
  need(lang: Lang): number;
  /** A language of another engine, whose work on it then serves this one too. */
  borrow(from: RegexEngine, lang: Lang): Lang;
  /** What is the same for a borrowed language in all engines. */
  origin(lang: Lang): string | undefined;
  /** Membership. */
  matches(lang: Lang, text: string): boolean;
  /** A number no other engine has. */
  readonly serial: number;
  /** The stores behind the engine, for the context-free core. */
  readonly internals: { readonly languages: Languages; readonly derivatives: Derivatives };
}

/** Options of {@link createRegexEngine}. */
export interface RegexEngineOptions {
  /** States that one decision may visit before it fails with INFC5105. */
  readonly budget?: number;
  /** Told how many members each union or intersection that is built has; may throw to stop. */
  readonly work?: (members: number) => void;
}

let serial = 0;

/** Creates an engine; languages of different engines do not mix. */
export function createRegexEngine(options: RegexEngineOptions = {}): RegexEngine {
  const languages = new Languages(options.work);
  const derivatives = new Derivatives(languages);
  const decisions = new Decisions(languages, derivatives, options.budget ?? 20_000);
  const counters = new Counters(languages, derivatives, decisions);
  const lenders = new Map<RegexEngine, Borrowed>();
  const compiled = new Map<string, Lang>();
  const deriveText = (lang: Lang, text: string): Lang => {
    let state = lang;
    for (const char of text) {
      if (state === EMPTY) break;
      state = derivatives.derive(state, char.codePointAt(0) ?? 0);
    }
    return state;
  };
  const compile = (how: 'full' | 'search', source: string, flags: string, dialect: Dialect): Lang => {
    const key = `${how}/${dialect}/${flags}/${source}`;
    let lang = compiled.get(key);
    if (lang === undefined) {
      const node = parseRegex(source, flags, dialect);
      lang = new Compiler(languages)[how](node);
      compiled.set(key, lang);
    }
    return lang;
  };
  return {
    parse: (source, flags = '', dialect = 'ecma') => compile('full', source, flags, dialect),
    search: (source, flags = '', dialect = 'ecma') => compile('search', source, flags, dialect),
    compile: (node) => new Compiler(languages).full(node),
    literal: (text) => literal(languages, text),
    words: (texts) => oneOf(languages, texts),
    cls: (ranges) => languages.class(languages.sets.of(ranges)),
    concat: (...langs) => langs.reduceRight((rest, lang) => languages.concat(lang, rest), EPSILON),
    union: (...langs) => languages.union(langs),
    intersect: (...langs) => languages.intersect(langs),
    complement: (lang) => languages.not(lang),
    repeat: (lang, min, max) => languages.repeat(lang, min, max ?? Number.POSITIVE_INFINITY),
    ofLength: (min, max) => languages.repeat(languages.class(ALL_SET), min, max),
    any: languages.any,
    empty: EMPTY,
    epsilon: EPSILON,
    derive: (lang, codePoint) => derivatives.derive(lang, codePoint),
    deriveText,
    deriveClass: (lang, cls) => derivatives.deriveClass(lang, cls),
    nullable: (lang) => languages.nullableIn(lang, 0),
    isEmpty: (lang) => decisions.isEmpty(lang),
    shortest: (lang, cost) => decisions.shortest(lang, cost),
    cheapest: (lang, cost) => decisions.cheapest(lang, cost),
    cardinality: (lang) => decisions.cardinality(lang),
    classes: (lang) => derivatives.classes(lang),
    lengths(lang) {
      const { minLength, maxLength } = languages.node(lang);
      return { min: minLength, max: maxLength };
    },
    text(lang) {
      let text = '';
      for (let rest = lang; rest !== EPSILON; ) {
        const { kind, a, b } = languages.node(rest);
        const first = languages.node(kind === 'concat' ? a : rest);
        if (first.kind !== 'class' || languages.sets.size(first.a) !== 1) return undefined;
        text += String.fromCodePoint(languages.sets.ranges(first.a)[0] ?? 0);
        rest = kind === 'concat' ? b : EPSILON;
      }
      return text;
    },
    run(lang) {
      const { kind, a, min, max } = languages.node(lang);
      if (kind !== 'repeat' || languages.node(a).kind !== 'class') return undefined;
      return { any: languages.repeat(a, 0, Number.POSITIVE_INFINITY), min, max };
    },
    uncounted: (lang) => counters.uncounted(lang),
    need: (lang) => counters.need(lang),
    borrow(from, lang) {
      let lender = lenders.get(from);
      if (!lender) lenders.set(from, (lender = new Borrowed(languages, from)));
      return lender.lang(lang);
    },
    origin(lang) {
      const { kind, a } = languages.node(lang);
      return kind === 'rule' ? languages.rules[a]?.origin : undefined;
    },
    matches: (lang, text) => languages.nullableIn(deriveText(lang, text), 0),
    serial: serial++,
    internals: { languages, derivatives },
  };
}
